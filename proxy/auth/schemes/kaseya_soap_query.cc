#include "proxy/auth/schemes/kaseya_soap_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/auth/escaped_text.h"
#include "proxy/auth/form.h"
#include "proxy/auth/schemes/kaseya_soap_body.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

constexpr std::string_view logon_guid = "apiLogonGuid";

// ASP.NET refuses more keys than these in a query or form (aspnet:MaxHttpCollectionKeys).
constexpr std::size_t most_parameters = 1000;

bool is_escaped(std::string_view raw) { return raw.find_first_of("%+") != std::string_view::npos; }

bool is_named(std::string_view raw, std::string_view name) {
  return base::equals_ignoring_case(is_escaped(raw) ? decode_query_text(raw, 0).text() : raw, name);
}

bool has_guid(std::string_view text) {
  return base::lower(text).find(base::lower(logon_guid)) != std::string::npos;
}

TokenPlace value_place(const QueryPart& part) {
  return {part.value.begin, part.value.end - part.value.begin, part.has_value ? "" : "=", ""};
}

// A query without its guids; nothing if it has none. A URL in a value may hold one too, and so on.
std::optional<std::string> without_guid(std::string_view query, int most_levels) {
  std::string kept;
  bool had_some = false;
  for (const QueryPart& part : query_parts(query, 0)) {
    const std::string_view whole = query.substr(part.name.begin, part.value.end - part.name.begin);
    if (is_named(part.name.of(query), logon_guid)) {
      had_some = true;
      continue;
    }
    if (!kept.empty()) kept += '&';
    const std::string_view value = part.value.of(query);
    std::string inner = is_escaped(value) ? decode_query_text(value, 0).text() : std::string(value);
    const auto mark = inner.find('?');
    const bool looks_deeper = most_levels > 0 && mark != std::string::npos && has_guid(inner);
    const auto cleaned =
        looks_deeper ? without_guid(std::string_view(inner).substr(mark + 1), most_levels - 1)
                     : std::nullopt;
    if (!cleaned) {
      kept.append(whole);
      continue;
    }
    had_some = true;
    const std::string_view separator = cleaned->empty() ? "" : "?";
    const std::string url = fmt::format("{}{}{}", inner.substr(0, mark), separator, *cleaned);
    kept.append(part.name.of(query)).append("=").append(form_encode(url));
  }
  if (!had_some) return std::nullopt;
  return kept;
}

}  // namespace

std::vector<TokenPlace> page_places(std::string_view target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) {
    return {{target.size(), 0, fmt::format("?{}=", logon_guid), ""}};
  }
  const std::string_view query = target.substr(mark + 1);
  std::vector<TokenPlace> places;
  for (const QueryPart& part : query_parts(query, mark + 1)) {
    if (is_named(part.name.of(target), logon_guid)) places.push_back(value_place(part));
  }
  if (places.empty()) {
    const std::string_view separator = query.empty() || query.ends_with('&') ? "" : "&";
    places.push_back({target.size(), 0, fmt::format("{}{}=", separator, logon_guid), ""});
  }
  return places;
}

base::Result<std::vector<TokenPlace>> operation_places(std::string_view query, std::size_t begin) {
  const std::vector<QueryPart> parts = query_parts(query, begin, most_parameters + 1);
  if (parts.size() > most_parameters) {
    return base::fail(
        base::ErrorKind::bad_request,
        fmt::format("the call has over {} parameters, more than the API takes", most_parameters));
  }
  std::vector<TokenPlace> places;
  for (const QueryPart& part : parts) {
    const auto raw = [&](ByteRange range) {
      return query.substr(range.begin - begin, range.end - range.begin);
    };
    if (is_named(raw(part.name), "SessionID")) {
      places.push_back(value_place(part));
    } else if (is_named(raw(part.name), "XmlRequest")) {
      auto inner = xml_request_places(decode_query_text(raw(part.value), part.value.begin));
      if (!inner) return base::fail(std::move(inner.error()));
      std::move(inner->begin(), inner->end(), std::back_inserter(places));
    }
  }
  return places;
}

bool remove_logon_guid(std::string& url) {
  constexpr int most_levels = 3;
  const std::size_t fragment = std::min(url.find('#'), url.size());
  const std::size_t mark = url.find('?');
  if (mark >= fragment) return false;
  const auto cleaned =
      without_guid(std::string_view(url).substr(mark + 1, fragment - mark - 1), most_levels);
  if (!cleaned) return false;
  const std::string_view separator = cleaned->empty() ? "" : "?";
  url = fmt::format("{}{}{}{}", url.substr(0, mark), separator, *cleaned, url.substr(fragment));
  return true;
}

}  // namespace vsaproxy::auth
