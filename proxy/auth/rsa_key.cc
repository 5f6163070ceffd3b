#include "proxy/auth/rsa_key.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "proxy/auth/digest.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;

template <auto function>
struct FreeBy {
  template <class T>
  void operator()(T* pointer) const {
    function(pointer);
  }
};
using Bio = std::unique_ptr<BIO, FreeBy<BIO_free>>;
using Number = std::unique_ptr<BIGNUM, FreeBy<BN_clear_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, FreeBy<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, FreeBy<OSSL_PARAM_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, FreeBy<EVP_PKEY_CTX_free>>;

struct Member {
  std::string_view element;
  const char* parameter;
};
constexpr std::array<Member, 8> members = {{
    {"Modulus", OSSL_PKEY_PARAM_RSA_N},
    {"Exponent", OSSL_PKEY_PARAM_RSA_E},
    {"D", OSSL_PKEY_PARAM_RSA_D},
    {"P", OSSL_PKEY_PARAM_RSA_FACTOR1},
    {"Q", OSSL_PKEY_PARAM_RSA_FACTOR2},
    {"DP", OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {"DQ", OSSL_PKEY_PARAM_RSA_EXPONENT2},
    {"InverseQ", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
}};
constexpr std::size_t public_members = 2;

tl::unexpected<base::Error> unusable(std::string detail) {
  return base::fail(ErrorKind::configuration, std::move(detail));
}

// Base64 between the element's tags, white space dropped.
std::optional<base::Secret> element_text(std::string_view xml, std::string_view name) {
  const std::string opening = fmt::format("<{}>", name);
  const std::string closing = fmt::format("</{}>", name);
  const auto begin = xml.find(opening);
  if (begin == std::string_view::npos) return std::nullopt;
  xml.remove_prefix(begin + opening.size());
  const auto end = xml.find(closing);
  if (end == std::string_view::npos) return std::nullopt;
  std::string text;
  text.reserve(end);
  for (const char c : xml.substr(0, end)) {
    if (std::string_view(" \t\r\n").find(c) == std::string_view::npos) text += c;
  }
  return base::Secret::take(std::move(text));
}

Number decode_number(std::string_view base64_text) {
  const auto decoded = decode_base64(base64_text);
  if (!decoded || decoded->empty()) return nullptr;
  const std::string_view bytes = decoded->reveal();
  return Number(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                          static_cast<int>(bytes.size()), nullptr));
}

EVP_PKEY* key_from(OSSL_PARAM* parameters, int selection) {
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, parameters) <= 0) {
    return nullptr;
  }
  return key;
}

// With the public members only the public half.
base::Result<EVP_PKEY*> parse_xml(std::string_view xml, std::span<const Member> wanted) {
  const bool is_public = wanted.size() == public_members;
  const Builder builder(OSSL_PARAM_BLD_new());
  std::vector<Number> numbers;  // the builder keeps pointers to them
  for (const Member& member : wanted) {
    const auto text = element_text(xml, member.element);
    if (!text) {
      return unusable(fmt::format("the key has no {}: it must be the {}", member.element,
                                  is_public ? "public RSAKeyValue"
                                            : "private RSAKeyValue with all eight members, or "
                                              "PEM"));
    }
    Number number = decode_number(text->reveal());
    if (!number) return unusable(fmt::format("the {} of the key is not base64", member.element));
    if (OSSL_PARAM_BLD_push_BN(builder.get(), member.parameter, number.get()) != 1) std::abort();
    numbers.push_back(std::move(number));
  }
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const int selection = is_public ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  EVP_PKEY* key = parameters ? key_from(parameters.get(), selection) : nullptr;
  if (key == nullptr) return unusable("the key's numbers make no RSA key");
  return key;
}

// A key with a password is none: there is nobody to ask.
int no_password(char*, int, int, void*) { return -1; }

base::Result<EVP_PKEY*> parse_pem(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  EVP_PKEY* key = bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr;
  if (key == nullptr) {
    return unusable(
        "the private key can't be read: it must be RSAKeyValue XML, or PEM without a "
        "password");
  }
  return key;
}

// p*q = n and the rest: a mangled copy must not be found out by a login that fails.
bool is_consistent(EVP_PKEY* key) {
  const Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && EVP_PKEY_pairwise_check(context.get()) == 1;
}

std::string number_text(const EVP_PKEY* key, const char* parameter) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1) std::abort();  // every RSA key has it
  const Number number(raw);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(raw)), '\0');
  BN_bn2bin(raw, reinterpret_cast<unsigned char*>(bytes.data()));
  return base64(bytes);
}

// As OpenSSL has it for large keys only: a client that shows a key must not make us count for long.
constexpr int most_exponent_bits = 64;

int exponent_bits(const EVP_PKEY* key) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw) != 1) std::abort();
  return BN_num_bits(Number(raw).get());
}

void choose_oaep(EVP_PKEY_CTX* context) {
  if (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) <= 0 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha1()) <= 0 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha1()) <= 0) {
    std::abort();  // OpenSSL without OAEP
  }
}

}  // namespace

void RsaKey::Deleter::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

base::Result<RsaKey> RsaKey::parse(std::string_view text) {
  constexpr int least_bits = 1024;
  const bool is_xml = text.find("<RSAKeyValue>") != std::string_view::npos;
  auto parsed = is_xml ? parse_xml(text, members) : parse_pem(text);
  if (!parsed) return base::fail(std::move(parsed.error()));
  Handle key(*parsed);
  if (EVP_PKEY_is_a(key.get(), "RSA") != 1) return unusable("the private key is not an RSA key");
  if (EVP_PKEY_get_bits(key.get()) < least_bits) {
    return unusable("the private key is shorter than 1024 bits");
  }
  if (!is_consistent(key.get())) {
    return unusable("the private key's numbers do not belong together: copy it again");
  }
  return RsaKey(std::move(key));
}

std::string RsaKey::public_xml() const {
  return fmt::format("<RSAKeyValue><Modulus>{}</Modulus><Exponent>{}</Exponent></RSAKeyValue>",
                     number_text(key_.get(), OSSL_PKEY_PARAM_RSA_N),
                     number_text(key_.get(), OSSL_PKEY_PARAM_RSA_E));
}

base::Result<base::Secret> RsaKey::decrypt(std::string_view ciphertext) const {
  const Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
  if (!context || EVP_PKEY_decrypt_init(context.get()) <= 0) std::abort();
  choose_oaep(context.get());
  std::string plain(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
  std::size_t length = plain.size();
  const int outcome = EVP_PKEY_decrypt(
      context.get(), reinterpret_cast<unsigned char*>(plain.data()), &length,
      reinterpret_cast<const unsigned char*>(ciphertext.data()), ciphertext.size());
  if (outcome <= 0) {
    base::wipe(plain);
    return base::fail(ErrorKind::malformed,
                      "the server's challenge can't be decrypted: it was not made with this key's "
                      "public half (RSA-OAEP with SHA-1)");
  }
  const base::Secret secret(std::string_view(plain).substr(0, length));
  base::wipe(plain);
  return secret;
}

base::Result<std::string> make_challenge(std::string_view public_xml, std::string_view plain) {
  const auto parsed = parse_xml(public_xml, std::span(members).first(public_members));
  if (!parsed) return base::fail(parsed.error());
  const std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>> key(*parsed);
  if (exponent_bits(key.get()) > most_exponent_bits) {
    return unusable("the key's exponent is over 64 bits");
  }
  const Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!context || EVP_PKEY_encrypt_init(context.get()) <= 0) {
    return unusable("the key can't be used");
  }
  choose_oaep(context.get());
  std::string ciphertext(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
  std::size_t length = ciphertext.size();
  if (EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(ciphertext.data()), &length,
                       reinterpret_cast<const unsigned char*>(plain.data()), plain.size()) <= 0) {
    return unusable("the key is none to encrypt a challenge with");
  }
  ciphertext.resize(length);
  return ciphertext;
}

}  // namespace vsaproxy::auth
