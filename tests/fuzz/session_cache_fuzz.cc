// Any bytes as a session cache: as the file itself, and as what stands in it once the seal is good.
// Never a crash, never a session that could break a request or outlive its time. The first byte
// chooses: the file, or the session under a good seal.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/auth/session_seal.h"
#include "proxy/http/head_parser.h"
#include "tests/fuzz/check.h"

namespace {

using vsaproxy::fuzz::check;
using namespace vsaproxy;

constexpr auth::Now now{base::Time(std::chrono::hours(1)),
                        base::WallTime(std::chrono::seconds(1'700'000'000))};
const auth::SessionOwner owner{"https://vsa.example.com", "demo", "kaseya-vsa9", ""};

// Fixed: scrypt would take all of the fuzzer's time.
auth::SealKey key() { return {{}, base::Secret("0123456789abcdef0123456789abcdef")}; }

bool is_field_value(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0\x7F", 4)) == std::string_view::npos;
}

void check_restored(auth::KeptSession session) {
  const auto lifetime = session.expires - session.issued;
  const auto restored = auth::restore_session(std::move(session), now);
  if (!restored) {
    check(!restored.error().detail.empty(), "a refusal has a reason");
    return;
  }
  const auto& expires = restored->credential.expires;
  check(expires.has_value(), "a restored session has an end");
  check(*expires >= now.steady && *expires <= now.steady + lifetime,
        "a restored session never outlives its time");
  check(restored->issued < *expires, "a session begins before it ends");
}

void check_session(std::string_view bytes) {
  const auto session = auth::read_session(bytes);
  if (!session) return;
  for (const auto& field : session->fields) {
    check(http::is_token(field.name), "a field has a name");
    check(is_field_value(field.value.reveal()), "a field has one line");
  }
  check(auth::write_session(*session).reveal() == bytes, "a session has one spelling");
  const std::string sealed = auth::seal_session(*session, owner, key(), {});
  const auto opened = auth::open_session(sealed, owner, key());
  check(opened && auth::write_session(*opened).reveal() == bytes, "what is sealed opens again");
  check_restored(*session);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const std::string_view bytes = input.substr(1);
  if (input.front() == 'f') {
    const auto salt = auth::salt_of(bytes, owner);
    const auto opened = auth::open_session(bytes, owner, key());
    check(salt.has_value() || !opened, "what opens has a salt");
    if (opened) check_session(auth::write_session(*opened).reveal());
  } else {
    check_session(bytes);
  }
  return 0;
}
