#include "tests/relay/relay_bench.h"

#include <fmt/format.h>

#include <utility>

#include "proxy/settings/parse_settings.h"

namespace vsaproxy::relay {
namespace {

using tokens::SessionId;

constexpr std::size_t scratch_size = 128 * 1024;  // as a worker's
constexpr SessionId only_session{1};

std::string file_with(std::string_view upstream, std::string_view auth, std::string_view rest) {
  std::string text =
      "version: 1\nlisten: 127.0.0.1:3128\nadmin: off\nupstreams:\n  vsa:\n"
      "    url: http://127.0.0.1:9280\n";
  for (std::size_t begin = 0; begin < upstream.size();) {
    const std::size_t end = std::min(upstream.find('\n', begin), upstream.size());
    text.append("    ").append(upstream.substr(begin, end - begin)).append("\n");
    begin = end + 1;
  }
  return text.append("    auth: ").append(auth).append("\n").append(rest).append("\n");
}

settings::Log log_to(const std::string& file, settings::Log log) {
  log.output = {settings::LogOutput::Kind::file, file};
  return log;
}

}  // namespace

std::string open_file(std::string_view upstream, std::string_view rest) {
  return file_with(upstream, "none", rest);
}

std::string session_file(std::string_view upstream, std::string_view rest) {
  return file_with(upstream, "{type: kaseya-vsa9, username: demo, token: {file: demo.pat}}", rest);
}

RelayConfigPtr make_config(std::string_view text, const auth::SchemeSpec* scheme,
                           const RelayConfig* former) {
  auto parsed = settings::parse_settings(text, "test.yaml");
  ensure(parsed.problems.empty(), settings::describe_problems(parsed.problems, text, "test.yaml"));
  for (auto& credential : parsed.settings.credentials) {
    if (scheme != nullptr) credential.scheme = scheme;
  }
  std::vector<std::optional<SessionId>> sessions;
  std::size_t last = 0;
  for (const auto& upstream : parsed.settings.upstreams) {
    sessions.emplace_back();
    if (upstream.credential) sessions.back() = SessionId(++last);
  }
  auto config =
      make_relay_config(std::make_shared<const settings::Settings>(std::move(parsed.settings)),
                        std::move(sessions), {}, former);
  ensure(config.has_value(), "the configuration is good");
  return *config;
}

RelayBench::RelayBench(RelayConfigPtr config, const std::string& log_file)
    : deadlines_(loop_),
      exchanges_(deadlines_),
      metrics_(metric_set_),
      scratch_(scratch_size),
      dialer_(loop_),
      view_(loop_, *this),
      config_(std::move(config)) {
  auto opened = ops::Log::open(log_to(log_file, config_->settings->log));
  ensure(opened.has_value(), "the log is open");
  log_ = std::move(*opened);
  const settings::Settings& all = *config_->settings;
  counters_.emplace(metric_set_, config_->settings);
  for (const settings::Upstream& upstream : all.upstreams) {
    auto made = UpstreamPool::make(
        {.loop = loop_,
         .dialer = dialer_,
         .scratch = scratch_,
         .idle_gauge = metrics_.upstreams_idle(),
         .active_gauge = metrics_.upstreams_active(),
         .head_limits = {all.limits.header_bytes, all.limits.header_count}},
        {upstream.origin, upstream.connect, upstream.tls, {}, upstream.timeouts, upstream.pool},
        upstream.pool.max_connections);
    ensure(made.has_value(), "the pool is made");
    pools_.push_back(std::move(*made));
  }
}

RelayBench::~RelayBench() {
  clients_.clear();
  loop_.abandon();
}

PeerPtr RelayBench::connect(std::string address, std::optional<routing::LocalUser> user,
                            std::vector<std::string> certificate_names) {
  auto peer = std::make_shared<MemoryPeer>();
  auto stream = std::make_unique<MemoryStream>(loop_, peer);
  stream->set_peer_dns_names(std::move(certificate_names));
  std::unique_ptr<ClientAccess> access;
  if (config_->client_policies[0]) {
    access = std::make_unique<ClientAccess>(address, std::move(user));
    ensure(access->count(client_counts_, *config_, 0).has_value(), "the client is counted");
  }
  auto client = std::make_unique<ClientConnection>(*this, *this, std::move(stream), 0,
                                                   std::move(address), std::move(access));
  clients_.emplace(client.get(), std::move(client));
  return peer;
}

void RelayBench::reload(std::string_view file) {
  config_ = make_config(file, nullptr, config_.get());
  adopt_limits(*config_, loop_.now());
  counters_.emplace(metric_set_, config_->settings);
}

std::string RelayBench::ask(std::string_view request) {
  const PeerPtr client = connect();
  client->send(request);
  settle();
  return client->received();
}

void RelayBench::drain() {
  is_draining_ = true;
  std::vector<ClientConnection*> known;
  for (const auto& [client, owner] : clients_) known.push_back(client);
  for (ClientConnection* client : known) {
    if (clients_.contains(client)) client->drain();
  }
  settle();
}

MemoryPeer& RelayBench::upstream(std::size_t i) {
  ensure(i < dialer_.peers().size(), fmt::format("there is an upstream connection {}", i));
  return *dialer_.peers()[i];
}

void RelayBench::publish() {
  loop_.post([this, update = state_] { view_.update(only_session, update); });
  settle();
}

void RelayBench::log_in(std::string_view token, base::Duration lifetime) {
  auth::Credential credential;
  credential.fields.push_back({"Authorization", base::Secret(fmt::format("Bearer {}", token))});
  credential.token = base::Secret(token);
  credential.expires = loop_.now() + lifetime;
  credential.generation = ++generation_;
  credential.fingerprint = fmt::format("print{}", generation_);
  state_ = {};
  state_.credential = std::make_shared<const auth::Credential>(std::move(credential));
  publish();
}

void RelayBench::block_logins(ErrorKind kind, base::Duration wait) {
  state_.block = tokens::LoginBlock{{kind, "the login did not succeed"}, loop_.now() + wait};
  state_.hold = 0;
  publish();
}

void RelayBench::set_hold(std::uint64_t number) {
  state_.hold = number;
  publish();
}

std::vector<std::string> RelayBench::reports() { return std::exchange(reports_, {}); }

UpstreamPool& RelayBench::pool(const RelayConfig&, std::size_t upstream) {
  return *pools_.at(upstream);
}

void RelayBench::on_client_done(ClientConnection& client) {
  const auto found = clients_.find(&client);
  ensure(found != clients_.end(), "the client is known");
  loop_.destroy_later(std::move(found->second));
  clients_.erase(found);
}

void RelayBench::need(SessionId, std::uint64_t known) {
  reports_.push_back(fmt::format("need {}", known));
}
void RelayBench::used(SessionId, std::uint64_t generation) {
  reports_.push_back(fmt::format("used {}", generation));
}
void RelayBench::refused(SessionId, std::uint64_t generation) {
  reports_.push_back(fmt::format("refused {}", generation));
}
void RelayBench::suspect(SessionId, std::uint64_t generation) {
  reports_.push_back(fmt::format("suspect {}", generation));
}
void RelayBench::acquit(SessionId, std::uint64_t generation) {
  state_.acquitted = true;
  reports_.push_back(fmt::format("acquit {}", generation));
}
void RelayBench::hold_reached(SessionId, std::uint64_t hold) {
  reports_.push_back(fmt::format("hold_reached {}", hold));
}

}  // namespace vsaproxy::relay
