#include "tests/simulator/soap_services.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tests/simulator/pages.h"

namespace vsaproxy::simulator {
namespace {

constexpr auto group_names = std::to_array<std::string_view>({"root.acme", "root.unnamed"});

std::string element(std::string_view name, std::string_view text) {
  return fmt::format("<{0}>{1}</{0}>", name, xml_text(text));
}

std::string echo(const SoapInput& input) { return element("Payload", input.text("Payload")); }

std::string list_groups(const SoapInput&) {
  std::string list;
  for (const std::string_view name : group_names) list += element("groupName", name);
  return "<MachineGroups>" + list + "</MachineGroups>";
}

std::string machine(std::uint64_t number, std::string_view group) {
  return "<Machine>" + element("Machine_GroupID", fmt::format("pc{}.{}", number, group)) +
         element("IpAddress", fmt::format("192.0.2.{}", number % 254 + 1)) +
         element("MacAddr", fmt::format("00-00-5E-00-53-{:02X}", number % 256)) +
         element("groupName", group) + element("firstCheckin", "2020-01-02T03:04:05") +
         element("agentGuid", agent_id(number)) + "</Machine>";
}

std::string list_machines(const SoapInput& input) {
  const std::string_view wanted = input.text("MachineGroup");
  std::string list;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(input.options.agents); ++i) {
    const std::string_view group = group_names[i % group_names.size()];
    if (wanted.empty() || wanted == group) list += machine(i, group);
  }
  return "<Machines>" + list + "</Machines>";
}

std::string list_scopes(const SoapInput& input) {
  std::string list;
  for (const std::string& scope : input.records.scopes) {
    list += "<Scope>" + element("ScopeID", scope) + "</Scope>";
  }
  return "<Scopes>" + list + "</Scopes>";
}

std::string add_scope(const SoapInput& input) {
  input.records.scopes.emplace_back(input.text("ScopeName"));
  ++input.records.writes;
  return element("scopeOutId", fmt::format("9142271319472277{:010}", input.records.writes));
}

std::string list_desks(const SoapInput&) {
  return "<ServiceDesks><ServiceDesk>" + element("ServiceDeskID", "KSD") +
         element("ServiceDeskName", "Standard") + "</ServiceDesk></ServiceDesks>";
}

constexpr auto session = std::to_array<SoapField>({{"SessionID", "s:decimal"}});
constexpr auto browser_session =
    std::to_array<SoapField>({{"BrowserIP", "s:string"}, {"SessionID", "s:decimal"}});
constexpr auto echo_request =
    std::to_array<SoapField>({{"Payload", "s:string"}, {"SessionID", "s:decimal"}});
constexpr auto echo_response = std::to_array<SoapField>({{"Payload", "s:string"}});
constexpr auto login_request = std::to_array<SoapField>({{"UserName", "s:string"},
                                                         {"CoveredPassword", "s:string"},
                                                         {"RandomNumber", "s:string"},
                                                         {"BrowserIP", "s:string"},
                                                         {"HashingAlgorithm", "s:string"}});
constexpr auto app_login_request =
    std::to_array<SoapField>({{"AppSessionID", "s:int"}, {"BrowserIP", "s:string"}});
constexpr auto groups_response = std::to_array<SoapField>({{"MachineGroups", "tns:ArrayOfString"}});
constexpr auto machines_request = std::to_array<SoapField>({{"MachineGroup", "s:string"},
                                                            {"MachineCollection", "s:string"},
                                                            {"BrowserIP", "s:string"},
                                                            {"SessionID", "s:decimal"}});
constexpr auto machines_response = std::to_array<SoapField>({{"Machines", "tns:ArrayOfMachine"}});
constexpr auto scopes_response = std::to_array<SoapField>({{"Scopes", "tns:ArrayOfScope"}});
constexpr auto add_scope_request =
    std::to_array<SoapField>({{"ScopeName", "s:string"}, {"SessionID", "s:decimal"}});
constexpr auto add_scope_response = std::to_array<SoapField>({{"scopeOutId", "s:decimal"}});
constexpr auto desks_response =
    std::to_array<SoapField>({{"ServiceDesks", "tns:ArrayOfServiceDesk"}});

constexpr auto operations = std::to_array<SoapOperation>({
    {"EchoMt", "EchoMtRequest", "EchoMtResponse", echo_request, echo_response, echo, true},
    {"Authenticate", "AuthenticationRequest", "AuthenticationResponse", login_request, session,
     nullptr, true},
    {"AuthenticateWithAppSessionID", "AuthenticateWithAppSessionIDRequest",
     "AuthenticateWithAppSessionIDResponse", app_login_request, session, nullptr},
    {"GetMachineGroupList", "GetMachineGroupListRequest", "GetMachineGroupListResponse",
     browser_session, groups_response, list_groups, true},
    {"GetMachineList", "GetMachineListRequest", "GetMachineListResponse", machines_request,
     machines_response, list_machines, true},
    {"GetScopes", "GetScopesRequest", "GetScopesResponse", session, scopes_response, list_scopes,
     true},
    {"AddScope", "AddScopeRequest", "AddScopeResponse", add_scope_request, add_scope_response,
     add_scope, true},
});

constexpr auto desk_operations = std::to_array<SoapOperation>({
    {"GetServiceDesks", "GetServiceDesksRequest", "GetServiceDesksResponse", session,
     desks_response, list_desks},
});

constexpr std::string_view types = R"(
<s:complexType name="ArrayOfString"><s:sequence>
<s:element minOccurs="0" maxOccurs="unbounded" name="groupName" nillable="true" type="s:string"/>
</s:sequence></s:complexType>
<s:complexType name="ArrayOfMachine"><s:sequence>
<s:element minOccurs="0" maxOccurs="unbounded" name="Machine" nillable="true" type="tns:Machine"/>
</s:sequence></s:complexType>
<s:complexType name="Machine"><s:sequence>
<s:element minOccurs="0" maxOccurs="1" name="Machine_GroupID" type="s:string"/>
<s:element minOccurs="0" maxOccurs="1" name="IpAddress" type="s:string"/>
<s:element minOccurs="0" maxOccurs="1" name="MacAddr" type="s:string"/>
<s:element minOccurs="0" maxOccurs="1" name="groupName" type="s:string"/>
<s:element minOccurs="1" maxOccurs="1" name="firstCheckin" type="s:dateTime"/>
<s:element minOccurs="1" maxOccurs="1" name="agentGuid" type="s:decimal"/>
</s:sequence></s:complexType>
<s:complexType name="ArrayOfScope"><s:sequence>
<s:element minOccurs="0" maxOccurs="unbounded" name="Scope" nillable="true" type="tns:Scope"/>
</s:sequence></s:complexType>
<s:complexType name="Scope"><s:sequence>
<s:element minOccurs="0" maxOccurs="1" name="ScopeID" type="s:string"/>
</s:sequence></s:complexType>)";

constexpr std::string_view desk_types = R"(
<s:complexType name="ArrayOfServiceDesk"><s:sequence>
<s:element minOccurs="0" maxOccurs="unbounded" name="ServiceDesk" type="tns:ServiceDesk"/>
</s:sequence></s:complexType>
<s:complexType name="ServiceDesk"><s:sequence>
<s:element minOccurs="0" maxOccurs="1" name="ServiceDeskID" type="s:string"/>
<s:element minOccurs="0" maxOccurs="1" name="ServiceDeskName" type="s:string"/>
</s:sequence></s:complexType>)";

constexpr auto services = std::to_array<SoapService>({
    {"/vsaws/kaseyaws.asmx", "KaseyaWS", operations, types},
    {"/vsaws/vsaservicedeskws.asmx", "vsaServiceDeskWS", desk_operations, desk_types},
});

}  // namespace

std::string_view SoapInput::text(std::string_view name) const {
  const XmlElement* field = req.child(space, name);
  return field == nullptr ? std::string_view{} : std::string_view(field->text);
}

std::span<const SoapService> soap_services() { return services; }

const SoapOperation* find_operation(const SoapService& service, std::string_view name) {
  const auto found = std::find_if(service.operations.begin(), service.operations.end(),
                                  [&](const SoapOperation& o) { return o.name == name; });
  return found == service.operations.end() ? nullptr : &*found;
}

}  // namespace vsaproxy::simulator
