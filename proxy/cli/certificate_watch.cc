#include "proxy/cli/certificate_watch.h"

#include <chrono>
#include <utility>

namespace vsaproxy::cli {
namespace {

// A program may fail because of what it asks: the file that changed will not change again.
constexpr base::Duration retry_pause = std::chrono::seconds(10);

}  // namespace

CertificateWatch::CertificateWatch(net::EventLoop& loop, ops::Log& log)
    : loop_(loop), log_(log), timer_(loop.make_timer([this] { look(); })) {}

void CertificateWatch::watch(relay::RelayConfigPtr config) {
  runs_.clear();
  retries_.clear();
  config_ = std::move(config);
  stamps_ = config_->tls_stamps;
  timer_->start(interval);
}

void CertificateWatch::look() {
  for (std::size_t i = 0; i < stamps_.size(); ++i) {
    if (config_->listener_tls[i]) look_at(i);
  }
  timer_->start(interval);
}

void CertificateWatch::look_at(std::size_t listener) {
  ProgramRun& run = runs_.try_emplace(listener, loop_).first->second;
  if (run.is_under_way()) return;  // what changes meanwhile is seen after it
  const settings::Settings& settings = *config_->settings;
  const settings::ListenerTls& tls = *settings.listeners[listener].tls;
  const std::uint64_t stamp = relay::tls_stamp(settings, tls);
  const auto retry = retries_.find(listener);
  const bool is_due = retry != retries_.end() && loop_.now() >= retry->second;
  if (std::exchange(stamps_[listener], stamp) == stamp && !is_due) return;
  retries_.erase(listener);
  run.start(ops::tls_programs(tls),
            [this, listener](const base::Result<ops::PrintedTexts>& printed) {
              renew(listener, printed);
            });
}

void CertificateWatch::renew(std::size_t listener, const base::Result<ops::PrintedTexts>& printed) {
  const settings::Settings& settings = *config_->settings;
  const settings::Listener& where = settings.listeners[listener];
  const base::Result<void> renewed =
      printed ? relay::renew_tls(settings, *where.tls, *printed, *config_->listener_tls[listener])
              : base::fail(printed.error());
  if (renewed) {
    log_.write(ops::LogLevel::info, "the certificate of a listener has changed: in use now",
               {{"listener", where.name}});
  } else {
    if (!printed) retries_[listener] = loop_.now() + retry_pause;
    log_.write(ops::LogLevel::error,
               "the certificate of a listener has changed and is not usable: the former one stays",
               {{"listener", where.name}, {"detail", renewed.error().detail}});
  }
}

}  // namespace vsaproxy::cli
