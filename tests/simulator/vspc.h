#pragma once
// Veeam Service Provider Console, REST version 3 under /api/v3, with the login calls of its older
// versions. Owned by the Simulator.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "tests/simulator/api.h"
#include "tests/simulator/form.h"

namespace vsaproxy::simulator {

class Vspc : public Api {
 public:
  explicit Vspc(const Shared& shared) : Api(shared, make_base64_token) {}

  std::optional<std::string_view> rest_of(std::string_view path) const override;
  Part part_of(const RequestHead& head, std::string_view rest) const override;
  bool admits(const RequestHead& head, Time now) const override;
  Answer log_in(const Visit& visit) override;
  Answer tokenless() const override;
  std::optional<Answer> show(const Visit& visit) override;
  Answer error(int status, std::string_view text) const override;
  Answer throttled() const override;
  int failure_status() const override { return 520; }
  void forget_grants() override;
  void reset() override;

 private:
  // Of a login call, in the words of OAuth or of the older calls.
  enum class Dialect { oauth, listed, single, bare };
  // Texts that are good once, with their end.
  using Once = std::map<std::string, Time, std::less<>>;

  Answer grant(const Form& form, Time now);
  Answer grant_password(const Form& form, Time now, Dialect dialect);
  Answer grant_code(const Form& form, Time now);
  Answer grant_refresh(std::string_view token, Time now, Dialect dialect);
  Answer challenge_key(std::string_view xml, Time now, Dialect dialect);
  Answer accept_challenge(std::string_view plain, Time now, Dialect dialect);
  Answer use_older_call(const Visit& visit);
  Answer finish(LoginResult result, Time now, Dialect dialect);
  Answer give_tokens(const std::string& access, Time now, Dialect dialect);
  Answer refuse_login(Dialect dialect) const;
  Answer refuse_form(std::string_view error, std::string_view text, Dialect dialect) const;
  Answer add_company(const Visit& visit);
  std::string make_once(Once& texts, double seconds, Time now);
  static bool take_once(Once& texts, std::string_view text, Time now);

  Once refresh_tokens_;
  Once mfa_tokens_;
  Once challenges_;
  std::set<std::int64_t> used_code_steps_;                     // RFC 6238, 5.2: a code is good once
  std::map<std::string, std::string, std::less<>> companies_;  // X-Request-id -> its action
};

}  // namespace vsaproxy::simulator
