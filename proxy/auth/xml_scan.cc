#include "proxy/auth/xml_scan.h"

#include <expat.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;
using base::Result;

constexpr std::size_t most_depth = 100;
// Stands in no namespace and in no name.
constexpr char separator = '\n';

struct ParserEnd {
  void operator()(XML_ParserStruct* parser) const { XML_ParserFree(parser); }
};
using Parser = std::unique_ptr<XML_ParserStruct, ParserEnd>;

// A parser is made once in a thread and serves small documents one after the other: to make one
// costs more than to read them. One that has read a large document goes with its memory.
constexpr std::size_t most_kept = 16 * 1024;
thread_local Parser kept_parser;

// Against chosen names that all get one hash. Expat would ask the system for another one each time.
unsigned long hash_salt() {
  static const unsigned long salt = [] {
    std::array<unsigned char, sizeof(unsigned long)> bytes{};
    const bool is_drawn = RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1;
    return is_drawn ? std::bit_cast<unsigned long>(bytes) : 0;  // 0: Expat's own
  }();
  return salt;
}

// Expat copies what it is given, so large documents come in pieces; not in small ones, since a
// token that is cut is read again.
constexpr std::size_t piece = 512 * 1024;

// Borrowed, because a scan may begin another one.
class ParserLoan {
 public:
  ParserLoan(std::size_t size, std::string_view encoding)
      : is_kept_(size <= most_kept), parser_(std::move(kept_parser)) {
    const std::string name(encoding);
    const char* const given = name.empty() ? nullptr : name.c_str();
    if (parser_ == nullptr) {
      parser_.reset(XML_ParserCreateNS(given, separator));
    } else if (XML_ParserReset(parser_.get(), given) != XML_TRUE) {
      parser_.reset();
    }
    if (parser_ != nullptr) XML_SetHashSalt(parser_.get(), hash_salt());
  }
  ParserLoan(const ParserLoan&) = delete;
  ParserLoan& operator=(const ParserLoan&) = delete;
  ~ParserLoan() {
    if (is_kept_) kept_parser = std::move(parser_);
  }

  XML_ParserStruct* get() const { return parser_.get(); }

 private:
  bool is_kept_;
  Parser parser_;
};

tl::unexpected<base::Error> refuse(std::string detail) {
  return base::fail(ErrorKind::bad_request, std::move(detail));
}

XmlName split_name(std::string_view name) {
  const std::size_t split = name.rfind(separator);
  if (split == std::string_view::npos) return {"", name};
  return {name.substr(0, split), name.substr(split + 1)};
}

// Both orders of UTF-16, with a mark and without.
bool is_utf16(std::string_view document) {
  return document.starts_with("\xFE\xFF") || document.starts_with("\xFF\xFE") ||
         document.substr(0, 2).find('\0') != std::string_view::npos;
}

// What Expat calls back, and what it is told then.
class Scan {
 public:
  Scan(XML_ParserStruct* parser, XmlHandler& handler) : parser_(parser), handler_(handler) {
    XML_SetUserData(parser, this);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    XML_SetUnknownEncodingHandler(parser, on_encoding, nullptr);
  }

  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;
  // Not before the fault's line was counted in it.
  ~Scan() { OPENSSL_cleanse(last_read_.data(), last_read_.size()); }

  Result<void> run(std::string_view document) {
    // A parser without a buffer gives none for nothing, which it does not call an error.
    if (document.empty()) return refuse("there is no XML");
    auto status = XML_STATUS_OK;
    do {
      const std::string_view next = document.substr(0, piece);
      document.remove_prefix(next.size());
      status = read(next, document.empty() ? XML_TRUE : XML_FALSE);
    } while (status == XML_STATUS_OK && !document.empty());
    if (status == XML_STATUS_OK || has_enough_) return {};
    return refuse(fmt::format("{} (line {}, column {})", fault(), XML_GetCurrentLineNumber(parser_),
                              XML_GetCurrentColumnNumber(parser_) + 1));
  }

 private:
  // By a buffer of the parser, so that it can be wiped: a document may hold a session.
  XML_Status read(std::string_view text, XML_Bool is_last) {
    const int size = static_cast<int>(text.size());
    void* const buffer = XML_GetBuffer(parser_, size);
    if (buffer == nullptr) return XML_STATUS_ERROR;
    std::copy(text.begin(), text.end(), static_cast<char*>(buffer));
    const auto status = XML_ParseBuffer(parser_, size, is_last);
    last_read_ = {static_cast<char*>(buffer), text.size()};
    return status;
  }

  static Scan& of(void* self) { return *static_cast<Scan*>(self); }

  static void on_start(void* self, const XML_Char* name, const XML_Char**) noexcept {
    Scan& scan = of(self);
    if (scan.depth_ == most_depth) return scan.stop("the XML is nested too deeply");
    const auto interest = scan.handler_.on_start(split_name(name), scan.range(), scan.depth_);
    if (interest == XmlInterest::text && scan.text_depth_ > scan.depth_) {
      scan.text_depth_ = scan.depth_;
      XML_SetCharacterDataHandler(scan.parser_, on_text);
      XML_SetCdataSectionHandler(scan.parser_, on_cdata, on_cdata_end);
    }
    ++scan.depth_;
    scan.look_for_enough();
  }

  static void on_end(void* self, const XML_Char*) noexcept {
    Scan& scan = of(self);
    --scan.depth_;
    if (scan.text_depth_ == scan.depth_) {
      scan.text_depth_ = no_text;
      XML_SetCharacterDataHandler(scan.parser_, nullptr);
      XML_SetCdataSectionHandler(scan.parser_, nullptr, nullptr);
    }
    scan.handler_.on_end(scan.range(), scan.depth_);
    scan.look_for_enough();
  }

  static void on_text(void* self, const XML_Char* text, int length) noexcept {
    Scan& scan = of(self);
    scan.handler_.on_text({text, static_cast<std::size_t>(length)}, scan.range(), scan.form_);
  }

  static void on_cdata(void* self) noexcept { of(self).form_ = XmlTextForm::cdata; }
  static void on_cdata_end(void* self) noexcept { of(self).form_ = XmlTextForm::escaped; }

  static void on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*,
                         int) noexcept {
    of(self).stop("the XML has a document type (SOAP 1.1, 3): leave <!DOCTYPE out");
  }

  // Only bytes of ASCII stand in what is looked for and edited, so that the others may be any
  // letter: one that names may hold would make two documents one.
  static int on_encoding(void*, const XML_Char* name, XML_Encoding* info) noexcept {
    const std::string_view text(name);
    const bool is_single_byte = base::starts_with_ignoring_case(text, "windows-125") ||
                                base::starts_with_ignoring_case(text, "iso-8859-");
    if (!is_single_byte) return XML_STATUS_ERROR;
    for (int byte = 0; byte < 256; ++byte) info->map[byte] = byte;
    info->data = nullptr;
    info->convert = nullptr;
    info->release = nullptr;
    return XML_STATUS_OK;
  }

  ByteRange range() const {
    const auto begin = static_cast<std::size_t>(XML_GetCurrentByteIndex(parser_));
    return {begin, begin + static_cast<std::size_t>(XML_GetCurrentByteCount(parser_))};
  }

  void stop(const char* fault) {
    fault_ = fault;
    XML_StopParser(parser_, XML_FALSE);
  }

  void look_for_enough() {
    if (!handler_.has_enough()) return;
    has_enough_ = true;
    XML_StopParser(parser_, XML_FALSE);
  }

  std::string fault() const {
    if (fault_ != nullptr) return fault_;
    switch (XML_GetErrorCode(parser_)) {
      case XML_ERROR_UNKNOWN_ENCODING:
      case XML_ERROR_INCORRECT_ENCODING:
        return "the XML is in an encoding that can't be edited: write UTF-8";
      case XML_ERROR_NO_ELEMENTS:
        return "there is no XML";
      case XML_ERROR_NO_MEMORY:
        return "there is no memory to read the XML";
      default:
        return fmt::format("the XML is not well-formed: {}", message());
    }
  }

  // Null for codes that Expat has no words for.
  std::string_view message() const {
    const XML_LChar* const words = XML_ErrorString(XML_GetErrorCode(parser_));
    return words == nullptr ? "" : words;
  }

  static constexpr std::size_t no_text = std::numeric_limits<std::size_t>::max();

  XML_ParserStruct* parser_;
  XmlHandler& handler_;
  std::span<char> last_read_;
  std::size_t depth_ = 0;
  std::size_t text_depth_ = no_text;
  XmlTextForm form_ = XmlTextForm::escaped;
  const char* fault_ = nullptr;
  bool has_enough_ = false;
};

}  // namespace

Result<void> scan_xml(std::string_view document, std::string_view encoding, XmlHandler& handler) {
  if (is_utf16(document)) return refuse("the XML is UTF-16, which can't be edited: write UTF-8");
  if (document.size() > std::numeric_limits<int>::max()) return refuse("the XML is too large");
  const ParserLoan parser(document.size(), encoding);
  if (parser.get() == nullptr)
    return base::fail(ErrorKind::system, "there is no memory to read XML");
  return Scan(parser.get(), handler).run(document);
}

std::string xml_escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&apos;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

bool is_xml_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
}

}  // namespace vsaproxy::auth
