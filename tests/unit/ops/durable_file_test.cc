#include "proxy/ops/durable_file.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/unit/ops/temporary_folder.h"

using namespace vsaproxy;
using namespace vsaproxy::ops;
using namespace std::chrono_literals;
using std::filesystem::perms;

TEST_CASE("missing directories are made for the owner alone") {
  const TemporaryFolder folder;
  REQUIRE(make_private_directory(folder / "a/b"));
  REQUIRE(make_private_directory(folder / "a/b"));
  CHECK(std::filesystem::status(folder / "a").permissions() == perms::owner_all);
  CHECK(std::filesystem::status(folder / "a/b").permissions() == perms::owner_all);
}

TEST_CASE("a directory cannot be made below a file") {
  const TemporaryFolder folder;
  folder.write("file", "");
  const auto made = make_private_directory(folder / "file/a");
  REQUIRE_FALSE(made);
  CHECK(made.error().kind == base::ErrorKind::system);
  CHECK(made.error().detail.find(folder / "file") != std::string::npos);
  CHECK_FALSE(make_private_directory(folder / "file"));
}

TEST_CASE("a file is replaced whole, for the owner alone, and leaves nothing behind") {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  folder.write("file.tmp", "what a crash left, and rather long", 0644);
  REQUIRE(replace_file(path, "one"));
  REQUIRE(replace_file(path, "two"));
  CHECK(read_text(path) == "two");
  CHECK(std::filesystem::status(path).permissions() == (perms::owner_read | perms::owner_write));
  CHECK_FALSE(std::filesystem::exists(path + ".tmp"));
  CHECK(read_whole_file(path, 3)->value() == "two");
}

TEST_CASE("a failed replacement keeps the old file") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "file");
  folder.write("file/inside", "");
  CHECK_FALSE(replace_file(folder / "file", "text"));
  CHECK(std::filesystem::exists(folder / "file/inside"));
  CHECK_FALSE(std::filesystem::exists(folder / "file.tmp"));
  CHECK_FALSE(replace_file(folder / "missing/file", "text"));
}

TEST_CASE("reading tells a missing file from one that cannot be read") {
  const TemporaryFolder folder;
  const auto missing = read_whole_file(folder / "none", 10);
  REQUIRE(missing);
  CHECK_FALSE(missing->has_value());
  CHECK_FALSE(read_whole_file(folder.path(), 10));
  CHECK_FALSE(read_whole_file(folder.write("long", "12345678901"), 10));
  CHECK_FALSE(read_whole_file(folder / "long/below", 10));
}

TEST_CASE("removing says whether there was a file") {
  const TemporaryFolder folder;
  const std::string path = folder.write("file", "x");
  CHECK(remove_file(path) == true);
  CHECK(remove_file(path) == false);
  CHECK_FALSE(remove_file(folder.path()));
}

TEST_CASE("a lock excludes others until it goes") {
  const TemporaryFolder folder;
  const std::string path = folder / "lock";
  {
    const auto held = FileLock::acquire(path, 0ms);
    REQUIRE(held);
    const auto other = FileLock::acquire(path, 1ms);
    REQUIRE_FALSE(other);
    CHECK(other.error().detail.find(path) != std::string::npos);
  }
  CHECK(FileLock::acquire(path, 0ms));
}

TEST_CASE("a file's stamp changes when it is replaced") {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  CHECK(file_stamp(path) == 0);
  REQUIRE(replace_file(path, "one"));
  const auto first = file_stamp(path);
  CHECK(first != 0);
  CHECK(file_stamp(path) == first);
  REQUIRE(replace_file(path, "two!"));
  CHECK(file_stamp(path) != first);
}

TEST_CASE("a private file is read only if it is for the owner's eyes alone") {
  const TemporaryFolder folder;
  CHECK_FALSE(read_private_file(folder / "none", 10)->has_value());
  CHECK(read_private_file(folder.write("file", "text"), 10)->value() == "text");
  for (const mode_t mode : {0604, 0640, 0602, 0620, 0644}) {
    CAPTURE(mode);
    const auto text = read_private_file(folder.write("file", "text", mode), 10);
    REQUIRE_FALSE(text);
    CHECK(text.error().detail.find("chmod 600") != std::string::npos);
  }
  CHECK_FALSE(read_private_file(folder.write("file", "12345678901"), 10));
  CHECK_FALSE(read_private_file(folder.path(), 10));
}

TEST_CASE("a lock can be tried without waiting") {
  const TemporaryFolder folder;
  const std::string path = folder / "lock";
  {
    const auto held = FileLock::try_acquire(path);
    REQUIRE(held);
    REQUIRE(held->has_value());
    const auto second = FileLock::try_acquire(path);
    REQUIRE(second);
    CHECK_FALSE(second->has_value());
  }
  CHECK(FileLock::try_acquire(path)->has_value());
  CHECK_FALSE(FileLock::try_acquire(folder / "missing/lock"));
}

TEST_CASE("the parent of a path is the directory that it is in") {
  CHECK(parent_of("/a/b") == "/a");
  CHECK(parent_of("/a") == "/");
  CHECK(parent_of("a") == ".");
  CHECK(parent_of("a/b") == "a");
}
