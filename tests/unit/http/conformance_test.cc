// Every file of tests/conformance against the parsers; its README tells the format.

#include <catch2/catch.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "proxy/http/h1_codec.h"
#include "proxy/http/target.h"
#include "tests/support/tests_folder.h"
#include "tests/unit/http/transcript.h"

namespace vsaproxy::http {

namespace {

struct Case {
  std::string name;
  std::string verdict;  // "accept" or the reason of the refusal
  std::map<std::string, std::string> notes;
  std::string bytes;

  // The number that a note begins with.
  std::size_t number(const std::string& key, std::size_t otherwise) const {
    const auto note = notes.find(key);
    if (note == notes.end()) return otherwise;
    std::size_t value = 0;
    const std::string& text = note->second;
    REQUIRE(std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc());
    return value;
  }
};

Case read_case(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t end = text.find("\n---\n");
  REQUIRE(end != std::string::npos);
  Case result{path.filename().string(), {}, {}, text.substr(end + 5)};
  std::size_t begin = 0;
  while (begin < end) {
    const std::size_t line_end = text.find('\n', begin);
    const std::string line = text.substr(begin, line_end - begin);
    const std::size_t colon = line.find(": ");
    if (begin == 0) {
      result.verdict = line.substr(line.rfind(' ') + 1);
    } else if (colon != std::string::npos) {
      result.notes[line.substr(2, colon - 2)] = line.substr(colon + 2);
    }
    begin = line_end + 1;
  }
  return result;
}

std::vector<Case> read_cases(const char* folder) {
  std::vector<Case> cases;
  const auto path = tests_folder() / "conformance" / folder;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    cases.push_back(read_case(entry.path()));
  }
  return cases;
}

std::string verdict_of(const std::optional<base::ErrorKind>& error) {
  return error ? std::string(base::reason_text(*error)) : "accept";
}

// Heads and bodies by the codec, then the target and path of the first head.
std::string request_verdict(const Case& test, std::size_t piece, Transcript& out) {
  H1ServerCodec codec(HeadLimits{});
  out = run(codec, test.bytes, piece, Until::end_of_input);
  if (out.error) return verdict_of(out.error);
  if (out.messages != test.number("messages", 1)) return "incomplete";
  const auto target = parse_target(codec.head().method, codec.head().target);
  if (!target) return verdict_of(target.error().kind);
  if (target->path.empty() || target->path == "*") return "accept";
  const auto path = normalize_path(target->path, PathOptions{});
  return path ? "accept" : verdict_of(path.error().kind);
}

std::string response_verdict(const Case& test, std::size_t piece, Transcript& out) {
  H1ClientCodec codec(HeadLimits{});
  const auto method = test.notes.find("method");
  codec.start(method == test.notes.end() ? "GET" : method->second);
  out = run(codec, test.bytes, piece, Until::first_message);
  if (out.error) return verdict_of(out.error);
  const bool closes = test.notes.count("ends") == 1;
  if (out.messages == 1) return closes ? "ended before the close" : "accept";
  if (!closes) return "incomplete";
  const auto end = codec.end_of_input();
  return end ? "accept" : verdict_of(end.error().kind);
}

}  // namespace

TEST_CASE("every request of the conformance files gets its verdict, however it is split") {
  const auto cases = read_cases("requests");
  REQUIRE(cases.size() >= 300);
  for (const Case& test : cases) {
    Transcript whole;
    CHECK(test.name + " " + request_verdict(test, test.bytes.size(), whole) ==
          test.name + " " + test.verdict);
    if (test.verdict == "accept" && test.notes.count("body") == 1) {
      CHECK(test.name + std::to_string(whole.content.size()) ==
            test.name + std::to_string(test.number("body", 0)));
    }
    for (const std::size_t piece : {1, 2, 7, 1000}) {
      Transcript split;
      CHECK(test.name + " " + request_verdict(test, piece, split) ==
            test.name + " " + test.verdict);
      CHECK(split.events == whole.events);
    }
  }
}

TEST_CASE("every response of the conformance files gets its verdict, however it is split") {
  const auto cases = read_cases("responses");
  REQUIRE(cases.size() >= 70);
  for (const Case& test : cases) {
    Transcript whole;
    CHECK(test.name + " " + response_verdict(test, test.bytes.size(), whole) ==
          test.name + " " + test.verdict);
    if (test.verdict == "accept") {
      CHECK(test.name + std::to_string(whole.content.size()) ==
            test.name + std::to_string(test.number("body", whole.content.size())));
      CHECK(test.name + std::to_string(whole.rest.size()) ==
            test.name + std::to_string(test.number("surplus", 0)));
    }
    for (const std::size_t piece : {1, 2, 7, 1000}) {
      Transcript split;
      CHECK(test.name + " " + response_verdict(test, piece, split) ==
            test.name + " " + test.verdict);
      CHECK(split == whole);
    }
  }
}

TEST_CASE("a connection with surplus bytes behind an answer is not used again") {
  for (const Case& test : read_cases("responses")) {
    if (test.notes.count("surplus") == 0) continue;
    for (const std::size_t piece : {std::size_t{1}, test.bytes.size()}) {
      H1ClientCodec codec(HeadLimits{});
      const auto method = test.notes.find("method");
      codec.start(method == test.notes.end() ? "GET" : method->second);
      std::string out;
      codec.encode_end(nullptr, out);
      auto transcript = run(codec, test.bytes, piece, Until::first_message);
      const bool refused = !codec.next(transcript.rest).has_value();
      CHECK(test.name + (refused ? " refused" : " taken") == test.name + " refused");
      CHECK_FALSE(codec.can_reuse());
    }
  }
}

}  // namespace vsaproxy::http
