#include "proxy/cli/program_run.h"

#include <utility>

namespace vsaproxy::cli {

using Printed = base::Result<ops::PrintedTexts>;

void ProgramRun::start(std::vector<base::SecretRef> programs, Callback done) {
  if (programs.empty()) return done(ops::PrintedTexts());
  task_ = std::make_unique<net::BackgroundTask>();
  auto started = task_->start(loop_, [this, programs = std::move(programs), done](int stop) {
    auto printed = std::make_shared<const Printed>(ops::PrintedTexts::print(programs, stop));
    return [this, done, printed] {
      loop_.destroy_later(std::move(task_));
      done(*printed);
    };
  });
  if (started) return;
  task_.reset();
  done(base::fail(base::ErrorKind::system,
                  "the programs that print keys can't be run: " + started.error().detail));
}

}  // namespace vsaproxy::cli
