#pragma once
// Programs that print a secret: run without a shell, with next to no environment, never longer than
// allowed. Nothing of what they print on either stream gets into an error.

#include <cstddef>
#include <string>

#include "proxy/base/field.h"
#include "proxy/base/result.h"

namespace vsaproxy::ops {

// Without running it: that there is such a program, which not every user may change. Errors:
// configuration.
base::Result<void> check_secret_command(const base::SecretRef& ref);

// What the program prints, at most `limit` bytes, into `text`, which the caller wipes on an error
// too. Blocks until it has ended or its timeout is over; then it is killed, with all that it has
// started. So it is once `stop`, a descriptor, is readable; -1: none. Standard input and error are
// /dev/null, the folder is "/", and of the environment HOME, USER, LOGNAME, LANG and
// CREDENTIALS_DIRECTORY are left, beside a PATH of the system's folders. Errors: configuration.
base::Result<void> run_secret_command(const base::SecretRef& ref, std::size_t limit,
                                      std::string& text, int stop);

}  // namespace vsaproxy::ops
