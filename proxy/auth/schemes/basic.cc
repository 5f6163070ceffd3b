#include "proxy/auth/schemes/basic.h"

#include <array>
#include <utility>

#include "proxy/auth/schemes/static_scheme.h"

namespace vsaproxy::auth {
namespace {

constexpr std::array fields = {
    base::Field{.key = "username", .required = true, .fault = basic_user_fault},
    base::Field{.key = "password", .type = base::FieldType::secret, .required = true},
};

base::Result<std::unique_ptr<Scheme>> make(SchemeInput input) {
  const base::Secret password = std::move(input.secrets["password"]);
  return static_basic({.user_key = "username",
                       .user = input.values->text("username").value_or(""),
                       .password_key = "password",
                       .password = password.reveal()});
}

}  // namespace

const SchemeSpec& basic_scheme() {
  static constexpr SchemeSpec spec = {.name = "basic",
                                      .fields = fields,
                                      .logs_in = false,
                                      .is_static = nullptr,
                                      .one_session = false,
                                      .account_fields = {},
                                      .base_field = "",
                                      .login_url_field = "",
                                      .check_path = "",
                                      .login_paths = {},
                                      .stub = nullptr,
                                      .lost_session_media = LostSessionMedia::none,
                                      .session_lost = nullptr,
                                      .make_editor = nullptr,
                                      .fault = nullptr,
                                      .make = make};
  return spec;
}

}  // namespace vsaproxy::auth
