#include "proxy/auth/schemes/kaseya_soap_editor.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "proxy/auth/media_type.h"
#include "proxy/auth/schemes/kaseya_soap_body.h"
#include "proxy/auth/schemes/kaseya_soap_message.h"
#include "proxy/auth/schemes/kaseya_soap_query.h"
#include "proxy/auth/schemes/kaseya_soap_wsdl.h"
#include "proxy/base/text.h"
#include "proxy/http/target.h"
#include "proxy/routing/path_pattern.h"

namespace vsaproxy::auth {
namespace {

using base::ErrorKind;
using base::Result;

constexpr std::string_view form_type = "application/x-www-form-urlencoded";

tl::unexpected<base::Error> refuse(std::string_view detail) {
  return base::fail(ErrorKind::bad_request, std::string(detail));
}

// Of two fields of that name servers may take either: then none counts.
std::string_view content_type(const http::Fields& fields) {
  const http::Field* field = fields.find("Content-Type");
  return field == nullptr || fields.count("Content-Type") > 1 ? "" : field->value;
}

// The charset parameter (RFC 9110, 8.3.2), "" if there is none.
std::string_view charset(std::string_view type) {
  constexpr std::string_view name = "charset=";
  for (std::size_t at = type.find(';'); at != std::string_view::npos; at = type.find(';', at + 1)) {
    std::string_view parameter = type.substr(at + 1);
    parameter = base::trim(parameter.substr(0, parameter.find(';')));
    if (!base::starts_with_ignoring_case(parameter, name)) continue;
    parameter.remove_prefix(name.size());
    if (parameter.size() > 1 && parameter.front() == '"' && parameter.back() == '"') {
      parameter = parameter.substr(1, parameter.size() - 2);
    }
    return base::equals_ignoring_case(parameter, "utf8") ? "utf-8" : parameter;
  }
  return "";
}

struct Split {
  std::string_view path;
  std::string_view query;   // without its "?"
  std::size_t query_begin;  // in the target
};

Split split(std::string_view target) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::size_t begin = std::min(mark + 1, target.size());
  return {target.substr(0, mark), target.substr(begin), begin};
}

// What a request is to the API.
enum class Use {
  other,
  soap_call,     // a SOAP message in the body
  form_call,     // an operation in the path, its parameters in the body
  query_call,    // an operation in the path, its parameters in the query
  description,   // WSDL or DISCO
  unknown_call,  // a body of no kind that the API reads
};

struct Reading {
  Use use = Use::other;
  std::string operation;  // of the path
  bool is_page = false;
};

class KaseyaSoapEditor final : public MessageEditor {
 public:
  KaseyaSoapEditor(std::string_view endpoint, std::vector<routing::PathPattern> pages)
      : endpoints_{std::string(endpoint), service_desk(endpoint)}, pages_(std::move(pages)) {}

  Part needs(const RequestLook& request) const override {
    const Reading reading = read(request);
    switch (reading.use) {
      case Use::soap_call:
      case Use::form_call:
        return Part::body;
      case Use::query_call:
      case Use::unknown_call:
        return Part::target;
      case Use::description:
      case Use::other:
        break;
    }
    return reading.is_page ? Part::target : Part::nothing;
  }

  Result<Inspection> inspect(const RequestLook& request, std::string_view body) const override {
    const Reading reading = read(request);
    switch (reading.use) {
      case Use::soap_call:
        return inspect_soap_body(body, charset(content_type(*request.fields)));
      case Use::form_call:
        return inspect_form(reading, body);
      case Use::query_call:
        return inspect_query(reading, request.target);
      case Use::unknown_call:
        return refuse(
            "a call of this API needs one Content-Type: text/xml (SOAP 1.1) or "
            "application/soap+xml (SOAP 1.2)");
      case Use::description:
      case Use::other:
        break;
    }
    Inspection inspection;
    if (reading.is_page) inspection.target = page_places(request.target);
    return inspection;
  }

  bool clean_location(std::string& location) const override { return remove_logon_guid(location); }

  bool edits_answer(const RequestLook& request) const override {
    return read(request).use == Use::description;
  }

  std::vector<TokenPlace> address_places(std::string_view body) const override {
    return service_addresses(body, [this](std::string_view path) {
      const auto rest = behind_endpoint(path);
      return rest && rest->empty();
    });
  }

 private:
  static std::string service_desk(std::string_view endpoint) {
    return std::string(endpoint.substr(0, endpoint.rfind('/') + 1)).append(service_desk_file);
  }

  // What follows an endpoint in a decoded path, without slashes around it; nothing if none is
  // there.
  std::optional<std::string_view> behind_endpoint(std::string_view path) const {
    for (const std::string& endpoint : endpoints_) {
      if (!base::starts_with_ignoring_case(path, endpoint)) continue;
      std::string_view rest = path.substr(endpoint.size());
      if (!rest.empty() && rest.front() != '/') continue;
      while (rest.starts_with('/')) rest.remove_prefix(1);
      while (rest.ends_with('/')) rest.remove_suffix(1);
      return rest;
    }
    return std::nullopt;
  }

  // Every request of the upstream comes by here: only an escape or a pattern needs the path
  // decoded.
  Reading read(const RequestLook& request) const {
    const Split parts = split(request.target);
    http::NormalizedPath normalized;
    std::string_view path = parts.path;
    if (!pages_.empty() || path.find('%') != std::string_view::npos) {
      if (!http::normalize_path(path, {.has_rules = false, .raw_paths = true}, normalized))
        return {};
      path = normalized.decoded;
    }
    Reading reading;
    if (const auto operation = behind_endpoint(path)) {
      reading.operation = *operation;
      reading.use =
          operation->empty() ? use_of_endpoint(request, parts.query) : use_of_operation(request);
      return reading;
    }
    reading.is_page = std::any_of(pages_.begin(), pages_.end(), [path](const auto& page) {
      return page.matches(path, routing::PathCase::insensitive);
    });
    return reading;
  }

  static Use use_of_endpoint(const RequestLook& request, std::string_view query) {
    if (request.method == "POST") {
      return is_soap_type(content_type(*request.fields)) ? Use::soap_call : Use::unknown_call;
    }
    constexpr std::array<std::string_view, 3> descriptions = {"wsdl", "singleWsdl", "disco"};
    const bool is_description =
        (request.method == "GET" || request.method == "HEAD") &&
        std::any_of(descriptions.begin(), descriptions.end(), [query](std::string_view name) {
          return base::equals_ignoring_case(query, name);
        });
    return is_description ? Use::description : Use::other;
  }

  static Use use_of_operation(const RequestLook& request) {
    if (request.method == "GET" || request.method == "HEAD") return Use::query_call;
    if (request.method != "POST") return Use::other;
    const std::string_view type = content_type(*request.fields);
    if (base::equals_ignoring_case(media_type(type), form_type)) return Use::form_call;
    return is_soap_type(type) ? Use::soap_call : Use::unknown_call;
  }

  static Result<Inspection> inspect_form(const Reading& reading, std::string_view body) {
    Inspection inspection;
    inspection.login_operation = login_operation(reading.operation);
    if (!inspection.login_operation.empty()) return inspection;
    auto places = operation_places(body, 0);
    if (!places) return base::fail(std::move(places.error()));
    inspection.body = *std::move(places);
    return inspection;
  }

  static Result<Inspection> inspect_query(const Reading& reading, std::string_view target) {
    Inspection inspection;
    inspection.login_operation = login_operation(reading.operation);
    if (!inspection.login_operation.empty()) return inspection;
    const Split parts = split(target);
    auto places = operation_places(parts.query, parts.query_begin);
    if (!places) return base::fail(std::move(places.error()));
    inspection.target = *std::move(places);
    return inspection;
  }

  std::array<std::string, 2> endpoints_;
  std::vector<routing::PathPattern> pages_;
};

}  // namespace

std::unique_ptr<const MessageEditor> make_kaseya_soap_editor(const base::FieldValues& values) {
  std::string_view endpoint = values.text("endpoint").value_or("");
  while (endpoint.ends_with('/')) endpoint.remove_suffix(1);
  std::vector<routing::PathPattern> pages;
  if (const base::TextList* list = values.list("page_paths")) {
    for (const std::string& text : *list) {
      if (auto pattern = routing::PathPattern::parse(text)) pages.push_back(*std::move(pattern));
    }
  }
  return std::make_unique<KaseyaSoapEditor>(endpoint, std::move(pages));
}

}  // namespace vsaproxy::auth
