#pragma once
// Request targets, authorities, origins and paths: from text to parts, and the one reading of a
// path that is both matched and sent. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace vsaproxy::http {

// RFC 9112, 3.2.
enum class Form { origin, absolute, authority, asterisk };

// Views into the text that was parsed.
struct Target {
  Form form = Form::origin;
  std::string_view scheme;     // absolute form only, as written: compare without case
  std::string_view authority;  // absolute and authority form: see parse_authority()
  std::string_view path;       // begins with "/"; "*" for the server as a whole; empty for CONNECT
  std::string_view query;      // with its "?"; empty if there is none
};

// Checks that the form fits the method: authority form with CONNECT only, "*" with OPTIONS only.
// Schemes are http and https, and there is no user information. Error: bad_request.
base::Result<Target> parse_target(std::string_view method, std::string_view target);

struct Authority {
  std::string host;  // lower case, an IPv6 address without brackets
  std::optional<std::uint16_t> port;
  bool is_ipv6 = false;

  friend bool operator==(const Authority&, const Authority&) = default;
};

// The same as views into the text.
struct AuthorityParts {
  std::string_view host;  // as written: compare without case; an IPv6 address without brackets
  std::optional<std::uint16_t> port;
  bool is_ipv6 = false;
};

// A host name, IPv4 address or bracketed IPv6 address, with an optional port; what Host, CONNECT
// and configured addresses hold (RFC 3986, 3.2, without user information). Error: bad_request.
base::Result<Authority> parse_authority(std::string_view text);
base::Result<AuthorityParts> split_authority(std::string_view text);
// The same check without a result to keep.
bool is_authority(std::string_view text);

// Scheme, host and port: what decides where a credential may go (RFC 6454).
struct Origin {
  std::string scheme;  // "http" or "https"
  std::string host;    // as in Authority
  std::uint16_t port = 0;

  // Host and port as in a Host field: no default port, brackets around IPv6.
  std::string authority() const;
  std::string to_string() const;
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct Url {
  Origin origin;
  std::string path;  // with its query; "/" if there is none
};

// An absolute http or https URL without user information or fragment. Error: bad_request.
base::Result<Url> parse_url(std::string_view text);

struct PathOptions {
  bool has_rules = false;  // the route has allow or deny rules: ";" is refused
  bool raw_paths = false;  // "%2F" inside a segment is let through
};

struct NormalizedPath {
  std::string sent;     // the path to send: as received, with runs of "/" merged
  std::string decoded;  // for matching: percent-decoded UTF-8; "%2F" stays in that spelling
};

// Error: bad_path, for everything that two programs might read as two different paths.
base::Result<NormalizedPath> normalize_path(std::string_view path, PathOptions options);
// The same into an object whose memory is used again.
base::Result<void> normalize_path(std::string_view path, PathOptions options, NormalizedPath& out);

}  // namespace vsaproxy::http
