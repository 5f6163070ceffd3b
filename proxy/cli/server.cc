#include "proxy/cli/server.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <utility>

#include "proxy/cli/check.h"
#include "proxy/cli/load_settings.h"
#include "proxy/ops/local_accounts.h"

namespace vsaproxy::cli {
namespace {

using base::Result;
using ops::LogLevel;
using settings::Settings;

// Descriptors for files, the log, our own pages, logins and what else comes and goes.
constexpr rlim_t reserved_descriptors = 64;
// libevent's three, one to wake it, one for a crowd of clients.
constexpr rlim_t descriptors_of_loop = 5;
constexpr rlim_t descriptors_of_splicer = 2;

// What stays open over a reload: an address; with port 0 the listener's own.
std::string socket_key(const settings::Listener& listener) {
  const std::string address = settings::to_string(listener.address);
  const auto* tcp = std::get_if<settings::TcpAddress>(&listener.address);
  return tcp != nullptr && tcp->port == 0 ? address + " " + listener.name : address;
}

// For the log: "14:7 unknown key ...; 20:3 ...". `check` shows the lines too.
std::string in_one_line(const std::vector<settings::Problem>& problems) {
  std::string line;
  for (const settings::Problem& problem : problems) {
    line += fmt::format("{}{}:{} {}", line.empty() ? "" : "; ", problem.place.line,
                        problem.place.column, problem.message);
  }
  return line;
}

Result<net::ListeningSockets::Access> socket_access(const settings::UnixSocket& socket) {
  net::ListeningSockets::Access access{socket.mode, {}, {}};
  if (socket.owner) {
    const auto user = ops::find_user(socket.owner->name);
    if (!user) return base::fail(user.error());
    access.owner = *user;
  }
  if (socket.group) {
    const auto group = ops::find_group(socket.group->name);
    if (!group) return base::fail(group.error());
    access.group = *group;
  }
  return access;
}

int worker_count(const Settings& settings) {
  if (settings.workers > 0) return settings.workers;
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

// Of everything but client and upstream connections.
rlim_t own_descriptors(const Settings& settings) {
  const auto workers = static_cast<rlim_t>(worker_count(settings));
  return reserved_descriptors + descriptors_of_loop * (workers + 1) +
         workers * (descriptors_of_splicer + settings.listeners.size());
}

// The loader can't know where a socket of systemd's listens.
Result<void> check_exposure(const settings::Listener& listener,
                            const net::ListeningSockets& sockets) {
  if (listener.expose || !sockets.is_reachable()) return {};
  return base::fail(base::ErrorKind::configuration,
                    "listener " + listener.name + ": other machines may reach " + sockets.name() +
                        ": write expose: true and rules under clients");
}

// What stands between other machines and a listener's upstreams.
std::string protection_of(const settings::Listener& listener) {
  std::string kinds;
  const auto add = [&kinds](std::string_view kind) {
    kinds.append(kinds.empty() ? "" : ", ").append(kind);
  };
  if (!listener.clients.allow.empty()) add("allow");
  if (listener.clients.api_keys) add("api_keys");
  if (listener.tls && listener.tls->client_ca) add("client certificates");
  if (listener.require_header) add("require_header");
  if (!listener.clients.local_users.empty() || !listener.clients.local_groups.empty()) {
    add("local users");
  }
  return kinds;
}

}  // namespace

Server::Server(const CommandLine& line, std::shared_ptr<const Settings> settings,
               std::unique_ptr<ops::Log> log, const WriteLock& write_lock)
    : line_(line),
      write_lock_(write_lock),
      settings_(std::move(settings)),
      log_(std::move(log)),
      own_metrics_(metrics_.new_set()),
      dialer_(loop_, resolver_),
      manager_(loop_, dialer_, settings_->state_dir, *log_, own_metrics_),
      certificate_watch_(loop_, *log_),
      reload_programs_(loop_) {}

Server::~Server() {
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();
}

// Raises the soft limit to the hard one; what still does not fit is lowered, with a warning.
std::shared_ptr<const Settings> Server::fit_descriptor_limit(
    std::shared_ptr<const Settings> settings) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  rlim_t upstream_connections = 0;
  for (const auto& upstream : settings->upstreams) {
    upstream_connections += upstream.pool.max_connections;
  }
  const rlim_t taken = own_descriptors(*settings) + upstream_connections;
  const rlim_t fitting = limit.rlim_cur > taken + 1 ? limit.rlim_cur - taken : 1;
  if (settings->limits.connections <= fitting) return settings;
  log_->write(LogLevel::warning, "limits.connections is lowered to fit the descriptor limit",
              {{"configured", std::to_string(settings->limits.connections)},
               {"used", std::to_string(fitting)},
               {"descriptors", std::to_string(limit.rlim_cur)}});
  auto lowered = std::make_shared<Settings>(*settings);
  lowered->limits.connections = static_cast<std::size_t>(fitting);
  return lowered;
}

Result<void> Server::start() {
  settings_ = fit_descriptor_limit(std::move(settings_));
  own_metrics_.gauge("vsaproxy_build_info", {VSAPROXY_VERSION}).set(1);
  const int count = worker_count(*settings_);
  for (int i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<relay::Worker>(
        relay::Worker::Share{i, count}, relay::Worker::Shared{key_checker_, client_counts_},
        resolver_, manager_, *log_, metrics_.new_set()));
    manager_.add_worker(workers_.back()->event_loop(), workers_.back()->token_view());
  }
  const auto printed = print_keys();
  if (!printed) return base::fail(printed.error());
  auto sessions = manager_.prepare(*settings_, *printed);
  if (!sessions) return base::fail(std::move(sessions.error()));
  auto config = relay::make_relay_config(settings_, std::move(*sessions), *printed);
  if (!config) return base::fail(std::move(config.error()));
  if (auto opened = open_listeners(*settings_, sockets_); !opened) return opened;
  if (settings_->admin) {
    auto started = admin::AdminServer::start(loop_, *settings_->admin, metrics_,
                                             [this] { return readiness(); });
    if (!started) return base::fail(std::move(started.error()));
    admin_ = std::move(*started);
  }
  for (const auto& worker : workers_) worker->start();
  warn_of_exposure(*settings_);
  certificate_watch_.watch(*config);
  distribute(std::move(*config), [this] {
    is_serving_ = true;
    manager_.commit();
    announce(*settings_);
    note_reload(true);
    sd_notify(0, "READY=1");
    if (std::exchange(reload_is_due_, false)) reload();
  });
  return {};
}

Result<ops::PrintedTexts> Server::print_keys() const {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  const ops::FileDescriptor stop(::signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK));
  auto printed = ops::PrintedTexts::print(ops::tls_programs(*settings_), stop.get());
  if (printed) return printed;
  sigset_t pending;
  sigpending(&pending);
  if (sigismember(&pending, SIGTERM) != 0 || sigismember(&pending, SIGINT) != 0) {
    return base::fail(base::ErrorKind::draining, "stopped before it has served");
  }
  return base::fail(printed.error().kind, line_.file + ":" + printed.error().detail);
}

Result<std::unique_ptr<net::ListeningSockets>> Server::open_listener(
    const Settings& settings, const settings::Listener& listener) {
  if (const auto* given = std::get_if<settings::SystemdAddress>(&listener.address)) {
    const auto socket = systemd_sockets_.find(given->name);
    if (!socket) return base::fail(socket.error());
    return net::ListeningSockets::adopt(*socket);
  }
  const auto access = socket_access(listener.socket);
  if (!access) return base::fail(access.error());
  return net::ListeningSockets::open(listener.address, settings.runtime_dir,
                                     static_cast<int>(workers_.size()), *access);
}

// Of sockets that were open before.
Result<void> Server::set_socket_access(const Settings& settings) {
  for (const settings::Listener& listener : settings.listeners) {
    const auto access = socket_access(listener.socket);
    if (!access) return base::fail(access.error());
    auto set = sockets_.at(socket_key(listener))->set_access(*access);
    if (!set) return set;
  }
  return {};
}

// Opens what is not open yet. On an error nothing of it stays.
Result<void> Server::open_listeners(const Settings& settings, Sockets& fresh) {
  Sockets opened;
  for (const settings::Listener& listener : settings.listeners) {
    const auto known = sockets_.find(socket_key(listener));
    if (known != sockets_.end()) {
      if (auto fine = check_exposure(listener, *known->second); !fine) return fine;
      continue;
    }
    auto sockets = open_listener(settings, listener);
    if (!sockets) {
      sockets.error().detail = "listener " + listener.name + ": " + sockets.error().detail;
      return base::fail(std::move(sockets.error()));
    }
    if (auto fine = check_exposure(listener, **sockets); !fine) return fine;
    opened.emplace(socket_key(listener), std::move(*sockets));
  }
  fresh.merge(opened);
  return {};
}

const net::ListeningSockets& Server::sockets_of(const settings::Listener& listener) const {
  return *sockets_.at(socket_key(listener));
}

void Server::distribute(relay::RelayConfigPtr config, std::function<void()> done) {
  config_ = config;
  auto remaining = std::make_shared<std::size_t>(workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    std::vector<int> fds;
    for (const auto& listener : config->settings->listeners) {
      fds.push_back(sockets_of(listener).fd_for(static_cast<int>(i)));
    }
    workers_[i]->apply(config, std::move(fds), [this, remaining, done] {
      loop_.post([remaining, done] {
        if (--*remaining == 0) done();
      });
    });
  }
}

// On standard error whatever the log does: who starts the program waits for these lines.
void Server::announce(const Settings& settings) const {
  const auto say = [](std::string_view address, std::string_view name) {
    std::fputs(fmt::format("listening on {} ({})\n", address, name).c_str(), stderr);
  };
  for (const settings::Listener& listener : settings.listeners) {
    say(sockets_of(listener).name(), listener.name);
  }
  if (admin_) say(admin_->name(), "admin");
}

void Server::warn_of_exposure(const Settings& settings) {
  for (const settings::Listener& listener : settings.listeners) {
    const net::ListeningSockets& sockets = sockets_of(listener);
    if (!listener.expose || !sockets.is_reachable()) continue;
    log_->write(LogLevel::warning,
                "EXPOSED: other machines can reach this listener, and whoever its rules let in can "
                "do what the accounts may do",
                {{"listener", listener.name},
                 {"address", sockets.name()},
                 {"tls", listener.tls ? "yes" : "NO: keys and answers can be read on the way"},
                 {"rules", protection_of(listener)}});
  }
}

void Server::note_reload(bool succeeded) {
  own_metrics_.gauge("vsaproxy_config_last_reload_successful").set(succeeded ? 1 : 0);
  if (!succeeded) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  own_metrics_.gauge("vsaproxy_config_last_reload_success_timestamp_seconds")
      .set(static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(now).count()));
}

void Server::warn_of_fixed_keys(const Settings& settings) {
  const auto warn = [this](std::string_view key) {
    log_->write(LogLevel::warning, "a changed key takes effect with the next start",
                {{"key", key}});
  };
  if (settings.workers != settings_->workers) warn("workers");
  if (settings.state_dir != settings_->state_dir) warn("state_dir");
  if (settings.runtime_dir != settings_->runtime_dir) warn("runtime_dir");
  if (settings.admin != settings_->admin) warn("admin");
}

void Server::reload() {
  if (is_stopping_) return;
  if (!is_serving_) {
    reload_is_due_ = true;  // the one under way began with an older file
    return;
  }
  is_serving_ = false;  // one at a time
  const LoadedSettings loaded = load_checked_settings(line_.file);
  if (!loaded.settings) {
    return finish_reload(base::fail(base::ErrorKind::configuration, in_one_line(loaded.list)));
  }
  reload_programs_.start(
      ops::tls_programs(*loaded.settings),
      [this, settings = loaded.settings](const Result<ops::PrintedTexts>& keys) {
        finish_reload(keys ? try_reload(settings, *keys) : base::fail(keys.error()));
      });
}

void Server::finish_reload(const Result<void>& outcome) {
  if (outcome) return;  // the workers take it, the rest follows
  is_serving_ = true;
  note_reload(false);
  log_->write(LogLevel::error, "reload refused, the former configuration stays",
              {{"file", line_.file}, {"detail", outcome.error().detail}});
  if (std::exchange(reload_is_due_, false)) reload();
}

Result<void> Server::try_reload(std::shared_ptr<const Settings> loaded,
                                const ops::PrintedTexts& printed) {
  if (auto writable = write_lock_.check(*loaded); !writable) return writable;
  const auto settings = fit_descriptor_limit(std::move(loaded));
  auto sessions = manager_.prepare(*settings, printed);
  if (!sessions) return base::fail(std::move(sessions.error()));
  auto config = relay::make_relay_config(settings, std::move(*sessions), printed, config_.get());
  if (!config) return base::fail(std::move(config.error()));
  Sockets fresh;
  if (auto opened = open_listeners(*settings, fresh); !opened) return opened;
  if (auto logging = log_->reconfigure(line_.log_of(*settings)); !logging) return logging;
  warn_of_fixed_keys(*settings);
  const bool has_new_listeners = !fresh.empty();
  sockets_.merge(fresh);
  settings_ = settings;
  if (auto set = set_socket_access(*settings); !set) {
    log_->write(LogLevel::error, "a socket keeps its former owner or mode",
                {{"detail", set.error().detail}});
  }
  warn_of_exposure(*settings);
  certificate_watch_.watch(*config);
  distribute(std::move(*config), [this, settings, has_new_listeners] {
    is_serving_ = true;
    manager_.commit();
    std::erase_if(sockets_, [&](const auto& item) {
      return std::none_of(
          settings->listeners.begin(), settings->listeners.end(),
          [&](const settings::Listener& listener) { return item.first == socket_key(listener); });
    });
    if (has_new_listeners) announce(*settings);
    note_reload(true);
    log_->write(LogLevel::info, "configuration reloaded", {{"file", line_.file}});
    // What the former configuration and its connections left between the memory in use.
    malloc_trim(0);
    if (std::exchange(reload_is_due_, false)) reload();
  });
  return {};
}

std::vector<std::string> Server::readiness() const {
  if (is_stopping_) return {"draining"};
  if (admin_ == nullptr || workers_.empty()) return {"starting"};
  return manager_.unready();
}

void Server::on_stop_signal() {
  if (std::exchange(is_stopping_, true)) {
    log_->write(LogLevel::warning, "stopping now", {});
    loop_.stop();
    return;
  }
  reload_programs_.stop();
  log_->write(LogLevel::info, "draining: no new connections, answers under way are finished");
  sd_notify(0, "STOPPING=1");
  draining_workers_ = static_cast<int>(workers_.size());
  listening_workers_ = draining_workers_;
  for (const auto& worker : workers_) {
    worker->drain(
        [this] {
          // From here on a client is refused, and may go to whoever takes over.
          loop_.post([this] {
            if (--listening_workers_ == 0) sockets_.clear();
          });
        },
        [this] {
          loop_.post([this] {
            if (--draining_workers_ == 0) loop_.stop();
          });
        });
  }
  drain_timer_ = loop_.make_timer([this] {
    log_->write(LogLevel::warning, "limits.drain_timeout is over: cutting what is left");
    loop_.stop();
  });
  drain_timer_->start(settings_->limits.drain_timeout);
}

int Server::serve() {
  signals_.push_back(loop_.watch_signal(SIGTERM, [this] { on_stop_signal(); }));
  signals_.push_back(loop_.watch_signal(SIGINT, [this] { on_stop_signal(); }));
  signals_.push_back(loop_.watch_signal(SIGHUP, [this] { reload(); }));
  signals_.push_back(loop_.watch_signal(SIGUSR1, [this] {
    if (auto reopened = log_->reopen(); !reopened) {
      log_->write(LogLevel::error, "the log can't be reopened",
                  {{"detail", reopened.error().detail}});
    }
  }));
  // What came while the proxy was starting is delivered now.
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  loop_.run();
  log_->write(LogLevel::info, "stopped");
  return 0;
}

}  // namespace vsaproxy::cli
