#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/settings/sections.h"

namespace vsaproxy::settings {
namespace {

constexpr std::size_t length_of_cache = std::string_view("cache").size();

bool is_file_name(std::string_view path) {
  return !path.ends_with('/') && path != ".." && !path.starts_with("../") &&
         !path.ends_with("/..") && path.find("/../") == std::string_view::npos;
}

bool log_in_at_two_servers(const Settings& settings, const Credential& credential) {
  const http::Origin* first = nullptr;
  for (const Upstream& upstream : settings.upstreams) {
    if (!upstream.credential || &settings.credentials[*upstream.credential] != &credential)
      continue;
    const http::Origin& origin =
        credential.login_origin ? *credential.login_origin : upstream.origin;
    if (first != nullptr && *first != origin) return true;
    first = &origin;
  }
  return false;
}

}  // namespace

void parse_cache(const Mapping& mapping, Credential& credential) {
  const YamlNode* node = mapping.find("cache");
  if (!node) return;
  Problems& problems = mapping.problems();
  const Mapping keys(*node, "in \"cache\" " + mapping.where(), cache_keys, problems);
  if (node->kind != YamlNode::Kind::mapping) return;
  SessionCache cache;
  cache.place = node->key_spot.place;
  const YamlNode* file = keys.need("file", "write the name of a file in state_dir");
  keys.read_text("file", cache.file);
  if (file != nullptr && !is_file_name(cache.file)) {
    complain(*file, "must be the path of a file, without \"..\"", problems);
  }
  keys.need("key", "write {file: PATH} or {systemd: NAME} of a text to seal the file with");
  const auto key = keys.read_secret("key");
  if (!credential.logs_in) {
    complain(*node, "has nothing to keep: this credential does not log in", problems);
  }
  if (!key || cache.file.empty()) return;
  cache.key = *key;
  credential.cache = std::move(cache);
}

void check_caches(const Settings& settings, Problems& problems) {
  const auto& all = settings.credentials;
  for (auto credential = all.begin(); credential != all.end(); ++credential) {
    if (!credential->cache) continue;
    const Spot spot{credential->cache->place, length_of_cache};
    const auto same = std::find_if(all.begin(), credential, [&](const Credential& other) {
      return other.cache && other.cache->file == credential->cache->file;
    });
    if (same != credential) {
      problems.add(spot, fmt::format("\"cache\" names the same file as that of credential \"{}\": "
                                     "each session needs a file of its own",
                                     same->name));
    }
    if (log_in_at_two_servers(settings, *credential)) {
      problems.add(spot,
                   fmt::format("\"cache\" holds one session, and credential \"{}\" logs in at two "
                               "servers: write a credential for each, with a file of its own",
                               credential->name));
    }
  }
}

}  // namespace vsaproxy::settings
