#include "proxy/cli/version.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <cstdio>

namespace vsaproxy::cli {

int run_version(OutputFormat format) {
  const std::string text =
      format == OutputFormat::json
          ? fmt::format(R"({{"version":"{}","openssl":"{}"}})", VSAPROXY_VERSION,
                        OpenSSL_version(OPENSSL_VERSION_STRING))
          : fmt::format("vsaproxy {} ({})", VSAPROXY_VERSION, OpenSSL_version(OPENSSL_VERSION));
  std::puts(text.c_str());
  return 0;
}

}  // namespace vsaproxy::cli
