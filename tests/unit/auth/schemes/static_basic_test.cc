#include <catch2/catch.hpp>

#include "proxy/auth/schemes/basic.h"
#include "proxy/auth/schemes/kaseya_vsa10.h"
#include "tests/unit/auth/scheme_fixture.h"
#include "tests/unit/auth/vector_file.h"

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

std::string authorization_of(const base::Result<std::unique_ptr<Scheme>>& scheme) {
  REQUIRE(scheme);
  const auto step = (*scheme)->start({}, nullptr);
  REQUIRE(step);
  return field_value(std::get<Credential>(*step), "Authorization");
}

}  // namespace

TEST_CASE("a VSA 10 token goes out as Basic, as the vendor's page says") {
  const auto vectors = read_vectors("vsa10.json");
  REQUIRE(vectors["vsa10"].Size() == 1);
  for (const auto& vector : vectors["vsa10"].GetArray()) {
    const std::string id = text_of(vector["input"], "token_id");
    const std::string secret = text_of(vector["input"], "token_secret");
    for (const std::string_view space : {"", " ", "\t"}) {  // copied from a page
      const std::string spaced_id = std::string(space).append(id);
      const std::string spaced_secret = secret + std::string(space);
      const auto scheme = make_scheme(kaseya_vsa10_scheme(), {},
                                      {{"token_id", spaced_id}, {"token_secret", spaced_secret}});
      CHECK(authorization_of(scheme) == text_of(vector, "authorization"));
    }
  }
  CHECK_FALSE(kaseya_vsa10_scheme().logs_in);
}

TEST_CASE("basic is the example of RFC 7617, 2, and keeps every character of a password") {
  CHECK(authorization_of(make_scheme(basic_scheme(), {{"username", "Aladdin"}},
                                     {{"password", "open sesame"}})) ==
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(authorization_of(make_scheme(basic_scheme(), {{"username", "test"}},
                                     {{"password", "123\xC2\xA3"}})) == "Basic dGVzdDoxMjPCow==");
  CHECK(authorization_of(make_scheme(basic_scheme(), {{"username", "a"}},
                                     {{"password", " b:c "}})) == "Basic YTogYjpjIA==");
}

TEST_CASE("what Basic can't carry is a configuration error that names the key, never the value") {
  using namespace std::string_view_literals;
  const auto [key, id, secret] = GENERATE(
      std::tuple("token_id"sv, ""sv, "hidden"sv), std::tuple("token_secret"sv, "known"sv, " \t"sv),
      std::tuple("token_id"sv, "kn:own"sv, "hidden"sv),
      std::tuple("token_secret"sv, "known"sv, "hid\nden"sv),
      std::tuple("token_id"sv, "kno\0wn"sv, "hidden"sv),
      std::tuple("token_secret"sv, "known"sv, "hidden\x7Fhidden"sv));
  const auto scheme =
      make_scheme(kaseya_vsa10_scheme(), {}, {{"token_id", id}, {"token_secret", secret}});
  REQUIRE_FALSE(scheme);
  CHECK(scheme.error().kind == base::ErrorKind::configuration);
  CHECK(scheme.error().detail.starts_with(key));
  CHECK(scheme.error().detail.find("hid") == std::string::npos);
  CHECK(scheme.error().detail.find("kn") == std::string::npos);
}

TEST_CASE("a user name with a colon is refused when the file is read") {
  CHECK(basic_scheme().fields.front().fault("DOMAIN\\user") == "");
  CHECK(basic_scheme().fields.front().fault("us:er") != "");
}
