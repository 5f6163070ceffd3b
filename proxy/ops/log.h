#pragma once
// Diagnostic and access lines. Callers hand them over; one writer thread owned by the Log formats
// access lines and writes, so that neither costs a request time. Any thread may log.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::ops {

using settings::LogLevel;

// Everything an access line says: an allow list, so that nothing else can leak. Views need only
// live until the call returns.
struct AccessRecord {
  base::WallTime at;  // when the request's head was complete
  std::string_view id;
  std::string_view listener;
  std::string_view client;  // address of the peer, or "unix"
  std::string_view key;     // name of the local key that was used; empty: none
  std::string_view method;
  std::string_view path;   // without query
  std::string_view query;  // without "?": shown as log.access.query says
  std::string_view route;
  std::string_view upstream;
  int status = 0;          // 0: the client left before an answer
  std::string_view error;  // reason of the proxy's own answer, or what cut the exchange short
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::chrono::microseconds total{};
  std::chrono::microseconds upstream_time{};
  std::chrono::microseconds login_wait{};
  bool replayed = false;
  bool reused = false;
  std::string_view session;  // fingerprint
};

using LogField = std::pair<std::string_view, std::string_view>;

class Log {
  struct State;

 public:
  // Errors: system (the file can't be opened).
  static base::Result<std::unique_ptr<Log>> open(const settings::Log& settings);
  explicit Log(std::unique_ptr<State> state);  // for open() alone
  ~Log();                                      // writes what is queued first
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // `message` is a fixed sentence; what varies goes into fields. Control bytes are escaped.
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  // False if access() would do nothing.
  bool wants_access() const;
  void access(const AccessRecord& record);
  // Takes new level, format and query choice at once, a new output after opening it; the old one
  // stays in use if that fails.
  base::Result<void> reconfigure(const settings::Log& settings);
  // Closes and opens the file again, for log rotation.
  base::Result<void> reopen();
  // Lines lost because the writer could not keep up (the queue is bounded to 8 MiB).
  std::uint64_t lost_lines() const;

 private:
  std::unique_ptr<State> state_;
};

// One access line, with its newline.
void append_access_line(const AccessRecord& record, settings::LogFormat format,
                        settings::QueryLogging query, std::string& out);

}  // namespace vsaproxy::ops
