#pragma once
// The files behind an upstream's `tls`, as texts: what they say, not where they stand, decides
// whether a reload changes anything.

#include <string>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/ops/printed_texts.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::ops {

struct UpstreamFiles {
  std::string ca;                  // PEM; empty: only the system's store counts
  std::string client_certificate;  // PEM, leaf first; empty: none is shown
  base::Secret client_key;
  friend bool operator==(const UpstreamFiles&, const UpstreamFiles&) = default;
};

// `printed` has what the programs of it print. Errors: configuration, as of read_secret() and
// read_public().
base::Result<UpstreamFiles> read_upstream_files(const settings::UpstreamTls& tls,
                                                std::string_view settings_file,
                                                const PrintedTexts& printed);

}  // namespace vsaproxy::ops
