#pragma once
// What is sent at the end of a turn of the loop.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vsaproxy::net {

class SocketStream;

// Where streams put the little that they write in a turn. At its end that is sent, one stream's
// behind the other's: a system call that the CPU has just made costs it less than the same call
// between others, and who wakes up at the other end finds more than one to serve. One thread.
class Outbox {
 public:
  // Of a stream: whether something of it is in here.
  class Place {
   public:
    bool is_taken() const { return index_ >= 0; }

   private:
    friend class Outbox;
    std::int8_t index_ = -1;
  };

  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Copies the parts, behind what is in here of the stream. May send all that is in here
  // before.
  // False, and takes nothing: they are too long, or not the stream's alone.
  bool take(SocketStream& stream, Place& place, std::span<const std::string_view> parts);
  // What is in here of the stream, which sends it itself. Lives until the next call.
  std::string_view give_back(Place& place);
  // Calls SocketStream::send_held(), and forgets.
  void send_all();

 private:
  static constexpr std::size_t most_streams = 64;

  struct Held {
    SocketStream* stream;  // null: given back
    Place* place;
    std::size_t begin;  // in bytes_
    std::size_t end;
  };

  std::array<Held, most_streams> held_;
  std::size_t streams_ = 0;
  std::array<char, 32 * 1024> bytes_;
  std::size_t used_ = 0;
};

}  // namespace vsaproxy::net
