#include "proxy/ops/log_frame.h"

#include <catch2/catch.hpp>
#include <string>
#include <variant>

using namespace vsaproxy;
using namespace vsaproxy::ops;

TEST_CASE("frames come out as they went in, one after the other") {
  AccessRecord record;
  record.at = base::WallTime(std::chrono::seconds(1'700'000'000));
  record.id = "0123456789abcdef";
  record.listener = "local";
  record.client = "127.0.0.1:50000";
  record.method = "GET";
  record.path = "/a b";
  record.query = "x=1";
  record.route = "all";
  record.upstream = "vsa";
  record.status = 200;
  record.bytes_in = 1;
  record.bytes_out = 0xffff'ffff'ffff'ffff;
  record.total = std::chrono::microseconds(3);
  record.upstream_time = std::chrono::microseconds(2);
  record.login_wait = std::chrono::microseconds(1);
  record.replayed = true;
  record.session = "print";
  std::string frames;
  append_line_frame("a line\n", frames);
  append_access_frame(record, frames);
  append_line_frame("", frames);
  append_access_frame({}, frames);
  std::string_view rest = frames;
  CHECK(std::get<std::string_view>(take_frame(rest)) == "a line\n");
  const auto taken = std::get<AccessRecord>(take_frame(rest));
  std::string expected;
  std::string line;
  append_access_line(record, settings::LogFormat::json, settings::QueryLogging::full, expected);
  append_access_line(taken, settings::LogFormat::json, settings::QueryLogging::full, line);
  CHECK(line == expected);
  CHECK(std::get<std::string_view>(take_frame(rest)).empty());
  CHECK(std::get<AccessRecord>(take_frame(rest)).id.empty());
  CHECK(rest.empty());
}
