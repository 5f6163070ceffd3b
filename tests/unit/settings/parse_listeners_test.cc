#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

// From line 2 on.
std::string with_listeners(std::string_view entries) {
  return fmt::format(
      "version: 1\nlisteners:\n{}upstreams: {{v: {{url: https://v.example, auth: none}}}}\n",
      entries);
}

TEST_CASE("every kind of address is read") {
  struct Row {
    std::string_view text;
    ListenAddress address;
    std::string_view name;
  };
  const Row rows[] = {{"127.0.0.1:3128", TcpAddress{"127.0.0.1", 3128}, "127.0.0.1:3128"},
                      {"127.9.8.7:0", TcpAddress{"127.9.8.7", 0}, "127.9.8.7:0"},
                      {"\"[::1]:3128\"", TcpAddress{"::1", 3128}, "[::1]:3128"},
                      {"\"[0:0::0:1]:1\"", TcpAddress{"::1", 1}, "[::1]:1"},
                      {"unix:proxy.sock", UnixAddress{"proxy.sock"}, "unix:proxy.sock"},
                      {"unix:/run/p.sock", UnixAddress{"/run/p.sock"}, "unix:/run/p.sock"},
                      {"systemd:http", SystemdAddress{"http"}, "systemd:http"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto settings = good_settings(with_listeners(fmt::format("  - address: {}\n", row.text)));
    CHECK(settings.listeners[0].address == row.address);
    CHECK(settings.listeners[0].name == row.name);
    CHECK(to_string(settings.listeners[0].address) == row.name);
    CHECK(settings.listeners[0].place.line == 3);
  }
}

TEST_CASE("a listener's keys are read") {
  const auto settings = good_settings(with_listeners(R"(  - name: one
    address: 127.0.0.1:1
    modes: [forward]
    allowed_hosts: [Proxy.Internal, "[::1]"]
    browsers: refuse
    tls: {certificate: {file: a.crt}, key: {systemd: a-key}, min_version: "1.3"}
  - {address: unix:x, modes: [reverse], expose: false, trusted_proxies: []}
)"));
  REQUIRE(settings.listeners.size() == 2);
  const Listener& one = settings.listeners[0];
  CHECK(one.name == "one");
  CHECK_FALSE(one.reverse);
  CHECK(one.forward);
  CHECK(one.allowed_hosts == std::vector<std::string>{"proxy.internal", "::1"});
  REQUIRE(one.tls);
  CHECK(one.tls->certificate == base::SecretRef{base::SecretRef::Kind::file, "a.crt", {}});
  CHECK(one.tls->key == base::SecretRef{base::SecretRef::Kind::systemd, "a-key", {}});
  CHECK(one.tls->min_version == TlsVersion::tls_1_3);
  CHECK(settings.listeners[1].reverse);
  CHECK_FALSE(settings.listeners[1].forward);
}

TEST_CASE("addresses that can't be listened on are refused with the fix") {
  constexpr std::string_view no_address =
      "must be an address and a port, such as 127.0.0.1:3128 or \"[::1]:3128\"";
  for (const std::string_view text :
       {"3128", "localhost:3128", ":3128", "127.0.0.1", "\"127.0.0.1:\"", "127.0.0.1:65536",
        "127.0.0.1:x", "127.1:80", "::1:3128", "\"[127.0.0.1]:1\"", "\"[::1\"", "\"[]:1\"",
        "a b"}) {
    CAPTURE(text);
    CHECK(first_problem_of(with_listeners(fmt::format("  - address: {}\n", text))) ==
          fmt::format("3:14: \"address\" {}", no_address));
  }
  for (const std::string_view text :
       {"0.0.0.0:1", "192.0.2.1:80", "\"[::]:1\"", "\"[2001:db8::1]:1\""}) {
    CAPTURE(text);
    CHECK(first_problem_of(with_listeners(fmt::format("  - address: {}\n", text))) ==
          "3:14: \"address\" is not a loopback address: whoever reaches it could use the account; "
          "write 127.0.0.1 or [::1], or expose: true and rules under clients");
  }
  check_bad_files({
      {with_listeners("  - address: \"systemd:\"\n"),
       "3:14: \"address\" needs a name after \"systemd:\": that of FileDescriptorName= in the "
       "socket unit"},
      {with_listeners("  - address: \"unix:\"\n"),
       "3:14: \"address\" needs a path of 1 to 107 bytes after \"unix:\""},
      {with_listeners("  - name: a\n"),
       "3:5: missing key \"address\" in listener \"a\": write 127.0.0.1:PORT, \"[::1]:PORT\" or "
       "unix:PATH"},
  });
}

TEST_CASE("wrong listeners are refused") {
  check_bad_files({
      {with_listeners("  []\n"), "2:1: \"listeners\" needs at least one entry"},
      {with_listeners("  {address: 127.0.0.1:1}\n"),
       "2:1: \"listeners\" must be a list: write it in brackets, as in [a, b]"},
      {with_listeners("  - {address: 127.0.0.1:1, modes: reverse}\n"),
       "3:35: \"modes\" must be a list: write it in brackets, as in [a, b]"},
      {with_listeners("  - {address: 127.0.0.1:1, modes: []}\n"),
       "3:28: \"modes\" needs at least one of reverse and forward"},
      {with_listeners("  - {address: 127.0.0.1:1, modes: [reverse, connect]}\n"),
       "3:45: \"connect\" is not supported yet"},
      {with_listeners("  - {address: 127.0.0.1:1, modes: [intercept]}\n"),
       "3:36: \"intercept\" is not supported yet"},
      {with_listeners("  - {address: 127.0.0.1:1, modes: [revers]}\n"),
       "3:36: must be reverse or forward (did you mean \"reverse\"?)"},
      {with_listeners("  - {address: 127.0.0.1:1, allowed_hosts: [\"a:1\"]}\n"),
       "3:44: must be a host without a port: ports are ignored"},
      {with_listeners("  - {address: 127.0.0.1:1, allowed_hosts: [\"::1\"]}\n"),
       "3:44: must have an IPv6 address in brackets and quotes: \"[::1]\""},
      {with_listeners("  - {address: 127.0.0.1:1, allowed_hosts: [\"*\"]}\n"),
       "3:44: must be a host name or an address"},
      {with_listeners("  - {address: 127.0.0.1:1, allowed_hosts: []}\n"),
       "3:28: \"allowed_hosts\" needs at least one host: an empty list would refuse every request"},
      {with_listeners("  - {address: 127.0.0.1:1, name: a b}\n"),
       "3:34: a name has letters, digits, \"-\", \"_\" and \".\" only, and at most 64 of them"},
      {with_listeners("  - {address: 127.0.0.1:1, tls: {key: {file: k}}}\n"),
       "3:28: missing key \"certificate\" in \"tls\" in listener 1: write {file: PATH} of the "
       "chain "
       "in PEM, leaf first"},
      {with_listeners("  - {address: 127.0.0.1:1, tls: {certificate: {file: c}, key: k}}\n"),
       "3:58: \"key\" takes no value here: put the value into a file that only the proxy may read, "
       "and write {file: PATH}, {systemd: NAME}, {env: NAME} or {command: [PROGRAM]}"},
  });
}

TEST_CASE("listen and listeners exclude each other, and one is needed") {
  check_bad_files({
      {with_upstream("listeners: [{address: 127.0.0.1:1}]\n"),
       "2:1: \"listen\" is the short form of one entry of \"listeners\": write only one"},
      {"version: 1\nupstreams: {v: {url: https://v, auth: none}}\n",
       "1:1: missing key \"listen\" at the top level: write listen: 127.0.0.1:3128"},
      {"version: 1\nlisteners:\nupstreams: {v: {url: https://v, auth: none}}\n",
       "2:1: \"listeners\" has no value: write one, or remove the key"},
      {"version: 1\nlisten: [127.0.0.1:1]\nupstreams: {v: {url: https://v, auth: none}}\n",
       "2:1: \"listen\" must be a text"},
  });
}

TEST_CASE("an address or a name is used once") {
  check_bad_files({
      {with_listeners("  - {address: 127.0.0.1:1, name: a}\n  - {address: 127.0.0.1:1, name: b}\n"),
       "4:15: the address 127.0.0.1:1 is used twice, by listeners or by admin"},
      {with_listeners("  - {address: unix:a/x}\n  - {address: unix:a/./x}\n"),
       "4:15: the address unix:a/./x is used twice, by listeners or by admin"},
      {with_listeners("  - {address: 127.0.0.1:9128}\n"),
       "3:15: the address 127.0.0.1:9128 is used twice, by listeners or by admin"},
      {with_listeners("  - {address: 127.0.0.1:1, name: a}\n  - {address: 127.0.0.1:2, name: a}\n"),
       "4:15: two listeners are called \"a\": give each a name"},
      {with_listeners("  - {address: 127.0.0.1:0}\n  - {address: 127.0.0.1:0}\n"),
       "4:15: two listeners are called \"127.0.0.1:0\": give each a name"},
  });
  const auto two = good_settings(
      with_listeners("  - {address: 127.0.0.1:0, name: a}\n  - {address: 127.0.0.1:0, name: b}\n"));
  CHECK(two.listeners.size() == 2);
}

}  // namespace
}  // namespace vsaproxy::settings
