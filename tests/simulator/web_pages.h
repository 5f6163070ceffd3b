#pragma once
// VSA's own pages as a System: they take a live session as ?apiLogonGuid= and hand it on in a
// redirect, as a browser would be led. Lives as all systems do.

#include <set>

#include "tests/simulator/system.h"

namespace vsaproxy::simulator {

class WebPages : public System {
 public:
  explicit WebPages(const Shared& shared) : shared_(shared) {}

  bool owns(const Target& target) const override;
  SystemReply answer(const Request& request, const Target& target, Time now) override;
  std::string stats(Time now) const override;
  void revoke() override { cookies_.clear(); }
  void reset() override;

 private:
  SystemReply refuse();
  SystemReply lead_on(const Request& request, const Target& target, std::string_view id);

  const Shared shared_;
  std::set<std::string, std::less<>> cookies_;
  std::uint64_t shown_ = 0;
  std::uint64_t redirected_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace vsaproxy::simulator
