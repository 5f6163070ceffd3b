#include "proxy/settings/parse_settings.h"

#include <algorithm>

#include "proxy/settings/sections.h"
#include "proxy/settings/source_text.h"
#include "proxy/settings/units.h"

namespace vsaproxy::settings {
namespace {

constexpr std::uint64_t this_version = 1;

// False if the file is of another version, whose keys may mean something else: nothing more is then
// said about it.
bool is_this_version(const YamlNode& root, Problems& problems) {
  for (const YamlNode& entry : root.children) {
    if (entry.key != "version" || entry.kind == YamlNode::Kind::null) continue;
    const auto version = parse_count(entry.text, 1, 1'000'000);
    if (!version) {
      complain(entry, "must be 1", problems);
    } else if (*version != this_version) {
      complain(entry, "is newer than this program understands: it reads version 1", problems);
      return false;
    }
  }
  return true;
}

void read_file(const YamlNode& root, Settings& settings, Problems& problems) {
  if (!is_this_version(root, problems)) return;
  const Mapping file(root, "at the top level", file_keys, problems);
  if (root.kind != YamlNode::Kind::mapping) return;
  file.need("version", "write version: 1");
  parse_service(file, settings);
  parse_listeners(file, settings);
  const CredentialNames names = parse_credentials(file, settings);
  parse_upstreams(file, names, settings);
  check_caches(settings, problems);
  parse_routes(file, settings);
}

}  // namespace

ParseOutcome parse_settings(std::string_view text, std::string_view file_name) {
  ParseOutcome outcome;
  outcome.settings.file = file_name;
  Problems problems;
  if (const auto root = parse_yaml(without_bom(text), problems)) {
    read_file(*root, outcome.settings, problems);
  }
  outcome.problems = problems.take();
  return outcome;
}

}  // namespace vsaproxy::settings
