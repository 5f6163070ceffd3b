#pragma once
// Runs a codec over input that arrives in pieces and writes down all that it reports, so that two
// runs can be compared. For tests and fuzz targets.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/codec.h"

namespace vsaproxy::http {

struct Transcript {
  std::string events;   // a line or more for each; adjoining pieces of data joined
  std::string content;  // all data
  std::size_t messages = 0;
  std::optional<base::ErrorKind> error;
  std::string_view rest;  // input that was not used

  friend bool operator==(const Transcript& a, const Transcript& b) {
    return a.events == b.events && a.content == b.content && a.messages == b.messages &&
           a.error == b.error && a.rest.size() == b.rest.size();
  }
};

inline void describe(std::string& out, const Fields& fields) {
  for (const Field& field : fields.all()) {
    out.append(field.name).append(": ").append(field.value).append("\n");
  }
}

inline void describe(std::string& out, const BodyFraming& body) {
  out += "body " + std::to_string(static_cast<int>(body.kind)) + " " + std::to_string(body.length);
  out += '\n';
}

inline std::string describe(const RequestHead& head) {
  std::string out(head.method);
  out.append(" ").append(head.target);
  out += head.version == Version::http_1_0 ? " 1.0\n" : " 1.1\n";
  describe(out, head.fields);
  describe(out, head.body);
  return out;
}

inline std::string describe(const ResponseHead& head) {
  std::string out = std::to_string(head.status) + " ";
  out.append(head.reason);
  out += head.version == Version::http_1_0 ? " 1.0\n" : " 1.1\n";
  describe(out, head.fields);
  describe(out, head.body);
  return out;
}

enum class Until { first_message, end_of_input };

// Gives the codec pieces of `piece` bytes each.
template <class Codec>
Transcript run(Codec& codec, std::string_view input, std::size_t piece, Until until) {
  Transcript transcript;
  bool in_data = false;
  while (!input.empty()) {
    std::string_view part = input.substr(0, std::min(piece, input.size()));
    const std::size_t given = part.size();
    for (;;) {
      const auto event = codec.next(part);
      if (!event) {
        transcript.error = event.error().kind;
        return transcript;
      }
      if (event->kind == Event::Kind::need_input) break;
      if (event->kind == Event::Kind::data) {
        if (!in_data) transcript.events += "data\n";
        in_data = true;
        transcript.content += event->data;
        continue;
      }
      in_data = false;
      if (event->kind != Event::Kind::end) {
        if (event->kind == Event::Kind::interim) transcript.events += "interim ";
        transcript.events += describe(codec.head());
        continue;
      }
      transcript.events += "end\n";
      describe(transcript.events, codec.trailers());
      ++transcript.messages;
      if (until == Until::first_message) {
        transcript.rest = input.substr(given - part.size());
        return transcript;
      }
    }
    input.remove_prefix(given);
  }
  return transcript;
}

}  // namespace vsaproxy::http
