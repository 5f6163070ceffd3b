#include "proxy/ops/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "proxy/ops/file_descriptor.h"
#include "proxy/ops/log_format.h"

namespace vsaproxy::ops {
namespace {

using base::Result;
using settings::LogOutput;

constexpr std::size_t most_queued_bytes = 8 * 1024 * 1024;
constexpr std::size_t most_idle_bytes = 256 * 1024;  // of a buffer that a burst has grown

Result<FileDescriptor> open_output(const LogOutput& output) {
  FileDescriptor file;
  if (output.kind == LogOutput::Kind::file) {
    file = FileDescriptor(
        ::open(output.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640));
  } else {
    const bool is_error = output.kind == LogOutput::Kind::standard_error;
    file = FileDescriptor(::fcntl(is_error ? STDERR_FILENO : STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  }
  if (file.is_open()) return file;
  return base::fail(base::ErrorKind::system, fmt::format("cannot open the log {}: {}", output.path,
                                                         std::generic_category().message(errno)));
}

// Returns what could not be written: the disk is full, or the reader is gone.
std::string_view write_whole(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return text;
    // A terminal or pipe that somebody else made non-blocking.
    pollfd wait{file, POLLOUT, 0};
    ::poll(&wait, 1, -1);
  }
  return text;
}

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

struct Log::State {
  std::atomic<LogLevel> level;
  std::atomic<settings::LogFormat> format;
  std::atomic<settings::QueryLogging> query;
  std::atomic<bool> access;
  std::atomic<std::uint64_t> lost{0};

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::string queue;
  std::size_t being_written = 0;
  bool finished = false;
  bool has_dropped = false;  // a line that found the queue full, not reported yet
  LogOutput output;
  FileDescriptor next_file;  // takes the place of `file` before the next write

  FileDescriptor file;              // the writer's alone
  std::uint64_t reported_lost = 0;  // the writer's alone
  std::thread writer;

  void take(const settings::Log& settings) {
    level = settings.level;
    format = settings.format;
    query = settings.query;
    access = settings.access;
  }

  void enqueue(std::string_view line) {
    {
      const std::lock_guard guard(mutex);
      if (queue.size() + being_written + line.size() > most_queued_bytes) {
        lost.fetch_add(1, std::memory_order_relaxed);
        has_dropped = true;
        return;
      }
      queue.append(line);
    }
    changed.notify_one();
  }

  bool has_work() const { return !queue.empty() || has_dropped; }

  void append_loss(std::string& text) {
    const std::uint64_t now_lost = lost.load(std::memory_order_relaxed);
    if (now_lost == reported_lost) return;
    const std::string lines = std::to_string(now_lost - reported_lost);
    const LogField field{"lines", lines};
    append_log_line(std::chrono::system_clock::now(), LogLevel::warning,
                    "log lines were lost: the output is too slow or full", {&field, 1}, format,
                    text);
    reported_lost = now_lost;
  }

  void run() {
    // Signals belong to the threads that wait for them.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::string text;
    std::unique_lock guard(mutex);
    while (true) {
      changed.wait(guard, [this] { return finished || has_work() || next_file.is_open(); });
      if (next_file.is_open()) file = std::move(next_file);
      if (!has_work()) {
        if (finished) return;
        continue;
      }
      has_dropped = false;
      text.swap(queue);
      being_written = text.size();
      guard.unlock();
      write_out(text);
      guard.lock();
      being_written = 0;
    }
  }

  void write_out(std::string& text) {
    append_loss(text);
    const std::string_view rest = write_whole(file.get(), text);
    lost.fetch_add(count_lines(rest), std::memory_order_relaxed);
    text.clear();
    if (text.capacity() > most_idle_bytes) std::string().swap(text);
  }
};

Result<std::unique_ptr<Log>> Log::open(const settings::Log& settings) {
  auto file = open_output(settings.output);
  if (!file) return tl::unexpected(file.error());
  auto state = std::make_unique<State>();
  state->take(settings);
  state->output = settings.output;
  state->file = *std::move(file);
  return std::make_unique<Log>(std::move(state));
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->writer = std::thread([this] { state_->run(); });
}

Log::~Log() {
  {
    const std::lock_guard guard(state_->mutex);
    state_->finished = true;
  }
  state_->changed.notify_one();
  state_->writer.join();
}

void Log::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < state_->level.load(std::memory_order_relaxed)) return;
  std::string line;
  append_log_line(std::chrono::system_clock::now(), level, message, fields, state_->format, line);
  state_->enqueue(line);
}

bool Log::wants_access() const { return state_->access.load(std::memory_order_relaxed); }

void Log::access(const AccessRecord& record) {
  if (!wants_access()) return;
  // Kept by each thread: an access line allocates nothing once it has grown.
  thread_local std::string line;
  line.clear();
  append_access_line(record, state_->format.load(std::memory_order_relaxed),
                     state_->query.load(std::memory_order_relaxed), line);
  state_->enqueue(line);
}

Result<void> Log::reconfigure(const settings::Log& settings) {
  FileDescriptor file;
  const std::lock_guard guard(state_->mutex);
  if (settings.output != state_->output) {
    auto opened = open_output(settings.output);
    if (!opened) return tl::unexpected(opened.error());
    state_->next_file = *std::move(opened);
    state_->output = settings.output;
    state_->changed.notify_one();
  }
  state_->take(settings);
  return {};
}

Result<void> Log::reopen() {
  const std::lock_guard guard(state_->mutex);
  if (state_->output.kind != LogOutput::Kind::file) return {};
  auto opened = open_output(state_->output);
  if (!opened) return tl::unexpected(opened.error());
  state_->next_file = *std::move(opened);
  state_->changed.notify_one();
  return {};
}

std::uint64_t Log::lost_lines() const { return state_->lost.load(std::memory_order_relaxed); }

}  // namespace vsaproxy::ops
