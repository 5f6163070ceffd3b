#include "proxy/auth/session_seal.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "proxy/auth/digest.h"

namespace vsaproxy::auth {
namespace {

using base::Result;
using base::Secret;

// File: magic, version, salt, mark of the owner, nonce; then the session and its tag, by
// AES-256-GCM. All in front of the session is authenticated with it.
constexpr std::string_view magic = "VSASESS";
constexpr char version = 1;
constexpr std::size_t mark_size = 32;
constexpr std::size_t tag_size = 16;
constexpr std::size_t key_size = 32;
constexpr std::size_t salt_at = magic.size() + 1;
constexpr std::size_t mark_at = salt_at + std::tuple_size_v<SealSalt>;
constexpr std::size_t nonce_at = mark_at + mark_size;
constexpr std::size_t header_size = nonce_at + std::tuple_size_v<SealNonce>;

constexpr std::uint64_t scrypt_n = 8192;

tl::unexpected<base::Error> fail(std::string detail) {
  return base::fail(base::ErrorKind::system, std::move(detail));
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

void append_text(std::string& all, std::string_view text) {
  all += fmt::format("{}:", text.size());
  all += text;
}

// Of the format too. A hash, so that the file does not say in clear whose it is.
std::string mark_of(const SessionOwner& owner) {
  std::string all(1, version);
  for (const std::string* part : {&owner.origin, &owner.account, &owner.type, &owner.rules}) {
    append_text(all, *part);
  }
  std::array<unsigned char, mark_size> mark{};
  if (EVP_Digest(all.data(), all.size(), mark.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    std::abort();  // OpenSSL without SHA: nothing could log in
  }
  return {mark.begin(), mark.end()};
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// Ready for the text: the header is in already.
Context make_context(std::string_view header, const SealKey& key,
                     decltype(&EVP_EncryptInit_ex) begin, decltype(&EVP_EncryptUpdate) update) {
  Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool is_ready =
      context && key.bytes.reveal().size() == key_size &&
      begin(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key.bytes.reveal()),
            bytes_of(header.substr(nonce_at))) == 1 &&
      update(context.get(), nullptr, &length, bytes_of(header), static_cast<int>(header.size())) ==
          1;
  if (!is_ready) std::abort();  // a broken library: nothing may be written with it
  return context;
}

// Nothing if it was not sealed so.
std::optional<Secret> open_bytes(std::string_view sealed, const SealKey& key) {
  const std::string_view header = sealed.substr(0, header_size);
  const std::string_view body = sealed.substr(header_size, sealed.size() - header_size - tag_size);
  std::string tag(sealed.substr(sealed.size() - tag_size));
  const Context context = make_context(header, key, EVP_DecryptInit_ex, EVP_DecryptUpdate);
  std::string plain(body.size(), '\0');
  int length = 0;
  const bool is_whole =
      EVP_DecryptUpdate(context.get(), bytes_of(plain), &length, bytes_of(body),
                        static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), bytes_of(tag), &length) == 1;
  Secret result = Secret::take(std::move(plain));
  if (!is_whole) return std::nullopt;
  return result;
}

}  // namespace

std::string rules_of(const SchemeSpec& scheme, const base::FieldValues& values) {
  std::string all;
  for (const base::Field& field : scheme.fields) {
    append_text(all, field.key);
    append_text(all, values.text(field.key).value_or(""));
    if (const base::TextList* list = values.list(field.key)) {
      for (const std::string& entry : *list) append_text(all, entry);
    }
    if (const base::TextMap* map = values.map(field.key)) {
      for (const auto& [name, value] : *map) {
        append_text(all, name);
        append_text(all, value);
      }
    }
    all += '\n';
  }
  return all;
}

SealKey make_seal_key(const Secret& text, const SealSalt& salt) {
  return {salt, scrypt(text, {salt.data(), salt.size()}, scrypt_n)};
}

std::string seal_session(const KeptSession& session, const SessionOwner& owner, const SealKey& key,
                         const SealNonce& nonce) {
  std::string sealed(magic);
  sealed.push_back(version);
  sealed.append(key.salt.data(), key.salt.size()).append(mark_of(owner));
  sealed.append(nonce.data(), nonce.size());
  const Context context = make_context(sealed, key, EVP_EncryptInit_ex, EVP_EncryptUpdate);
  const Secret plain = write_session(session);
  const auto size = static_cast<int>(plain.reveal().size());
  sealed.resize(header_size + plain.reveal().size() + tag_size);
  unsigned char* out = bytes_of(sealed) + header_size;
  int length = 0;
  const bool is_done =
      EVP_EncryptUpdate(context.get(), out, &length, bytes_of(plain.reveal()), size) == 1 &&
      EVP_EncryptFinal_ex(context.get(), out + size, &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, out + size) == 1;
  if (!is_done) std::abort();
  return sealed;
}

Result<SealSalt> salt_of(std::string_view sealed, const SessionOwner& owner) {
  if (!sealed.starts_with(magic)) return fail("it is no session cache of vsaproxy");
  if (sealed.size() < header_size + tag_size) return fail("it is cut short");
  if (sealed[magic.size()] != version) {
    return fail(fmt::format("it has format {}, of another version of vsaproxy",
                            static_cast<unsigned char>(sealed[magic.size()])));
  }
  if (sealed.substr(mark_at, mark_size) != mark_of(owner)) {
    return fail(
        "it belongs to another login server, account or configuration of the credential: each "
        "needs a file of its own");
  }
  SealSalt salt{};
  std::copy_n(sealed.begin() + salt_at, salt.size(), salt.begin());
  return salt;
}

Result<KeptSession> open_session(std::string_view sealed, const SessionOwner& owner,
                                 const SealKey& key) {
  const auto salt = salt_of(sealed, owner);
  if (!salt) return tl::unexpected(salt.error());
  const auto plain = *salt == key.salt ? open_bytes(sealed, key) : std::nullopt;
  if (!plain) {
    return fail(
        "it is damaged, or was sealed with another key: processes that share it need the same "
        "cache.key");
  }
  return read_session(plain->reveal());
}

}  // namespace vsaproxy::auth
