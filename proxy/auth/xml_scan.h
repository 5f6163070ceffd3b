#pragma once
// Reads XML for those who edit it in place: names with their namespaces, and where each tag stands
// in the bytes (Expat). Without document types, so that nothing expands, and of bounded depth.
// Pure, any thread; input of any kind is safe.

#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace vsaproxy::auth {

// Some bytes of the document, `end` behind the last.
struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;

  bool empty() const { return begin == end; }
  std::string_view of(std::string_view document) const {
    return document.substr(begin, end - begin);
  }
};

struct XmlName {
  std::string_view space;  // the namespace, "" for none
  std::string_view local;

  friend bool operator==(const XmlName&, const XmlName&) = default;
};

enum class XmlInterest {
  tags,
  text,  // of this element, to its end
};
enum class XmlTextForm { escaped, cdata };

class XmlHandler {
 public:
  virtual ~XmlHandler() = default;
  // The root has depth 0. `tag` from "<" to ">"; both views last as long as the call.
  virtual XmlInterest on_start(const XmlName& name, ByteRange tag, std::size_t depth) = 0;
  // `tag` is empty where the start tag ended with "/>".
  virtual void on_end(ByteRange tag, std::size_t depth) = 0;
  // A piece of the text that on_start() asked for: decoded, and as it stands in the document.
  virtual void on_text(std::string_view, ByteRange, XmlTextForm) {}
  // True: the rest is not read, and the scan succeeds.
  virtual bool has_enough() const { return false; }
};

// `encoding` is what stands outside, as in a Content-Type, and wins; "": the document says.
// Encodings of one byte for each character, as windows-1252, are read as far as they are ASCII.
// Errors: bad_request, with line and column; UTF-16 too, whose bytes can't be edited.
base::Result<void> scan_xml(std::string_view document, std::string_view encoding,
                            XmlHandler& handler);

// With the five characters escaped that mean something in text or attribute values.
std::string xml_escape(std::string_view text);

// True if XML 1.0 can hold every byte of this UTF-8 text: no control characters.
bool is_xml_text(std::string_view text);

}  // namespace vsaproxy::auth
