#include "tests/simulator/fixed_credential.h"
#include "tests/simulator/oauth2.h"
#include "tests/simulator/odd_api.h"
#include "tests/simulator/soap.h"
#include "tests/simulator/system.h"
#include "tests/simulator/vspc.h"
#include "tests/simulator/web_pages.h"

namespace vsaproxy::simulator {

std::vector<std::unique_ptr<System>> make_systems(const Shared& shared) {
  std::vector<std::unique_ptr<System>> systems;
  systems.push_back(std::make_unique<Soap>(shared));
  systems.push_back(std::make_unique<WebPages>(shared));
  systems.push_back(std::make_unique<Vsa10>(shared));  // a part of VSPC's /api/v3
  systems.push_back(std::make_unique<Vspc>(shared));
  systems.push_back(std::make_unique<OAuth2>(shared));
  systems.push_back(std::make_unique<OddApi>(shared));
  systems.push_back(std::make_unique<BasicApi>(shared));
  systems.push_back(std::make_unique<KeyedApi>(shared));
  return systems;
}

std::string next_login_behaviour(Options& options) {
  std::string behaviour = options.login;
  if (behaviour != "ok" && options.login_times > 0 && --options.login_times == 0) {
    options.login = "ok";
  }
  return behaviour;
}

std::optional<Answer> broken_login(std::string_view behaviour, Counters& counters) {
  if (behaviour == "html") {
    ++counters.logins.malformed;
    return Answer{.fields = {{"Content-Type", "text/html"}},
                  .body = "<!DOCTYPE html><title>Maintenance</title><p>Back soon.</p>"};
  }
  Answer answer;
  if (behaviour == "resetting") answer.ending = Answer::Ending::drop_reset;
  if (behaviour == "closing") answer.ending = Answer::Ending::drop_fin;
  if (behaviour == "hanging") answer.ending = Answer::Ending::hang;
  if (answer.ending == Answer::Ending::normal) return std::nullopt;
  ++counters.logins.broken;
  return answer;
}

}  // namespace vsaproxy::simulator
