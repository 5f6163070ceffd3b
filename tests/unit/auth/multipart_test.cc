#include "proxy/auth/multipart.h"

#include <catch2/catch.hpp>

using namespace vsaproxy;
using namespace vsaproxy::auth;

TEST_CASE("a multipart body is that of RFC 7578, with values as they are") {
  std::uint32_t next = 1;
  MultipartBody body([&next] { return next++; });
  body.add("username", "a\\b & c").add("password", "p\r\nq");
  CHECK(body.content_type() ==
        "multipart/form-data; boundary=form-00000001000000020000000300000004");
  CHECK(body.take().reveal() ==
        "--form-00000001000000020000000300000004\r\n"
        "Content-Disposition: form-data; name=\"username\"\r\n\r\na\\b & c\r\n"
        "--form-00000001000000020000000300000004\r\n"
        "Content-Disposition: form-data; name=\"password\"\r\n\r\np\r\nq\r\n"
        "--form-00000001000000020000000300000004--\r\n");
}
