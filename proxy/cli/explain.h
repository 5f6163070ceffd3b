#pragma once
// `vsaproxy explain`: what the proxy would do with a request, and why. Decides by the code that
// decides at run time; reads no secret, logs in nowhere, sends nothing. Main thread.

#include <memory>
#include <string>
#include <vector>

#include "proxy/cli/asked_request.h"
#include "proxy/settings/settings.h"

namespace vsaproxy::cli {

struct Explanation {
  enum class Outcome { forwarded, answered_here, refused };
  struct Line {
    std::string name;
    std::string text;
  };

  std::string title;
  std::vector<Line> lines;  // in the order of the checks, as far as they came
  Outcome outcome = Outcome::refused;
  std::string conclusion;
};

// No value that the client would send as a login or a key gets into it. Error: configuration, for a
// question that makes no sense.
base::Result<Explanation> explain(std::shared_ptr<const settings::Settings> settings,
                                  const Question& question);

// Prints it. Returns the exit code: 0 if the request would be forwarded or answered here, 1 if it
// would be refused, 2 if the question makes no sense.
int run_explain(std::shared_ptr<const settings::Settings> settings, const Question& question);

}  // namespace vsaproxy::cli
