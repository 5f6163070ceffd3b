#include "proxy/auth/form.h"

#include <catch2/catch.hpp>

using namespace vsaproxy;
using namespace vsaproxy::auth;

TEST_CASE("form encoding is that of RFC 6749, appendix B") {
  CHECK(form_encode(" %&+\xC2\xA3\xE2\x82\xAC") == "+%25%26%2B%C2%A3%E2%82%AC");
  CHECK(form_encode("aZ09*-._~") == "aZ09*-._%7E");
  CHECK(form_encode("") == "");
}

TEST_CASE("a form body is names and values in order, whatever they have in them") {
  FormBody body;
  body.add("grant_type", "password").add("username", "vspc\\administrator");
  body.add("password", "Pa ss+w&rd=1").add("empty", "");
  CHECK(body.take().reveal() ==
        "grant_type=password&username=vspc%5Cadministrator&password=Pa+ss%2Bw%26rd%3D1&empty=");
  CHECK(body.take().empty());
}

TEST_CASE("a field of a form is found by its decoded name, and decoded") {
  const std::string_view form = "a=1&gr%61nt=pub+lic%5Fkey&empty&a=2&bad=%4&worse=%zz";
  CHECK(form_value(form, "a") == "1");
  CHECK(form_value(form, "grant") == "pub lic_key");
  CHECK(form_value(form, "empty") == "");
  CHECK(form_value(form, "bad") == "");
  CHECK(form_value(form, "worse") == "");
  CHECK(form_value(form, "none") == "");
  CHECK(form_value("", "a") == "");
  CHECK(form_value("&&=&%", "a") == "");
  CHECK(form_value("x=a%00b", "x") == std::string("a\0b", 3));
}
