#pragma once
// Reads secrets where a SecretRef says they are, and notices when they change. May block on a disk,
// and for a command's timeout: the manager thread and commands of ours call it, workers never.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/field.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace vsaproxy::ops {

class PrintedTexts;

inline constexpr std::size_t most_public_bytes = 4 * 1024 * 1024;  // bundles of all authorities

// Relative file names stand beside the configuration file. One trailing newline is trimmed. Errors:
// configuration, with the reference and the fix: missing, unreadable, empty, over 64 KiB, a file
// that every user may read, or a command that failed. Never part of the value. A command is ended
// early once `stop`, a descriptor, is readable; -1: none.
base::Result<base::Secret> read_secret(const base::SecretRef& ref, std::string_view settings_file,
                                       int stop = -1);

// The same without running anything: of a command, what was printed counts.
base::Result<base::Secret> read_secret(const base::SecretRef& ref, std::string_view settings_file,
                                       const PrintedTexts& printed);

// A text that is no secret, a certificate or a bundle of them: every user may read it, and it may
// have most_public_bytes. Else as the latter, but nothing is trimmed.
base::Result<std::string> read_public(const base::SecretRef& ref, std::string_view settings_file,
                                      const PrintedTexts& printed);

// As read_public(); without a reference the empty text.
base::Result<std::string> read_optional_public(const std::optional<base::SecretRef>& ref,
                                               std::string_view settings_file,
                                               const PrintedTexts& printed);

// Changes when the file behind the reference does (inode, size or time of change); constant for
// environment variables and commands; 0 while the file is missing.
std::uint64_t secret_stamp(const base::SecretRef& ref, std::string_view settings_file);

// "file vsa.pat", "systemd credential vsa-pat", "environment variable X", "command /usr/bin/pass":
// for messages. Never the arguments of a command.
std::string describe(const base::SecretRef& ref);

}  // namespace vsaproxy::ops
