// Targets, authorities, URLs and paths: what is accepted is read the same way when it is written
// and read again, and holds nothing that another reader could take differently.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/target.h"
#include "tests/fuzz/check.h"

namespace vsaproxy::http {

namespace {

using fuzz::check;

void fuzz_path(std::string_view path, PathOptions options) {
  const auto first = normalize_path(path, options);
  if (!first) return;
  const auto again = normalize_path(first->sent, options);
  check(again && again->sent == first->sent && again->decoded == first->decoded,
        "a path that is sent is read as it was matched");
  const std::string& decoded = first->decoded;
  check(first->sent.front() == '/' && decoded.front() == '/', "a path begins with a slash");
  for (const char* bad : {"//", "/../", "/./", "\\"}) {
    check(decoded.find(bad) == std::string::npos, "a matched path has nothing to resolve");
  }
  check(std::all_of(decoded.begin(), decoded.end(),
                    [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; }),
        "a matched path has no control character");
  check(!decoded.ends_with("/..") && !decoded.ends_with("/."), "a matched path ends with a name");
  const auto slashes = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '/');
  };
  check(slashes(first->sent) == slashes(decoded),
        "what is sent has the segments of what is matched");
}

void fuzz_authority(std::string_view text) {
  const auto authority = parse_authority(text);
  check(authority.has_value() == is_authority(text), "both checks of an authority agree");
  if (!authority) return;
  std::string written = authority->is_ipv6 ? "[" + authority->host + "]" : authority->host;
  if (authority->port) written += ":" + std::to_string(*authority->port);
  check(parse_authority(written) == *authority, "a written authority is the same");
}

void fuzz_url(std::string_view text) {
  const auto url = parse_url(text);
  if (!url) return;
  const auto again = parse_url(url->origin.to_string() + url->path);
  check(again && again->origin == url->origin && again->path == url->path,
        "a written URL is the same");
  check(is_authority(url->origin.authority()), "an origin has an authority");
}

void fuzz_target(std::string_view method, std::string_view text) {
  const auto target = parse_target(method, text);
  if (!target) return;
  check(target->authority.empty() || is_authority(target->authority),
        "the authority of a target is one");
  if (target->form == Form::origin) {
    check(std::string(target->path).append(target->query) == text, "nothing of a target is lost");
  }
}

}  // namespace

}  // namespace vsaproxy::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vsaproxy::http;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const bool has_rules : {false, true}) {
    for (const bool raw_paths : {false, true}) fuzz_path(input, {has_rules, raw_paths});
  }
  fuzz_authority(input);
  fuzz_url(input);
  for (const char* method : {"GET", "OPTIONS", "CONNECT"}) fuzz_target(method, input);
  return 0;
}
