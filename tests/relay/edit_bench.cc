#include "tests/relay/edit_bench.h"

#include <array>
#include <utility>
#include <vector>

#include "tests/relay/messages.h"

namespace vsaproxy::relay {
namespace {

std::vector<auth::TokenPlace> marks(std::string_view text, std::string_view mark) {
  std::vector<auth::TokenPlace> places;
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + 1)) {
    places.push_back({at, mark.size(), "<", ">"});
  }
  return places;
}

class MarkEditor final : public auth::MessageEditor {
 public:
  Part needs(const auth::RequestLook& request) const override {
    if (request.method == "POST") return Part::body;
    return request.target.find("{T}") != std::string_view::npos ? Part::target : Part::nothing;
  }
  base::Result<auth::Inspection> inspect(const auth::RequestLook& request,
                                         std::string_view body) const override {
    if (body.find("bad") != std::string_view::npos) {
      return base::fail(ErrorKind::bad_request, "not our kind of message");
    }
    auth::Inspection found;
    if (body.find("Authenticate") != std::string_view::npos) found.login_operation = "Authenticate";
    found.body = marks(body, "{T}");
    found.target = marks(request.target, "{T}");
    return found;
  }
  bool clean_location(std::string& location) const override {
    const auto at = location.find("?session=");
    if (at == std::string::npos) return false;
    location.erase(at);
    return true;
  }
  bool edits_answer(const auth::RequestLook& request) const override {
    return request.target.ends_with("?WSDL");
  }
  std::vector<auth::TokenPlace> address_places(std::string_view body) const override {
    auto places = marks(body, "http://server");
    for (auto& place : places) place.before = place.after = "";
    return places;
  }
};

auth::LocalAnswer stub(const auth::StubRequest& asked) {
  return {200, "text/plain", std::string(asked.operation) + " " + std::string(asked.failure)};
}

bool says_lost(const auth::AnswerLook& answer) {
  return answer.body.find("no session") != std::string_view::npos;
}

constexpr std::array<int, 1> fault_status = {500};

}  // namespace

const auth::SchemeSpec& mark_scheme() {
  static const auth::SchemeSpec spec = [] {
    auth::SchemeSpec made;
    made.name = "marks";
    made.logs_in = true;
    made.stub = stub;
    made.lost_session_media = auth::LostSessionMedia::xml;
    made.lost_session_statuses = fault_status;
    made.session_lost = says_lost;
    made.make_editor = [](const base::FieldValues&) -> std::unique_ptr<const auth::MessageEditor> {
      return std::make_unique<const MarkEditor>();
    };
    return made;
  }();
  return spec;
}

std::string post(std::string_view body, std::string_view fields) {
  std::string all = "Content-Length: " + std::to_string(body.size());
  if (!fields.empty()) all.append("\r\n").append(fields);
  return request("POST /ws", all, body);
}

Desk::Desk(std::string_view upstream, std::string_view rest, const std::string& log_file)
    : bench(make_config(session_file(upstream, rest), &mark_scheme()), log_file),
      client(bench.connect()) {
  bench.log_in("one");
  bench.reports();
}

std::string Desk::status() {
  const std::string start = read_message(client->take()).start;
  return start.size() < 12 ? start : start.substr(9, 3);
}

std::string Desk::reason() { return read_message(client->take()).field("X-Proxy-Error"); }

}  // namespace vsaproxy::relay
