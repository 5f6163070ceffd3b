#pragma once
// The words of the VSA 9 SOAP API and of SOAP itself, shared by all that reads or writes its
// messages. Pure.

#include <string>
#include <string_view>

namespace vsaproxy::auth {

enum class SoapVersion { v1_1, v1_2 };

inline constexpr std::string_view soap_1_1_space = "http://schemas.xmlsoap.org/soap/envelope/";
inline constexpr std::string_view soap_1_2_space = "http://www.w3.org/2003/05/soap-envelope";
inline constexpr std::string_view soap_1_1_type = "text/xml";
inline constexpr std::string_view soap_1_2_type = "application/soap+xml";

// The two services, and where they stand beside each other.
inline constexpr std::string_view kaseya_space = "KaseyaWS";
inline constexpr std::string_view service_desk_space = "vsaServiceDeskWS";
inline constexpr std::string_view service_desk_file = "vsaServiceDeskWS.asmx";

bool is_soap_space(std::string_view space);
bool is_vsa_space(std::string_view space);

bool is_soap_type(std::string_view content_type);
// SOAP 1.1 unless the type is that of 1.2.
SoapVersion soap_version(std::string_view content_type);
// With the charset, UTF-8.
std::string soap_content_type(SoapVersion version);

// The API's own spelling if the operation logs in, "" if it does not.
std::string_view login_operation(std::string_view operation);
// Takes its request as XML in a string, and answers so.
bool is_primitive(std::string_view operation);

// A whole message around `content`, which stands in the SOAP body as it is.
std::string soap_envelope(SoapVersion version, std::string_view content);

}  // namespace vsaproxy::auth
