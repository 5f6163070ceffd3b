// Any bytes as a message of the VSA 9 SOAP API, and as its answers: never a crash. What is edited
// is read again: it has our token and nothing else wherever a session goes, and every byte outside
// the places is the same. The first line of the input is the charset, the second the target.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/auth/schemes/kaseya_soap.h"
#include "proxy/auth/schemes/kaseya_soap_answer.h"
#include "proxy/auth/schemes/kaseya_soap_body.h"
#include "proxy/auth/schemes/kaseya_soap_query.h"
#include "tests/fuzz/check.h"

namespace vsaproxy::auth {
namespace {

using fuzz::check;

constexpr std::string_view token = "91422713194722770576449885";

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

// Checks that the places are in order and within the text.
std::string edit(std::string_view text, const std::vector<TokenPlace>& places) {
  std::size_t done = 0;
  for (const TokenPlace& place : places) {
    check(place.offset >= done && place.length <= text.size() &&
              place.offset <= text.size() - place.length,
          "places are in order and within the text");
    done = place.offset + place.length;
  }
  const std::string edited = with_token(text, places, token);
  check(edited.size() == length_with_token(text.size(), places, token.size()),
        "the length is known before the edit");
  return edited;
}

// An edited text has the same places as before, each a plain replacement of the token.
void check_again(std::string_view edited, const std::vector<TokenPlace>& places,
                 const std::vector<TokenPlace>& again) {
  check(again.size() == places.size(), "a session is found where it was put");
  for (const TokenPlace& place : again) {
    check(place.before.empty() && place.after.empty() &&
              edited.substr(place.offset, place.length) == token,
          "a session is our token and nothing else");
  }
  check(edit(edited, again) == edited, "an edit that is repeated changes nothing");
}

void fuzz_message(std::string_view charset, std::string_view body) {
  const auto inspection = inspect_soap_body(body, charset);
  if (!inspection) {
    check(inspection.error().kind == base::ErrorKind::bad_request, "a message is a bad request");
    return;
  }
  check(inspection->login_operation.empty() || inspection->body.empty(), "a login is not edited");
  check(inspection->target.empty(), "a body has no places elsewhere");
  const std::string edited = edit(body, inspection->body);
  const auto again = inspect_soap_body(edited, charset);
  check(again.has_value(), "an edited message is a message");
  check(again->login_operation == inspection->login_operation, "it is the same call");
  check_again(edited, inspection->body, again->body);
}

void fuzz_target(std::string_view target) {
  if (target.find('#') != std::string_view::npos) return;  // refused as a target
  const std::string page = edit(target, page_places(target));
  check_again(page, page_places(target), page_places(page));
  std::string url = page;
  check(remove_logon_guid(url), "the session of a page is taken out again");
  check(!remove_logon_guid(url), "nothing of it is left");
  const auto places = operation_places(target, 0);
  if (!places) return;
  const std::string edited = edit(target, *places);
  const auto again = operation_places(edited, 0);
  check(again.has_value(), "an edited query is a query");
  check_again(edited, *places, *again);
}

}  // namespace
}  // namespace vsaproxy::auth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vsaproxy;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view charset = auth::take_line(rest);
  const std::string_view target = auth::take_line(rest);
  auth::fuzz_message(charset, rest);
  auth::fuzz_target(target);
  const auto outcome = auth::read_soap_login({200, nullptr, rest, {}});
  const bool is_lost = auth::says_soap_session_lost({200, "text/xml", rest});
  fuzz::check(!(outcome.credential && is_lost), "a success is no lost session");
  base::FieldValues values;
  values.set_text("endpoint", "/vsaWS/KaseyaWS.asmx");
  const auto editor = auth::kaseya_soap_scheme().make_editor(values);
  auth::edit(rest, editor->address_places(rest));
  return 0;
}
