#include "tests/simulator/pages.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "tests/simulator/digest.h"

namespace vsaproxy::simulator {
namespace {

using std::chrono::milliseconds;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::uint64_t max_bytes = 1ULL << 40U;
constexpr std::uint64_t max_wait_ms = 600'000;
constexpr std::uint64_t max_agents_per_page = 100;

void write_text(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_fields(Writer& writer, const char* name, const std::vector<Field>& fields) {
  writer.Key(name);
  writer.StartArray();
  for (const Field& field : fields) {
    writer.StartArray();
    write_text(writer, field.name);
    write_text(writer, field.value);
    writer.EndArray();
  }
  writer.EndArray();
}

Answer show_ok(const PageInput&) { return json_answer(200, envelope({})); }

// ResponseCode after Result, and ids that fit neither a double nor 64 bits, as on a real server.
Answer show_agents(const PageInput& input) {
  const auto total = static_cast<std::uint64_t>(input.options.agents);
  const std::uint64_t first = std::min(input.target.number("$skip", 0), total);
  const std::uint64_t wanted = input.target.number("$top", max_agents_per_page);
  const std::uint64_t end = first + std::min({wanted, max_agents_per_page, total - first});
  std::string list;
  for (std::uint64_t i = first; i < end; ++i) {
    list += fmt::format(
        R"({}{{"AgentId":"{}","AgentName":"pc{}.root.acme","OrgId":6314389564353521463{:07},)"
        R"("Online":1}})",
        i == first ? "" : ",", agent_id(i), i, i);
  }
  return json_answer(200, fmt::format(R"({{"TotalRecords":{},"Result":[{}],"ResponseCode":0,)"
                                      R"("Status":"OK","Error":"None"}})",
                                      total, list));
}

Answer show_upload(const PageInput& input) {
  return json_answer(
      200, envelope(fmt::format(R"({{"bytes":{},"sha256":"{}"}})", input.request.body_bytes,
                                input.request.body_hash.hex())));
}

Answer show_request(const PageInput& input) {
  const Request& request = input.request;
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("method");
  write_text(writer, request.head.method);
  writer.Key("target");
  write_text(writer, request.head.target);
  writer.Key("version");
  write_text(writer, request.head.minor_version == 1 ? "HTTP/1.1" : "HTTP/1.0");
  write_fields(writer, "headers", request.head.fields);
  write_fields(writer, "trailers", request.trailers);
  writer.Key("body_bytes");
  writer.Uint64(request.body_bytes);
  writer.Key("body_sha256");
  write_text(writer, request.body_hash.hex());
  writer.Key("connection");
  writer.Uint64(request.connection_id);
  writer.Key("request_of_connection");
  writer.Uint64(request.number);
  writer.EndObject();
  return json_answer(200, envelope({buffer.GetString(), buffer.GetSize()}));
}

Answer show_large(const PageInput& input) {
  const std::uint64_t bytes = std::min(input.target.number("bytes", 1 << 20), max_bytes);
  Answer answer{.fields = {{"Content-Type", "application/octet-stream"}}, .body = {}};
  answer.source = std::make_unique<PatternSource>(bytes);
  if (input.target.has("chunked")) answer.framing = Answer::Framing::chunked;
  if (input.target.has("close")) answer.framing = Answer::Framing::until_close;
  if (input.target.has("cut")) {
    answer.cut_at = std::min(input.target.number("cut", 0), bytes);
    answer.ending = input.target.has("reset") ? Answer::Ending::cut_reset : Answer::Ending::cut_fin;
  }
  return answer;
}

Answer show_large_hash(const PageInput& input) {
  const std::uint64_t bytes = std::min(input.target.number("bytes", 1 << 20), max_bytes);
  PatternSource source(bytes);
  Sha256 hash;
  std::string piece(65536, '\0');
  while (const std::size_t size = source.read(piece)) {
    hash.add(std::string_view(piece).substr(0, size));
  }
  return json_answer(200,
                     envelope(fmt::format(R"({{"bytes":{},"sha256":"{}"}})", bytes, hash.hex())));
}

Answer show_slowly(const PageInput& input) {
  constexpr std::uint64_t pieces = 20;
  const std::uint64_t ms = std::min(input.target.number("ms", 1000), max_wait_ms);
  Answer answer = json_answer(200, envelope(R"("a slow answer, for patient readers only")"));
  if (!input.target.has("drip")) {
    answer.delay = milliseconds(ms);
    return answer;
  }
  answer.piece_bytes = answer.body.size() / pieces + 1;
  answer.pace = milliseconds(std::max<std::uint64_t>(1, ms / pieces));
  return answer;
}

Answer show_status(const PageInput& input) {
  const std::string_view digits =
      std::string_view(input.target.path).substr(input.target.path.rfind('/') + 1);
  int status = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), status);
  if (digits.size() != 3 || status < 200 || status > 599) {
    return json_answer(400, envelope({}, 400, "Error", "no such status"));
  }
  Answer answer = status < 400 ? json_answer(status, envelope({}))
                               : json_answer(status, envelope({}, status, "Error", "as asked"));
  if (input.target.has("body")) answer.body = input.target.text("body");
  for (const Field& field : input.target.query) {
    const auto colon = field.value.find(':');
    const bool is_line = field.value.find_first_of("\r\n") == std::string::npos;
    if (field.name != "header" || colon == std::string::npos || !is_line) continue;
    const auto start = field.value.find_first_not_of(' ', colon + 1);
    answer.fields.push_back({field.value.substr(0, colon),
                             start == std::string::npos ? "" : field.value.substr(start)});
  }
  return answer;
}

Answer show_200_401(const PageInput&) { return json_answer(200, envelope({}, 401)); }

Answer show_trailers(const PageInput&) {
  Answer answer = json_answer(200, envelope(R"("with trailers")"));
  answer.framing = Answer::Framing::chunked;
  answer.piece_bytes = 16;
  answer.fields.push_back({"Trailer", "X-Body-Sha256, X-Last"});
  answer.trailers = {{"X-Body-Sha256", sha256_hex(answer.body)}, {"X-Last", "1"}};
  return answer;
}

Answer show_early_hints(const PageInput&) {
  Answer answer = json_answer(200, envelope(R"("after hints")"));
  answer.interim = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
  return answer;
}

Answer show_coded(std::string_view coding) {
  Answer answer = json_answer(200, encode_content(coding, envelope(R"("a coded answer")")));
  answer.fields.push_back({"Content-Encoding", std::string(coding)});
  return answer;
}
Answer show_gzip(const PageInput&) { return show_coded("gzip"); }
Answer show_deflate(const PageInput&) { return show_coded("deflate"); }

constexpr auto table = std::to_array<Page>({
    {"/echoauth", "GET,HEAD", show_ok, "success, if the session lives"},
    {"/assetmgmt/agents", "GET,HEAD", show_agents, "agents, by $skip and $top (at most 100)"},
    {"/sink", "POST,PUT,PATCH", show_upload, "length and SHA-256 of the request's body"},
    {"/headers", "", show_request, "the request as it was received, every field of it"},
    {"/large", "GET,HEAD", show_large,
     "?bytes=N of a fixed pattern; &chunked or &close (framed by the end of the connection); "
     "&cut=M breaks off after M bytes, with &reset by RST"},
    {"/large/sha256", "GET,HEAD", show_large_hash, "?bytes=N: SHA-256 of that pattern"},
    {"/slow", "GET,HEAD", show_slowly, "?ms=N: answers after N ms; &drip: spread over N ms"},
    {"/status/*", "", show_status,
     "answers that status; ?header=NAME:VALUE (repeatable) and &body=TEXT add to it"},
    {"/always-200-401", "GET,HEAD", show_200_401, "HTTP 200 with ResponseCode 401, always"},
    {"/trailers", "GET,HEAD", show_trailers, "a chunked answer with trailer fields"},
    {"/early-hints", "GET,HEAD", show_early_hints, "103, then 200"},
    {"/gzip", "GET,HEAD", show_gzip, "an answer coded with gzip"},
    {"/deflate", "GET,HEAD", show_deflate, "an answer coded with deflate (zlib format)"},
});

}  // namespace

std::span<const Page> page_table() { return table; }

const Page* find_page(std::string_view path) {
  for (const Page& page : table) {
    if (page.path == path) return &page;
    if (page.path.ends_with("/*") && path.starts_with(page.path.substr(0, page.path.size() - 1))) {
      return &page;
    }
  }
  return nullptr;
}

bool allows_method(const Page& page, std::string_view method) {
  std::string_view rest = page.methods;
  if (rest.empty()) return true;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    if (item == method) return true;
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
  }
  return false;
}

Answer expired_answer(const Options& options) {
  const bool is_http = options.expired == "http-401";
  std::string body = is_http ? envelope({}, 401, "Error", "Unauthorized")
                             : envelope(options.expired == "body-401" ? "" : "null", 401);
  Answer answer = json_answer(is_http ? 401 : 200, body);
  if (is_http) answer.fields.push_back({"WWW-Authenticate", "Bearer"});
  return as_refusal(std::move(answer), options);
}

Answer as_refusal(Answer answer, const Options& options) {
  answer.body = encode_content(options.expired_coding, answer.body);
  if (options.expired_coding != "identity") {
    answer.fields.push_back({"Content-Encoding", options.expired_coding});
  }
  if (options.expired_framing == "chunked") {
    answer.framing = Answer::Framing::chunked;
    answer.piece_bytes = 11;  // so that a chunk boundary lies within the body
  }
  answer.body_delay = milliseconds(static_cast<std::int64_t>(options.expired_body_delay_ms));
  return answer;
}

std::string agent_id(std::uint64_t number) {
  return number % 2 == 0 ? fmt::format("{:015}", 125'050'962'640'143 + number)
                         : fmt::format("9142271319472277{:010}", number);
}

}  // namespace vsaproxy::simulator
