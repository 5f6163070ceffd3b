#include <filesystem>
#include <fstream>
#include <iterator>

#include "proxy/settings/known_keys.h"
#include "proxy/settings/source_text.h"
#include "tests/support/tests_folder.h"
#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

const std::filesystem::path config_dir = tests_folder().parent_path() / "config";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream input(path, std::ios::binary);
  REQUIRE(input.good());
  return {std::istreambuf_iterator<char>(input), {}};
}

// "#key: value" and "#  key: value" are keys with their defaults; "# Words" are words. `listen`
// gives way to the longer form.
std::string uncomment(std::string_view text) {
  std::string result;
  for (std::string_view line : split_lines(text)) {
    if (line.starts_with("listen:")) continue;
    const bool is_key = line.size() > 1 && line[0] == '#' && (line[1] != ' ' || line[2] == ' ');
    if (is_key) line.remove_prefix(1);
    result.append(line).append("\n");
  }
  return result;
}

// As a key, with a value behind it or below.
bool names(std::string_view text, std::string_view key) {
  return text.find(fmt::format("{}: ", key)) != std::string_view::npos ||
         text.find(fmt::format("{}:\n", key)) != std::string_view::npos;
}

void check_same(const Settings& a, const Settings& b) {
  REQUIRE(a.listeners.size() == b.listeners.size());
  for (std::size_t i = 0; i < a.listeners.size(); ++i) {
    CHECK(a.listeners[i].name == b.listeners[i].name);
    CHECK(a.listeners[i].address == b.listeners[i].address);
    CHECK(a.listeners[i].reverse == b.listeners[i].reverse);
    CHECK(a.listeners[i].forward == b.listeners[i].forward);
    CHECK(a.listeners[i].allowed_hosts == b.listeners[i].allowed_hosts);
    CHECK(a.listeners[i].tls == b.listeners[i].tls);
    CHECK(a.listeners[i].browsers == b.listeners[i].browsers);
    CHECK(a.listeners[i].require_header == b.listeners[i].require_header);
    CHECK(a.listeners[i].clients == b.listeners[i].clients);
    CHECK(a.listeners[i].socket == b.listeners[i].socket);
    CHECK(a.listeners[i].expose == b.listeners[i].expose);
    CHECK(a.listeners[i].trusted_proxies == b.listeners[i].trusted_proxies);
  }
  CHECK(a.workers == b.workers);
  CHECK(a.credentials == b.credentials);
  CHECK(a.upstreams == b.upstreams);
  CHECK(a.routes == b.routes);
  CHECK(a.mode == b.mode);
  CHECK(a.limits == b.limits);
  CHECK(a.admin == b.admin);
  CHECK(a.log == b.log);
}

TEST_CASE("the shipped file is the smallest one until a key is uncommented") {
  check_same(good_settings(read_file(config_dir / "vsaproxy.yaml")), good_settings(smallest_file));
}

TEST_CASE("every commented key of the shipped file shows its default") {
  const Settings all = good_settings(uncomment(read_file(config_dir / "vsaproxy.yaml")));
  check_same(all, good_settings(smallest_file));
  CHECK(all.state_dir == "/var/lib/vsaproxy");
  CHECK(all.runtime_dir == "/run/vsaproxy");
}

TEST_CASE("the shipped file and the reference name every key that is supported") {
  const std::string shipped = read_file(config_dir / "vsaproxy.yaml");
  const std::string reference = read_file(config_dir / "README.md");
  constexpr std::span<const Key> tables[] = {
      cache_keys,        browsers_keys,     require_header_keys, socket_keys, clients_keys,
      api_keys_keys,     api_key_keys,      certificate_keys,    file_keys,   listener_keys,
      listener_tls_keys, credential_keys,   backoff_keys,        check_keys,  login_budget_keys,
      upstream_keys,     upstream_tls_keys, timeouts_keys,       pool_keys,   request_limits_keys,
      replay_keys,       rule_keys,         route_keys,          match_keys,  limits_keys,
      admin_keys,        log_keys,          output_keys,         access_keys};
  for (const auto table : tables) {
    for (const Key& key : table) {
      CAPTURE(key.name);
      CHECK(reference.find(fmt::format("`{}`", key.name)) != std::string::npos);
      if (key.support == Support::later) continue;
      CHECK(names(shipped, key.name));
    }
  }
}

TEST_CASE("every example is accepted") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(config_dir / "examples")) {
    CAPTURE(entry.path().filename().string());
    CHECK(entry.path().extension() == ".yaml");
    good_settings(read_file(entry.path()));
    ++count;
  }
  CHECK(count >= 8);
}

TEST_CASE("the quickstart talks to the simulator and keeps its ports") {
  const Settings settings = good_settings(read_file(config_dir / "examples/quickstart.yaml"));
  CHECK(settings.listeners[0].address == ListenAddress(TcpAddress{"127.0.0.1", 3128}));
  REQUIRE(settings.admin);
  CHECK(settings.admin->address == TcpAddress{"127.0.0.1", 9128});
  CHECK(settings.upstreams[0].origin == http::Origin{"http", "127.0.0.1", 9280});
  CHECK(settings.credentials[0].values.text("username") == "demo");
  CHECK(settings.credentials[0].values.secret("token")->name == "quickstart.pat");
}

}  // namespace
}  // namespace vsaproxy::settings
