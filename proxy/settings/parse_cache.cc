#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "proxy/settings/sections.h"

namespace vsaproxy::settings {
namespace {

constexpr std::size_t length_of_cache = std::string_view("cache").size();

// Names of files that the proxy makes itself: beside a cache, and in state_dir.
constexpr std::array<std::string_view, 2> own_endings = {".lock", ".tmp"};
constexpr std::string_view own_folder = "logins";

std::filesystem::path place_of(const Settings& settings, std::string_view file) {
  return (std::filesystem::path(settings.state_dir) / file).lexically_normal();
}

bool is_own_file(const Settings& settings, const std::string& file) {
  const auto folder = place_of(settings, own_folder);
  const auto place = place_of(settings, file);
  const bool is_beside = std::any_of(own_endings.begin(), own_endings.end(),
                                     [&](std::string_view end) { return file.ends_with(end); });
  return is_beside ||
         std::mismatch(folder.begin(), folder.end(), place.begin(), place.end()).first ==
             folder.end();
}

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
      return other.cache &&
             place_of(settings, other.cache->file) == place_of(settings, credential->cache->file);
    });
    if (is_own_file(settings, credential->cache->file)) {
      problems.add(
          spot,
          "\"cache\" takes the name of a file of the proxy's own: no ending .lock or .tmp, "
          "and nothing in the folder logins");
    }
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
