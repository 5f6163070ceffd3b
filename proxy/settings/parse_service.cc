#include "proxy/settings/sections.h"

namespace vsaproxy::settings {
namespace {

constexpr std::uint64_t most_workers = 256;
constexpr std::uint64_t most_connections = 1'000'000;

void read_absolute_path(const Mapping& mapping, std::string_view key, std::string& out) {
  mapping.read_text(key, out);
  if (!out.empty() && !out.starts_with('/')) {
    complain(*mapping.find(key), "must be an absolute path: begin it with \"/\"",
             mapping.problems());
  }
}

void parse_workers(const Mapping& file, Settings& settings) {
  const YamlNode* node = file.find("workers");
  if (node && node->is_scalar() && node->text == "auto") {
    settings.workers = 0;
  } else {
    file.read_count("workers", settings.workers, 1, most_workers);
  }
}

void parse_request_body(const Mapping& mapping, Limits& limits) {
  const YamlNode* node = mapping.find("request_body");
  if (!node || (node->is_scalar() && node->text == "unlimited")) return;
  std::uint64_t size = 0;
  mapping.read_size("request_body", size);
  limits.request_body = size;
}

// A size that memory must hold.
void read_buffer_size(const Mapping& mapping, std::string_view key, std::size_t& out,
                      std::uint64_t most) {
  std::uint64_t size = out;
  mapping.read_size(key, size);
  if (size > most) {
    complain(*mapping.find(key), fmt::format("must be at most {}MiB", most >> 20),
             mapping.problems());
  }
  out = static_cast<std::size_t>(size);
}

void parse_limits(const Mapping& file, Limits& limits) {
  const YamlNode* node = file.find("limits");
  if (!node) return;
  const Mapping mapping(*node, "in \"limits\"", limits_keys, file.problems());
  read_buffer_size(mapping, "header_bytes", limits.header_bytes, std::uint64_t{1} << 20);
  mapping.read_count("header_count", limits.header_count, 1, 10'000);
  parse_request_body(mapping, limits);
  read_buffer_size(mapping, "soap_body", limits.soap_body, std::uint64_t{1} << 30);
  mapping.read_count("connections", limits.connections, 1, most_connections);
  mapping.read_count("connections_per_client", limits.connections_per_client, 1, most_connections);
  mapping.read("client_header_timeout", limits.client_header_timeout);
  mapping.read("client_idle_timeout", limits.client_idle_timeout);
  mapping.read("drain_timeout", limits.drain_timeout);
}

void parse_admin(const Mapping& file, std::optional<Admin>& admin) {
  const YamlNode* node = file.find("admin");
  if (!node) return;
  if (node->is_scalar() && node->text == "off") {
    admin.reset();
    return;
  }
  if (node->is_scalar()) {
    complain(*node, "must be off, or a mapping: {address: 127.0.0.1:9128}", file.problems());
    return;
  }
  const Mapping mapping(*node, "in \"admin\"", admin_keys, file.problems());
  if (const YamlNode* address = mapping.find("address")) {
    const auto parsed = tcp_address_of(*address, file.problems());
    if (parsed && !is_loopback(parsed->host)) {
      complain(*address, "must be a loopback address: write 127.0.0.1 or [::1]", file.problems());
    } else if (parsed) {
      admin->address = *parsed;
    }
  }
}

void parse_output(const Mapping& log, LogOutput& output) {
  const YamlNode* node = log.find("output");
  if (!node) return;
  if (node->kind == YamlNode::Kind::mapping) {
    const Mapping mapping(*node, "in \"output\"", output_keys, log.problems());
    mapping.need("file", "write the path of the log file");
    output.kind = LogOutput::Kind::file;
    read_absolute_path(mapping, "file", output.path);
    return;
  }
  log.read_choice("output", output.kind,
                  {{"stderr", LogOutput::Kind::standard_error},
                   {"stdout", LogOutput::Kind::standard_output},
                   {"{file: PATH}", LogOutput::Kind::file}});
}

void parse_access(const Mapping& log, Log& out) {
  const YamlNode* node = log.find("access");
  if (!node) return;
  if (node->is_scalar() && node->text == "off") {
    out.access = false;
    return;
  }
  if (node->is_scalar()) {
    complain(*node, "must be off, or a mapping: {query: drop}", log.problems());
    return;
  }
  const Mapping mapping(*node, "in \"access\"", access_keys, log.problems());
  mapping.read_choice(
      "query", out.query,
      {{"drop", QueryLogging::drop}, {"names", QueryLogging::names}, {"full", QueryLogging::full}});
}

void parse_log(const Mapping& file, Log& log) {
  const YamlNode* node = file.find("log");
  if (!node) return;
  const Mapping mapping(*node, "in \"log\"", log_keys, file.problems());
  mapping.read_choice("level", log.level,
                      {{"debug", LogLevel::debug},
                       {"info", LogLevel::info},
                       {"warning", LogLevel::warning},
                       {"error", LogLevel::error}});
  mapping.read_choice("format", log.format, {{"text", LogFormat::text}, {"json", LogFormat::json}});
  parse_output(mapping, log.output);
  parse_access(mapping, log);
}

}  // namespace

void parse_service(const Mapping& file, Settings& settings) {
  parse_workers(file, settings);
  read_absolute_path(file, "state_dir", settings.state_dir);
  read_absolute_path(file, "runtime_dir", settings.runtime_dir);
  parse_limits(file, settings.limits);
  parse_admin(file, settings.admin);
  parse_log(file, settings.log);
}

}  // namespace vsaproxy::settings
