#pragma once
// The sockets that systemd opened for this service (sd_listen_fds(3)): listeners with the address
// systemd:NAME take theirs from here. Made before any thread starts; owned by the server.

#include <map>
#include <string>

#include "proxy/base/result.h"

namespace vsaproxy::cli {

class SystemdSockets {
 public:
  // Takes LISTEN_FDS and LISTEN_FDNAMES out of the environment, so that no child uses them.
  SystemdSockets();
  // Errors: configuration, with the names there are.
  base::Result<int> find(const std::string& name) const;

 private:
  std::map<std::string, int> sockets_;  // the first of each name; open until the process ends
};

}  // namespace vsaproxy::cli
