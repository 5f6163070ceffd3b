#include "proxy/auth/session_seal.h"

#include <catch2/catch.hpp>
#include <string>

#include "proxy/auth/scheme_list.h"

namespace vsaproxy::auth {
namespace {

const SessionOwner owner{"https://vsa.example.com", "demo", "kaseya-vsa9", "rules"};
constexpr SealNonce nonce{'n'};

const SealKey& key() {
  static const SealKey made = make_seal_key(base::Secret("a text of 16 or more"), {'s'});
  return made;
}

std::string sealed_session() {
  KeptSession session;
  session.fields.push_back({"Authorization", base::Secret("Bearer 12345678")});
  session.token = base::Secret("12345678");
  session.expires = base::WallTime(std::chrono::hours(1));
  return seal_session(session, owner, key(), nonce);
}

std::string fault(std::string_view sealed, const SessionOwner& whose = owner,
                  const SealKey& with = key()) {
  const auto opened = open_session(sealed, whose, with);
  return opened ? "" : opened.error().detail;
}

}  // namespace

TEST_CASE("a sealed session opens with its key and shows nothing without") {
  const std::string sealed = sealed_session();
  const auto opened = open_session(sealed, owner, key());
  REQUIRE(opened.has_value());
  CHECK(opened->token == base::Secret("12345678"));
  CHECK(opened->fields.front().value == base::Secret("Bearer 12345678"));
  CHECK(salt_of(sealed, owner) == SealSalt{'s'});
  for (const std::string_view text : {"1234", "Bearer", "Authorization", "demo", "vsa.example"}) {
    CHECK(sealed.find(text) == std::string::npos);
  }
}

TEST_CASE("the same session is sealed differently with another nonce") {
  const auto body = [](std::string_view sealed) { return std::string(sealed.substr(68)); };
  KeptSession session;
  CHECK(body(seal_session(session, owner, key(), {'a'})) !=
        body(seal_session(session, owner, key(), {'b'})));
}

TEST_CASE("a change of any byte is noticed") {
  std::string sealed = sealed_session();
  for (char& byte : sealed) {
    const char before = byte;
    for (const char flip : {'\x01', '\x80'}) {
      byte = static_cast<char>(before ^ flip);
      CAPTURE(&byte - sealed.data());
      CHECK_FALSE(fault(sealed).empty());
    }
    byte = before;
  }
  CHECK(fault(sealed).empty());
}

TEST_CASE("a file that is cut or longer anywhere is noticed") {
  const std::string sealed = sealed_session();
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(fault(sealed.substr(0, size)).empty());
  }
  CHECK_FALSE(fault(sealed + 'x').empty());
}

TEST_CASE("a refused file is refused with the reason") {
  const std::string sealed = sealed_session();
  CHECK(fault("{\"token\": 1}") == "it is no session cache of vsaproxy");
  CHECK(fault("") == "it is no session cache of vsaproxy");
  CHECK(fault(sealed.substr(0, 20)) == "it is cut short");
  std::string newer = sealed;
  newer[7] = 2;
  CHECK(fault(newer) == "it has format 2, of another version of vsaproxy");
  const SealKey other_text = make_seal_key(base::Secret("another text of 16"), key().salt);
  const SealKey other_salt = make_seal_key(base::Secret("a text of 16 or more"), {'t'});
  CHECK(fault(sealed, owner, other_text).find("another key") != std::string::npos);
  CHECK(fault(sealed, owner, other_salt).find("another key") != std::string::npos);
}

TEST_CASE("a session opens for its owner alone") {
  const std::string sealed = sealed_session();
  const SessionOwner others[] = {
      {"https://vsa.example.com:8443", "demo", "kaseya-vsa9", "rules"},
      {"https://vsa.example.com", "demo2", "kaseya-vsa9", "rules"},
      {"https://vsa.example.com", "demo", "oauth2", "rules"},
      {"https://vsa.example.com", "demo", "kaseya-vsa9", "other rules"},
      {"https://vsa.example.comdemo", "", "kaseya-vsa9", "rules"},
      {"", "", "", ""},
  };
  for (const SessionOwner& other : others) {
    CHECK(fault(sealed, other).find("belongs to another") != std::string::npos);
  }
}

TEST_CASE("the rules of a credential are all its values that are no secrets") {
  const SchemeSpec& oauth2 = *find_scheme("oauth2");
  base::FieldValues values;
  values.set_text("client_id", "a");
  const std::string rules = rules_of(oauth2, values);
  base::FieldValues with_secret = values;
  with_secret.set_secret("client_secret", {base::SecretRef::Kind::file, "x", {}});
  CHECK(rules_of(oauth2, with_secret) == rules);
  base::FieldValues other_text = values;
  other_text.set_text("client_id", "b");
  base::FieldValues with_list = values;
  with_list.set_list("scopes", {"a", "b"});
  base::FieldValues other_list = values;
  other_list.set_list("scopes", {"ab"});
  base::FieldValues with_map = values;
  with_map.set_map("params", {{"a", "b"}});
  const std::string all[] = {rules, rules_of(oauth2, other_text), rules_of(oauth2, with_list),
                             rules_of(oauth2, other_list), rules_of(oauth2, with_map)};
  for (const std::string& one : all) CHECK(std::count(std::begin(all), std::end(all), one) == 1);
}

}  // namespace vsaproxy::auth
