#pragma once
// An API of which nobody has heard: POST /session with user and pass, as JSON or as a form, gives a
// token for the pages under /things. Owned by the Simulator.

#include <string>
#include <string_view>

#include "tests/simulator/api.h"

namespace vsaproxy::simulator {

class OddApi : public Api {
 public:
  explicit OddApi(const Shared& shared) : Api(shared, make_base64_token) {}

  std::optional<std::string_view> rest_of(std::string_view path) const override;
  Part part_of(const RequestHead& head, std::string_view rest) const override;
  bool admits(const RequestHead& head, Time now) const override;
  Answer log_in(const Visit& visit) override;
  Answer tokenless() const override;
  std::optional<Answer> show(const Visit& visit) override;
  Answer error(int status, std::string_view text) const override;
};

}  // namespace vsaproxy::simulator
