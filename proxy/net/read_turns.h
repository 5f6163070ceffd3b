#pragma once
// Which of many sockets are read in a turn of the loop, and which wait. One thread.

#include <memory>

#include "proxy/net/handles.h"

namespace vsaproxy::net {

// What is read from a socket: in each turn everything that goes on with work, then a little of what
// begins more.
enum class Urgency { goes_on, begins };

class ReadTurns {
  // A place in a list, which it leaves when it ends.
  class Link {
   public:
    Link() = default;
    ~Link() { leave(); }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    bool is_alone() const { return next_ == this; }
    Link& next() const { return *next_; }
    void leave();
    // Of one that is alone.
    void enter_before(Link& place);
    // All that are in a list with `head` come to stand before this one.
    void take_all(Link& head);

   private:
    Link* previous_ = this;
    Link* next_ = this;
  };

 public:
  // Who reads a socket, which is open as long as it is watched.
  class Reader : private Link {
   public:
    // There is something to read: bytes, an end or an error. Called again in turns to come, as long
    // as that is so; seldom for nothing.
    virtual void on_read_event() = 0;

   protected:
    Reader(ReadTurns& turns, int socket, Urgency urgency);
    ~Reader() = default;
    void watch();
    // Comes before the socket is closed.
    void unwatch();
    // False after watch(): the kernel had no room for that. One call of on_read_event() comes then.
    bool is_watched() const { return is_watched_; }
    // on_read_event() once more, soon, whatever the socket says: the bytes are elsewhere.
    void call_later();

   private:
    friend class ReadTurns;
    enum class Watch : char { none, loop, crowd };
    bool watch_in_loop();
    bool watch_in_crowd();
    ReadTurns& turns_;
    std::unique_ptr<Event> readable_;  // made when the loop first watches the socket
    const int socket_;
    const Urgency urgency_;
    Watch watch_ = Watch::none;
    bool is_watched_ = false;
  };

  struct Limits {
    int in_turn;  // readers that begin something, called in one turn
    int in_loop;  // of these, so many are watched by the loop itself, the rest as a crowd
  };

  // In one turn of the base's loop all readers that are readable and go on with work are called,
  // each once, then some of the others.
  ReadTurns(event_base* base, Limits limits);
  ReadTurns(const ReadTurns&) = delete;
  ReadTurns& operator=(const ReadTurns&) = delete;

 private:
  void on_readable(Reader& reader);
  void have_turn();
  void on_turn();
  void look_at_crowd();
  void serve(Link& waiting, int most);

  event_base* base_;
  const Limits limits_;
  Event turn_;  // behind all sockets that are readable in this turn of the loop, or in the next one
  // The loop tells of all that are readable in each turn, the crowd's own epoll set of a few. But
  // that needs a further system call, and takes longer to wake the loop.
  FileDescriptor crowd_;
  Event crowd_readable_;
  bool crowd_is_readable_ = false;
  int beginning_in_loop_ = 0;
  Link going_on_, beginning_;  // wait for their turn
};

}  // namespace vsaproxy::net
