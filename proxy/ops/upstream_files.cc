#include "proxy/ops/upstream_files.h"

#include <utility>

#include "proxy/ops/secret_source.h"

namespace vsaproxy::ops {

base::Result<UpstreamFiles> read_upstream_files(const settings::UpstreamTls& tls,
                                                std::string_view settings_file,
                                                const PrintedTexts& printed) {
  UpstreamFiles files;
  auto ca = read_optional_public(tls.ca, settings_file, printed);
  if (!ca) return base::fail(std::move(ca.error()));
  files.ca = std::move(*ca);
  auto certificate = read_optional_public(tls.client_certificate, settings_file, printed);
  if (!certificate) return base::fail(std::move(certificate.error()));
  files.client_certificate = std::move(*certificate);
  if (!tls.client_key) return files;
  auto key = read_secret(*tls.client_key, settings_file, printed);
  if (!key) return base::fail(std::move(key.error()));
  files.client_key = std::move(*key);
  return files;
}

}  // namespace vsaproxy::ops
