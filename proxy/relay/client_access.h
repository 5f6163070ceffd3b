#pragma once
// Who is at the other end of one connection, and whether it may ask. Only connections to listeners
// that have rules on clients, or whose clients are counted, have one. Owned by the connection; one
// thread.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/message.h"
#include "proxy/net/stream.h"
#include "proxy/relay/client_counts.h"
#include "proxy/relay/key_checker.h"
#include "proxy/relay/relay_config.h"
#include "proxy/routing/client_rules.h"

namespace vsaproxy::relay {

class Context;

class ClientAccess {
 public:
  // `peer` is "127.0.0.1:5000" or "unix"; `user` is what the kernel says, if it was asked.
  ClientAccess(std::string_view peer, std::optional<routing::LocalUser> user);

  // One that is let in only to be refused. `surplus` counts such connections: one less in the end.
  ClientAccess(base::Error refusal, int& surplus);
  ~ClientAccess();
  ClientAccess(const ClientAccess&) = delete;
  ClientAccess& operator=(const ClientAccess&) = delete;

  // Counts the connection for its address or user. Error: overloaded.
  base::Result<void> count(ClientCounts& counts, const RelayConfig& config, std::size_t listener);

  enum class Progress { decided, pending };
  // Once for each request, before its exchange; removes the fields that were for the proxy. If it
  // is pending, `on_decided` is called from the loop. `stream` is the client's.
  Progress decide(Context& context, const RelayConfig& config, std::size_t listener,
                  const net::Stream& stream, http::RequestHead& head,
                  std::function<void()> on_decided);

  // Why the request is refused; null: it is not.
  const base::Error* refusal() const { return refusal_ ? &*refusal_ : nullptr; }
  // What is refused lacks only what no browser sends when it asks whether it may ask (a preflight
  // of a listed page): it may be answered, but not forwarded.
  bool is_bare_preflight() const { return is_bare_preflight_; }
  // The connection ends with the refusal.
  bool ends_connection() const { return ends_connection_; }

  // The client's address behind trusted proxies; empty: the peer is the client.
  const std::string& forwarded_for() const { return forwarded_for_; }
  // For the log: of the key, else of the certificate's rule, else "uid:1000"; empty: none is known.
  const std::string& name() const { return name_; }

 private:
  base::Result<void> check_connection(const routing::ClientRules& rules, const net::Stream& stream,
                                      const http::Fields& fields);
  Progress check_key(Context& context, const RelayConfig& config, std::size_t listener,
                     const http::RequestHead& head, std::function<void()> on_decided);
  void on_key_checked(const KeyChecker::Verdict& verdict);
  void accept_key(const std::string& name);
  void refuse_key();
  base::Result<void> count_as(const std::string& client);
  void refuse(base::Error error);

  const std::optional<routing::IpAddress> address_;
  const std::optional<routing::LocalUser> user_;
  ClientCounts::Slot slot_;
  std::optional<base::Error> refusal_;
  bool is_bare_preflight_ = false;
  bool ends_connection_ = false;
  std::string forwarded_for_;
  std::string name_;

  // Of the last key that was right, or is being checked, and whose ring it was looked for in.
  KeyRingPtr ring_;
  std::optional<std::string> mark_;
  std::string key_name_;
  std::unique_ptr<KeyChecker::Check> check_;
  int* surplus_ = nullptr;
  ClientCounts* counts_ = nullptr;
  std::size_t most_connections_ = 0;
  std::function<void()> on_decided_;
};

}  // namespace vsaproxy::relay
