#pragma once
// Runs the programs that print certificates and keys, while the main thread goes on. Owned by
// whoever needs the texts; the main thread.

#include <functional>
#include <memory>
#include <vector>

#include "proxy/net/background_task.h"
#include "proxy/net/event_loop.h"
#include "proxy/ops/printed_texts.h"

namespace vsaproxy::cli {

class ProgramRun {
 public:
  using Callback = std::function<void(const base::Result<ops::PrintedTexts>&)>;

  // The loop outlives it. Destroying it ends what runs.
  explicit ProgramRun(net::EventLoop& loop) : loop_(loop) {}

  // Calls back once, from the loop; within this call if there is no program or no thread for it.
  // One run at a time.
  void start(std::vector<base::SecretRef> programs, Callback done);
  bool is_under_way() const { return task_ != nullptr; }
  // Ends what runs; nobody is called back.
  void stop() { task_.reset(); }

 private:
  net::EventLoop& loop_;
  std::unique_ptr<net::BackgroundTask> task_;
};

}  // namespace vsaproxy::cli
