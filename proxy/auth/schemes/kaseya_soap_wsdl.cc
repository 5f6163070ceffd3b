#include "proxy/auth/schemes/kaseya_soap_wsdl.h"

#include <algorithm>
#include <array>
#include <optional>

#include "proxy/auth/xml_edit.h"
#include "proxy/auth/xml_scan.h"
#include "proxy/base/text.h"

namespace vsaproxy::auth {
namespace {

struct AddressAttribute {
  XmlName element;
  std::string_view name;
};

constexpr std::array address_attributes = {
    AddressAttribute{{"http://schemas.xmlsoap.org/wsdl/soap/", "address"}, "location"},
    AddressAttribute{{"http://schemas.xmlsoap.org/wsdl/soap12/", "address"}, "location"},
    AddressAttribute{{"http://schemas.xmlsoap.org/wsdl/http/", "address"}, "location"},
    AddressAttribute{{"http://schemas.xmlsoap.org/disco/soap/", "soap"}, "address"},
    AddressAttribute{{"http://schemas.xmlsoap.org/disco/scl/", "contractRef"}, "ref"},
    AddressAttribute{{"http://schemas.xmlsoap.org/disco/scl/", "contractRef"}, "docRef"},
};

// What stands before the path of an http or https URL.
std::optional<std::size_t> origin_length(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!base::starts_with_ignoring_case(url, scheme)) continue;
    return std::min(url.find_first_of("/?#", scheme.size()), url.size());
  }
  return std::nullopt;
}

class AddressReader final : public XmlHandler {
 public:
  AddressReader(std::string_view document, const std::function<bool(std::string_view)>& is_own)
      : document_(document), is_own_(is_own) {}

  XmlInterest on_start(const XmlName& name, ByteRange tag, std::size_t) override {
    for (const AddressAttribute& known : address_attributes) {
      if (known.element != name) continue;
      if (const auto value = find_attribute(document_, tag, known.name)) look_at(*value);
    }
    return XmlInterest::tags;
  }
  void on_end(ByteRange, std::size_t) override {}

  std::vector<TokenPlace> take() {
    const auto by_offset = [](const TokenPlace& a, const TokenPlace& b) {
      return a.offset < b.offset;
    };
    std::sort(places_.begin(), places_.end(), by_offset);
    return std::move(places_);
  }

 private:
  void look_at(ByteRange value) {
    const std::string_view url = value.of(document_);
    const auto length = origin_length(url);
    if (!length) return;
    const std::string_view path = url.substr(*length);
    if (!is_own_(path.substr(0, path.find_first_of("?#")))) return;
    places_.push_back({value.begin, *length, "", ""});
  }

  std::string_view document_;
  const std::function<bool(std::string_view)>& is_own_;
  std::vector<TokenPlace> places_;
};

}  // namespace

std::vector<TokenPlace> service_addresses(std::string_view document,
                                          const std::function<bool(std::string_view)>& is_own) {
  AddressReader reader(document, is_own);
  if (!scan_xml(document, "", reader)) return {};
  return reader.take();
}

}  // namespace vsaproxy::auth
