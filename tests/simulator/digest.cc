#include "tests/simulator/digest.h"

#include <openssl/rand.h>
#include <zlib.h>

#include <array>
#include <cstdlib>

namespace vsaproxy::simulator {
namespace {

std::string to_hex(const unsigned char* bytes, std::size_t size) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  hex.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    hex += digits[bytes[i] >> 4U];
    hex += digits[bytes[i] & 15U];
  }
  return hex;
}

std::string digest_hex(const EVP_MD* algorithm, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, algorithm, nullptr) != 1) {
    std::abort();
  }
  return to_hex(digest.data(), size);
}

}  // namespace

void Sha256::add(std::string_view bytes) {
  if (!context_) {
    context_.reset(EVP_MD_CTX_new());
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) std::abort();
  }
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) std::abort();
}

std::string Sha256::hex() const {
  if (!context_) return sha256_hex({});
  const std::unique_ptr<EVP_MD_CTX, Free> copy(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (!copy || EVP_MD_CTX_copy_ex(copy.get(), context_.get()) != 1 ||
      EVP_DigestFinal_ex(copy.get(), digest.data(), &size) != 1) {
    std::abort();
  }
  return to_hex(digest.data(), size);
}

std::string sha256_hex(std::string_view bytes) { return digest_hex(EVP_sha256(), bytes); }
std::string sha1_hex(std::string_view bytes) { return digest_hex(EVP_sha1(), bytes); }

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > 65536) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.size() > padding && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

std::string base64_encode(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    std::abort();
  }
  return bytes;
}

std::string random_digits(std::size_t count) {
  std::string bytes = random_bytes(count);
  for (char& byte : bytes) byte = static_cast<char>('0' + static_cast<unsigned char>(byte) % 10);
  if (!bytes.empty() && bytes[0] == '0') bytes[0] = '1';
  return bytes;
}

std::string encode_content(std::string_view coding, std::string_view bytes) {
  if (coding != "gzip" && coding != "deflate") return std::string(bytes);
  z_stream stream{};
  const int window_bits = coding == "gzip" ? 15 + 16 : 15;
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    std::abort();
  }
  std::string coded(deflateBound(&stream, bytes.size()), '\0');
  std::string input(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(coded.data());
  stream.avail_out = static_cast<uInt>(coded.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  coded.resize(stream.total_out);
  deflateEnd(&stream);
  return coded;
}

}  // namespace vsaproxy::simulator
