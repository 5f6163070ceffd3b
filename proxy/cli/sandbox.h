#pragma once
// What the process gives up before it serves anybody, so that a fault in it is worth less: core
// dumps, privileges, and writing anywhere but where its settings say. Main thread, before any other
// thread is started: the others inherit it.

#include <set>
#include <string>

#include "proxy/base/result.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::cli {

// No core file, no memory that other processes of the same user may read: both would hold every
// secret. For every command.
void forbid_core_dumps();

// No program that is started from here gets more rights than this one has (prctl(2),
// PR_SET_NO_NEW_PRIVS), and root keeps only what the proxy needs: low ports, files, sockets'
// owners. Error: system.
base::Result<void> drop_privileges();

// Where the process may write. Once for the process.
class WriteLock {
 public:
  // From now on the kernel refuses to create, change and remove files (landlock(7)) outside of the
  // folders that these settings name; reading stays as it was. Makes state_dir and runtime_dir
  // where they are missing and that is allowed. A kernel without Landlock changes nothing: see
  // is_active().
  static WriteLock close(const settings::Settings& settings);
  bool is_active() const { return is_active_; }
  // Error: configuration, naming a folder that these settings write to and those at the start did
  // not.
  base::Result<void> check(const settings::Settings& settings) const;

 private:
  std::set<std::string> folders_;
  bool is_active_ = false;
};

}  // namespace vsaproxy::cli
