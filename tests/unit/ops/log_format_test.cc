#include "proxy/ops/log_format.h"

#include <rapidjson/document.h>

#include <catch2/catch.hpp>

using namespace vsaproxy;
using namespace vsaproxy::ops;
using namespace std::string_view_literals;
using settings::LogFormat;
using settings::QueryLogging;

namespace {

constexpr base::WallTime start_of_2026{
    std::chrono::sys_days(std::chrono::year(2026) / 1 / 1).time_since_epoch()};

AccessRecord full_record() {
  AccessRecord record;
  record.at = start_of_2026 + std::chrono::milliseconds(7);
  record.id = "0f3a";
  record.listener = "local";
  record.client = "127.0.0.1";
  record.key = "billing";
  record.method = "GET";
  record.path = "/api/v1.0/assetmgmt/agents";
  record.query = "$skip=100&token=hidden&flag";
  record.route = "vsa";
  record.upstream = "vsa-emea";
  record.status = 200;
  record.error = "";
  record.bytes_in = 12;
  record.bytes_out = 18446744073709551615ULL;
  record.total = std::chrono::microseconds(12345);
  record.upstream_time = std::chrono::microseconds(9);
  record.login_wait = std::chrono::microseconds(0);
  record.replayed = true;
  record.session = "a1b2c3d4e5f6";
  return record;
}

std::string access_line(const AccessRecord& record, LogFormat format,
                        QueryLogging query = QueryLogging::drop) {
  std::string line;
  append_access_line(record, format, query, line);
  return line;
}

rapidjson::Document parse(const std::string& line) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(line.data(), line.size());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

std::string text_of(const rapidjson::Value& object, const char* key) {
  return {object[key].GetString(), object[key].GetStringLength()};
}

}  // namespace

TEST_CASE("a text access line has the fixed fields in their order") {
  CHECK(access_line(full_record(), LogFormat::text) ==
        "2026-01-01T00:00:00.007Z access id=0f3a listener=local client=127.0.0.1 key=billing "
        "method=GET path=/api/v1.0/assetmgmt/agents route=vsa upstream=vsa-emea status=200 error=- "
        "bytes_in=12 bytes_out=18446744073709551615 ms_total=12.345 ms_upstream=0.009 "
        "ms_login_wait=0.000 replayed=true reused=false session=a1b2c3d4e5f6\n");
}

TEST_CASE("a JSON access line is one object with the fixed fields") {
  const std::string line = access_line(full_record(), LogFormat::json);
  const auto object = parse(line);
  std::string names;
  for (const auto& member : object.GetObject()) names += std::string(member.name.GetString()) + " ";
  CHECK(names ==
        "ts id listener client key method path route upstream status error bytes_in bytes_out "
        "ms_total ms_upstream ms_login_wait replayed reused session ");
  CHECK(text_of(object, "ts") == "2026-01-01T00:00:00.007Z");
  CHECK(object["status"].GetInt() == 200);
  CHECK(object["bytes_out"].GetUint64() == 18446744073709551615ULL);
  CHECK(object["ms_total"].GetDouble() == Approx(12.345));
  CHECK(object["replayed"].GetBool());
  CHECK(text_of(object, "error") == "");
  CHECK(line.find('\n') == line.size() - 1);
}

TEST_CASE("an empty record shows dashes") {
  CHECK(access_line({}, LogFormat::text) ==
        "1970-01-01T00:00:00.000Z access id=- listener=- client=- key=- method=- path=- route=- "
        "upstream=- status=0 error=- bytes_in=0 bytes_out=0 ms_total=0.000 ms_upstream=0.000 "
        "ms_login_wait=0.000 replayed=false reused=false session=-\n");
}

TEST_CASE("the query is shown as configured") {
  const auto [query, shown] = GENERATE(table<QueryLogging, std::string>({
      {QueryLogging::drop, "/api/v1.0/assetmgmt/agents"},
      {QueryLogging::names, "/api/v1.0/assetmgmt/agents?$skip&token&flag"},
      {QueryLogging::full, "/api/v1.0/assetmgmt/agents?$skip=100&token=hidden&flag"},
  }));
  CHECK(access_line(full_record(), LogFormat::text, query).find(" path=" + shown + " ") !=
        std::string::npos);
  CHECK(text_of(parse(access_line(full_record(), LogFormat::json, query)), "path") == shown);
}

TEST_CASE("a query that needs quotes is quoted with its path") {
  AccessRecord record = full_record();
  record.query = "a b=1&c\"=2";
  CHECK(access_line(record, LogFormat::text, QueryLogging::names)
            .find(R"( path="/api/v1.0/assetmgmt/agents?a b&c\"" )") != std::string::npos);
}

TEST_CASE("values of a text line are bare or quoted") {
  const auto [value, shown] = GENERATE(table<std::string_view, std::string_view>({
      {"", "-"},
      {"-", "\"-\""},
      {"a=b&c", "a=b&c"},
      {"a b", "\"a b\""},
      {"a\"b", R"("a\"b")"},
      {"a\\b", R"("a\\b")"},
      {"a\r\nb\t", R"("a\r\nb\t")"},
      {"\x1B[31m", R"("\x1b[31m")"},
      {"\0"sv, R"("\x00")"},
      {"\x7F", R"("\x7f")"},
      {"j\xC3\xBCrgen", "\"j\xC3\xBCrgen\""},
      {"\xFF\xC3", R"("\xff\xc3")"},
      {"\xC2\x85", R"("\u0085")"},
      {"\xE2\x80\xAE", R"("\u202e")"},
      {"\xE2\x80\xA8", R"("\u2028")"},
  }));
  std::string out;
  append_text_value(value, out);
  CHECK(out == shown);
}

TEST_CASE("any bytes make one line and one JSON object") {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes.push_back(static_cast<char>(c));
  AccessRecord record = full_record();
  record.method = record.path = record.query = record.client = record.error = bytes;
  for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
    const std::string line = access_line(record, format, QueryLogging::full);
    CHECK(line.find('\n') == line.size() - 1);
    for (const char c : line.substr(0, line.size() - 1)) CHECK((c >= ' ' && c < '\x7F'));
  }
  const auto object = parse(access_line(record, LogFormat::json, QueryLogging::full));
  CHECK(object.MemberCount() == 19);
  CHECK(text_of(object, "method").substr(0, 0x80) == bytes.substr(0, 0x80));
}

TEST_CASE("a client cannot forge a line or a field") {
  AccessRecord record = full_record();
  record.path = "/x\n2026-01-01T00:00:00.000Z access id=1 status=200";
  const std::string text = access_line(record, LogFormat::text);
  CHECK(text.find("\n2026") == std::string::npos);
  CHECK(text.find(" path=\"/x\\n2026-01-01T00:00:00.000Z access id=1 status=200\" ") !=
        std::string::npos);
  record.path = R"(/x","status":999,"y":")";
  CHECK(parse(access_line(record, LogFormat::json))["status"].GetInt() == 200);
}

TEST_CASE("diagnostic lines say when, how bad, what and the fields") {
  const LogField fields[] = {{"credential", "vsa"}, {"detail", "two words"}, {"next", ""}};
  std::string text;
  append_log_line(start_of_2026, LogLevel::info, "login succeeded", fields, LogFormat::text, text);
  CHECK(text ==
        "2026-01-01T00:00:00.000Z info  login succeeded credential=vsa detail=\"two words\" "
        "next=-\n");
  std::string json;
  append_log_line(start_of_2026, LogLevel::warning, "slow \"disk\"", fields, LogFormat::json, json);
  CHECK(json == R"({"ts":"2026-01-01T00:00:00.000Z","level":"warn","message":"slow \"disk\"",)"
                R"("credential":"vsa","detail":"two words","next":""})"
                "\n");
}
