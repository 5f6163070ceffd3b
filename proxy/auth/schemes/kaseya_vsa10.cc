#include "proxy/auth/schemes/kaseya_vsa10.h"

#include <array>
#include <utility>

#include "proxy/auth/schemes/static_scheme.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

constexpr std::array fields = {
    base::Field{.key = "token_id", .type = base::FieldType::secret, .required = true},
    base::Field{.key = "token_secret", .type = base::FieldType::secret, .required = true},
};

base::Result<std::unique_ptr<Scheme>> make(SchemeInput input) {
  const base::Secret id = std::move(input.secrets["token_id"]);
  const base::Secret secret = std::move(input.secrets["token_secret"]);
  // Copied from a page, with what a page puts around it.
  return static_basic({.user_key = "token_id",
                       .user = base::trim(id.reveal()),
                       .password_key = "token_secret",
                       .password = base::trim(secret.reveal())});
}

}  // namespace

const SchemeSpec& kaseya_vsa10_scheme() {
  static constexpr SchemeSpec spec = {.name = "kaseya-vsa10",
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
