#pragma once
// The requests on a connection as http-parser reads them: a second opinion on their framing that
// shares no code with ours. Pure.

#include <http_parser.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/text.h"

namespace vsaproxy::fuzz {

struct SeenRequest {
  std::string method;
  std::string body;
  bool is_whole = false;

  friend bool operator==(const SeenRequest&, const SeenRequest&) = default;
};

class SecondReader {
 public:
  explicit SecondReader(std::string_view bytes) {
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = this;
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_header_field = on_name;
    settings.on_headers_complete = on_head;
    settings.on_body = on_body;
    settings.on_message_complete = on_end;
    http_parser_execute(&parser, &settings, bytes.data(), bytes.size());
    const auto error = HTTP_PARSER_ERRNO(&parser);
    // It knows a fixed list of methods only.
    is_at_a_loss_ |= error == HPE_INVALID_METHOD;
    is_refused_ = error != HPE_OK || parser.upgrade != 0;
  }

  const std::vector<SeenRequest>& requests() const { return requests_; }
  bool is_refused() const { return is_refused_; }
  // Its opinion counts for nothing: an unknown method, or a field that it takes for another one.
  bool is_at_a_loss() const { return is_at_a_loss_; }

 private:
  static SecondReader& self(http_parser* parser) {
    return *static_cast<SecondReader*>(parser->data);
  }
  static int on_name(http_parser* parser, const char* name, std::size_t size) {
    // It takes "Transfer-Encodings" for a sign of a transfer coding.
    constexpr std::string_view coding = "Transfer-Encoding";
    const std::string_view text(name, size);
    self(parser).is_at_a_loss_ |=
        size > coding.size() && base::starts_with_ignoring_case(text, coding);
    return 0;
  }
  static int on_head(http_parser* parser) {
    const auto method = static_cast<http_method>(parser->method);
    self(parser).requests_.push_back({http_method_str(method), "", false});
    return 0;
  }
  static int on_body(http_parser* parser, const char* data, std::size_t size) {
    self(parser).requests_.back().body.append(data, size);
    return 0;
  }
  static int on_end(http_parser* parser) {
    self(parser).requests_.back().is_whole = true;
    return 0;
  }

  std::vector<SeenRequest> requests_;
  bool is_refused_ = false;
  bool is_at_a_loss_ = false;
};

}  // namespace vsaproxy::fuzz
