#include "proxy/auth/escaped_text.h"

#include <algorithm>
#include <utility>

#include "proxy/auth/form.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;
using base::Result;

std::string written(std::string_view text, Escape escape) {
  switch (escape) {
    case Escape::xml:
      return xml_escape(text);
    case Escape::uri:
      return form_encode(text);
    case Escape::none:
      break;
  }
  return std::string(text);
}

tl::unexpected<base::Error> refuse() {
  return base::fail(ErrorKind::bad_request,
                    "the request holds XML as text in a form that can't be edited: escape all of "
                    "it in one way, in UTF-8");
}

// Of `digits` hex digits at `at`; -1 if there are not as many.
int hex_value(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, digits)) {
    const char low = base::to_lower(c);
    const bool is_digit = low >= '0' && low <= '9';
    if (!is_digit && (low < 'a' || low > 'f')) return -1;
    value = 16 * value + (is_digit ? low - '0' : low - 'a' + 10);
  }
  return value;
}

// Of the Basic Multilingual Plane; a half of a pair becomes "?".
std::string utf8_of(int unit) {
  const auto tail = [](int bits) { return static_cast<char>(0x80 | (bits & 0x3F)); };
  if (unit < 0x80) return {static_cast<char>(unit)};
  if (unit < 0x800) return {static_cast<char>(0xC0 | unit >> 6), tail(unit)};
  if (unit >= 0xD800 && unit < 0xE000) return "?";
  return {static_cast<char>(0xE0 | unit >> 12), tail(unit >> 6), tail(unit)};
}

struct Unit {
  std::string text;
  std::size_t length = 1;  // of its bytes in the query
};

Unit query_unit(std::string_view raw, std::size_t at) {
  if (raw[at] == '+') return {" "};
  if (raw[at] != '%') return {std::string(1, raw[at])};
  if (at + 1 < raw.size() && base::to_lower(raw[at + 1]) == 'u') {
    const int unit = hex_value(raw, at + 2, 4);
    if (unit >= 0) return {utf8_of(unit), 6};
  }
  const int byte = hex_value(raw, at + 1, 2);
  if (byte < 0) return {"%"};
  return {std::string(1, static_cast<char>(byte)), 3};
}

}  // namespace

void EscapedText::append(std::string_view text, ByteRange raw, Escape escape) {
  is_too_long_ = is_too_long_ || text_.size() + text.size() > most_bytes;
  if (is_too_long_ || text.empty()) return;
  const auto begin = static_cast<std::uint32_t>(text_.size());
  const auto raw_begin = static_cast<std::uint32_t>(raw.begin);
  const auto raw_end = static_cast<std::uint32_t>(raw.end);
  text_.append(text);
  if (!pieces_.empty()) {
    Piece& last = pieces_.back();
    const bool goes_on = last.raw_end == raw_begin && last.escape == escape &&
                         last.raw_end - last.raw_begin == begin - last.begin &&
                         raw_end - raw_begin == text.size();
    if (goes_on) {
      last.raw_end = raw_end;
      return;
    }
  }
  pieces_.push_back({begin, raw_begin, raw_end, escape});
}

const EscapedText::Piece& EscapedText::piece_with(std::size_t offset) const {
  const auto behind =
      std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                       [](std::size_t value, const Piece& piece) { return value < piece.begin; });
  return *std::prev(behind);
}

Result<std::size_t> EscapedText::raw_offset(const Piece& piece, std::size_t offset,
                                            Side side) const {
  const bool is_last = &piece == &pieces_.back();
  const std::size_t end = is_last ? text_.size() : (&piece + 1)->begin;
  if (side == Side::begin && offset == piece.begin) return piece.raw_begin;
  if (side == Side::end && offset == end) return piece.raw_end;
  if (piece.raw_end - piece.raw_begin != end - piece.begin) return refuse();
  return piece.raw_begin + (offset - piece.begin);
}

// A place of some length begins where its first byte does and ends where its last byte does, so
// that what stands between pieces (the bounds of CDATA sections) stays where it can.
Result<TokenPlace> EscapedText::outer_place(const TokenPlace& place) const {
  if (text_.empty()) return refuse();
  const bool is_at_end = place.length == 0 && place.offset == text_.size();
  const Piece& first = piece_with(is_at_end ? place.offset - 1 : place.offset);
  const auto begin = raw_offset(first, place.offset, is_at_end ? Side::end : Side::begin);
  if (!begin) return tl::unexpected(begin.error());
  std::size_t end = *begin;
  if (place.length > 0) {
    const Piece& last = piece_with(place.offset + place.length - 1);
    if (last.escape != first.escape) return refuse();
    const auto found = raw_offset(last, place.offset + place.length, Side::end);
    if (!found) return tl::unexpected(found.error());
    end = *found;
  }
  const bool ends_cdata =
      first.escape == Escape::none && (place.before + place.after).find("]]>") != std::string::npos;
  if (ends_cdata) return refuse();
  return TokenPlace{*begin, end - *begin, written(place.before, first.escape),
                    written(place.after, first.escape)};
}

Result<std::vector<TokenPlace>> EscapedText::outer_places(
    const std::vector<TokenPlace>& places) const {
  std::vector<TokenPlace> outer;
  for (const TokenPlace& place : places) {
    auto one = outer_place(place);
    if (!one) return tl::unexpected(std::move(one.error()));
    outer.push_back(*std::move(one));
  }
  return outer;
}

std::vector<QueryPart> query_parts(std::string_view query, std::size_t begin, std::size_t most) {
  std::vector<QueryPart> parts;
  for (std::size_t at = 0; at < query.size() && parts.size() < most;) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    // Not beyond this part: a body of "&" alone would be searched to its end for each.
    const std::size_t length = query.substr(at, end - at).find('=');
    const bool has_value = length != std::string_view::npos;
    const std::size_t equals = has_value ? at + length : end;
    parts.push_back({{begin + at, begin + equals},
                     {begin + (has_value ? equals + 1 : equals), begin + end},
                     has_value});
    at = end + 1;
  }
  return parts;
}

EscapedText decode_query_text(std::string_view raw, std::size_t begin) {
  EscapedText decoded;
  for (std::size_t at = 0; at < raw.size();) {
    const Unit unit = query_unit(raw, at);
    decoded.append(unit.text, {begin + at, begin + at + unit.length}, Escape::uri);
    at += unit.length;
  }
  return decoded;
}

}  // namespace vsaproxy::auth
