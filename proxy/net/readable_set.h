#pragma once
// Which of many sockets have something to read, a few of them in each turn of the loop: what has
// been begun gets its turns in between, so little is under way at a time, and that stays in the
// CPU's cache. The sockets' own epoll set; the loop watches the set. One thread.

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
    bool is_called_ = false;
  };

  // Calls at most `most_in_turn` (64 or less) readers in one turn of the base's loop.
  ReadableSet(event_base* base, int most_in_turn);
  ReadableSet(const ReadableSet&) = delete;
  ReadableSet& operator=(const ReadableSet&) = delete;

  // Until remove(), which comes before the socket is closed or the reader destroyed. A socket that
  // the kernel has no memory to watch stays silent, and ends by its owner's deadline.
  void add(int socket, Reader& reader);
  void remove(int socket, Reader& reader);
  // Calls a reader that was added once in the next turn, whatever the socket says: the bytes are
  // elsewhere.
  void call(Reader& reader);

 private:
  void on_readable();
  void on_call();
  void serve_current();

  FileDescriptor set_;
  Event readable_;
  Event call_;  // a timer: it comes after the next look at all sockets
  int most_in_turn_;
  std::vector<Reader*> called_;
  // Those whose turn is now; null: removed meanwhile.
  std::vector<Reader*> current_;
};

}  // namespace vsaproxy::net
