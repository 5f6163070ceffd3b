#include "proxy/auth/credential.h"

namespace vsaproxy::auth {

void Credential::apply(http::Fields& request) const {
  for (const InjectedField& field : fields) request.set(field.name, field.value.reveal());
}

}  // namespace vsaproxy::auth
