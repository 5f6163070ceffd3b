#include "proxy/tokens/session_tools.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <span>
#include <utility>

#include "proxy/ops/random.h"
#include "proxy/ops/secret_source.h"

namespace vsaproxy::tokens {
namespace {

std::uint32_t random_number() {
  std::uint32_t number = 0;
  ops::fill_random(std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

base::Secret random_key() {
  std::string key(32, '\0');
  ops::fill_random(std::as_writable_bytes(std::span(key)));
  return base::Secret::take(std::move(key));
}

// Keyed: tokens may be short numbers, and a plain hash of those is soon reversed.
std::string fingerprint(const base::Secret& key, std::string_view token) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  HMAC(EVP_sha256(), key.reveal().data(), static_cast<int>(key.reveal().size()),
       reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data(), nullptr);
  return fmt::format("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
}

bool is_command(const base::SecretRef& ref) { return ref.kind == base::SecretRef::Kind::command; }

}  // namespace

SessionTools make_session_tools(net::EventLoop& loop, ops::LoginLedger& ledger, ops::Log& log,
                                ops::MetricSet& metrics, SecretStore& commands,
                                const std::string& settings_file) {
  return {.loop = loop,
          .ledger = ledger,
          .log = log,
          .metrics = metrics,
          .wall_now = [] { return std::chrono::system_clock::now(); },
          .random = random_number,
          .read_secret =
              [settings_file, &commands](const base::SecretRef& ref) {
                return is_command(ref) ? commands.read(ref) : ops::read_secret(ref, settings_file);
              },
          .secret_stamp =
              [settings_file, &commands](const base::SecretRef& ref) {
                return is_command(ref) ? commands.stamp(ref)
                                       : ops::secret_stamp(ref, settings_file);
              },
          .commands = &commands,
          .fingerprint =
              [key = random_key()](std::string_view token) { return fingerprint(key, token); },
          .publish = nullptr};
}

}  // namespace vsaproxy::tokens
