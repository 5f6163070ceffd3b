#include "proxy/http/target.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <utility>

#include "proxy/base/text.h"

namespace vsaproxy::http {

using base::ErrorKind;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t longest_host = 253;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr auto host_table = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("0123456789-._abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

// Names as DNS and its users have them; the rest of RFC 3986's reg-name (escapes, sub-delims) names
// no host that could be looked up. A single dot at the end is the root.
bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > longest_host) return false;
  char previous = '.';
  for (const char c : text) {
    if (!host_table[static_cast<unsigned char>(c)] || (c == '.' && previous == '.')) return false;
    previous = c;
  }
  return true;
}

bool is_ipv6_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return false;
  std::copy(text.begin(), text.end(), terminated.begin());
  in6_addr address;
  return text.find('\0') == std::string_view::npos &&
         inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

Result<std::optional<std::uint16_t>> parse_port(std::string_view after_host) {
  if (after_host.empty() || after_host == ":") return std::nullopt;
  const std::string_view digits = after_host.substr(1);
  unsigned port = 0;
  bool is_number = after_host.front() == ':' && digits.size() <= 5;
  for (const char c : digits.substr(0, 5)) {
    is_number = is_number && is_digit(c);
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (!is_number || port > std::numeric_limits<std::uint16_t>::max()) {
    return fail(ErrorKind::bad_request, "the port is not a number up to 65535");
  }
  return static_cast<std::uint16_t>(port);
}

// An absolute URL cut into pieces; nothing but the scheme is checked.
struct UrlParts {
  std::string_view scheme, authority, path, query;
};

Result<UrlParts> split_url(std::string_view text) {
  UrlParts parts;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) {
    return fail(ErrorKind::bad_request, "the URL has no scheme and host");
  }
  parts.scheme = text.substr(0, colon);
  if (!base::equals_ignoring_case(parts.scheme, "http") &&
      !base::equals_ignoring_case(parts.scheme, "https")) {
    return fail(ErrorKind::bad_request, "the scheme is neither http nor https");
  }
  const std::string_view rest = text.substr(colon + 3);
  const std::size_t path = std::min(rest.find_first_of("/?#"), rest.size());
  const std::size_t query = std::min(rest.find('?', path), rest.size());
  parts.authority = rest.substr(0, path);
  parts.path = rest.substr(path, query - path);
  parts.query = rest.substr(query);
  return parts;
}

Result<Target> parse_absolute_form(std::string_view method, std::string_view text) {
  const auto parts = split_url(text);
  if (!parts) return fail(parts.error());
  if (!is_authority(parts->authority)) {
    return fail(ErrorKind::bad_request, "the target's authority is not a host and port");
  }
  Target target{Form::absolute, parts->scheme, parts->authority, parts->path, parts->query};
  if (target.path.empty()) {
    // RFC 9112, 3.2.4: the server as a whole.
    target.path = method == "OPTIONS" && target.query.empty() ? "*" : "/";
  }
  return target;
}

}  // namespace

Result<Target> parse_target(std::string_view method, std::string_view target) {
  if (method == "CONNECT") {
    const auto parts = split_authority(target);
    if (!parts) return fail(parts.error());
    if (!parts->port || *parts->port == 0) {
      return fail(ErrorKind::bad_request, "a CONNECT target needs a port");
    }
    return Target{Form::authority, {}, target, {}, {}};
  }
  if (target == "*") {
    if (method != "OPTIONS") return fail(ErrorKind::bad_request, "the target * is for OPTIONS");
    return Target{Form::asterisk, {}, {}, target, {}};
  }
  if (target.empty() || target.front() != '/') return parse_absolute_form(method, target);
  const std::size_t query = std::min(target.find('?'), target.size());
  return Target{Form::origin, {}, {}, target.substr(0, query), target.substr(query)};
}

Result<AuthorityParts> split_authority(std::string_view text) {
  AuthorityParts parts;
  parts.is_ipv6 = !text.empty() && text.front() == '[';
  std::size_t end = text.find(parts.is_ipv6 ? ']' : ':');
  if (parts.is_ipv6) {
    if (end == std::string_view::npos || !is_ipv6_address(text.substr(1, end - 1))) {
      return fail(ErrorKind::bad_request, "the host is not an IPv6 address in brackets");
    }
    parts.host = text.substr(1, end - 1);
    ++end;
  } else {
    end = std::min(end, text.size());
    parts.host = text.substr(0, end);
    if (!is_host_name(parts.host)) return fail(ErrorKind::bad_request, "the host is not a name");
  }
  const auto port = parse_port(text.substr(end));
  if (!port) return fail(port.error());
  parts.port = *port;
  return parts;
}

Result<Authority> parse_authority(std::string_view text) {
  const auto parts = split_authority(text);
  if (!parts) return fail(parts.error());
  return Authority{base::lower(parts->host), parts->port, parts->is_ipv6};
}

bool is_authority(std::string_view text) { return split_authority(text).has_value(); }

std::string Origin::authority() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  std::string text = is_ipv6 ? "[" + host + "]" : host;
  if (port != (scheme == "https" ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

std::string Origin::to_string() const { return scheme + "://" + authority(); }

Result<Url> parse_url(std::string_view text) {
  const auto parts = split_url(text);
  if (!parts) return fail(parts.error());
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '#' && c != '\\';
  });
  if (!is_plain) {
    return fail(ErrorKind::bad_request, "the URL has a character that it must not have");
  }
  auto authority = parse_authority(parts->authority);
  if (!authority) return fail(authority.error());
  Url url;
  url.origin.scheme = base::lower(parts->scheme);
  url.origin.host = std::move(authority->host);
  const std::uint16_t default_port = url.origin.scheme == "https" ? 443 : 80;
  url.origin.port = authority->port.value_or(default_port);
  if (url.origin.port == 0) return fail(ErrorKind::bad_request, "the port is 0");
  url.path = parts->path.empty() ? "/" : parts->path;
  url.path += parts->query;
  return url;
}

}  // namespace vsaproxy::http
