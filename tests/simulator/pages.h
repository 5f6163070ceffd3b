#pragma once
// The data pages of the simulated API: what is answered to a request whose session is in order.
// Stateless.

#include <span>
#include <string_view>

#include "tests/simulator/answer.h"
#include "tests/simulator/message.h"
#include "tests/simulator/options.h"
#include "tests/simulator/target.h"

namespace vsaproxy::simulator {

struct PageInput {
  const Request& request;
  const Target& target;
  const Options& options;
};

struct Page {
  std::string_view path;     // after the base, lower case; "/…/*": any rest
  std::string_view methods;  // separated by commas; empty: all
  Answer (*answer)(const PageInput& input);
  std::string_view help;
};

std::span<const Page> page_table();

// The page of a path (after the base), or null.
const Page* find_page(std::string_view path);

bool allows_method(const Page& page, std::string_view method);

// The answer that says the session is gone, in the shape that the options name.
Answer expired_answer(const Options& options);

// Any refusal for want of a session, in the framing and coding that the options name.
Answer as_refusal(Answer answer, const Options& options);

// Alternately 15 digits, which a double holds, and 26, which it does not.
std::string agent_id(std::uint64_t number);

}  // namespace vsaproxy::simulator
