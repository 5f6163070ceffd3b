#include "proxy/cli/asked_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "proxy/base/text.h"
#include "proxy/http/message.h"
#include "proxy/http/target.h"

namespace vsaproxy::cli {
namespace {

using base::Result;
using settings::Listener;
using settings::Settings;

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;

tl::unexpected<base::Error> misused(std::string detail) {
  return base::fail(base::ErrorKind::configuration, std::move(detail));
}

// An absolute URL, cut where every client cuts it.
struct CutUrl {
  std::string_view scheme;
  std::string_view authority;
  std::string_view rest;  // path and query; may be empty
};

std::optional<CutUrl> cut_url(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const auto begin = colon + 3;
  const auto end = std::min(url.find_first_of("/?#", begin), url.size());
  return CutUrl{url.substr(0, colon), url.substr(begin, end - begin), url.substr(end)};
}

bool is_scheme(const CutUrl& url, std::string_view scheme) {
  return base::equals_ignoring_case(url.scheme, scheme);
}

std::string origin_form(std::string_view rest) {
  return rest.starts_with('/') ? std::string(rest) : fmt::format("/{}", rest);
}

bool is_allowed_host(const Listener& listener, std::string_view host) {
  return std::find(listener.allowed_hosts.begin(), listener.allowed_hosts.end(), host) !=
         listener.allowed_hosts.end();
}

// The URL is that of the listener itself: its port, and its address or one of its names.
bool is_url_of(const Listener& listener, const CutUrl& url) {
  const auto* tcp = std::get_if<settings::TcpAddress>(&listener.address);
  const auto authority = http::parse_authority(url.authority);
  if (tcp == nullptr || !authority || !is_scheme(url, listener.tls ? "https" : "http")) {
    return false;
  }
  const auto port = authority->port.value_or(listener.tls ? https_port : http_port);
  return port == tcp->port &&
         (authority->host == tcp->host || is_allowed_host(listener, authority->host));
}

// What a tool of this listener has as host in its base URL.
std::string host_of(const Listener& listener) {
  const auto* tcp = std::get_if<settings::TcpAddress>(&listener.address);
  const bool has_names = !listener.allowed_hosts.empty();
  if (tcp == nullptr) return has_names ? listener.allowed_hosts.front() : "localhost";
  std::string host =
      is_allowed_host(listener, tcp->host) || !has_names ? tcp->host : listener.allowed_hosts[0];
  if (host.find(':') != std::string::npos) host = fmt::format("[{}]", host);
  return tcp->port == 0 ? host : fmt::format("{}:{}", host, tcp->port);
}

Result<std::optional<std::size_t>> named_listener(const Settings& settings,
                                                  const std::string& name) {
  if (name.empty()) return std::optional<std::size_t>();
  std::string known;
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    if (settings.listeners[i].name == name) return std::optional(i);
    known.append(known.empty() ? "" : ", ").append(settings.listeners[i].name);
  }
  return misused(fmt::format("no listener is called \"{}\"; there is {}", name, known));
}

// The first that takes this form, else the first of all.
std::size_t first_listener(const Settings& settings, bool Listener::*mode) {
  const auto found = std::find_if(settings.listeners.begin(), settings.listeners.end(),
                                  [mode](const Listener& each) { return each.*mode; });
  return found == settings.listeners.end()
             ? 0
             : static_cast<std::size_t>(found - settings.listeners.begin());
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Result<void> check_words(const Question& question) {
  if (question.method.empty() || has_control(question.method) ||
      question.method.find(' ') != std::string::npos) {
    return misused("METHOD must be one word, as in GET");
  }
  if (question.url.empty() || has_control(question.url) ||
      question.url.find(' ') != std::string::npos) {
    return misused("URL must be one word: write a space in it as %20");
  }
  for (const std::string& field : question.fields) {
    const auto colon = field.find(':');
    if (colon == std::string::npos || colon == 0 || has_control(field)) {
      // Not repeated: it may be a secret.
      return misused("-H needs a field as 'Name: value', on one line");
    }
  }
  return {};
}

std::string_view name_of(std::string_view field) { return field.substr(0, field.find(':')); }

struct Parts {
  std::size_t listener = 0;
  std::string method;
  std::string target;
  std::string host;
  std::string form;
};

Parts in_reverse_form(const Question& question, std::size_t listener, std::string target,
                      std::string host) {
  return {listener, question.method, std::move(target), std::move(host),
          "reverse form: the tool calls the proxy itself"};
}

// With a port, as CONNECT needs one.
Parts in_tunnel(const Question& question, std::size_t listener, std::string_view authority) {
  const auto parsed = http::parse_authority(authority);
  const bool has_port = !parsed || parsed->port;
  std::string target =
      has_port ? std::string(authority) : fmt::format("{}:{}", authority, https_port);
  const bool is_asked = question.method == "CONNECT";
  return {listener, "CONNECT", target, target,
          is_asked ? "a tunnel through the proxy"
                   : "CONNECT, which a tool sends to its proxy for an https:// URL; for http:// it "
                     "would not"};
}

Result<Parts> understand(const Settings& settings, const Question& question) {
  const auto named = named_listener(settings, question.listener);
  if (!named) return base::fail(named.error());
  const auto cut = cut_url(question.url);
  const auto reverse = named->value_or(first_listener(settings, &Listener::reverse));
  const auto forward = named->value_or(first_listener(settings, &Listener::forward));
  if (question.method == "CONNECT") {
    return in_tunnel(question, forward, cut ? cut->authority : std::string_view(question.url));
  }
  if (question.url.starts_with('/') || question.url == "*") {
    return in_reverse_form(question, reverse, question.url, host_of(settings.listeners[reverse]));
  }
  if (!cut || !(is_scheme(*cut, "http") || is_scheme(*cut, "https"))) {
    return misused(
        "URL must begin with \"/\" (the tool calls the proxy itself) or \"http://\" (the address "
        "of a listener, or of a server that the tool reaches by http_proxy)");
  }
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    if ((*named && *named != i) || !is_url_of(settings.listeners[i], *cut)) continue;
    return in_reverse_form(question, i, origin_form(cut->rest), std::string(cut->authority));
  }
  if (is_scheme(*cut, "https")) return in_tunnel(question, forward, cut->authority);
  return Parts{forward, question.method,
               fmt::format("{}://{}{}", cut->scheme, cut->authority, origin_form(cut->rest)),
               std::string(cut->authority), "forward form: the tool uses the proxy as http_proxy"};
}

}  // namespace

Result<AskedRequest> write_request(const Settings& settings, const Question& question) {
  if (auto fine = check_words(question); !fine) return base::fail(fine.error());
  const auto parts = understand(settings, question);
  if (!parts) return base::fail(parts.error());
  std::string bytes = fmt::format("{} {} HTTP/1.1\r\n", parts->method, parts->target);
  const bool has_host = std::any_of(
      question.fields.begin(), question.fields.end(),
      [](const std::string& field) { return base::equals_ignoring_case(name_of(field), "Host"); });
  if (!has_host) bytes.append(fmt::format("Host: {}\r\n", parts->host));
  for (const std::string& field : question.fields) bytes.append(field).append("\r\n");
  bytes.append("\r\n");
  return AskedRequest{parts->listener, std::move(bytes), parts->form};
}

}  // namespace vsaproxy::cli
