#include "proxy/relay/worker.h"

#include <sys/socket.h>

#include <algorithm>
#include <span>
#include <utility>

#include "proxy/http/serializer.h"
#include "proxy/net/socket_stream.h"
#include "proxy/ops/random.h"
#include "proxy/relay/exchange.h"
#include "proxy/relay/problem_answer.h"

namespace vsaproxy::relay {
namespace {

constexpr std::size_t scratch_size = 128 * 1024;
// Clients over a limit that are let in to be told so, each for a few seconds at most.
constexpr int most_surplus_clients = 32;
constexpr base::Duration sweep_interval = std::chrono::seconds(1);

std::uint64_t random_key() {
  std::uint64_t key = 0;
  ops::fill_random(std::as_writable_bytes(std::span(&key, 1)));
  return key;
}

// One to one on 64 bits (the finaliser of SplitMix64): counted numbers come out scattered.
std::uint64_t scatter(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::size_t share_of(std::size_t total, int count) {
  const auto n = static_cast<std::size_t>(count);
  return std::max<std::size_t>((total + n - 1) / n, 1);
}

}  // namespace

Worker::Worker(Share share, const Shared& shared, net::Resolver& resolver,
               tokens::SessionReports& reports, ops::Log& log, ops::MetricSet& metrics)
    : share_(share),
      shared_(shared),
      deadlines_(loop_),
      exchanges_(deadlines_),
      dialer_(loop_, resolver),
      tokens_(loop_, reports),
      log_(log),
      metric_set_(metrics),
      metrics_(metrics),
      scratch_(scratch_size),
      splicer_(scratch_),
      sweep_timer_(loop_.make_timer([this] { sweep_pools(); })),
      id_key_(random_key()) {}

Worker::~Worker() {
  // Clients go before what they use.
  acceptors_.clear();
  clients_.clear();
}

void Worker::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::apply(RelayConfigPtr config, std::vector<int> fds, std::function<void()> done) {
  loop_.post([this, config = std::move(config), fds = std::move(fds), done = std::move(done)] {
    adopt(config, fds);
    done();
  });
}

void Worker::adopt(RelayConfigPtr config, const std::vector<int>& fds) {
  // Who connected to a listener that goes away is still served.
  for (const auto& acceptor : acceptors_) acceptor->accept_waiting();
  acceptors_.clear();
  ConfigUse set{config, config.get(), {}, RequestCounters(metric_set_, config->settings)};
  for (std::size_t i = 0; i < config->settings->upstreams.size(); ++i) {
    set.pools.push_back(pool_for(*config, i));
  }
  for (const auto& pool : pools_) {
    if (std::find(set.pools.begin(), set.pools.end(), pool.get()) == set.pools.end())
      pool->retire();
  }
  config_uses_.push_back(std::move(set));
  config_ = std::move(config);
  adopt_limits(*config_, loop_.now());
  for (std::size_t i = 0; i < fds.size(); ++i) {
    acceptors_.push_back(std::make_unique<net::Acceptor>(
        loop_, fds[i], [this, i](net::FileDescriptor socket, std::string peer) {
          on_accepted(i, std::move(socket), std::move(peer));
        }));
  }
  sweep_pools();
}

UpstreamPool* Worker::pool_for(const RelayConfig& config, std::size_t index) {
  const settings::Upstream& upstream = config.settings->upstreams[index];
  UpstreamPool::Identity identity{upstream.origin,   upstream.connect,
                                  upstream.tls,      config.upstream_files[index],
                                  upstream.timeouts, upstream.pool};
  const auto known = std::find_if(pools_.begin(), pools_.end(), [&](const auto& pool) {
    return !pool->is_retired() && pool->identity() == identity;
  });
  if (known != pools_.end()) return known->get();
  const settings::Limits& limits = config.settings->limits;
  auto made = UpstreamPool::make({.loop = loop_,
                                  .dialer = dialer_,
                                  .scratch = scratch_,
                                  .idle_gauge = metrics_.upstreams_idle(),
                                  .active_gauge = metrics_.upstreams_active(),
                                  .head_limits = {limits.header_bytes, limits.header_count}},
                                 std::move(identity),
                                 share_of(upstream.pool.max_connections, share_.count));
  if (!made) std::abort();  // make_relay_config() has tried the same
  pools_.push_back(std::move(*made));
  return pools_.back().get();
}

UpstreamPool& Worker::pool(const RelayConfig& config, std::size_t upstream) {
  return *use_of(config).pools[upstream];
}

Worker::ConfigUse& Worker::use_of(const RelayConfig& config) {
  return *std::find_if(config_uses_.rbegin(), config_uses_.rend(),
                       [&](const ConfigUse& known) { return known.key == &config; });
}

// What only former configurations used, and no exchange of theirs uses any more.
void Worker::sweep_pools() {
  std::erase_if(config_uses_, [](const ConfigUse& use) { return use.config.expired(); });
  const auto is_listed = [this](const UpstreamPool* pool) {
    return std::any_of(config_uses_.begin(), config_uses_.end(), [&](const ConfigUse& use) {
      return std::find(use.pools.begin(), use.pools.end(), pool) != use.pools.end();
    });
  };
  for (auto pool = pools_.begin(); pool != pools_.end();) {
    if (is_listed(pool->get()) || !(*pool)->is_unused()) {
      ++pool;
      continue;
    }
    loop_.destroy_later(std::move(*pool));
    pool = pools_.erase(pool);
  }
  if (config_uses_.size() > 1) sweep_timer_->start(sweep_interval);
}

bool Worker::is_full() const {
  return clients_.size() >= share_of(config_->settings->limits.connections, share_.count);
}

void Worker::on_accepted(std::size_t listener, net::FileDescriptor socket, std::string peer) {
  if (is_full()) {
    return refuse(listener, std::move(socket), std::move(peer),
                  {base::ErrorKind::overloaded, "limits.connections is reached"});
  }
  auto access = access_of(listener, socket.get(), peer);
  if (!access) return refuse(listener, std::move(socket), std::move(peer), access.error());
  admit(listener, std::move(socket), std::move(peer), std::move(*access));
}

// Null where nothing is asked about clients: most connections, from this machine.
base::Result<std::unique_ptr<ClientAccess>> Worker::access_of(std::size_t listener, int socket,
                                                              std::string_view peer) {
  const ClientPolicy* policy = config_->client_policies[listener].get();
  const bool is_unix = peer == "unix";
  if (policy == nullptr && !is_unix) return std::unique_ptr<ClientAccess>();
  std::optional<routing::LocalUser> user;
  if (is_unix || policy->rules.checks_users) user = peer_identity_.user_behind(socket);
  auto access = std::make_unique<ClientAccess>(peer, std::move(user));
  auto counted = access->count(shared_.client_counts, *config_, listener);
  if (!counted) return base::fail(std::move(counted.error()));
  return access;
}

void Worker::refuse(std::size_t listener, net::FileDescriptor socket, std::string peer,
                    const base::Error& error) {
  warn_of_overload(error.detail);
  const bool is_tls = config_->listener_tls[listener] != nullptr;
  // An answer needs the handshake first; only so many clients get one.
  if (is_tls && surplus_clients_ < most_surplus_clients) {
    ++surplus_clients_;
    return admit(listener, std::move(socket), std::move(peer),
                 std::make_unique<ClientAccess>(error, surplus_clients_));
  }
  metrics_.count_refused(error.kind);
  if (is_tls) return;
  const ProxyAnswer answer = make_problem_answer(error, next_request_id().text());
  std::string bytes;
  http::append_response_head(bytes, answer.head, answer.head.body, http::ConnectionOption::close);
  bytes.append(answer.body);
  send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Worker::admit(std::size_t listener, net::FileDescriptor socket, std::string peer,
                   std::unique_ptr<ClientAccess> access) {
  const auto& tls = config_->listener_tls[listener];
  std::unique_ptr<net::Stream> stream;
  net::ClientTrust trust = net::plain_trust;
  if (tls) {
    auto made = tls->new_connection();
    trust = made.trust;
    stream = std::make_unique<net::TlsStream>(loop_, std::move(socket), net::Urgency::begins,
                                              std::move(made.ssl), nullptr);
  } else {
    stream = std::make_unique<net::SocketStream>(loop_, std::move(socket), net::Urgency::begins);
  }
  auto client = std::make_unique<ClientConnection>(*this, *this, std::move(stream), listener,
                                                   std::move(peer), std::move(access), trust);
  client->set_place(clients_.size());
  clients_.push_back(std::move(client));
}

// Once a second at most: the log is no help in a flood.
void Worker::warn_of_overload(std::string_view detail) {
  if (overload_warned_ && loop_.now() - *overload_warned_ < std::chrono::seconds(1)) return;
  overload_warned_ = loop_.now();
  log_.write(ops::LogLevel::warning, "refusing clients", {{"detail", detail}});
}

void Worker::on_client_done(ClientConnection& client) {
  const std::size_t place = client.place();
  loop_.destroy_later(std::move(clients_[place]));
  if (place + 1 < clients_.size()) {
    clients_[place] = std::move(clients_.back());
    clients_[place]->set_place(place);
  }
  clients_.pop_back();
  if (is_draining_ && clients_.empty() && on_drained_) std::exchange(on_drained_, nullptr)();
}

void Worker::drain(std::function<void()> deaf, std::function<void()> done) {
  loop_.post([this, deaf = std::move(deaf), done = std::move(done)] {
    for (const auto& acceptor : acceptors_) acceptor->accept_waiting();
    acceptors_.clear();
    deaf();
    is_draining_ = true;
    on_drained_ = done;
    // Draining takes connections off the table.
    // The last one may take the place of one that goes: from the back, that one was seen already.
    for (std::size_t i = clients_.size(); i-- > 0;) {
      if (i < clients_.size()) clients_[i]->drain();
    }
    if (clients_.empty() && on_drained_) std::exchange(on_drained_, nullptr)();
  });
}

void Worker::stop() {
  loop_.post([this] {
    acceptors_.clear();
    while (!clients_.empty()) clients_.back()->abort();
  });
  loop_.stop();
}

RequestId Worker::next_request_id() { return RequestId(scatter(id_key_ + ++id_count_)); }

}  // namespace vsaproxy::relay
