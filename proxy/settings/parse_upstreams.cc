#include <algorithm>

#include "proxy/auth/digest.h"
#include "proxy/settings/sections.h"

namespace vsaproxy::settings {
namespace {

// The URL itself is never repeated: it may hold a password.
void parse_url(const Mapping& mapping, Upstream& upstream) {
  const YamlNode* node = mapping.need("url", "write url: https://HOST");
  std::string text;
  mapping.read_text("url", text);
  if (!node || text.empty()) return;
  if (text.find('@') != std::string::npos) {
    complain(*node, "must not hold a user name or password: those belong under \"auth\"",
             mapping.problems());
    return;
  }
  const auto url = http::parse_url(text);
  if (!url) {
    complain(*node, "must be a URL of scheme, host and port only, such as https://vsa.example.com",
             mapping.problems());
    return;
  }
  upstream.origin = url->origin;
  if (url->path != "/") {
    complain(*node,
             "must not have a path or query: write scheme, host and port only, and the API's path "
             "as \"base\" of the credential or in the tool",
             mapping.problems());
  }
}

void parse_connect(const Mapping& mapping, Upstream& upstream) {
  const YamlNode* node = mapping.find("connect");
  if (!node) return;
  auto authority = http::parse_authority(node->text);
  if (!node->is_scalar() || !authority) {
    complain(*node, "must be a host and a port, such as 198.51.100.7:443", mapping.problems());
    return;
  }
  if (!authority->port) authority->port = upstream.origin.port;
  upstream.connect = std::move(*authority);
}

// A credential must not cross a network in the clear unless somebody says so.
void check_scheme(const Mapping& mapping, const Upstream& upstream) {
  bool is_allowed = false;
  mapping.read("insecure_http", is_allowed);
  const bool is_local = is_loopback(upstream.origin.host) &&
                        (!upstream.connect || is_loopback(upstream.connect->host));
  if (upstream.origin.scheme != "http") return;
  if (!is_allowed && !is_local) {
    complain(*mapping.find("url"),
             "is http:// to another machine, where anybody on the way can read the credential: "
             "write https://, or add insecure_http: true",
             mapping.problems());
  }
  if (const YamlNode* tls = mapping.find("tls")) {
    mapping.problems().add(tls->key_spot, "\"tls\" has no use with an http:// url: remove one");
  }
}

void parse_server_name(const Mapping& tls, UpstreamTls& out) {
  const YamlNode* node = tls.find("server_name");
  if (!node) return;
  if (auto host = host_of(*node, tls.problems())) out.server_name = std::move(*host);
}

void parse_pins(const Mapping& tls, UpstreamTls& out) {
  constexpr std::size_t sha256_bytes = 32;
  const auto entries = tls.read_list("pin_sha256");
  for (const YamlNode* entry : entries) {
    const auto pin = text_of(*entry, tls.problems());
    if (!pin) continue;
    const auto hash = auth::decode_base64(*pin);
    if (hash && hash->reveal().size() == sha256_bytes && auth::base64(hash->reveal()) == *pin) {
      out.pins.push_back(*pin);
      continue;
    }
    tls.problems().add(
        entry->spot,
        "a pin must be the SHA-256 of the certificate's public key in base64, 44 characters: "
        "openssl x509 -in server.crt -noout -pubkey | openssl pkey -pubin -outform DER | "
        "openssl dgst -sha256 -binary | base64");
  }
  const YamlNode* node = tls.find("pin_sha256");
  if (node && node->kind == YamlNode::Kind::sequence && entries.empty()) {
    complain(*node, "needs at least one pin: an empty list would refuse every server",
             tls.problems());
  }
}

void parse_client_certificate(const Mapping& tls, UpstreamTls& out) {
  out.client_certificate = tls.read_secret("client_certificate");
  out.client_key = tls.read_secret("client_key");
  const auto check_pair = [&tls](std::string_view key, std::string_view other) {
    const YamlNode* node = tls.find(key);
    if (!node || tls.is_written(other)) return;
    tls.problems().add(node->key_spot, fmt::format("\"{}\" needs a \"{}\" beside it", key, other));
  };
  check_pair("client_certificate", "client_key");
  check_pair("client_key", "client_certificate");
}

void parse_tls(const Mapping& mapping, UpstreamTls& out) {
  const YamlNode* node = mapping.find("tls");
  if (!node) return;
  const Mapping tls(*node, "in \"tls\" " + mapping.where(), upstream_tls_keys, mapping.problems());
  out.ca = tls.read_secret("ca");
  tls.read("only_ca", out.only_ca);
  if (out.only_ca && !tls.has("ca")) {
    complain(*tls.find("only_ca"), "needs a \"ca\" beside it: nothing else would be trusted",
             mapping.problems());
  }
  tls.read_choice("min_version", out.min_version,
                  {{"1.2", TlsVersion::tls_1_2}, {"1.3", TlsVersion::tls_1_3}});
  parse_server_name(tls, out);
  parse_pins(tls, out);
  parse_client_certificate(tls, out);
}

void parse_timeouts(const Mapping& mapping, Timeouts& out) {
  const YamlNode* node = mapping.find("timeouts");
  if (!node) return;
  const Mapping keys(*node, "in \"timeouts\" " + mapping.where(), timeouts_keys,
                     mapping.problems());
  keys.read("connect", out.connect);
  keys.read("tls", out.tls);
  keys.read("response_header", out.response_header);
  keys.read("idle", out.idle);
}

void parse_pool(const Mapping& mapping, Pool& out) {
  const YamlNode* node = mapping.find("pool");
  if (!node) return;
  const Mapping keys(*node, "in \"pool\" " + mapping.where(), pool_keys, mapping.problems());
  keys.read_count("max_connections", out.max_connections, 1, 65535);
  keys.read("idle_timeout", out.idle_timeout);
}

void parse_limits(const Mapping& mapping, std::optional<RequestLimits>& out) {
  constexpr std::size_t most = 1'000'000;
  constexpr std::size_t most_waiting = 10'000;
  const YamlNode* node = mapping.find("limits");
  if (!node) return;
  const std::size_t faults_before = mapping.problems().size();
  const Mapping keys(*node, "in \"limits\" " + mapping.where(), request_limits_keys,
                     mapping.problems());
  if (node->kind != YamlNode::Kind::mapping) return;
  RequestLimits limits;
  std::size_t concurrency = 0;
  keys.read_count("concurrency", concurrency, 1, most);
  if (concurrency > 0) limits.concurrency = concurrency;
  keys.read_rate("rate", limits.interval);
  keys.read_count("burst", limits.burst, 1, most);
  keys.read_count("queue", limits.queue, 0, most_waiting);
  const bool is_read_well = mapping.problems().size() == faults_before;
  if (!keys.is_written("concurrency") && !keys.is_written("rate")) {
    if (is_read_well) {
      complain(*node, "needs \"concurrency\" or \"rate\": without them nothing is limited",
               mapping.problems());
    }
  } else if (keys.has("burst") && !keys.is_written("rate")) {
    complain(*keys.find("burst"), "has no use without a \"rate\": remove it, or add one",
             mapping.problems());
  }
  out = limits;
}

void parse_replay(const Mapping& mapping, Replay& out) {
  constexpr std::uint64_t most_body = std::uint64_t{64} << 20;
  const YamlNode* node = mapping.find("replay");
  if (!node) return;
  const Mapping keys(*node, "in \"replay\" " + mapping.where(), replay_keys, mapping.problems());
  if (auto methods = keys.read_methods("methods")) {
    out.all_methods = methods->empty();
    out.methods = std::move(*methods);
  }
  std::uint64_t size = out.max_body;
  keys.read_size("max_body", size);
  if (size > most_body) {
    complain(*keys.find("max_body"),
             "must be at most 64MiB: every request in work may hold as much", mapping.problems());
  }
  out.max_body = static_cast<std::size_t>(size);
  keys.read("expect_continue", out.expect_continue);
}

void parse_upstream(const YamlNode& node, const CredentialNames& names, Settings& settings,
                    Problems& problems) {
  const Mapping mapping(node, fmt::format("in upstream \"{}\"", node.key), upstream_keys, problems);
  Upstream upstream;
  upstream.name = node.key;
  parse_url(mapping, upstream);
  parse_connect(mapping, upstream);
  check_scheme(mapping, upstream);
  if (const YamlNode* auth =
          mapping.need("auth", "write a credential, or none to send requests as they come")) {
    upstream.credential = parse_auth(*auth, node.key, names, settings, problems);
  }
  parse_tls(mapping, upstream.tls);
  parse_timeouts(mapping, upstream.timeouts);
  parse_pool(mapping, upstream.pool);
  parse_limits(mapping, upstream.limits);
  parse_replay(mapping, upstream.replay);
  mapping.read_choice("case", upstream.path_case,
                      {{"insensitive", PathCase::insensitive}, {"sensitive", PathCase::sensitive}});
  settings.upstreams.push_back(std::move(upstream));
}

}  // namespace

bool is_loopback(std::string_view host) {
  const bool is_v4 =
      host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || host == "::1" || is_v4;
}

void parse_upstreams(const Mapping& file, const CredentialNames& names, Settings& settings) {
  const YamlNode* node = file.need("upstreams", "write the server to call under a name of yours");
  if (!node) return;
  const auto entries = named_entries(*node, file.problems());
  for (const YamlNode* entry : entries) {
    parse_upstream(*entry, names, settings, file.problems());
  }
  if (node->kind == YamlNode::Kind::mapping && entries.empty()) {
    complain(*node, "needs at least one entry", file.problems());
  }
}

}  // namespace vsaproxy::settings
