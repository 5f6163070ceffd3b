#pragma once
// Where the tests' files are.

#include <filesystem>

namespace vsaproxy {

// The folder tests/ of the tree that was built. Known to one file only: a path in every command
// line would keep a compiler cache from serving another checkout.
std::filesystem::path tests_folder();

}  // namespace vsaproxy
