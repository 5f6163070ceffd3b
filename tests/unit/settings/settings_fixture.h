#pragma once
// Files for the tests of the loader: the smallest one, pieces of others, and what comes of them.

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "proxy/settings/parse_settings.h"

namespace vsaproxy::settings {

inline constexpr std::string_view smallest_file = R"(version: 1
listen: 127.0.0.1:3128
upstreams:
  vsa:
    url: https://vsa.example.com
    auth:
      type: kaseya-vsa9
      username: svc-legacy
      token: {file: vsa.pat}
)";

// Two lines, and what comes after them from line 3 on.
inline std::string with_head(std::string_view rest) {
  return fmt::format("version: 1\nlisten: 127.0.0.1:3128\n{}", rest);
}

// Four lines with an upstream called vsa, and what comes after them from line 5 on.
inline std::string with_upstream(std::string_view rest) {
  return with_head(
      fmt::format("upstreams:\n  vsa: {{url: https://vsa.example.com, auth: none}}\n{}", rest));
}

// "3:5: message" for each problem.
inline std::vector<std::string> problems_of(std::string_view text) {
  std::vector<std::string> lines;
  for (const Problem& problem : parse_settings(text, "test.yaml").problems) {
    lines.push_back(
        fmt::format("{}:{}: {}", problem.place.line, problem.place.column, problem.message));
  }
  return lines;
}

inline std::string first_problem_of(std::string_view text) {
  const auto problems = problems_of(text);
  return problems.empty() ? "" : problems.front();
}

inline Settings good_settings(std::string_view text) {
  auto outcome = parse_settings(text, "test.yaml");
  INFO(describe_problems(outcome.problems, text, "test.yaml"));
  REQUIRE(outcome.problems.empty());
  return std::move(outcome.settings);
}

struct BadFile {
  std::string text;
  std::string_view first_problem;
};

inline void check_bad_files(std::initializer_list<BadFile> files) {
  for (const BadFile& file : files) {
    CAPTURE(file.text);
    CHECK(first_problem_of(file.text) == file.first_problem);
  }
}

}  // namespace vsaproxy::settings
