#include "proxy/auth/scheme_list.h"

#include <catch2/catch.hpp>
#include <set>

using namespace vsaproxy;
using namespace vsaproxy::auth;

TEST_CASE("credential types are found by their exact names") {
  for (const SchemeSpec* spec : all_schemes()) CHECK(find_scheme(spec->name) == spec);
  CHECK(find_scheme("kaseya-vsa9") != nullptr);
  CHECK(find_scheme("header") != nullptr);
  CHECK(find_scheme("veeam-vspc") != nullptr);
  CHECK(find_scheme("Kaseya-VSA9") == nullptr);
  CHECK(find_scheme("none") == nullptr);
  CHECK(find_scheme("") == nullptr);
}

TEST_CASE("every table of a credential type agrees with itself") {
  for (const SchemeSpec* spec : all_schemes()) {
    CAPTURE(spec->name);
    std::set<std::string_view> keys;
    for (const base::Field& field : spec->fields) {
      CAPTURE(field.key);
      CHECK(keys.insert(field.key).second);
      const bool secret = field.type == base::FieldType::secret;
      CHECK_FALSE((secret && field.default_value));
      CHECK((field.type == base::FieldType::choice) == !field.choices.empty());
      if (field.default_value && field.fault != nullptr)
        CHECK(field.fault(*field.default_value) == "");
    }
    CHECK(spec->make != nullptr);
    for (const std::string_view key : spec->account_fields) {
      CHECK((key.empty() || keys.contains(key)));
    }
    CHECK((spec->base_field.empty() || keys.contains(spec->base_field)));
    if (spec->default_base != nullptr) CHECK_FALSE(spec->base_field.empty());
    CHECK((spec->login_url_field.empty() || keys.contains(spec->login_url_field)));
    CHECK((spec->lost_session_media != LostSessionMedia::none) == (spec->session_lost != nullptr));
    for (const LoginPath& path : spec->login_paths) CHECK(path.path.front() == '/');
  }
}
