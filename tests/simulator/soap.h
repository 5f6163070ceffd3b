#pragma once
// VSA's SOAP API as a System: logins that share the account's sessions and lock with REST, calls
// that carry the session in their body, and the WSDL. Lives as all systems do.

#include "tests/simulator/soap_message.h"
#include "tests/simulator/soap_services.h"
#include "tests/simulator/system.h"

namespace vsaproxy::simulator {

class Soap : public System {
 public:
  explicit Soap(const Shared& shared) : shared_(shared) {}

  bool owns(const Target& target) const override;
  std::size_t body_limit() const override { return std::size_t{16} << 20U; }
  SystemReply answer(const Request& request, const Target& target, Time now) override;
  std::string stats(Time now) const override;
  void reset() override;

 private:
  // One call, whatever way it came.
  struct Call {
    const SoapService& service;
    SoapVersion version = SoapVersion::v11;
    const SoapOperation* operation = nullptr;
    bool is_primitive = false;
    XmlElement req = {};                        // its fields
    std::string space = {};                     // namespace of these fields
    std::vector<std::string> session_ids = {};  // all that the request has, wherever it has them

    std::string text(std::string_view name) const;
  };

  SystemReply answer_post(const SoapService& service, const Request& request, const Target& target,
                          Time now);
  SystemReply answer_get(const SoapService& service, const Request& request, const Target& target,
                         Time now);
  SystemReply answer_call(const Call& call, const Request& request, Time now);
  SystemReply call_fault(SoapVersion version, std::string_view text);
  bool take_operation(Call& call, std::string_view name) const;
  bool take_xml_request(Call& call, std::string_view xml) const;
  SystemReply log_in(const Call& call, Time now);
  Answer login_answer(const Call& call, Time now);
  LoginResult check(const Call& call) const;
  SystemReply refuse(const Call& call);
  // The answer of an operation: its own elements, then the tail that all of them have.
  Answer result(const Call& call, std::string_view own, std::string_view error = {});

  const Shared shared_;
  SoapRecords records_;
  struct {
    std::uint64_t calls = 0;    // answered in a live session
    std::uint64_t refused = 0;  // brought another SessionID than the live one, or none
    std::uint64_t strays = 0;   // of these: the live one was there, and another one too
    std::uint64_t faults = 0;   // no call that the service has
    std::uint64_t wsdl = 0;
  } counts_;
  std::uint64_t transactions_ = 123456788;
};

}  // namespace vsaproxy::simulator
