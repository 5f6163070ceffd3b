#pragma once
// A small HTTP server for pages of our own (health, metrics), on libevent's evhttp: it buffers
// whole bodies and is lenient about framing, so it must never serve proxied traffic.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/listener.h"

namespace vsaproxy::net {

struct PageRequest {
  std::string method;
  std::string path;                                // without query
  std::multimap<std::string, std::string> fields;  // names in lower case
};

struct Page {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::multimap<std::string, std::string> fields = {};
};

class HttpServer {
 public:
  using Handler = std::function<Page(const PageRequest&)>;
  // Serves on a socket that the caller keeps open. Errors: system.
  static base::Result<std::unique_ptr<HttpServer>> start(LibeventLoop& loop, int listening_fd,
                                                         Handler handler);

 private:
  static void on_request(evhttp_request* request, void* self) noexcept;
  // When descriptors run out, evhttp alone would try again at once and write a line each time.
  void pace(LibeventLoop& loop, evconnlistener* listener);

  HttpServerHandle server_;
  std::unique_ptr<Timer> pause_;
  EventHandle watch_;
  Handler handler_;
};

}  // namespace vsaproxy::net
