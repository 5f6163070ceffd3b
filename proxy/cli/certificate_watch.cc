#include "proxy/cli/certificate_watch.h"

#include <utility>

namespace vsaproxy::cli {

CertificateWatch::CertificateWatch(net::EventLoop& loop, ops::Log& log)
    : log_(log), timer_(loop.make_timer([this] { look(); })) {}

void CertificateWatch::watch(relay::RelayConfigPtr config) {
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
  const settings::Settings& settings = *config_->settings;
  const settings::Listener& where = settings.listeners[listener];
  const std::uint64_t stamp = relay::tls_stamp(settings, *where.tls);
  if (std::exchange(stamps_[listener], stamp) == stamp) return;
  const auto renewed = relay::renew_tls(settings, *where.tls, *config_->listener_tls[listener]);
  if (renewed) {
    log_.write(ops::LogLevel::info, "the certificate of a listener has changed: in use now",
               {{"listener", where.name}});
  } else {
    log_.write(ops::LogLevel::error,
               "the certificate of a listener has changed and is not usable: the former one stays",
               {{"listener", where.name}, {"detail", renewed.error().detail}});
  }
}

}  // namespace vsaproxy::cli
