#include "tests/simulator/web_pages.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/simulator/digest.h"

namespace vsaproxy::simulator {
namespace {

constexpr std::string_view login_page = "/vsapres/web20/core/login.aspx";
constexpr std::string_view folder = "/systemtab/";
constexpr std::string_view cookie_name = "ASP.NET_SessionId=";

std::vector<std::string> ids_of(const Target& target) {
  std::vector<std::string> ids;
  for (const Field& field : target.query) {
    if (equals_ignoring_case(field.name, "apiLogonGuid")) ids.push_back(field.value);
  }
  return ids;
}

std::string_view cookie_of(const Request& request) {
  const std::string* field = request.head.field("Cookie");
  if (field == nullptr) return {};
  const auto start = field->find(cookie_name);
  if (start == std::string::npos) return {};
  const std::string_view value = std::string_view(*field).substr(start + cookie_name.size());
  return value.substr(0, value.find(';'));
}

Answer page(std::string_view text) {
  return {.fields = {{"Content-Type", "text/html; charset=utf-8"}},
          .body = fmt::format("<!DOCTYPE html><title>VSA</title><p>{}</p>\n", text)};
}

// Where the login page leads, by its parameter `to`: a path, a whole address, the id in the middle
// of a query, or within another address.
std::string location_for(const Request& request, const Target& target, std::string_view id) {
  const std::string_view shape = target.text("to");
  const std::string* host = request.head.field("Host");
  const std::string origin = fmt::format("{}://{}", request.is_tls ? "https" : "http",
                                         host == nullptr ? "localhost" : *host);
  if (shape == "address")
    return fmt::format("{}/SystemTab/Welcome.aspx?apiLogonGuid={}", origin, id);
  if (shape == "middle") {
    return fmt::format("/SystemTab/Welcome.aspx?a=1&apiLogonGuid={}&b=%2F#top", id);
  }
  if (shape == "nested") {
    return fmt::format(
        "/SystemTab/Welcome.aspx?ReturnUrl=%2FSystemTab%2FNext.aspx%3FapiLogonGuid%3D{}", id);
  }
  return fmt::format("/SystemTab/Welcome.aspx?apiLogonGuid={}", id);
}

}  // namespace

bool WebPages::owns(const Target& target) const {
  return target.path == login_page ||
         (target.path.starts_with(folder) && target.path.ends_with(".aspx"));
}

SystemReply WebPages::answer(const Request& request, const Target& target, Time now) {
  const auto ids = ids_of(target);
  const bool are_live = std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
    return shared_.account.is_live_token(id, now);
  });
  if (!are_live || (ids.empty() && !cookies_.contains(cookie_of(request)))) return refuse();
  if (target.path == login_page && !ids.empty()) return lead_on(request, target, ids.front());
  ++shown_;
  return {.answer = page("signed in"), .session = "live"};
}

SystemReply WebPages::refuse() {
  ++refused_;
  return {.answer = page("please sign in"), .session = "refused"};
}

SystemReply WebPages::lead_on(const Request& request, const Target& target, std::string_view id) {
  ++redirected_;
  const auto cookie = cookies_.insert(random_digits(24)).first;
  Answer answer = page("signed in");
  answer.status = 302;
  answer.fields.push_back({"Location", location_for(request, target, id)});
  answer.fields.push_back(
      {"Set-Cookie", fmt::format("{}{}; path=/; HttpOnly", cookie_name, *cookie)});
  return {.answer = std::move(answer), .session = "live"};
}

std::string WebPages::stats(Time /*now*/) const {
  return fmt::format(R"("web_pages":{{"shown":{},"redirected":{},"refused":{}}})", shown_,
                     redirected_, refused_);
}

void WebPages::reset() {
  cookies_.clear();
  shown_ = redirected_ = refused_ = 0;
}

}  // namespace vsaproxy::simulator
