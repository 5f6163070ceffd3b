#pragma once
// Which of many sockets have something to read, and whose turn it is. The sockets' own epoll set;
// the loop watches the set. One thread.

#include <sys/epoll.h>

#include <cstddef>
#include <limits>
#include <vector>

#include "proxy/net/handles.h"

namespace vsaproxy::net {

class ReadableSet {
 public:
  class Reader {
   public:
    // There is something to read: bytes, an end or an error. Called again in turns to come, as long
    // as that is so.
    virtual void on_read_event() = 0;

   protected:
    ~Reader() = default;

   private:
    friend class ReadableSet;
    static constexpr auto nowhere = std::numeric_limits<std::size_t>::max();
    std::size_t place_ = nowhere;  // among those whose turn is now
    bool is_called_ = false;
  };

  // In one turn of the base's loop it calls at most `most_in_turn` readers that are readable, each
  // once, and as many that call() named; before them all that are readable in the set `before`, if
  // there is one, which outlives this one.
  ReadableSet(event_base* base, std::size_t most_in_turn, ReadableSet* before = nullptr);
  ReadableSet(const ReadableSet&) = delete;
  ReadableSet& operator=(const ReadableSet&) = delete;

  // Until remove(), which comes before the socket is closed or the reader destroyed. False if the
  // kernel can't watch it; then only call() has an effect.
  [[nodiscard]] bool add(int socket, Reader& reader);
  void remove(int socket, Reader& reader);
  // Calls a reader that was added once in a turn to come, whatever the socket says: the bytes are
  // elsewhere.
  void call(Reader& reader);

 private:
  void on_turn();
  void on_call();
  void serve_readable();
  void take_up(Reader& reader);
  void serve_current();

  std::size_t most_in_turn_;
  ReadableSet* before_;
  FileDescriptor set_;
  Event readable_;
  Event call_;  // a timer: it comes after the next look at all sockets
  std::vector<Reader*> called_;
  std::vector<epoll_event> found_;
  // Those whose turn is now; null: removed meanwhile.
  std::vector<Reader*> current_;
};

}  // namespace vsaproxy::net
