#include "tests/support/tests_folder.h"

namespace vsaproxy {

std::filesystem::path tests_folder() { return TESTS_DIR; }

}  // namespace vsaproxy
