#pragma once
// The request that `vsaproxy explain` is asked about, as a client would send it. Pure.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::cli {

// What stands on the command line.
struct Question {
  std::string method;
  // "/path" or the address of a listener: the tool calls the proxy itself. Another "http://" URL:
  // it uses the proxy as http_proxy. "https://", or HOST:PORT with CONNECT: a tunnel.
  std::string url;
  std::string listener;             // its name; empty: by the URL, else the first that takes it
  std::vector<std::string> fields;  // "Name: value"
};

struct AskedRequest {
  std::size_t listener = 0;
  std::string bytes;  // the whole head
  std::string form;   // how it was understood, for people
};

// Errors: configuration, for what no client can send or nobody can understand, with the fix.
base::Result<AskedRequest> write_request(const settings::Settings& settings,
                                         const Question& question);

}  // namespace vsaproxy::cli
