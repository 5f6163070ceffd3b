#include "proxy/tokens/token_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/ops/upstream_files.h"
#include "proxy/settings/login_place.h"
#include "proxy/tokens/token_fetcher.h"

namespace vsaproxy::tokens {
namespace {

constexpr base::Duration poll_interval = std::chrono::seconds(1);
// Longer than a request waits for a login.
constexpr base::Duration former_session_patience = std::chrono::seconds(60);

}  // namespace

TokenManager::TokenManager(net::EventLoop& loop, net::Dialer& dialer, const std::string& state_dir,
                           ops::Log& log, ops::MetricSet& metrics)
    : loop_(loop),
      dialer_(dialer),
      ledger_(state_dir),
      log_(log),
      metrics_(metrics),
      commands_(loop, log),
      poll_timer_(loop.make_timer([this] {
        for (auto& [id, entry] : sessions_) {
          if (entry.is_started) entry.session->poll();
        }
        end_former_sessions();
        poll_timer_->start(poll_interval);
      })) {
  poll_timer_->start(poll_interval);
}

TokenManager::~TokenManager() = default;

void TokenManager::add_worker(net::EventLoop& loop, TokenView& view) {
  workers_.push_back({&loop, &view});
}

SessionTools TokenManager::tools_for(SessionId id, const std::string& settings_file) {
  SessionTools tools = make_session_tools(loop_, ledger_, log_, metrics_, commands_, settings_file);
  tools.publish = [this, id](const SessionUpdate& update) { return publish(id, update); };
  return tools;
}

int TokenManager::publish(SessionId id, const SessionUpdate& update) {
  for (const WorkerLink& worker : workers_) {
    worker.loop->post([view = worker.view, id, update] { view->update(id, update); });
  }
  const auto own = sessions_.find(id);
  for (auto& [other, entry] : sessions_) {
    if (own == sessions_.end() || !entry.former_since) continue;
    if (successor_of(entry) == own->second.session.get()) entry.session->on_successor(update);
  }
  return static_cast<int>(workers_.size());
}

bool TokenManager::Key::has_same_server(const Key& other) const {
  return origin == other.origin && connect == other.connect && tls == other.tls &&
         files == other.files;
}

Session* TokenManager::successor_of(const Entry& former) const {
  for (const auto& [id, entry] : sessions_) {
    if (entry.is_started && !entry.former_since && entry.key.has_same_server(former.key) &&
        entry.key.credential.scheme == former.key.credential.scheme &&
        entry.session->account() == former.session->account()) {
      return entry.session.get();
    }
  }
  return nullptr;
}

base::Result<SessionId> TokenManager::session_for(const settings::Settings& settings,
                                                  const settings::Upstream& upstream,
                                                  const ops::PrintedTexts& printed) {
  const settings::Upstream place = settings::login_place(settings, upstream);
  auto files = ops::read_upstream_files(place.tls, settings.file, printed);
  if (!files) return base::fail(std::move(files.error()));
  Key key{settings.credentials[*upstream.credential],
          place.origin,
          place.connect,
          place.tls,
          std::move(*files),
          settings.file,
          {}};
  // The session must not be shown to the login server: it is checked where it is used.
  const bool is_elsewhere = place.origin != upstream.origin;
  if (is_elsewhere && !key.credential.check.path.empty()) key.check_origin = upstream.origin;
  for (auto& [id, entry] : sessions_) {
    if (entry.key == key) {
      entry.is_wanted = true;
      return id;
    }
  }
  auto transport = make_login_transport(loop_, dialer_, place, key.files);
  if (!transport) return base::fail(std::move(transport.error()));
  std::unique_ptr<LoginTransport> check_transport;
  if (key.check_origin) {
    auto made = make_login_transport(loop_, dialer_, settings, upstream, printed);
    if (!made) return base::fail(std::move(made.error()));
    check_transport = std::move(*made);
  }
  const auto id = static_cast<SessionId>(next_id_++);
  Entry entry;
  entry.session = std::make_unique<Session>(tools_for(id, settings.file), key.credential,
                                            place.origin.to_string(), std::move(*transport),
                                            std::move(check_transport));
  entry.key = std::move(key);
  entry.is_wanted = true;
  sessions_.emplace(id, std::move(entry));
  return id;
}

base::Result<TokenManager::UpstreamSessions> TokenManager::prepare(
    const settings::Settings& settings, const ops::PrintedTexts& printed) {
  for (auto& [id, entry] : sessions_) entry.is_wanted = false;
  UpstreamSessions sessions;
  for (const settings::Upstream& upstream : settings.upstreams) {
    if (!upstream.credential) {
      sessions.emplace_back();
      continue;
    }
    auto id = session_for(settings, upstream, printed);
    if (!id) {
      for (auto& [other, entry] : sessions_) entry.is_wanted = entry.is_started;
      std::erase_if(sessions_, [](const auto& item) { return !item.second.is_started; });
      return base::fail(id.error().kind, "upstream " + upstream.name + ": " + id.error().detail);
    }
    sessions.emplace_back(*id);
  }
  return sessions;
}

void TokenManager::commit() {
  for (auto& [id, entry] : sessions_) {
    if (entry.is_wanted) {
      entry.session->revive();
      entry.former_since.reset();
      if (!std::exchange(entry.is_started, true)) entry.session->start();
    } else if (!entry.former_since) {
      entry.former_since = loop_.now();
    }
  }
  for (auto& [id, entry] : sessions_) {
    if (entry.former_since) entry.session->retire(successor_of(entry));
  }
}

void TokenManager::end_former_sessions() {
  for (auto entry = sessions_.begin(); entry != sessions_.end();) {
    const auto& since = entry->second.former_since;
    if (!since || loop_.now() - *since < former_session_patience) {
      ++entry;
      continue;
    }
    for (const WorkerLink& worker : workers_) {
      worker.loop->post([view = worker.view, id = entry->first] { view->forget(id); });
    }
    loop_.destroy_later(std::move(entry->second.session));
    entry = sessions_.erase(entry);
  }
}

std::vector<std::string> TokenManager::unready() const {
  std::vector<std::string> lines;
  for (const auto& [id, entry] : sessions_) {
    if (!entry.is_started || entry.former_since || entry.session->is_ready()) continue;
    const auto& block = entry.session->block();
    lines.push_back(fmt::format(
        "credential {} at {}: {}", entry.session->settings().name, entry.session->origin(),
        block ? fmt::format("{}: {}", base::reason_text(block->error.kind), block->error.detail)
              : "login_unavailable: the first login is under way"));
  }
  return lines;
}

void TokenManager::in_session(SessionId id, std::function<void(Session&)> work) {
  loop_.post([this, id, work = std::move(work)] {
    const auto found = sessions_.find(id);
    if (found != sessions_.end()) work(*found->second.session);
  });
}

void TokenManager::need(SessionId id, std::uint64_t known) {
  in_session(id, [known](Session& session) { session.need(known); });
}
void TokenManager::used(SessionId id, std::uint64_t generation) {
  in_session(id, [generation](Session& session) { session.used(generation); });
}
void TokenManager::refused(SessionId id, std::uint64_t generation) {
  in_session(id, [generation](Session& session) { session.refused(generation); });
}
void TokenManager::suspect(SessionId id, std::uint64_t generation) {
  in_session(id, [generation](Session& session) { session.suspect(generation); });
}
void TokenManager::acquit(SessionId id, std::uint64_t generation) {
  in_session(id, [generation](Session& session) { session.acquit(generation); });
}
void TokenManager::hold_reached(SessionId id, std::uint64_t hold) {
  in_session(id, [hold](Session& session) { session.hold_reached(hold); });
}

}  // namespace vsaproxy::tokens
