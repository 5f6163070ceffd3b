#pragma once
// Messages as the tests write and read them: a reader of its own, so that the proxy's code does not
// judge itself. Pure.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vsaproxy::relay {

// "GET /a HTTP/1.1" with Host: localhost; `fields` are whole lines without the last line break.
std::string request(std::string_view start, std::string_view fields = "",
                    std::string_view body = "");
// Letters, such that what is lost or out of order shows.
std::string text_of(std::size_t size);
// "HTTP/1.1 200 OK" with these fields, a Content-Length, and the body.
std::string answer(std::string_view status, std::string_view body, std::string_view fields = "");

// A body in chunks of that size, the last one included.
std::string chunked(std::string_view body, std::size_t chunk, std::string_view trailers = "");

struct Message {
  std::string start;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::vector<std::pair<std::string, std::string>> trailers;
  bool is_whole = false;  // by its own framing; without any, a body is whole at any length

  // The values of the field, joined by "|"; "-" if there is none.
  std::string field(std::string_view name) const;
};

// Reads one after the other. `bodiless`: the answers are to HEAD.
enum class Bodies { as_framed, none };
std::vector<Message> read_messages(std::string_view bytes, Bodies bodies = Bodies::as_framed);
// The only message; an empty one if there are none or several.
Message read_message(std::string_view bytes, Bodies bodies = Bodies::as_framed);

}  // namespace vsaproxy::relay
