// Programs that print certificates and keys; what is passed to the shell is a script, and each run
// leaves a line in a file.

#include "proxy/ops/printed_texts.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "proxy/ops/secret_source.h"
#include "tests/unit/ops/temporary_folder.h"

namespace vsaproxy::ops {
namespace {

using base::SecretRef;

class Bench {
 public:
  SecretRef script(const std::string& text, base::Place place = {}) const {
    SecretRef ref{SecretRef::Kind::command, "/bin/sh", place};
    ref.command.arguments = {"-c", "echo run >> " + (folder / "runs") + "; " + text};
    ref.command.timeout = std::chrono::seconds(60);
    return ref;
  }
  long runs() const {
    const std::string lines = read_text(folder / "runs");
    return std::count(lines.begin(), lines.end(), '\n');
  }

  TemporaryFolder folder;
};

SecretRef file(std::string name) { return {SecretRef::Kind::file, std::move(name), {}}; }

TEST_CASE("each program runs once, whoever needs its text") {
  const Bench bench;
  const SecretRef one = bench.script("echo one");
  const SecretRef two = bench.script("echo two");
  const auto printed = PrintedTexts::print(std::vector{one, two, one}, -1);
  REQUIRE(printed);
  CHECK(bench.runs() == 2);
  CHECK(read_secret(one, "", *printed)->reveal() == "one");
  CHECK(read_secret(two, "", *printed)->reveal() == "two");
  CHECK(read_public(one, "", *printed) == "one\n");
  CHECK(bench.runs() == 2);
}

TEST_CASE("the first program that fails is told with its place, and those behind it don't run") {
  const Bench bench;
  const auto printed = PrintedTexts::print(
      std::vector{bench.script("echo hunter2; exit 7", {14, 5}), bench.script("echo two")}, -1);
  REQUIRE_FALSE(printed);
  CHECK(printed.error().kind == base::ErrorKind::configuration);
  CHECK(printed.error().detail == "14:5 command /bin/sh failed with exit status 7");
  CHECK(bench.runs() == 1);
}

TEST_CASE("a text is judged by what it is read as") {
  const Bench bench;
  const SecretRef nothing = bench.script("echo");
  const SecretRef much = bench.script("head -c 65537 /dev/zero");
  const auto printed = PrintedTexts::print(std::vector{nothing, much}, -1);
  REQUIRE(printed);
  CHECK(read_public(nothing, "", *printed) == "\n");
  CHECK(read_secret(nothing, "", *printed).error().detail == "command /bin/sh prints nothing");
  CHECK(read_public(much, "", *printed)->size() == 65537);
  CHECK(read_secret(much, "", *printed).error().detail ==
        "command /bin/sh prints more than 64 KiB");
}

TEST_CASE("who reads a text never runs a program for it") {
  const Bench bench;
  const SecretRef ref = bench.script("echo one");
  CHECK(read_secret(ref, "", PrintedTexts()).error().detail == "command /bin/sh has not been run");
  CHECK(read_public(ref, "", PrintedTexts()).error().detail == "command /bin/sh has not been run");
  CHECK_FALSE(std::filesystem::exists(bench.folder / "runs"));
}

TEST_CASE("the programs of a file are those of its listeners and upstreams") {
  const Bench bench;
  settings::Settings settings;
  settings::ListenerTls listener;
  listener.certificate = file("proxy.crt");
  listener.key = bench.script("echo key");
  listener.client_ca = bench.script("echo authority");
  settings.listeners.resize(2);
  settings.listeners[1].tls = listener;
  settings.upstreams.resize(2);
  settings.upstreams[0].tls.ca = file("ca.crt");
  settings.upstreams[1].tls.client_certificate = file("client.crt");
  settings.upstreams[1].tls.client_key = bench.script("echo client");
  CHECK(tls_programs(listener) == std::vector{listener.key, *listener.client_ca});
  CHECK(tls_programs(settings) ==
        std::vector{listener.key, *listener.client_ca, *settings.upstreams[1].tls.client_key});
}

}  // namespace
}  // namespace vsaproxy::ops
