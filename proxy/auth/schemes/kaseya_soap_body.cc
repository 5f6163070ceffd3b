#include "proxy/auth/schemes/kaseya_soap_body.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "proxy/auth/schemes/kaseya_soap_message.h"
#include "proxy/auth/xml_edit.h"
#include "proxy/auth/xml_scan.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;
using base::Result;

// The API has one.
constexpr std::size_t most_places = 64;

constexpr std::string_view session_id = "SessionID";
constexpr std::string_view request = "req";
constexpr std::array session_child = {session_id};
constexpr std::array request_child = {request, session_id};

tl::unexpected<base::Error> refuse(std::string_view detail) {
  return base::fail(ErrorKind::bad_request, std::string(detail));
}

// The places of one document, in its order.
class Places {
 public:
  explicit Places(std::string_view document) : document_(document) {}

  void begin_session(ByteRange tag) { session_ = tag; }
  void end_session(ByteRange tag) {
    add(place_of_content(document_, {*std::exchange(session_, std::nullopt), tag}));
  }
  bool in_session() const { return session_.has_value(); }
  void add_child(const XmlElement& element, std::span<const std::string_view> names) {
    add(place_of_child(document_, element, names));
  }
  void add(TokenPlace place) {
    if (!are_too_many()) all_.push_back(std::move(place));
  }
  bool are_too_many() const { return all_.size() > most_places; }
  std::vector<TokenPlace>& all() { return all_; }

 private:
  std::string_view document_;
  std::optional<ByteRange> session_;
  std::vector<TokenPlace> all_;
};

// Envelope, Body, operation, req or XmlRequest, SessionID: depths 0 to 4.
class BodyReader final : public XmlHandler {
 public:
  explicit BodyReader(std::string_view document) : places_(document) {}

  XmlInterest on_start(const XmlName& name, ByteRange tag, std::size_t depth) override {
    switch (depth) {
      case 0:
        begin_envelope(name);
        break;
      case 1:
        in_body_ = is_soap_space(name.space) && name.local == "Body";
        break;
      case 2:
        if (in_body_) begin_operation(name, tag);
        break;
      case 3:
        return operation_ ? begin_part(name, tag) : XmlInterest::tags;
      case 4:
        if (request_ && is_own(name, session_id)) {
          has_session_ = true;
          places_.begin_session(tag);
        }
        break;
      default:
        break;
    }
    return XmlInterest::tags;
  }

  void on_end(ByteRange tag, std::size_t depth) override {
    if (depth == 4 && places_.in_session()) places_.end_session(tag);
    if (depth == 3) end_part(tag);
    if (depth == 2 && operation_) {
      if (!has_part_) places_.add_child({*operation_, tag}, request_child);
      operation_.reset();
    }
  }

  void on_text(std::string_view text, ByteRange raw, XmlTextForm form) override {
    text_->append(text, raw, form == XmlTextForm::cdata ? Escape::none : Escape::xml);
  }

  bool has_enough() const override { return error_.has_value() || places_.are_too_many(); }

  Result<Inspection> finish() {
    if (error_) return base::fail(std::move(*error_));
    if (places_.are_too_many()) return refuse("the SOAP message has too many requests in one");
    if (!has_operation_) return refuse("the SOAP message has no operation in its body");
    Inspection inspection;
    inspection.login_operation = login_;
    if (login_.empty()) inspection.body = std::move(places_.all());
    return inspection;
  }

 private:
  void begin_envelope(const XmlName& name) {
    if (is_soap_space(name.space) && name.local == "Envelope") return;
    fail("the body is no SOAP 1.1 or 1.2 envelope");
  }

  void begin_operation(const XmlName& name, ByteRange tag) {
    if (!is_vsa_space(name.space)) {
      return fail(
          fmt::format("the operation in the SOAP body is in no namespace of this API: "
                      "write xmlns=\"{}\"",
                      kaseya_space));
    }
    space_ = name.space == kaseya_space ? kaseya_space : service_desk_space;
    if (login_.empty()) login_ = login_operation(name.local);
    operation_ = tag;
    has_operation_ = true;
    is_primitive_ = is_primitive(name.local);
    has_part_ = is_primitive_;
  }

  // Children without a prefix below an operation with one are in no namespace, unless a default is
  // declared: some clients send them so.
  bool is_own(const XmlName& name, std::string_view local) const {
    return name.local == local && (name.space == space_ || name.space.empty());
  }

  XmlInterest begin_part(const XmlName& name, ByteRange tag) {
    if (is_primitive_ && is_own(name, "XmlRequest")) {
      text_.emplace();
      return XmlInterest::text;
    }
    if (is_own(name, request)) {
      request_ = tag;
      has_part_ = true;
      has_session_ = false;
    }
    return XmlInterest::tags;
  }

  void end_part(ByteRange tag) {
    if (request_ && !has_session_) places_.add_child({*request_, tag}, session_child);
    request_.reset();
    if (!text_) return;
    auto inner = xml_request_places(*text_);
    text_.reset();
    if (!inner) return fail(std::move(inner.error().detail));
    for (TokenPlace& place : *inner) places_.add(std::move(place));
  }

  void fail(std::string detail) {
    if (!error_) error_ = base::Error{ErrorKind::bad_request, std::move(detail)};
  }

  Places places_;
  std::optional<base::Error> error_;
  std::string_view login_;
  std::string_view space_;  // of the operation
  std::optional<ByteRange> operation_;
  std::optional<ByteRange> request_;
  std::optional<EscapedText> text_;  // of XmlRequest
  bool in_body_ = false;
  bool has_operation_ = false;
  bool is_primitive_ = false;
  bool has_part_ = false;
  bool has_session_ = false;
};

// Root, SessionID or req, SessionID: depths 0 to 2. No reference says what namespace they have.
class XmlRequestReader final : public XmlHandler {
 public:
  explicit XmlRequestReader(std::string_view document) : places_(document) {}

  XmlInterest on_start(const XmlName& name, ByteRange tag, std::size_t depth) override {
    if (depth == 0) root_ = tag;
    if (depth == 1 && name.local == request) request_ = tag;
    if (name.local == session_id && (depth == 1 || (depth == 2 && request_))) {
      session_depth_ = depth;
      has_session_ = true;
      places_.begin_session(tag);
    }
    return XmlInterest::tags;
  }

  void on_end(ByteRange tag, std::size_t depth) override {
    if (places_.in_session() && depth == session_depth_) places_.end_session(tag);
    if (depth == 1 && request_) {
      if (!has_session_) places_.add_child({*request_, tag}, session_child);
      has_session_ = true;
      request_.reset();
    }
    if (depth == 0 && !has_session_) places_.add_child({root_, tag}, session_child);
  }

  bool has_enough() const override { return places_.are_too_many(); }

  std::vector<TokenPlace>& places() { return places_.all(); }

 private:
  Places places_;
  ByteRange root_;
  std::optional<ByteRange> request_;
  std::size_t session_depth_ = 0;
  bool has_session_ = false;
};

}  // namespace

Result<Inspection> inspect_soap_body(std::string_view body, std::string_view encoding) {
  BodyReader reader(body);
  if (auto read = scan_xml(body, encoding, reader); !read) {
    return base::fail(std::move(read.error()));
  }
  return reader.finish();
}

Result<std::vector<TokenPlace>> xml_request_places(const EscapedText& text) {
  if (text.is_too_long()) return refuse("the XmlRequest is too long to be edited");
  if (text.text().empty()) return std::vector<TokenPlace>();
  XmlRequestReader reader(text.text());
  if (auto read = scan_xml(text.text(), "utf-8", reader); !read) {
    return refuse(fmt::format("in the XmlRequest: {}", read.error().detail));
  }
  if (reader.has_enough()) return refuse("the XmlRequest has too many requests in one");
  return text.outer_places(reader.places());
}

}  // namespace vsaproxy::auth
