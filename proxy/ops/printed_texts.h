#pragma once
// What programs print for certificates and keys. They are run before anything is made of the
// texts, each once, by whoever can wait for them; those who make something of them never wait.

#include <span>
#include <utility>
#include <vector>

#include "proxy/base/field.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::ops {

// As they were printed, trailing newlines too. Immutable, any thread.
class PrintedTexts {
 public:
  // None: there is no program.
  PrintedTexts() = default;
  // Runs the programs one after the other, each once, however often it is among them. Blocks, as
  // run_secret_command(); so `stop`. Errors: configuration, of the first program that fails, with
  // its place in the file.
  static base::Result<PrintedTexts> print(std::span<const base::SecretRef> programs, int stop);

  // Null: it has not been run.
  const base::Secret* find(const base::SecretRef& program) const;

 private:
  std::vector<std::pair<base::SecretRef, base::Secret>> texts_;
};

// Those references behind a `tls` that are to programs; of a whole file, or of one listener or
// upstream.
std::vector<base::SecretRef> tls_programs(const settings::Settings& settings);
std::vector<base::SecretRef> tls_programs(const settings::ListenerTls& tls);
std::vector<base::SecretRef> tls_programs(const settings::UpstreamTls& tls);

}  // namespace vsaproxy::ops
