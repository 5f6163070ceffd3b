#include "proxy/auth/kept_session.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "proxy/http/head_parser.h"

namespace vsaproxy::auth {
namespace {

using base::Secret;
using std::chrono::milliseconds;

constexpr std::uint64_t latest_time = 9'000'000'000'000;  // ms: fits the clock's nanoseconds
constexpr std::uint64_t most_fields = 64;
constexpr auto longest_life = std::chrono::hours(24 * 366);
// Two clocks that agree may still be a little apart.
constexpr auto clock_tolerance = std::chrono::minutes(1);

tl::unexpected<base::Error> fail(std::string detail) {
  return base::fail(base::ErrorKind::system, std::move(detail));
}

constexpr std::size_t bytes_of_a_number = 8;

// Big-endian numbers, and texts with their length in front. Grows once, so that no copy is left.
class Writer {
 public:
  explicit Writer(std::size_t size) { bytes_.reserve(size); }
  void number(std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes_.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
    }
  }
  void text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
  }
  void moment(base::WallTime value) {
    const auto count = std::chrono::floor<milliseconds>(value.time_since_epoch()).count();
    number(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)));
  }
  Secret take() { return Secret::take(std::move(bytes_)); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::optional<std::uint64_t> number() {
    if (rest_.size() < bytes_of_a_number) return std::nullopt;
    std::uint64_t value = 0;
    for (const char byte : rest_.substr(0, bytes_of_a_number)) {
      value = value << 8 | static_cast<unsigned char>(byte);
    }
    rest_.remove_prefix(bytes_of_a_number);
    return value;
  }
  std::optional<std::string_view> text() {
    const auto size = number();
    if (!size || *size > rest_.size()) return std::nullopt;
    const std::string_view value = rest_.substr(0, static_cast<std::size_t>(*size));
    rest_.remove_prefix(value.size());
    return value;
  }
  std::optional<base::WallTime> moment() {
    const auto value = number();
    if (!value || *value > latest_time) return std::nullopt;
    return base::WallTime(milliseconds(*value));
  }
  bool is_at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool is_field_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7F');
  });
}

bool read_fields(Reader& reader, std::vector<InjectedField>& fields) {
  const auto count = reader.number();
  if (!count || *count > most_fields) return false;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto name = reader.text();
    const auto value = reader.text();
    if (!name || !value || !http::is_token(*name) || !is_field_value(*value)) return false;
    fields.push_back({std::string(*name), Secret(*value)});
  }
  return true;
}

}  // namespace

KeptSession keep_session(const Credential& credential, base::Time issued, const Now& now) {
  const auto at_wall = [&now](base::Time time) {
    return now.wall + std::chrono::duration_cast<base::WallTime::duration>(time - now.steady);
  };
  return {credential.fields, credential.token, credential.renewal, at_wall(issued),
          at_wall(credential.expires.value_or(issued))};
}

base::Result<RestoredSession> restore_session(KeptSession kept, const Now& now) {
  const auto lifetime = kept.expires - kept.issued;
  if (lifetime <= lifetime.zero() || lifetime > longest_life) {
    return fail("its times make no sense");
  }
  if (kept.issued > now.wall + clock_tolerance) {
    return fail("it was made in the future by this machine's clock, which must have jumped");
  }
  const auto left = std::clamp(kept.expires - now.wall, lifetime.zero(), lifetime);
  RestoredSession restored;
  restored.credential.fields = std::move(kept.fields);
  restored.credential.token = std::move(kept.token);
  restored.credential.renewal = std::move(kept.renewal);
  const base::Time expires = now.steady + left;
  restored.credential.expires = expires;
  restored.issued = expires - lifetime;
  return restored;
}

Secret write_session(const KeptSession& session) {
  std::size_t size = 5 * bytes_of_a_number + session.token.reveal().size();
  size += session.renewal.reveal().size();
  for (const InjectedField& field : session.fields) {
    size += 2 * bytes_of_a_number + field.name.size() + field.value.reveal().size();
  }
  Writer writer(size);
  writer.moment(session.issued);
  writer.moment(session.expires);
  writer.text(session.token.reveal());
  writer.text(session.renewal.reveal());
  writer.number(session.fields.size());
  for (const InjectedField& field : session.fields) {
    writer.text(field.name);
    writer.text(field.value.reveal());
  }
  return writer.take();
}

base::Result<KeptSession> read_session(std::string_view bytes) {
  Reader reader(bytes);
  KeptSession session;
  const auto issued = reader.moment();
  const auto expires = reader.moment();
  const auto token = reader.text();
  const auto renewal = reader.text();
  const bool is_sound = issued && expires && token && renewal &&
                        read_fields(reader, session.fields) && reader.is_at_end();
  if (!is_sound) return fail("what it holds is no session");
  session.issued = *issued;
  session.expires = *expires;
  session.token = Secret(*token);
  session.renewal = Secret(*renewal);
  return session;
}

}  // namespace vsaproxy::auth
