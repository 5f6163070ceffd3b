#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

// One upstream called v; its keys stand on line 4 behind `  v: {auth: none, `.
std::string with_keys(std::string_view keys) {
  return with_head(fmt::format("upstreams:\n  v: {{auth: none, {}}}\n", keys));
}

TEST_CASE("an upstream's keys are read") {
  const auto settings = good_settings(with_head(R"(upstreams:
  vsa:
    url: https://VSA.example.com:8443/
    auth: none
    connect: 198.51.100.7
    tls: {ca: {file: ca.pem}, only_ca: true, min_version: "1.3", server_name: other.example.com}
    timeouts: {connect: 1s, tls: 2s, response_header: 3s, idle: 4s}
    pool: {max_connections: 5, idle_timeout: 6s}
    replay: {methods: [GET, PUT], max_body: 1KiB, expect_continue: true}
    case: sensitive
)"));
  REQUIRE(settings.upstreams.size() == 1);
  const Upstream& vsa = settings.upstreams[0];
  CHECK(vsa.name == "vsa");
  CHECK(vsa.origin == http::Origin{"https", "vsa.example.com", 8443});
  REQUIRE(vsa.connect);
  CHECK(vsa.connect->host == "198.51.100.7");
  CHECK(vsa.connect->port == 8443);
  REQUIRE(vsa.tls.ca);
  CHECK(vsa.tls.ca->name == "ca.pem");
  CHECK(vsa.tls.only_ca);
  CHECK(vsa.tls.min_version == TlsVersion::tls_1_3);
  CHECK(vsa.tls.server_name == "other.example.com");
  CHECK(vsa.timeouts == Timeouts{seconds(1), seconds(2), seconds(3), seconds(4)});
  CHECK(vsa.pool == Pool{5, seconds(6)});
  CHECK(vsa.replay == Replay{false, {"GET", "PUT"}, 1024, true});
  CHECK(vsa.path_case == PathCase::sensitive);
}

TEST_CASE("pins and a client certificate are read") {
  constexpr std::string_view pin = "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=";
  constexpr std::string_view spare = "E9CZ9INDbd+2eRQozYqqbQ2yXLVKB9+xcprMF+44U1g=";
  const auto tls =
      good_settings(
          with_keys(fmt::format("url: https://v, tls: {{pin_sha256: [{}, \"{}\"], "
                                "client_certificate: {{file: a.crt}}, client_key: {{env: K}}}}",
                                pin, spare)))
          .upstreams[0]
          .tls;
  CHECK(tls.pins == std::vector<std::string>{std::string(pin), std::string(spare)});
  CHECK(tls.client_certificate == base::SecretRef{base::SecretRef::Kind::file, "a.crt", {}});
  CHECK(tls.client_key == base::SecretRef{base::SecretRef::Kind::env, "K", {}});
}

TEST_CASE("a pin that no server can have is refused") {
  constexpr std::string_view wrong =
      "a pin must be the SHA-256 of the certificate's public key in base64, 44 characters: openssl "
      "x509 -in server.crt -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst "
      "-sha256 "
      "-binary | base64";
  for (const std::string_view pin :
       {"abc", "AAAA", "\"sha256//d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=\"",
        "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM",
        // SHA-1; hexadecimal; bits behind the last byte; the letters of URLs; in lines.
        "\"2jmj7l5rSw0yVb/vlWAYkK/YBwk=\"",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmN=",
        "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVo_WmM=",
        "\"d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM= \""}) {
    CAPTURE(pin);
    CHECK(first_problem_of(with_keys(fmt::format("url: https://v, tls: {{pin_sha256: [{}]}}",
                                                 pin))) == fmt::format("4:54: {}", wrong));
  }
  check_bad_files({
      {with_keys("url: https://v, tls: {pin_sha256: []}"),
       "4:41: \"pin_sha256\" needs at least one pin: an empty list would refuse every server"},
      {with_keys("url: https://v, tls: {client_key: {file: a}}"),
       "4:41: \"client_key\" needs a \"client_certificate\" beside it"},
      {with_keys("url: https://v, tls: {client_certificate: {file: a}}"),
       "4:41: \"client_certificate\" needs a \"client_key\" beside it"},
  });
}

TEST_CASE("replayed methods are all, the reading ones or a list") {
  CHECK(good_settings(with_keys("url: https://v, replay: {methods: all}"))
            .upstreams[0]
            .replay.all_methods);
  CHECK(good_settings(with_keys("url: https://v, replay: {methods: read}"))
            .upstreams[0]
            .replay.methods == std::vector<std::string>{"GET", "HEAD"});
}

TEST_CASE("the limits of an upstream are none, or those that are written") {
  CHECK_FALSE(good_settings(with_keys("url: https://v")).upstreams[0].limits);
  const auto limits_of = [](std::string_view limits) {
    return *good_settings(with_keys(fmt::format("url: https://v, limits: {{{}}}", limits)))
                .upstreams[0]
                .limits;
  };
  CHECK(limits_of("concurrency: 64, rate: 20/s, burst: 40, queue: 0") ==
        RequestLimits{64, std::chrono::milliseconds(50), 40, 0});
  CHECK(limits_of("concurrency: 1") == RequestLimits{1, std::nullopt, 1, 100});
  CHECK(limits_of("rate: 30/m") == RequestLimits{std::nullopt, seconds(2), 1, 100});
}

TEST_CASE("http is for loopback, or for who insists") {
  for (const std::string_view keys :
       {"url: http://127.0.0.1:9280", "url: \"http://[::1]\"", "url: http://localhost",
        "url: http://vsa.example.com, insecure_http: true"}) {
    CAPTURE(keys);
    CHECK(good_settings(with_keys(keys)).upstreams[0].origin.scheme == "http");
  }
  for (const std::string_view keys :
       {"url: http://vsa.example.com", "url: http://127.0.0.1.example.com",
        "url: http://localhost.example.com", "url: http://vsa.example.com, insecure_http: false",
        "url: http://localhost, connect: \"192.0.2.1:80\"",
        "url: http://vsa.example.com, connect: \"127.0.0.1:80\""}) {
    CAPTURE(keys);
    CHECK(first_problem_of(with_keys(keys)) ==
          "4:24: \"url\" is http:// to another machine, where anybody on the way can read the "
          "credential: write https://, or add insecure_http: true");
  }
}

TEST_CASE("wrong upstreams are refused") {
  constexpr std::string_view no_url =
      "4:24: \"url\" must be a URL of scheme, host and port only, such as https://vsa.example.com";
  constexpr std::string_view has_path =
      "4:24: \"url\" must not have a path or query: write scheme, host and port only, and the "
      "API's "
      "path as \"base\" of the credential or in the tool";
  check_bad_files({
      {with_keys("url: vsa.example.com"), no_url},
      {with_keys("url: ftp://vsa.example.com"), no_url},
      {with_keys("url: https://"), no_url},
      {with_keys("url: \"https://vsa:99999\""), no_url},
      {with_keys("url: https://vsa.example.com/api"), has_path},
      {with_keys("url: \"https://vsa.example.com?a=b\""), has_path},
      {with_keys("url: \"https://user:pass@vsa.example.com\""),
       "4:24: \"url\" must not hold a user name or password: those belong under \"auth\""},
      {with_keys("case: sensitive"),
       "4:3: missing key \"url\" in upstream \"v\": write url: "
       "https://HOST"},
      {with_head("upstreams:\n  v: {url: https://v}\n"),
       "4:3: missing key \"auth\" in upstream \"v\": write a credential, or none to send requests "
       "as they come"},
      {with_keys("url: https://v, connect: a/b"),
       "4:44: \"connect\" must be a host and a port, such as 198.51.100.7:443"},
      {with_keys("url: https://v, tls: {only_ca: true}"),
       "4:50: \"only_ca\" needs a \"ca\" beside it: nothing else would be trusted"},
      {with_keys("url: https://v, tls: {min_version: \"1.1\"}"),
       "4:54: \"min_version\" must be 1.2 or 1.3 (did you mean \"1.2\"?)"},
      {with_keys("url: https://v, tls: {server_name: \"a:443\"}"),
       "4:54: \"server_name\" must be a host without a port: ports are ignored"},
      {with_keys("url: http://localhost, tls: {only_ca: false}"),
       "4:42: \"tls\" has no use with an http:// url: remove one"},
      {with_keys("url: https://v, timeouts: {connect: 5}"),
       "4:55: \"connect\" needs a unit: 5s, or 5ms"},
      {with_keys("url: https://v, timeouts: {conect: 5s}"),
       "4:46: unknown key \"conect\" in \"timeouts\" in upstream \"v\" (did you mean "
       "\"connect\"?)"},
      {with_keys("url: https://v, pool: {max_connections: 0}"),
       "4:59: \"max_connections\" must be a whole number from 1 to 65535"},
      {with_keys("url: https://v, limits: 20"),
       "4:43: \"limits\" must be a mapping of keys and values"},
      {with_keys("url: https://v, limits: {}"),
       "4:35: \"limits\" needs \"concurrency\" or \"rate\": without them nothing is limited"},
      {with_keys("url: https://v, limits: {queue: 5}"),
       "4:35: \"limits\" needs \"concurrency\" or \"rate\": without them nothing is limited"},
      {with_keys("url: https://v, limits: {concurrency: 5, burst: 2}"),
       "4:67: \"burst\" has no use without a \"rate\": remove it, or add one"},
      {with_keys("url: https://v, limits: {concurrency: 0}"),
       "4:57: \"concurrency\" must be a whole number from 1 to 1000000"},
      {with_keys("url: https://v, limits: {rate: 20}"),
       "4:50: \"rate\" needs a unit: 20/s, or 20/m"},
      {with_keys("url: https://v, limits: {rate: -5/s}"),
       "4:50: \"rate\" must be a rate in whole numbers such as 20/s, 300/m or 1000/h, from 1/h to "
       "1000000/s"},
      {with_keys("url: https://v, limits: {rate: 5/s, burst: 0}"),
       "4:62: \"burst\" must be a whole number from 1 to 1000000"},
      {with_keys("url: https://v, limits: {rate: 5/s, queue: -1}"),
       "4:62: \"queue\" must be a whole number from 0 to 10000"},
      {with_keys("url: https://v, limits: {rates: 5/s}"),
       "4:44: unknown key \"rates\" in \"limits\" in upstream \"v\" (did you mean \"rate\"?)"},
      {with_keys("url: https://v, replay: {methods: [get]}"),
       "4:54: must be a method in capitals: GET"},
      {with_keys("url: https://v, replay: {methods: []}"),
       "4:44: \"methods\" must be all, read or a list of methods"},
      {with_keys("url: https://v, replay: {max_body: 1GiB}"),
       "4:54: \"max_body\" must be at most 64MiB: every request in work may hold as much"},
      {with_keys("url: https://v, case: Insensitive"),
       "4:41: \"case\" must be insensitive or sensitive (did you mean \"insensitive\"?)"},
      {with_head("upstreams: {}\n"), "3:1: \"upstreams\" needs at least one entry"},
      {with_head("workers: 1\n"),
       "1:1: missing key \"upstreams\" at the top level: write the server to call under a name of "
       "yours"},
      {with_upstream("  vsa: {url: https://b, auth: none}\n"),
       "5:3: duplicate name \"vsa\" in \"upstreams\""},
  });
}

}  // namespace
}  // namespace vsaproxy::settings
