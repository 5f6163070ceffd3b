// vsaproxy-simulator: a VSA 9 server to try vsaproxy with and to test it against.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>
#include <variant>

#include "tests/simulator/options.h"
#include "tests/simulator/pages.h"
#include "tests/simulator/server.h"
#include "tests/simulator/simulator.h"

namespace vsaproxy::simulator {
namespace {

constexpr std::string_view description =
    "Plays a Kaseya VSA 9 server: a REST API that wants a login (user demo, access token\n"
    "00000000-0000-0000-0000-000000000000, password demo-password) and then a session token,\n"
    "and a SOAP API that wants the password and then its SessionID. Other systems are there at\n"
    "the same time, each under paths of its own.\n"
    "Prints \"listening on ADDRESS:PORT\" when it is ready and ends on SIGTERM or SIGINT.\n"
    "Never give it a real account's secrets: it is for trying and testing.";

constexpr std::string_view soap_help =
    "SOAP and pages, any case:\n"
    "  /vsaWS/KaseyaWS.asmx           POST a call; GET ?WSDL; GET /Primitive...?XmlRequest=\n"
    "  /vsaWS/vsaServiceDeskWS.asmx   likewise\n"
    "  /vsapres/web20/core/login.aspx ?apiLogonGuid=SESSION: leads on with it; "
    "/SystemTab/....aspx\n\n";

constexpr std::string_view systems_help =
    "Other systems, with the pages above from /sink on:\n"
    "  Veeam Service Provider Console: POST /api/v3/token, pages under /api/v3 (/organizations,\n"
    "    /users/me, POST /organizations/companies), the login calls of its older versions\n"
    "  VSA 10: /api/v3/assets, token_id and token_secret as Basic in every request\n"
    "  OAuth 2: POST /oauth2/token, pages under /tickets\n"
    "  an odd API: POST /session with user and pass, pages under /things\n"
    "  /basic with user and password as Basic, /keyed with the API key in X-Api-Key\n\n";

constexpr std::string_view control_help =
    "Control, from loopback only and without a login:\n"
    "  GET  /_sim/config    all options as JSON, named as the flags with _ instead of -\n"
    "  POST /_sim/config    change some, {\"session_lifetime\": 5, \"expired\": \"body-401\"}\n"
    "  GET  /_sim/stats     logins by outcome, data requests, connections\n"
    "  GET  /_sim/requests  the last 1000 data requests\n"
    "  GET  /_sim/logins    the last 1000 login calls, with their bodies\n"
    "  GET  /_sim/tokens    the last 1000 session tokens of each system, for tests that search for "
    "leaks\n"
    "  POST /_sim/revoke    end all sessions; ?all: refresh tokens, too\n"
    "  POST /_sim/unlock    forget rejected logins and the lock\n"
    "  POST /_sim/reset     options, sessions, lock and counters as at the start\n";

std::string footer() {
  std::string text =
      "Pages under /api/v1.0, any case, with or without a slash at the end:\n"
      "  /auth                GET: log in, with an access token or a password\n"
      "  /system/users/session  DELETE: log out\n"
      "  /echo                success, without a session\n";
  for (const Page& page : page_table()) text += fmt::format("  {:20} {}\n", page.path, page.help);
  return text + "\n" + std::string(soap_help) + std::string(systems_help) +
         std::string(control_help);
}

std::string flag_of(const OptionEntry& entry) {
  std::string flag = "--" + std::string(entry.name);
  for (char& c : flag) {
    if (c == '_') c = '-';
  }
  return flag;
}

void add_flag(CLI::App& app, const OptionEntry& entry, Options& options) {
  const std::string help = entry.choices.empty() ? std::string(entry.help)
                                                 : fmt::format("{}: {}", entry.help, entry.choices);
  CLI::Option* flag =
      std::visit([&](auto member) { return app.add_option(flag_of(entry), options.*member, help); },
                 entry.member);
  flag->capture_default_str();
  if (!entry.choices.empty()) {
    flag->check([&entry](const std::string& text) {
      return is_choice(entry, text) ? std::string{}
                                    : "must be one of " + std::string(entry.choices);
    });
  }
}

int serve(const ServerSettings& settings, const Options& options) {
  Simulator simulator(options);
  auto server = Server::open(settings, simulator);
  if (!server) {
    fmt::print(stderr, "vsaproxy-simulator: {}\n", server.error());
    return 1;
  }
  fmt::print("listening on {}\n", (*server)->address());
  std::fflush(stdout);
  (*server)->run();
  return 0;
}

}  // namespace
}  // namespace vsaproxy::simulator

int main(int argc, char** argv) {
  using namespace vsaproxy::simulator;
  ServerSettings settings;
  Options options;
  CLI::App app(std::string(description), "vsaproxy-simulator");
  app.footer(footer());
  app.set_version_flag("--version", VSAPROXY_VERSION);
  app.add_option("--listen", settings.listen, "address and port; port 0: any free one")
      ->capture_default_str();
  CLI::Option* certificate =
      app.add_option("--tls-cert", settings.tls_certificate, "PEM file with the certificate chain");
  CLI::Option* key = app.add_option("--tls-key", settings.tls_key, "PEM file with its key");
  certificate->needs(key);
  key->needs(certificate);
  for (const OptionEntry& entry : option_table()) add_flag(app, entry, options);
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  return serve(settings, options);
}
