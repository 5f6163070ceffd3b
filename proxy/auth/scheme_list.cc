#include "proxy/auth/scheme_list.h"

#include <algorithm>
#include <array>

#include "proxy/auth/schemes/basic.h"
#include "proxy/auth/schemes/header.h"
#include "proxy/auth/schemes/http_login.h"
#include "proxy/auth/schemes/kaseya_soap.h"
#include "proxy/auth/schemes/kaseya_vsa10.h"
#include "proxy/auth/schemes/kaseya_vsa9.h"
#include "proxy/auth/schemes/oauth2.h"
#include "proxy/auth/schemes/veeam_vspc.h"

namespace vsaproxy::auth {

std::span<const SchemeSpec* const> all_schemes() {
  static const std::array schemes = {
      &kaseya_vsa9_scheme(), &kaseya_soap_scheme(), &kaseya_vsa10_scheme(), &veeam_vspc_scheme(),
      &oauth2_scheme(),      &http_login_scheme(),  &header_scheme(),       &basic_scheme(),
  };
  return schemes;
}

const SchemeSpec* find_scheme(std::string_view name) {
  const auto schemes = all_schemes();
  const auto found = std::find_if(schemes.begin(), schemes.end(),
                                  [name](const SchemeSpec* spec) { return spec->name == name; });
  return found == schemes.end() ? nullptr : *found;
}

}  // namespace vsaproxy::auth
