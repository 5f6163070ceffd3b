#include "proxy/net/http_server.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include <utility>

#include "proxy/base/text.h"

namespace vsaproxy::net {
namespace {

constexpr int request_timeout_seconds = 10;
constexpr ev_ssize_t max_head = 16 * 1024;
constexpr ev_ssize_t max_body = 4 * 1024;

std::string method_of(evhttp_request* request) {
  switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
      return "GET";
    case EVHTTP_REQ_HEAD:
      return "HEAD";
    default:
      return "other";
  }
}

PageRequest read_request(evhttp_request* request) {
  PageRequest page;
  page.method = method_of(request);
  const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
  const char* path = uri == nullptr ? nullptr : evhttp_uri_get_path(uri);
  page.path = path == nullptr ? "" : path;
  const evkeyvalq* fields = evhttp_request_get_input_headers(request);
  for (const evkeyval* field = fields->tqh_first; field != nullptr; field = field->next.tqe_next) {
    page.fields.emplace(base::lower(field->key), field->value);
  }
  return page;
}

}  // namespace

base::Result<std::unique_ptr<HttpServer>> HttpServer::start(LibeventLoop& loop, int listening_fd,
                                                            Handler handler) {
  auto made = std::make_unique<HttpServer>();
  made->handler_ = std::move(handler);
  made->server_.reset(evhttp_new(loop.base()));
  evhttp* server = made->server_.get();
  evhttp_set_timeout(server, request_timeout_seconds);
  evhttp_set_max_headers_size(server, max_head);
  evhttp_set_max_body_size(server, max_body);
  evhttp_set_allowed_methods(server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
  evhttp_set_gencb(server, &HttpServer::on_request, made.get());
  // evhttp closes what it accepts on: it gets a copy.
  const int copy = dup(listening_fd);
  evhttp_bound_socket* bound = copy < 0 ? nullptr : evhttp_accept_socket_with_handle(server, copy);
  if (bound == nullptr) {
    if (copy >= 0) ::close(copy);
    return base::fail(base::ErrorKind::system, "the admin listener can't be used");
  }
  made->pace(loop, evhttp_bound_socket_get_listener(bound));
  return made;
}

// The listener stops by itself, but has no way to tell us: an event of our own on the same socket
// notices whatever makes it run, and a moment later lets it go on.
void HttpServer::pace(LibeventLoop& loop, evconnlistener* listener) {
  evconnlistener_set_error_cb(
      listener, [](evconnlistener* failed, void*) noexcept { evconnlistener_disable(failed); });
  watch_.reset(event_new(
      loop.base(), evconnlistener_get_fd(listener), EV_READ,
      [](evutil_socket_t, short, void* self) noexcept {
        static_cast<HttpServer*>(self)->pause_->start(pause_without_descriptors);
      },
      this));
  pause_ = loop.make_timer([this, listener] {
    evconnlistener_enable(listener);
    event_add(watch_.get(), nullptr);
  });
  event_add(watch_.get(), nullptr);
}

void HttpServer::on_request(evhttp_request* request, void* self) noexcept {
  const Page page = static_cast<HttpServer*>(self)->handler_(read_request(request));
  evkeyvalq* fields = evhttp_request_get_output_headers(request);
  evhttp_add_header(fields, "Content-Type", page.content_type.c_str());
  evhttp_add_header(fields, "Cache-Control", "no-store");
  evhttp_add_header(fields, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : page.fields) {
    evhttp_add_header(fields, name.c_str(), value.c_str());
  }
  evbuffer* body = evbuffer_new();
  evbuffer_add(body, page.body.data(), page.body.size());
  evhttp_send_reply(request, page.status, nullptr, body);
  evbuffer_free(body);
}

}  // namespace vsaproxy::net
