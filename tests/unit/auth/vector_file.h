#pragma once
// Known results of login formulas and answers, from tests/vectors. For tests only.

#include <rapidjson/document.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/tests_folder.h"

namespace vsaproxy::auth {

// "vsa9.json" for example.
inline rapidjson::Document read_vectors(const std::string& name) {
  std::ifstream file(tests_folder() / "vectors" / name);
  std::stringstream text;
  text << file.rdbuf();
  rapidjson::Document vectors;
  vectors.Parse(text.str().c_str());
  REQUIRE_FALSE(vectors.HasParseError());
  return vectors;
}

inline std::string text_of(const rapidjson::Value& object, const char* key) {
  return {object[key].GetString(), object[key].GetStringLength()};
}

}  // namespace vsaproxy::auth
