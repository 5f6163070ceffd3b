#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>

#include "proxy/auth/schemes/kaseya_soap_answer.h"
#include "proxy/auth/schemes/kaseya_soap_body.h"

namespace vsaproxy::auth {
namespace {

constexpr std::string_view token = "91422713194722770576449885";

std::string members(std::size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) {
    text += fmt::format("<Field_{0}>root.acme.machine-{0}</Field_{0}>\r\n", i);
  }
  return text;
}

std::string message(std::string_view content) {
  return fmt::format(
      R"(<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Body>{}</soap:Body></soap:Envelope>)",
      content);
}

}  // namespace

TEST_CASE("putting a session into a SOAP message", "[soap_edit]") {
  const std::string request = message(fmt::format(
      R"(<AddX xmlns="KaseyaWS"><req>{}<SessionID>1</SessionID></req></AddX>)", members(1700)));
  const std::string small =
      message(R"(<GetX xmlns="KaseyaWS"><req><SessionID>1</SessionID></req></GetX>)");
  CAPTURE(request.size());
  BENCHMARK(fmt::format("a request of {} bytes", request.size())) {
    const auto inspection = inspect_soap_body(request, "utf-8");
    return with_token(request, inspection->body, token);
  };
  BENCHMARK(fmt::format("a request of {} bytes", small.size())) {
    const auto inspection = inspect_soap_body(small, "utf-8");
    return with_token(small, inspection->body, token);
  };
}

TEST_CASE("looking for a lost session", "[soap_edit]") {
  const auto answer = [](std::string_view rest) {
    return message(fmt::format(
        R"(<GetXResponse xmlns="KaseyaWS"><GetXResult><Machines>{}</Machines>{}</GetXResult></GetXResponse>)",
        members(7000), rest));
  };
  const std::string usual = answer("<Method>GetX</Method><ErrorMessage /><ErrorLocation />");
  const std::string lost = answer("<Method>GetX</Method><ErrorMessage>Session</ErrorMessage>");
  BENCHMARK(fmt::format("a usual answer of {} bytes", usual.size())) {
    return says_soap_session_lost({200, "text/xml", usual});
  };
  BENCHMARK(fmt::format("one of {} bytes that says so", lost.size())) {
    return says_soap_session_lost({200, "text/xml", lost});
  };
}

}  // namespace vsaproxy::auth
