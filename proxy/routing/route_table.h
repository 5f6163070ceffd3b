#pragma once
// Which route a request takes: the first whose listener, host and path prefix all fit. Constant
// once made, so that workers may share one. Knows no settings: routes are numbers here.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vsaproxy::routing {

enum class PathCase { insensitive, sensitive };  // ASCII letters only

// True if the path is the prefix or goes on below it: "/vsa" is a prefix of "/vsa" and "/vsa/x",
// not of "/vsax". Every path has the prefix "/".
bool has_path_prefix(std::string_view path, std::string_view prefix, PathCase path_case);

struct RouteRule {
  std::string path_prefix;  // decoded; begins with "/" and, but for "/" itself, doesn't end with it
  std::string host;         // empty: any; lower case, no port, IPv6 without brackets
  std::string listener;     // empty: any
  bool case_sensitive = false;
};

// True if the later rule is never reached, since the earlier one matches whatever it would match.
bool covers(const RouteRule& earlier, const RouteRule& later);

class RouteTable {
 public:
  explicit RouteTable(std::vector<RouteRule> rules) : rules_(std::move(rules)) {}

  // The index of the first rule that matches. host: as in RouteRule; decoded_path: as
  // http::normalize_path gives it.
  std::optional<std::size_t> find(std::string_view listener, std::string_view host,
                                  std::string_view decoded_path) const;

 private:
  std::vector<RouteRule> rules_;
};

}  // namespace vsaproxy::routing
