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
#include "proxy/ops/log_frame.h"

namespace vsaproxy::ops {
namespace {

using base::Result;
using settings::LogOutput;

constexpr std::size_t most_queued_bytes = 8 * 1024 * 1024;
constexpr std::size_t most_idle_bytes = 256 * 1024;  // of a buffer that a burst has grown
constexpr std::size_t most_at_once = 256 * 1024;     // in one write
// Access lines gather for so long: waking the writer for each cost more than the line.
constexpr auto gathering_time = std::chrono::milliseconds(20);
constexpr std::size_t enough_gathered = 64 * 1024;

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
  std::string queue;  // frames
  std::size_t being_written = 0;
  bool is_urgent = false;    // a diagnostic line waits
  bool is_sleeping = false;  // the writer, until there is something to write
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

  enum class Haste { gather, at_once };

  // `append` adds one frame to the queue.
  template <class Append>
  void enqueue(Haste haste, Append&& append) {
    bool must_wake = false;
    {
      const std::lock_guard guard(mutex);
      const std::size_t before = queue.size();
      if (before + being_written > most_queued_bytes) {
        lost.fetch_add(1, std::memory_order_relaxed);
        has_dropped = true;
        return;
      }
      append(queue);
      if (haste == Haste::at_once) is_urgent = true;
      must_wake = is_sleeping || haste == Haste::at_once ||
                  (before < enough_gathered && queue.size() >= enough_gathered);
      is_sleeping = false;
    }
    if (must_wake) changed.notify_one();
  }

  bool has_work() const { return !queue.empty() || has_dropped; }
  bool must_write_now() const {
    return finished || is_urgent || queue.size() >= enough_gathered || next_file.is_open();
  }

  // Behind the lines that were queued before the loss.
  void append_loss(std::uint64_t now_lost, std::string& text) {
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
    std::string frames;
    std::string text;
    std::unique_lock guard(mutex);
    while (true) {
      is_sleeping = true;
      changed.wait(guard, [this] { return finished || has_work() || next_file.is_open(); });
      is_sleeping = false;
      changed.wait_for(guard, gathering_time, [this] { return must_write_now(); });
      if (next_file.is_open()) file = std::move(next_file);
      if (!has_work()) {
        if (finished) return;
        continue;
      }
      has_dropped = is_urgent = false;
      frames.swap(queue);
      being_written = frames.size();
      const std::uint64_t now_lost = lost.load(std::memory_order_relaxed);
      guard.unlock();
      write_out(frames, now_lost, text);
      guard.lock();
      being_written = 0;
    }
  }

  void write_out(std::string& frames, std::uint64_t now_lost, std::string& text) {
    for (std::string_view rest = frames; !rest.empty();) {
      append_frame(take_frame(rest), text);
      if (text.size() >= most_at_once) flush(text);
    }
    append_loss(now_lost, text);
    flush(text);
    frames.clear();
    if (frames.capacity() > most_idle_bytes) std::string().swap(frames);
  }

  void append_frame(const std::variant<std::string_view, AccessRecord>& frame, std::string& text) {
    if (const auto* line = std::get_if<std::string_view>(&frame)) {
      text.append(*line);
    } else {
      append_access_line(std::get<AccessRecord>(frame), format.load(std::memory_order_relaxed),
                         query.load(std::memory_order_relaxed), text);
    }
  }

  void flush(std::string& text) {
    const std::string_view rest = write_whole(file.get(), text);
    lost.fetch_add(count_lines(rest), std::memory_order_relaxed);
    text.clear();
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
  state_->enqueue(State::Haste::at_once,
                  [&line](std::string& frames) { append_line_frame(line, frames); });
}

bool Log::wants_access() const { return state_->access.load(std::memory_order_relaxed); }

void Log::access(const AccessRecord& record) {
  if (!wants_access()) return;
  state_->enqueue(State::Haste::gather,
                  [&record](std::string& frames) { append_access_frame(record, frames); });
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
