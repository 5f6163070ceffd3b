#pragma once
// Systems without a login, where every request brings the same field: VSA 10, an API with Basic and
// an API with a key. Owned by the Simulator.

#include <string>
#include <string_view>

#include "tests/simulator/api.h"

namespace vsaproxy::simulator {

class FixedCredential : public Api {
 public:
  explicit FixedCredential(const Shared& shared) : Api(shared, make_decimal_token) {}

  Part part_of(const RequestHead&, std::string_view) const override { return Part::data; }
  bool admits(const RequestHead& head, Time now) const override;
  Answer log_in(const Visit&) override { return error(404, "there is no login"); }
  Answer tokenless() const override { return error(404, "there is no login"); }
  std::optional<Answer> show(const Visit& visit) override;
  Answer error(int status, std::string_view text) const override;

 protected:
  // The one field that a request must bring.
  virtual Field expected() const = 0;
};

class Vsa10 : public FixedCredential {
 public:
  using FixedCredential::FixedCredential;

 protected:
  std::optional<std::string_view> rest_of(std::string_view path) const override;
  std::optional<Answer> show(const Visit& visit) override;
  Answer error(int status, std::string_view text) const override;
  Field expected() const override;
};

class BasicApi : public FixedCredential {
 public:
  using FixedCredential::FixedCredential;

 protected:
  std::optional<std::string_view> rest_of(std::string_view path) const override;
  Field expected() const override;
};

class KeyedApi : public FixedCredential {
 public:
  using FixedCredential::FixedCredential;

 protected:
  std::optional<std::string_view> rest_of(std::string_view path) const override;
  Field expected() const override;
};

}  // namespace vsaproxy::simulator
