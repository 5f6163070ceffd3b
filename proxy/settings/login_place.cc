#include "proxy/settings/login_place.h"

#include <algorithm>

namespace vsaproxy::settings {

Upstream login_place(const Settings& settings, const Upstream& upstream) {
  const auto& origin = settings.credentials[*upstream.credential].login_origin;
  if (!origin || *origin == upstream.origin) return upstream;
  const auto found =
      std::find_if(settings.upstreams.begin(), settings.upstreams.end(),
                   [&origin](const Upstream& other) { return other.origin == *origin; });
  if (found != settings.upstreams.end()) return *found;
  Upstream place;
  place.name = upstream.name;
  place.origin = *origin;
  return place;
}

}  // namespace vsaproxy::settings
