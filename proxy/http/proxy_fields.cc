#include "proxy/http/proxy_fields.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/text.h"
#include "proxy/http/name_set.h"

namespace vsaproxy::http {

namespace {

bool has_prefix(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() &&
         base::to_lower(name.front()) == base::to_lower(prefix.front()) &&
         same_name(name.substr(0, prefix.size()), prefix);
}

bool has_prefix(const Fields& fields, std::string_view prefix) {
  return fields.may_have_prefix(prefix) &&
         std::any_of(fields.all().begin(), fields.all().end(),
                     [&](const Field& field) { return has_prefix(field.name, prefix); });
}

constexpr NameSet<7> hop_by_hop_names({"Connection", "Keep-Alive", "TE", "Trailer",
                                       "Transfer-Encoding", "Upgrade", "HTTP2-Settings"});

constexpr NameSet<2> location_names({"Location", "Content-Location"});

bool is_hop_by_hop(const Field& field) {
  return hop_by_hop_names.has(field.name, field.mark) || has_prefix(field.name, "Proxy-");
}

// RFC 9110, 6.5.1, and what this program decides by or removes from heads.
constexpr NameSet<35> not_in_trailers({"Content-Length",
                                       "Content-Encoding",
                                       "Content-Type",
                                       "Content-Range",
                                       "Content-Location",
                                       "Host",
                                       "Via",
                                       "Forwarded",
                                       "Max-Forwards",
                                       "Expect",
                                       "Range",
                                       "If-Range",
                                       "If-Match",
                                       "If-None-Match",
                                       "If-Modified-Since",
                                       "If-Unmodified-Since",
                                       "Authorization",
                                       "WWW-Authenticate",
                                       "Authentication-Info",
                                       "Cookie",
                                       "Set-Cookie",
                                       "Set-Cookie2",
                                       "Cache-Control",
                                       "Pragma",
                                       "Age",
                                       "Date",
                                       "Expires",
                                       "Vary",
                                       "Warning",
                                       "Location",
                                       "Retry-After",
                                       "Accept-Encoding",
                                       "Origin",
                                       "Referer",
                                       "X-Proxy-Error"});

void add_via(Fields& fields, Version received) {
  fields.add("Via", received == Version::http_1_0 ? "1.0 vsaproxy" : "1.1 vsaproxy");
}

// The path behind the upstream's own origin; nothing if the location is elsewhere or relative to
// the path of the request.
struct OwnLocation {
  std::string_view path;
  bool is_absolute = false;  // it named scheme and host, or host
};

bool is_own_origin(std::string_view url, const Origin& upstream) {
  const auto parsed = parse_url(url);
  return parsed && parsed->origin == upstream;
}

std::size_t end_of_authority(std::string_view text, std::size_t begin) {
  return std::min(text.find_first_of("/?#", begin), text.size());
}

// Nothing if the location is elsewhere, or relative to the path of the request.
std::optional<OwnLocation> find_own_location(std::string_view text, const Origin& upstream) {
  if (text.substr(0, 2) == "//") {
    const std::size_t end = end_of_authority(text, 2);
    const std::string url = upstream.scheme + ":" + std::string(text.substr(0, end));
    if (!is_own_origin(url, upstream)) return std::nullopt;
    return OwnLocation{text.substr(end), true};
  }
  if (!text.empty() && text.front() == '/') return OwnLocation{text, false};
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const std::size_t end = end_of_authority(text, colon + 3);
  if (!is_own_origin(text.substr(0, end), upstream)) return std::nullopt;
  return OwnLocation{text.substr(end), true};
}

// A backslash is a slash to some clients: what such a location means is not for us to say.
bool is_rewritable(std::string_view text) { return text.find('\\') == std::string_view::npos; }

void append_with_prefix(std::string& out, std::string_view prefix, std::string_view path) {
  out.append(prefix);
  if (prefix.empty() && (path.empty() || path.front() != '/')) out.append("/");
  out.append(path);
}

// The value of the last Path attribute of a cookie, a view into it: that one counts (RFC
// 6265, 5.3).
std::string_view find_cookie_path(std::string_view cookie) {
  std::string_view found;
  std::size_t semicolon = cookie.find(';');
  while (semicolon != std::string_view::npos) {
    const std::size_t begin = semicolon + 1;
    semicolon = cookie.find(';', begin);
    const std::string_view part = cookie.substr(begin, semicolon - begin);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    if (!base::equals_ignoring_case(base::trim(part.substr(0, equals)), "Path")) continue;
    found = base::trim(part.substr(equals + 1));
  }
  return found;
}

bool is_readable_coding(std::string_view item) {
  const std::string_view name = base::trim(item.substr(0, item.find(';')));
  return base::equals_ignoring_case(name, "gzip") || base::equals_ignoring_case(name, "deflate") ||
         base::equals_ignoring_case(name, "identity");
}

}  // namespace

void strip_hop_by_hop(Fields& fields) {
  if (!fields.may_have(hop_by_hop_names) && !has_prefix(fields, "Proxy-")) return;
  // Collected first: removing moves the fields, not their text.
  std::vector<std::string_view> named;
  for (const Field& field : fields.all()) {
    if (!same_name(field.name, "Connection")) continue;
    for (ListItems items(field.value); const auto item = items.next();) {
      if (!is_hop_by_hop({*item, {}}) && !same_name(*item, "close")) named.push_back(*item);
    }
  }
  fields.remove_if([&](const Field& field) {
    return is_hop_by_hop(field) ||
           std::any_of(named.begin(), named.end(),
                       [&](std::string_view name) { return same_name(name, field.name); });
  });
}

void prepare_request_fields(RequestHead& head, const RequestFieldPolicy& policy) {
  static constexpr NameSet<3> replaced({"Content-Length", "Expect", "Forwarded"});
  static constexpr NameSet<3> ruled({"Authorization", "Cookie", "Cookie2"});
  const auto is_ruled_out = [&](std::string_view name) {
    if (same_name(name, "Authorization")) return policy.authorization == Treatment::strip;
    return policy.cookies == Treatment::strip &&
           (same_name(name, "Cookie") || same_name(name, "Cookie2"));
  };
  Fields& fields = head.fields;
  strip_hop_by_hop(fields);
  const bool has_forwarded = has_prefix(fields, "X-Forwarded-");
  fields.remove_if([&](const Field& field) {
    return field.name.find('_') != std::string_view::npos || replaced.has(field.name, field.mark) ||
           (ruled.may_have(field.mark) && is_ruled_out(field.name)) ||
           (has_forwarded && has_prefix(field.name, "X-Forwarded-"));
  });
  fields.set("Host", policy.host);
  add_via(fields, head.version);
}

void prepare_response_fields(ResponseHead& head, const ResponseFieldPolicy& policy) {
  static constexpr NameSet<3> revealing({"Authorization", "Authentication-Info", "X-Proxy-Error"});
  static constexpr NameSet<4> ruled(
      {"Content-Length", "WWW-Authenticate", "Set-Cookie", "Set-Cookie2"});
  const bool keeps_length = head.body.kind == Framing::none;
  const auto is_ruled_out = [&](std::string_view name) {
    if (same_name(name, "Content-Length")) return !keeps_length;
    if (same_name(name, "WWW-Authenticate")) return policy.authenticate == Treatment::strip;
    return policy.cookies == Treatment::strip &&
           (same_name(name, "Set-Cookie") || same_name(name, "Set-Cookie2"));
  };
  Fields& fields = head.fields;
  strip_hop_by_hop(fields);
  const bool strips_cors = policy.cors == Treatment::strip && has_prefix(fields, "Access-Control-");
  fields.remove_if([&](const Field& field) {
    return revealing.has(field.name, field.mark) ||
           (ruled.may_have(field.mark) && is_ruled_out(field.name)) ||
           (strips_cors && has_prefix(field.name, "Access-Control-"));
  });
  add_via(fields, head.version);
}

void filter_trailers(Fields& trailers) {
  trailers.remove_if([](const Field& field) {
    return is_hop_by_hop(field) || not_in_trailers.has(field.name) ||
           field.name.find('_') != std::string_view::npos ||
           has_prefix(field.name, "X-Forwarded-") || has_prefix(field.name, "Access-Control-") ||
           has_prefix(field.name, "Sec-");
  });
}

void rewrite_location(Fields& fields, const LocationMap& map) {
  if (!fields.may_have(location_names)) return;
  for (std::size_t i = 0; i < fields.all().size(); ++i) {
    const Field& field = fields.all()[i];
    if (!location_names.has(field.name, field.mark)) continue;
    if (!is_rewritable(field.value)) continue;
    const auto own = find_own_location(field.value, map.upstream);
    if (!own || (!own->is_absolute && map.strip_prefix.empty())) continue;
    std::string location;
    if (own->is_absolute) {
      location.append(map.client_scheme).append("://").append(map.client_authority);
    }
    append_with_prefix(location, map.strip_prefix, own->path);
    fields.set_value(i, location);
  }
}

void rewrite_cookie_paths(Fields& fields, std::string_view strip_prefix) {
  if (strip_prefix.empty()) return;
  for (std::size_t i = 0; i < fields.all().size(); ++i) {
    const Field& field = fields.all()[i];
    if (!same_name(field.name, "Set-Cookie")) continue;
    const std::string_view path = find_cookie_path(field.value);
    if (path.empty() || path.front() != '/') continue;
    const auto begin = static_cast<std::size_t>(path.data() - field.value.data());
    std::string cookie(field.value.substr(0, begin));
    cookie.append(strip_prefix);
    // "/" itself becomes the bare prefix: "/vsa/" would not match a request for "/vsa".
    const std::string_view rest = field.value.substr(begin);
    cookie.append(path == "/" ? rest.substr(1) : rest);
    fields.set_value(i, cookie);
  }
}

void cut_accept_encoding(Fields& fields) {
  if (!fields.has("Accept-Encoding")) return;
  std::string kept;
  for (const Field& field : fields.all()) {
    if (!base::equals_ignoring_case(field.name, "Accept-Encoding")) continue;
    for (ListItems items(field.value); const auto item = items.next();) {
      if (!is_readable_coding(*item)) continue;
      if (!kept.empty()) kept += ", ";
      kept += *item;
    }
  }
  fields.set("Accept-Encoding", kept.empty() ? "identity" : kept);
}

void ask_for_editable_answer(Fields& fields) {
  fields.set("Accept-Encoding", "identity");
  fields.remove("Range");
  fields.remove("If-Range");
}

void drop_body_statements(Fields& fields) {
  static constexpr NameSet<6> statements(
      {"Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "ETag", "Accept-Ranges"});
  fields.remove_if([](const Field& field) { return statements.has(field.name); });
}

}  // namespace vsaproxy::http
