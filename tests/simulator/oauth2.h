#pragma once
// An OAuth 2 token endpoint (RFC 6749) at /oauth2/token and the API whose pages, under /tickets,
// want its tokens. Owned by the Simulator.

#include <map>
#include <string>
#include <string_view>

#include "tests/simulator/api.h"
#include "tests/simulator/form.h"

namespace vsaproxy::simulator {

class OAuth2 : public Api {
 public:
  explicit OAuth2(const Shared& shared) : Api(shared, make_base64_token) {}

  std::optional<std::string_view> rest_of(std::string_view path) const override;
  Part part_of(const RequestHead& head, std::string_view rest) const override;
  bool admits(const RequestHead& head, Time now) const override;
  Answer log_in(const Visit& visit) override;
  Answer tokenless() const override;
  std::optional<Answer> show(const Visit& visit) override;
  Answer error(int status, std::string_view text) const override;
  void forget_grants() override { refresh_tokens_.clear(); }

 private:
  bool is_right_client(const RequestHead& head, const Form& form) const;
  Answer grant(const Form& form, Time now);
  Answer refresh(const Form& form, Time now);
  Answer give_token(const std::string& access, const Form& form, Time now);
  Answer refuse(int status, std::string_view name) const;

  std::map<std::string, Time, std::less<>> refresh_tokens_;  // good once, until then
};

}  // namespace vsaproxy::simulator
