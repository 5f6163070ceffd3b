#pragma once
// Text that stands escaped inside other text, as XML in a SOAP string or in a query: decoded for
// reading, with the way back for edits. Pure, any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/auth/message_editor.h"
#include "proxy/auth/xml_scan.h"
#include "proxy/base/result.h"

namespace vsaproxy::auth {

// How text is written where a piece stands.
enum class Escape : std::uint8_t { none, xml, uri };

class EscapedText {
 public:
  // Longer texts are not for editing: their map would take memory sixteen times that.
  static constexpr std::size_t most_bytes = std::size_t{256} * 1024;

  // The next piece: what it means, where it stands and how. Where both have the same length, one
  // byte means one byte. What goes beyond most_bytes is left out.
  void append(std::string_view text, ByteRange raw, Escape escape);

  const std::string& text() const { return text_; }
  bool is_too_long() const { return is_too_long_; }

  // Places of text() as places of the outer bytes. Error: bad_request, where one begins in a CDATA
  // section and ends outside, or within a character whose escape is longer.
  base::Result<std::vector<TokenPlace>> outer_places(const std::vector<TokenPlace>& places) const;

 private:
  struct Piece {
    std::uint32_t begin = 0;  // in text_
    std::uint32_t raw_begin = 0;
    std::uint32_t raw_end = 0;
    Escape escape = Escape::none;
  };
  enum class Side { begin, end };

  const Piece& piece_with(std::size_t offset) const;
  base::Result<std::size_t> raw_offset(const Piece& piece, std::size_t offset, Side side) const;
  base::Result<TokenPlace> outer_place(const TokenPlace& place) const;

  std::string text_;
  std::vector<Piece> pieces_;  // by begin; none is empty
  bool is_too_long_ = false;
};

// The parts of a query or form, as "name=value&name=value".
struct QueryPart {
  ByteRange name;
  ByteRange value;  // empty, behind the name, where there is no "="
  bool has_value = false;
};

// The first `most` parts. `begin` is where `query` stands in the offsets that are reported. Each
// part takes 40 bytes, so that a body, unlike a target, needs a limit.
std::vector<QueryPart> query_parts(std::string_view query, std::size_t begin,
                                   std::size_t most = std::string_view::npos);

// As servers of .NET read names and values: "+" is a space, %XX and %uXXXX are characters.
EscapedText decode_query_text(std::string_view raw, std::size_t begin);

}  // namespace vsaproxy::auth
