#include "proxy/cli/check.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/auth/session_seal.h"
#include "proxy/cli/load_settings.h"
#include "proxy/net/tls_context.h"
#include "proxy/ops/local_accounts.h"
#include "proxy/ops/printed_texts.h"
#include "proxy/ops/secret_command.h"
#include "proxy/ops/secret_source.h"
#include "proxy/settings/source_text.h"

namespace vsaproxy::cli {
namespace {

using settings::Problem;

constexpr int exit_fine = 0;
constexpr int exit_problems = 3;

// Of the key at the place, for the caret.
std::size_t key_length(const std::vector<std::string_view>& lines, const base::Place& place) {
  const auto line = static_cast<std::size_t>(place.line) - 1;
  const auto column = static_cast<std::size_t>(place.column) - 1;
  if (line >= lines.size() || column >= lines[line].size()) return 1;
  const auto end = lines[line].find_first_of(": \"',]}", column);
  return std::max<std::size_t>(std::min(end, lines[line].size()) - column, 1);
}

class References {
 public:
  References(const std::string& file, std::string_view text)
      : file_(file), lines_(settings::split_lines(settings::without_bom(text))) {}

  void check_secret(const base::SecretRef& ref) { read_secret(ref); }
  void check_cache_key(const base::SecretRef& ref) {
    const auto value = read_secret(ref);
    if (!value || value->reveal().size() >= auth::least_seal_text) return;
    add(ref, {base::ErrorKind::configuration,
              fmt::format("{} has fewer than {} characters, which is too easy to guess: openssl "
                          "rand -base64 32 makes a good one",
                          ops::describe(ref), auth::least_seal_text)});
  }
  // Certificates may be read by everybody.
  void check_public(const base::SecretRef& ref) { read_public(ref); }
  // That a certificate and its key can be read and belong together.
  void check_pair(const base::SecretRef& certificate, const base::SecretRef& key) {
    const auto chain = read_public(certificate);
    const auto secret = read_secret(key);
    if (!chain || !secret) return;
    if (const auto fits = net::check_key_pair(*chain, *secret); !fits) add(key, fits.error());
  }
  void check_user(const settings::Account& account) {
    if (const auto user = ops::find_user(account.name); !user) add(account, user.error());
  }
  void check_group(const settings::Account& account) {
    if (const auto group = ops::find_group(account.name); !group) add(account, group.error());
  }
  std::vector<Problem> take() {
    std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
      return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    });
    return std::move(problems_);
  }

 private:
  // Something that has a place.
  template <class Reference>
  void add(const Reference& ref, const base::Error& error) {
    problems_.push_back({ref.place, key_length(lines_, ref.place), error.detail});
  }

  // Nothing if it can't be read, which is a problem, or would have to be run for it.
  std::optional<base::Secret> read_secret(const base::SecretRef& ref) {
    if (ref.kind == base::SecretRef::Kind::command) return check_command(ref);
    auto value = ops::read_secret(ref, file_);
    if (value) return std::move(*value);
    add(ref, value.error());
    return std::nullopt;
  }
  std::optional<std::string> read_public(const base::SecretRef& ref) {
    if (ref.kind == base::SecretRef::Kind::command) return check_command(ref);
    auto text = ops::read_public(ref, file_, {});
    if (text) return std::move(*text);
    add(ref, text.error());
    return std::nullopt;
  }
  std::nullopt_t check_command(const base::SecretRef& ref) {
    if (const auto fine = ops::check_secret_command(ref); !fine) add(ref, fine.error());
    return std::nullopt;
  }

  std::string file_;
  std::vector<std::string_view> lines_;
  std::vector<Problem> problems_;
};

}  // namespace

std::string problems_as_json(const std::vector<Problem>& problems, const std::string& file) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  const auto text = [&](std::string_view value) {
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  text("ok");
  writer.Bool(problems.empty());
  text("problems");
  writer.StartArray();
  for (const Problem& problem : problems) {
    writer.StartObject();
    text("file");
    text(file);
    text("line");
    writer.Int(problem.place.line);
    text("column");
    writer.Int(problem.place.column);
    text("message");
    text(problem.message);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

std::vector<Problem> check_references(const settings::Settings& settings, std::string_view text) {
  References references(settings.file, text);
  for (const settings::Credential& credential : settings.credentials) {
    for (const auto& [key, ref] : credential.values.secrets()) references.check_secret(ref);
    if (credential.cache) references.check_cache_key(credential.cache->key);
  }
  for (const settings::Listener& listener : settings.listeners) {
    for (const auto& user : listener.clients.local_users) references.check_user(user);
    for (const auto& group : listener.clients.local_groups) references.check_group(group);
    if (listener.socket.owner) references.check_user(*listener.socket.owner);
    if (listener.socket.group) references.check_group(*listener.socket.group);
    if (!listener.tls) continue;
    references.check_pair(listener.tls->certificate, listener.tls->key);
    if (listener.tls->client_ca) references.check_public(*listener.tls->client_ca);
  }
  for (const settings::Upstream& upstream : settings.upstreams) {
    if (upstream.tls.ca) references.check_public(*upstream.tls.ca);
    if (!upstream.tls.client_certificate || !upstream.tls.client_key) continue;
    references.check_pair(*upstream.tls.client_certificate, *upstream.tls.client_key);
  }
  return references.take();
}

LoadedSettings load_checked_settings(const std::string& file) {
  LoadedSettings loaded = load_settings(file);
  if (!loaded.settings) return loaded;
  loaded.list = check_references(*loaded.settings, loaded.text);
  if (loaded.list.empty()) return loaded;
  loaded.problems = settings::describe_problems(loaded.list, loaded.text, file);
  loaded.settings.reset();
  return loaded;
}

int run_check(const std::string& file, OutputFormat format) {
  const LoadedSettings loaded = load_checked_settings(file);
  // Not fmt::print: it throws when nobody reads.
  if (format == OutputFormat::json) {
    std::puts(problems_as_json(loaded.list, file).c_str());
  } else if (loaded.list.empty()) {
    std::puts((file + ": fine").c_str());
  } else {
    std::fputs(loaded.problems.c_str(), stderr);
  }
  return loaded.list.empty() ? exit_fine : exit_problems;
}

}  // namespace vsaproxy::cli
