#include "proxy/cli/systemd_sockets.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <memory>

namespace vsaproxy::cli {
namespace {

using CText = std::unique_ptr<char, decltype(&std::free)>;

}  // namespace

SystemdSockets::SystemdSockets() {
  char** raw = nullptr;
  const int count = sd_listen_fds_with_names(1, &raw);
  const std::unique_ptr<char*, decltype(&std::free)> names(raw, &std::free);
  for (int i = 0; i < count; ++i) {
    const CText name(raw[i], &std::free);
    sockets_.emplace(name.get(), SD_LISTEN_FDS_START + i);
  }
}

base::Result<int> SystemdSockets::find(const std::string& name) const {
  if (const auto found = sockets_.find(name); found != sockets_.end()) return found->second;
  std::string known;
  for (const auto& [other, socket] : sockets_) known += (known.empty() ? "" : ", ") + other;
  return base::fail(
      base::ErrorKind::configuration,
      fmt::format("systemd gave no socket named \"{}\" ({}): write FileDescriptorName={} in the "
                  "socket unit, and start that unit",
                  name, known.empty() ? "it gave none" : "it gave " + known, name));
}

}  // namespace vsaproxy::cli
