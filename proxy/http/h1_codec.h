#pragma once
// HTTP/1.1 (RFC 9112) behind the codec interfaces. Owned by a connection; one thread; pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/body_decoder.h"
#include "proxy/http/codec.h"
#include "proxy/http/head_parser.h"
#include "proxy/http/message.h"
#include "proxy/http/serializer.h"

namespace vsaproxy::http {

// Puts one body into its framing.
class BodyEncoder {
 public:
  enum class Output { written, suppressed };  // suppressed: a body that is announced but not sent

  void start(BodyFraming framing, Output output);
  EncodedData encode(std::string_view data);
  void finish(const Fields* trailers, std::string& out);
  bool writes_plain() const {
    return output_ == Output::written && framing_ != Framing::none && framing_ != Framing::chunked;
  }

 private:
  Framing framing_ = Framing::none;
  Output output_ = Output::written;
  std::optional<ChunkHeader> chunk_;
};

class H1ServerCodec final : public ServerCodec {
 public:
  explicit H1ServerCodec(const HeadLimits& limits);
  const HeadLimits& limits() const { return limits_; }

  base::Result<Event> next(std::string_view& input) override;
  RequestHead& head() override { return head_; }
  Fields& trailers() override { return decoder_.trailers(); }
  bool expects_continue() const override { return expects_continue_; }
  void encode_head(const ResponseHead& head, std::string& out) override;
  EncodedData encode_data(std::string_view data) override { return encoder_.encode(data); }
  void encode_end(const Fields* trailers, std::string& out) override;
  bool writes_plain() const override { return encoder_.writes_plain(); }
  bool wants_close() const override { return close_; }
  void close_after_answer() override { close_ = true; }
  bool is_idle() const override { return state_ == State::head && gatherer_.is_empty(); }
  void reset() override;
  void release_memory() override;

 private:
  enum class State { head, body, failed };

  base::Result<Event> read_head(std::string_view& input);
  base::Result<Event> read_body(std::string_view& input);

  HeadLimits limits_;
  State state_ = State::head;
  bool close_ = false;
  bool expects_continue_ = false;
  bool is_head_request_ = false;
  Version version_ = Version::http_1_1;
  HeadGatherer gatherer_;
  BodyDecoder decoder_;
  BodyEncoder encoder_;
  RequestHead head_;
};

class H1ClientCodec final : public ClientCodec {
 public:
  explicit H1ClientCodec(const HeadLimits& limits);

  void start(std::string_view request_method) override;
  void encode_head(const RequestHead& head, std::string& out) override;
  EncodedData encode_data(std::string_view data) override { return encoder_.encode(data); }
  void encode_end(const Fields* trailers, std::string& out) override;
  base::Result<Event> next(std::string_view& input) override;
  std::uint64_t plain_left() const override {
    return state_ == State::body ? decoder_.plain_left() : 0;
  }
  void skip_plain(std::uint64_t bytes) override { decoder_.skip_plain(bytes); }
  base::Result<Event> end_of_input() override;
  ResponseHead& head() override { return head_; }
  Fields& trailers() override { return decoder_.trailers(); }
  bool saw_any_byte() const override { return saw_any_byte_; }
  bool can_reuse() const override;
  void reset() override;
  void release_memory() override;

  static constexpr int max_interim_heads = 16;

 private:
  enum class State { idle, head, body, done, failed };

  base::Result<Event> read_head(std::string_view& input);
  base::Result<Event> read_body(std::string_view& input);
  base::Result<Event> step(std::string_view& input);
  Event finish();

  HeadLimits limits_;
  State state_ = State::idle;
  bool saw_any_byte_ = false;
  bool request_sent_ = false;
  bool keep_alive_ = false;
  int interim_heads_ = 0;
  std::string method_;
  HeadGatherer gatherer_;
  BodyDecoder decoder_;
  BodyEncoder encoder_;
  ResponseHead head_;
};

}  // namespace vsaproxy::http
