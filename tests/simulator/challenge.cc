#include "tests/simulator/challenge.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <memory>

#include "tests/simulator/digest.h"

namespace vsaproxy::simulator {
namespace {

template <auto function>
struct Free {
  template <class T>
  void operator()(T* handle) const noexcept {
    function(handle);
  }
};
template <class T, auto function>
using Handle = std::unique_ptr<T, Free<function>>;

using Number = Handle<BIGNUM, BN_free>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

std::optional<std::string> element(std::string_view xml, std::string_view name) {
  const std::string open = fmt::format("<{}>", name);
  const auto begin = xml.find(open);
  const auto end = xml.find(fmt::format("</{}>", name));
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
    return std::nullopt;
  }
  std::string text(xml.substr(begin + open.size(), end - begin - open.size()));
  std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
  return text;
}

Number to_number(std::string_view bytes) {
  return Number(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                          static_cast<int>(bytes.size()), nullptr));
}

Key make_key(const std::string& modulus, const std::string& exponent) {
  const Number n = to_number(modulus);
  const Number e = to_number(exponent);
  const Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  const Handle<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return Key(key);
}

std::string decode_base32(std::string_view text) {
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto value = digits.find(static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
    if (value == std::string_view::npos) continue;
    bits = bits << 5U | static_cast<std::uint32_t>(value);
    count += 5;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xffU);
    }
  }
  return bytes;
}

std::string one_time_code(const std::string& key, std::int64_t step) {
  std::array<unsigned char, 8> counter{};
  for (std::size_t i = 0; i < 8; ++i) {
    counter[i] = static_cast<unsigned char>(step >> (8 * (7 - i)) & 0xff);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), counter.data(), counter.size(),
       mac.data(), &size);
  const std::size_t at = mac[19] & 15U;
  const std::uint32_t number = (mac[at] & 0x7fU) << 24U |
                               static_cast<std::uint32_t>(mac[at + 1]) << 16U |
                               static_cast<std::uint32_t>(mac[at + 2]) << 8U | mac[at + 3];
  return fmt::format("{:06}", number % 1'000'000);
}

}  // namespace

std::optional<std::string> identity_of_key(std::string_view xml) {
  const auto modulus = element(xml, "Modulus");
  const auto exponent = element(xml, "Exponent");
  if (!xml.starts_with("<RSAKeyValue>") || !modulus || !exponent) return std::nullopt;
  return *modulus + " " + *exponent;
}

std::optional<std::string> encrypt_for_key(std::string_view xml, std::string_view plain) {
  const auto modulus = base64_decode(element(xml, "Modulus").value_or(""));
  const auto exponent = base64_decode(element(xml, "Exponent").value_or(""));
  if (!modulus || !exponent || modulus->empty() || exponent->empty()) return std::nullopt;
  const Key key = make_key(*modulus, *exponent);
  if (!key) return std::nullopt;
  const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  std::string coded(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
  std::size_t size = coded.size();
  if (EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha1()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha1()) != 1 ||
      EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(coded.data()), &size,
                       reinterpret_cast<const unsigned char*>(plain.data()), plain.size()) != 1) {
    return std::nullopt;
  }
  coded.resize(size);
  return coded;
}

std::optional<std::int64_t> step_of_code(std::string_view seed, std::string_view code,
                                         std::int64_t now) {
  const std::string key = decode_base32(seed);
  for (const std::int64_t offset : {0, -1, 1}) {
    if (one_time_code(key, now / 30 + offset) == code) return now / 30 + offset;
  }
  return std::nullopt;
}

}  // namespace vsaproxy::simulator
