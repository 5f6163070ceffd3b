#include "proxy/auth/scheme_list.h"
#include "proxy/settings/mapping.h"
#include "tests/unit/settings/settings_fixture.h"

namespace vsaproxy::settings {
namespace {

// One credential called c; its keys stand from line 5 on, with an indent of 4.
std::string with_credential(std::string_view keys) {
  return fmt::format(
      "version: 1\nlisten: 127.0.0.1:1\ncredentials:\n  c:\n{}upstreams: {{v: {{url: "
      "https://v.example, auth: c}}}}\n",
      keys);
}

std::string with_pat(std::string_view keys) {
  return with_credential(fmt::format(
      "    type: kaseya-vsa9\n    username: u\n    token: {{file: t}}\n    {}\n", keys));
}

std::string type_names() {
  std::vector<std::string_view> names;
  for (const auth::SchemeSpec* spec : auth::all_schemes()) names.push_back(spec->name);
  names.push_back("none");
  return alternatives(names);
}

TEST_CASE("a credential's own and common keys are read") {
  const auto settings = good_settings(with_credential(R"(    type: kaseya-vsa9
    username: DOMAIN\svc
    base: /custom/api/
    password: {env: VSA_PASSWORD}
    password_formula: documented
    two_factor: ""
    encoding: latin-1
    renew_before: 10%
    max_age: 5m
    one_session: false
    relogin_on: [401, 440]
    login_timeout: 3s
    backoff: {min_backoff: 2s, max_backoff: 1m}
    login_budget: {rejected: 1, per: 2h}
    check: {method: HEAD, path: /custom/ping}
)"));
  REQUIRE(settings.credentials.size() == 1);
  const Credential& c = settings.credentials[0];
  CHECK(c.name == "c");
  CHECK(c.values.text("username") == "DOMAIN\\svc");
  CHECK(c.values.text("two_factor") == "");
  CHECK(c.values.text("encoding") == "latin-1");
  REQUIRE(c.values.secret("password") != nullptr);
  CHECK(*c.values.secret("password") ==
        base::SecretRef{base::SecretRef::Kind::env, "VSA_PASSWORD", {}});
  CHECK(std::get<double>(c.renew_before) == Approx(0.1));
  CHECK(c.max_age == minutes(5));
  CHECK_FALSE(c.one_session);
  CHECK(c.relogin_on == std::vector<int>{401, 440});
  CHECK(c.min_backoff == seconds(2));
  CHECK(c.max_backoff == minutes(1));
  CHECK(c.login_budget == auth::BudgetSettings{1, std::chrono::hours(2)});
  CHECK(c.check == SessionCheck{"HEAD", "/custom/ping"});
}

TEST_CASE("the check goes to the API's base unless a path is written") {
  CHECK(good_settings(with_pat("base: /x/")).credentials[0].check.path == "/x/echoauth");
  CHECK(good_settings(with_pat("base: \"\"")).credentials[0].check.path == "/echoauth");
  CHECK(good_settings(with_pat("check: {path: \"/p?a=b\"}")).credentials[0].check.path == "/p?a=b");
}

TEST_CASE("a static credential and none are read") {
  const auto header = good_settings(
      with_credential("    type: header\n    name: X-Api-Key\n    value: {systemd: api-key}\n"));
  CHECK(header.upstreams[0].credential == 0U);
  CHECK_FALSE(header.credentials[0].one_session);
  CHECK(header.credentials[0].check.path.empty());
  const auto none = good_settings(with_credential("    type: none\n"));
  CHECK(none.credentials.empty());
  CHECK(none.upstreams[0].credential == std::nullopt);
}

TEST_CASE("a base may depend on another key") {
  const auto with_key = [](std::string_view keys) {
    return good_settings(with_credential(fmt::format(
                             "    type: veeam-vspc\n    private_key: {{file: k}}\n{}", keys)))
        .credentials[0];
  };
  CHECK(with_key("").api_base == "/api/v3");
  CHECK(with_key("    api: v2\n").check.path == "/api/v3/users/me");
  CHECK(with_key("    api: v1\n").api_base.empty());
  CHECK(with_key("    api: v1\n    base: /x\n").check.path == "/x/users/me");
  CHECK(with_key("").logs_in);
}

TEST_CASE("values may make a credential static that could log in") {
  const auto settings =
      good_settings(with_credential("    type: veeam-vspc\n    api_key: {env: K}\n"));
  CHECK_FALSE(settings.credentials[0].logs_in);
}

TEST_CASE("upstreams may share a credential") {
  const auto settings = good_settings(
      with_head("credentials: {c: {type: kaseya-vsa9, username: u, token: {file: t}}}\n"
                "upstreams: {a: {url: https://a, auth: c}, b: {url: https://b, auth: c}}\n"
                "routes: [{match: {path_prefix: /a}, upstream: a}, {upstream: b}]\n"));
  CHECK(settings.credentials.size() == 1);
  CHECK(settings.upstreams[0].credential == settings.upstreams[1].credential);
}

TEST_CASE("types and keys of credentials are checked") {
  CHECK(first_problem_of(with_credential("    username: u\n")) ==
        "4:3: missing key \"type\" in credential \"c\": it must be " + type_names());
  CHECK(first_problem_of(with_credential("    type: kaseya-vsa8\n")) ==
        "5:11: \"type\" must be " + type_names() + " (did you mean \"kaseya-vsa9\"?)");
  check_bad_files({
      {with_credential("    type: none\n    username: u\n"),
       "6:5: unknown key \"username\" in credential \"c\""},
      {with_pat("user_name: x"),
       "8:5: unknown key \"user_name\" in credential \"c\" (did you mean \"username\"?)"},
      {with_pat("username: u"),
       "8:5: duplicate key \"username\" in credential \"c\" (first on line 6)"},
      {with_pat("password: {file: p}"),
       "4:3: credential \"c\" has both token and password: keep the one to log in with"},
      {with_credential("    type: kaseya-vsa9\n    token: {file: t}\n"),
       "4:3: missing key \"username\" in credential \"c\": this type can't do without it"},
      {with_credential("    type: kaseya-vsa9\n    username: \"\"\n    token: {file: t}\n"),
       "6:5: \"username\" must not be empty"},
      {with_credential("    type: kaseya-vsa9\n    username: a,b\n    token: {file: t}\n"),
       "6:15: \"username\": must not have a comma: VSA takes it for the end of the value"},
      {with_pat("encoding: utf8"),
       "8:15: \"encoding\" must be utf-8, latin-1 or ascii (did you mean \"utf-8\"?)"},
      {with_pat("renew_before: 60"), "8:19: \"renew_before\" needs a unit: 60s, or 60ms"},
      {with_pat("renew_before: 200%"), "8:19: \"renew_before\" must be a share from 1% to 100%"},
      {with_pat("one_session: yes"), "8:18: \"one_session\" must be true or false"},
      {with_pat("relogin_on: 401"),
       "8:17: \"relogin_on\" must be a list: write it in brackets, as in [a, b]"},
      {with_pat("relogin_on: [200]"),
       "8:18: a status of \"relogin_on\" must be a whole number from 400 to 599"},
      {with_pat("backoff: {min_backoff: 10m}"),
       "8:5: \"backoff\" has a min_backoff above its max_backoff"},
      {with_pat("login_budget: {rejected: 0}"),
       "8:30: \"rejected\" must be a whole number from 1 to 100"},
      {with_pat("check: {method: POST}"), "8:21: \"method\" must be GET or HEAD"},
      {with_pat("check: {path: echo}"), "8:19: \"path\" must be a path that begins with \"/\""},
  });
}

TEST_CASE("a secret may be what a program prints") {
  const auto ref_of = [](std::string_view value) {
    return *good_settings(with_credential(fmt::format(
                              "    type: kaseya-vsa9\n    username: u\n    token: {}\n", value)))
                .credentials[0]
                .values.secret("token");
  };
  const auto plain = ref_of("{command: [/usr/bin/pass]}");
  CHECK(plain.kind == base::SecretRef::Kind::command);
  CHECK(plain.name == "/usr/bin/pass");
  CHECK(plain.command == base::SecretCommand{{}, std::chrono::seconds(10), std::chrono::hours(1)});
  const auto full =
      ref_of("{max_age: 5m, command: [/usr/bin/pass, show, \"\", 12], timeout: 500ms}");
  CHECK(full.command == base::SecretCommand{{"show", "", "12"},
                                            std::chrono::milliseconds(500),
                                            std::chrono::minutes(5)});
  CHECK_FALSE(full == plain);
  constexpr std::string_view wrong =
      "7:13: \"command\" needs a list of the absolute path of a program and its arguments, such as "
      "[/usr/bin/pass, show, vsa]: no shell takes part, and no folder is searched";
  for (const std::string_view value :
       {"[pass, show]", "[./pass]", "/usr/bin/pass", "\"/usr/bin/pass show vsa\"", "[]",
        "[/usr/bin/pass, [a]]", "[/usr/bin/pass, {a: b}]", "[\"\"]", "{a: b}"}) {
    CAPTURE(value);
    CHECK(first_problem_of(with_credential(fmt::format(
              "    type: kaseya-vsa9\n    username: u\n    token: {{command: {}}}\n", value))) ==
          wrong);
  }
}

TEST_CASE("a secret is a reference with exactly one source") {
  constexpr std::string_view by_value =
      "7:5: \"token\" takes no value here: put the value into a file that only the proxy may read, "
      "and write {file: PATH}, {systemd: NAME}, {env: NAME} or {command: [PROGRAM]}";
  const auto with_token = [](std::string_view value) {
    return with_credential(
        fmt::format("    type: kaseya-vsa9\n    username: u\n    token: {}\n", value));
  };
  for (const std::string_view value : {"hunter2", "\"hunter2\"", "|\n      hunter2",
                                       "\n      hunter2", "[hunter2]", "{}", "123"}) {
    CAPTURE(value);
    CHECK(first_problem_of(with_token(value)) == by_value);
  }
  check_bad_files({
      {with_token("{file: a, env: B}"),
       "7:5: \"token\" needs exactly one of file, systemd, env and command"},
      {with_token("{fil: a}"),
       "7:13: a secret is a mapping with one key, file, systemd, env or command (did you mean "
       "\"file\"?)"},
      {with_token("{hunter2}"),
       "7:13: a secret is a mapping with one key, file, systemd, env or command"},
      {with_token("{timeout: 5s}"),
       "7:5: \"token\" needs exactly one of file, systemd, env and command"},
      {with_token("{file: a, max_age: 5m}"), "7:22: \"max_age\" goes with \"command\" only"},
      {with_token("{command: [/a], command: [/b]}"),
       "7:5: \"token\" needs exactly one of file, systemd, env and command"},
      {with_token("{command: [/a], timeout: 5s, timeout: 6s}"),
       "7:41: \"timeout\" is repeated: remove one"},
      {with_token("{command: [/a], timeout: 5}"),
       "7:28: \"timeout\" needs a duration from 100ms to 5m"},
      {with_token("{command: [/a], timeout: 6m}"),
       "7:28: \"timeout\" needs a duration from 100ms to 5m"},
      {with_token("{command: [/a], max_age: 0s}"),
       "7:28: \"max_age\" needs a duration from 1s to 8760h"},
      {with_token("{file: }"), "7:13: \"file\" needs the path of a file"},
      {with_token("{file: [a]}"), "7:13: \"file\" needs the path of a file"},
      {with_token("{env: hunter-2}"),
       "7:13: \"env\" needs the name of an environment variable: letters, digits and \"_\""},
      {with_token("{systemd: ../x}"),
       "7:13: \"systemd\" needs the name of a systemd credential: letters, digits, \"-\", \"_\" "
       "and "
       "\".\""},
      {with_token(""), "7:5: \"token\" has no value: write one, or remove the key"},
  });
}

TEST_CASE("auth names a credential that exists") {
  const auto with_auth = [](std::string_view auth) {
    return with_head(
        fmt::format("credentials: {{vsa-emea: {{type: none}}}}\nupstreams: {{v: {{url: "
                    "https://v, auth: {}}}}}\n",
                    auth));
  };
  check_bad_files({
      {with_auth("vsa-eema"),
       "4:39: no credential is called \"vsa-eema\" (did you mean \"vsa-emea\"?)"},
      {with_auth("other"), "4:39: no credential is called \"other\""},
      {with_auth("[vsa-emea]"), "4:33: \"auth\" must be a mapping with a type"},
      {with_head("credentials: {v: {type: none}}\nupstreams: {v: {url: https://v, auth: {type: "
                 "none}}}\n"),
       "4:33: the credential of this upstream is called \"v\" as one under \"credentials\" is: "
       "write auth: NAME, or rename one"},
      {with_upstream("credentials: {none: {type: none}}\n"),
       "5:15: a credential can't be called \"none\": it would look like auth: none"},
      {with_upstream("credentials: {a b: {type: none}}\n"),
       "5:15: a name has letters, digits, \"-\", \"_\" and \".\" only, and at most 64 of them"},
      {with_upstream("credentials: {a: {type: none}, a: {type: none}}\n"),
       "5:32: duplicate name \"a\" in \"credentials\""},
      {with_upstream("credentials: [a]\n"), "5:1: \"credentials\" must be a mapping of names"},
  });
}

}  // namespace
}  // namespace vsaproxy::settings
