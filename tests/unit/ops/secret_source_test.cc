#include "proxy/ops/secret_source.h"

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "proxy/ops/printed_texts.h"
#include "tests/unit/ops/temporary_folder.h"

using namespace vsaproxy;
using namespace vsaproxy::ops;
using base::SecretRef;

namespace {

SecretRef file(std::string name) { return {SecretRef::Kind::file, std::move(name), {}}; }
SecretRef variable(std::string name) { return {SecretRef::Kind::env, std::move(name), {}}; }
SecretRef systemd(std::string name) { return {SecretRef::Kind::systemd, std::move(name), {}}; }

// The detail of the error, which must be one of the configuration.
std::string fault_of(const SecretRef& ref, std::string_view settings_file = "") {
  const auto secret = read_secret(ref, settings_file);
  REQUIRE_FALSE(secret);
  CHECK(secret.error().kind == base::ErrorKind::configuration);
  CHECK(secret.error().detail.find("hunter2") == std::string::npos);
  CHECK(secret.error().detail.find(ref.name) != std::string::npos);
  return secret.error().detail;
}

class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("one trailing newline is trimmed, nothing else") {
  const TemporaryFolder folder;
  const auto [written, value] = GENERATE(table<std::string_view, std::string_view>({
      {"hunter2", "hunter2"},
      {"hunter2\n", "hunter2"},
      {"hunter2\r\n", "hunter2"},
      {"hunter2\n\n", "hunter2\n"},
      {" hunter2 \n", " hunter2 "},
      {"\nhunter2", "\nhunter2"},
  }));
  const auto secret = read_secret(file(folder.write("pat", written)), "");
  REQUIRE(secret);
  CHECK(secret->reveal() == value);
}

TEST_CASE("a relative name stands beside the configuration file") {
  const TemporaryFolder folder;
  folder.write("vsa.pat", "hunter2\n");
  const std::string settings = folder / "vsaproxy.yaml";
  REQUIRE(read_secret(file("vsa.pat"), settings));
  CHECK(secret_stamp(file("vsa.pat"), settings) != 0);
  CHECK(fault_of(file("other.pat"), settings).find(folder / "other.pat") != std::string::npos);
}

TEST_CASE("a file that every user may read is refused with the fix") {
  const TemporaryFolder folder;
  const std::string path = folder.write("pat", "hunter2", 0644);
  CHECK(fault_of(file(path)).find("chmod o-r " + path) != std::string::npos);
  folder.write("pat", "hunter2", 0640);
  CHECK(read_secret(file(path), ""));
}

TEST_CASE("a symbolic link is followed, and its target's mode counts") {
  const TemporaryFolder folder;
  const std::string link = folder / "link";
  std::filesystem::create_symlink(folder.write("pat", "hunter2", 0600), link);
  CHECK(read_secret(file(link), ""));
  folder.write("pat", "hunter2", 0604);
  CHECK(fault_of(file(link)).find("chmod o-r") != std::string::npos);
}

TEST_CASE("what is no regular file is refused without waiting") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(fault_of(file(folder / "pipe")).find("regular") != std::string::npos);
  CHECK(fault_of(file(folder.path())).find("regular") != std::string::npos);
}

TEST_CASE("missing and empty secrets are named") {
  const TemporaryFolder folder;
  CHECK(fault_of(file(folder / "none")).find("does not exist") != std::string::npos);
  CHECK(fault_of(file(folder.write("empty", ""))).find("empty") != std::string::npos);
  CHECK(fault_of(file(folder.write("blank", "\n"))).find("empty") != std::string::npos);
}

TEST_CASE("64 KiB is the most") {
  const TemporaryFolder folder;
  CHECK(read_secret(file(folder.write("most", std::string(65536, 'x'))), ""));
  CHECK(fault_of(file(folder.write("more", std::string(65537, 'x')))).find("64 KiB") !=
        std::string::npos);
}

TEST_CASE("environment variables are read") {
  const Variable set("VSAPROXY_TEST_SECRET", "hunter2\n");
  const auto secret = read_secret(variable("VSAPROXY_TEST_SECRET"), "");
  REQUIRE(secret);
  CHECK(secret->reveal() == "hunter2");
  CHECK(secret_stamp(variable("VSAPROXY_TEST_SECRET"), "") ==
        secret_stamp(variable("VSAPROXY_TEST_UNSET"), ""));
  CHECK(fault_of(variable("VSAPROXY_TEST_UNSET")).find("not set") != std::string::npos);
}

TEST_CASE("systemd credentials are read from their directory and nowhere else") {
  const TemporaryFolder folder;
  folder.write("vsa-pat", "hunter2\n", 0444);
  CHECK(fault_of(systemd("vsa-pat")).find("LoadCredential") != std::string::npos);
  const Variable directory("CREDENTIALS_DIRECTORY", folder.path());
  const auto secret = read_secret(systemd("vsa-pat"), "/etc/vsaproxy/vsaproxy.yaml");
  REQUIRE(secret);
  CHECK(secret->reveal() == "hunter2");
  for (const auto* name : {"../vsa-pat", "a/b", "..", "."}) fault_of(systemd(name));
}

TEST_CASE("a stamp changes with the file and is 0 without one") {
  const TemporaryFolder folder;
  const std::string path = folder / "pat";
  CHECK(secret_stamp(file(path), "") == 0);
  folder.write("pat", "one");
  const auto first = secret_stamp(file(path), "");
  CHECK(first != 0);
  CHECK(secret_stamp(file(path), "") == first);
  std::filesystem::rename(folder.write("next", "two"), path);
  CHECK(secret_stamp(file(path), "") != first);
  std::filesystem::remove(path);
  CHECK(secret_stamp(file(path), "") == 0);
}

TEST_CASE("a public text may be read by every user and is not trimmed") {
  const TemporaryFolder folder;
  folder.write("ca.pem", std::string(100'000, 'x') + "\n", 0644);
  const auto text = read_public(file("ca.pem"), folder / "vsaproxy.yaml", {});
  REQUIRE(text);
  CHECK(text->size() == 100'001);
  CHECK_FALSE(read_public(file(folder.write("empty", "")), "", {}));
  CHECK_FALSE(read_public(file(folder / "missing"), "", {}));
}

TEST_CASE("references are described as people say them") {
  CHECK(describe(file("vsa.pat")) == "file vsa.pat");
  CHECK(describe(systemd("vsa-pat")) == "systemd credential vsa-pat");
  CHECK(describe(variable("X")) == "environment variable X");
}
