#include "proxy/ops/printed_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>

#include "proxy/ops/secret_command.h"
#include "proxy/ops/secret_source.h"

namespace vsaproxy::ops {
namespace {

using base::SecretRef;

std::vector<SecretRef> programs_of(std::initializer_list<std::optional<SecretRef>> refs) {
  std::vector<SecretRef> programs;
  for (const std::optional<SecretRef>& ref : refs) {
    if (ref && ref->kind == SecretRef::Kind::command) programs.push_back(*ref);
  }
  return programs;
}

void append(std::vector<SecretRef>& all, const std::vector<SecretRef>& some) {
  all.insert(all.end(), some.begin(), some.end());
}

}  // namespace

base::Result<PrintedTexts> PrintedTexts::print(std::span<const SecretRef> programs, int stop) {
  PrintedTexts printed;
  for (const SecretRef& program : programs) {
    if (printed.find(program) != nullptr) continue;
    std::string text;
    auto run = run_secret_command(program, most_public_bytes, text, stop);
    base::Secret secret = base::Secret::take(std::move(text));  // wiped on an error too
    if (!run) {
      run.error().detail =
          fmt::format("{}:{} {}", program.place.line, program.place.column, run.error().detail);
      return base::fail(std::move(run.error()));
    }
    printed.texts_.emplace_back(program, std::move(secret));
  }
  return printed;
}

const base::Secret* PrintedTexts::find(const SecretRef& program) const {
  const auto found = std::find_if(texts_.begin(), texts_.end(),
                                  [&](const auto& item) { return item.first == program; });
  return found == texts_.end() ? nullptr : &found->second;
}

std::vector<SecretRef> tls_programs(const settings::ListenerTls& tls) {
  return programs_of({tls.certificate, tls.key, tls.client_ca});
}

std::vector<SecretRef> tls_programs(const settings::UpstreamTls& tls) {
  return programs_of({tls.ca, tls.client_certificate, tls.client_key});
}

std::vector<SecretRef> tls_programs(const settings::Settings& settings) {
  std::vector<SecretRef> programs;
  for (const settings::Listener& listener : settings.listeners) {
    if (listener.tls) append(programs, tls_programs(*listener.tls));
  }
  for (const settings::Upstream& upstream : settings.upstreams) {
    append(programs, tls_programs(upstream.tls));
  }
  return programs;
}

}  // namespace vsaproxy::ops
