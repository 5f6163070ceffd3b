// Runs a fuzz target over the files of the folders and over the files that are named, without
// libFuzzer: what was found once stays found in every build.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void replay(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

// How many files were run.
std::size_t replay_all(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    replay(path);
    return 1;
  }
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    replay(entry.path());
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::exists(argv[i])) {
      std::fprintf(stderr, "%s does not exist\n", argv[i]);
      return 1;
    }
    const std::size_t here = replay_all(argv[i]);
    if (here == 0) {
      std::fprintf(stderr, "%s is empty\n", argv[i]);
      return 1;
    }
    count += here;
  }
  std::printf("%zu inputs replayed\n", count);
  return count == 0 ? 1 : 0;
}
