#pragma once
// What the answers to tools' own logins have in common: JSON, written member by member in order,
// and the end of the session behind them. Pure, any thread.

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/auth/scheme.h"

namespace vsaproxy::auth {

class JsonWriter {
 public:
  JsonWriter() { writer_.StartObject(); }

  // An object in it, up to close_object().
  void open_object(std::string_view key);
  void close_object() { writer_.EndObject(); }
  // A list of one object.
  void open_list(std::string_view key);
  void close_list();
  void text(std::string_view key, std::string_view value);
  void number(std::string_view key, std::int64_t value);
  void yes(std::string_view key);
  void null(std::string_view key);

  // The whole as an answer; nothing can be added afterwards.
  LocalAnswer finish(int status);

 private:
  void name(std::string_view key);

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

// How long the session behind the answer lasts, one at least.
std::int64_t seconds_left(const StubRequest& request);
// When it ends, as "2023-11-14T22:43:20Z".
std::string utc_end(const StubRequest& request);

}  // namespace vsaproxy::auth
