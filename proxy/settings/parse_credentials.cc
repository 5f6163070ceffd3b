#include <algorithm>

#include "proxy/auth/scheme_list.h"
#include "proxy/settings/sections.h"
#include "proxy/settings/units.h"

namespace vsaproxy::settings {
namespace {

// A credential as its mapping says; without a scheme it is of type none, or wrong.
struct Parsed {
  Credential credential;
  bool is_none = false;
};

std::vector<std::string_view> type_names() {
  std::vector<std::string_view> names;
  for (const auth::SchemeSpec* spec : auth::all_schemes()) names.push_back(spec->name);
  names.push_back("none");
  return names;
}

// What is wrong over several keys is only asked when each is right by itself: a secret written by
// value is not missing.
void read_fields(const Mapping& mapping, std::size_t problems_before, Credential& credential) {
  parse_fields(mapping, credential.scheme->fields, credential.values);
  if (mapping.problems().size() != problems_before || !credential.scheme->fault) return;
  const std::string fault = credential.scheme->fault(credential.values);
  if (!fault.empty()) {
    mapping.problems().add(mapping.spot(), fmt::format("{} {}", mapping.where().substr(3), fault));
  }
}

void parse_renew_before(const Mapping& mapping, auth::Lead& lead) {
  const YamlNode* node = mapping.find("renew_before");
  if (!node) return;
  if (node->text.ends_with('%')) {
    const auto share = parse_share(node->text);
    if (share) {
      lead = *share;
    } else {
      complain(*node, share.error().detail, mapping.problems());
    }
    return;
  }
  base::Duration duration{};
  mapping.read("renew_before", duration);
  lead = duration;
}

void parse_relogin_on(const Mapping& mapping, std::vector<int>& statuses) {
  if (!mapping.has("relogin_on")) return;
  statuses.clear();
  for (const YamlNode* entry : mapping.read_list("relogin_on")) {
    const auto status = parse_count(entry->text, 400, 599);
    if (status) {
      statuses.push_back(static_cast<int>(*status));
    } else {
      complain(*entry, "a status of \"relogin_on\" " + status.error().detail, mapping.problems());
    }
  }
}

void parse_backoff(const Mapping& mapping, Credential& credential) {
  const YamlNode* node = mapping.find("backoff");
  if (!node) return;
  const Mapping backoff(*node, "in \"backoff\" " + mapping.where(), backoff_keys,
                        mapping.problems());
  backoff.read("min_backoff", credential.min_backoff);
  backoff.read("max_backoff", credential.max_backoff);
  if (credential.min_backoff > credential.max_backoff) {
    complain(*node, "has a min_backoff above its max_backoff", mapping.problems());
  }
}

void parse_budget(const Mapping& mapping, auth::BudgetSettings& budget) {
  const YamlNode* node = mapping.find("login_budget");
  if (!node) return;
  const Mapping keys(*node, "in \"login_budget\" " + mapping.where(), login_budget_keys,
                     mapping.problems());
  keys.read_count("rejected", budget.rejected, 1, 100);
  keys.read("per", budget.per);
}

std::string api_base(const Credential& credential) {
  auto base = credential.values.text(credential.scheme->base_field).value_or("");
  while (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base);
}

void set_default_base(Credential& credential) {
  const auth::SchemeSpec& scheme = *credential.scheme;
  if (scheme.default_base == nullptr || credential.values.text(scheme.base_field)) return;
  credential.values.set_text(scheme.base_field,
                             std::string(scheme.default_base(credential.values)));
}

// RFC 6749, 3.2: a login in the clear gives the secret to anybody on the way.
void parse_login_origin(const Mapping& mapping, Credential& credential) {
  const std::string_view key = credential.scheme->login_url_field;
  const auto text = credential.values.text(key);
  if (key.empty() || !text) return;
  const auto fail = [&](std::string_view fault) {
    mapping.problems().add(mapping.spot(),
                           fmt::format("\"{}\" {} {}", key, mapping.where(), fault));
  };
  const auto url = http::parse_url(*text);
  if (!url) return fail("must be a URL such as https://login.example.com/token");
  if (url->origin.scheme == "http" && !is_loopback(url->origin.host)) {
    return fail(
        "is http:// to another machine, where anybody on the way can read the secret: "
        "write https://");
  }
  credential.login_origin = url->origin;
}

std::string account_of(const Credential& credential) {
  for (const std::string_view key : credential.scheme->account_fields) {
    const auto name = credential.values.text(key);
    if (name && !name->empty()) return std::string(*name);
  }
  return credential.name;
}

bool logs_in(const Credential& credential) {
  const auth::SchemeSpec& spec = *credential.scheme;
  return spec.logs_in && (spec.is_static == nullptr || !spec.is_static(credential.values));
}

void parse_check(const Mapping& mapping, Credential& credential) {
  const std::string_view default_path = credential.scheme->check_path;
  if (!default_path.empty()) {
    credential.check.path = fmt::format("{}{}", credential.api_base, default_path);
  }
  const YamlNode* node = mapping.find("check");
  if (!node) return;
  const Mapping check(*node, "in \"check\" " + mapping.where(), check_keys, mapping.problems());
  enum class Method { get, head };
  Method method = Method::get;
  check.read_choice("method", method, {{"GET", Method::get}, {"HEAD", Method::head}});
  credential.check.method = method == Method::get ? "GET" : "HEAD";
  check.read_text("path", credential.check.path);
  const bool is_path = credential.check.path.starts_with('/') &&
                       credential.check.path.find_first_of(" #\\") == std::string::npos;
  if (check.has("path") && !is_path) {
    complain(*check.find("path"), "must be a path that begins with \"/\"", mapping.problems());
  }
}

void parse_common_keys(const Mapping& mapping, Credential& credential) {
  parse_renew_before(mapping, credential.renew_before);
  mapping.read("max_age", credential.max_age);
  credential.one_session = credential.scheme->one_session;
  mapping.read("one_session", credential.one_session);
  parse_relogin_on(mapping, credential.relogin_on);
  mapping.read("login_timeout", credential.login_timeout);
  parse_backoff(mapping, credential);
  parse_budget(mapping, credential.login_budget);
  parse_check(mapping, credential);
  parse_cache(mapping, credential);
}

const YamlNode* type_node(const YamlNode& node) {
  const auto found = std::find_if(node.children.begin(), node.children.end(),
                                  [](const YamlNode& entry) { return entry.key == "type"; });
  return found == node.children.end() ? nullptr : &*found;
}

void report_missing_type(const YamlNode& node, const std::string& name, Problems& problems) {
  if (node.kind != YamlNode::Kind::mapping) {
    complain(node, "must be a mapping with a type", problems);
  } else {
    problems.add(node.key_spot, fmt::format("missing key \"type\" in credential \"{}\": it "
                                            "must be {}",
                                            name, alternatives(type_names())));
  }
}

Parsed parse_credential(const YamlNode& node, const std::string& name, Problems& problems) {
  Parsed parsed;
  parsed.credential.name = name;
  const YamlNode* type = type_node(node);
  if (!type) {
    report_missing_type(node, name, problems);
    return parsed;
  }
  const std::string where = fmt::format("in credential \"{}\"", name);
  if (type->is_scalar() && type->text == "none") {
    constexpr Key keys[] = {{"type"}};
    const Mapping mapping(node, where, keys, problems);
    parsed.is_none = true;
    return parsed;
  }
  parsed.credential.scheme = type->is_scalar() ? auth::find_scheme(type->text) : nullptr;
  if (!parsed.credential.scheme) {
    report_choice(*type, type_names(), false, problems);
    return parsed;
  }
  std::vector<Key> keys(std::begin(credential_keys), std::end(credential_keys));
  for (const std::string_view key : keys_of(parsed.credential.scheme->fields)) {
    keys.push_back({key});
  }
  const std::size_t problems_before = problems.size();
  const Mapping mapping(node, where, keys, problems);
  read_fields(mapping, problems_before, parsed.credential);
  set_default_base(parsed.credential);
  parsed.credential.api_base = api_base(parsed.credential);
  parsed.credential.account = account_of(parsed.credential);
  parse_login_origin(mapping, parsed.credential);
  parsed.credential.logs_in = logs_in(parsed.credential);
  parse_common_keys(mapping, parsed.credential);
  return parsed;
}

std::optional<std::size_t> keep(Parsed parsed, Settings& settings) {
  if (parsed.is_none) return std::nullopt;
  settings.credentials.push_back(std::move(parsed.credential));
  return settings.credentials.size() - 1;
}

std::optional<std::size_t> find_credential(const YamlNode& auth, const CredentialNames& names,
                                           Problems& problems) {
  const auto found = names.find(auth.text);
  if (found != names.end()) return found->second;
  std::vector<std::string_view> known = {"none"};
  for (const auto& [name, index] : names) known.push_back(name);
  problems.add(auth.spot, fmt::format("no credential is called {}{}", quote(auth.text),
                                      did_you_mean(auth.text, known)));
  return std::nullopt;
}

}  // namespace

CredentialNames parse_credentials(const Mapping& file, Settings& settings) {
  CredentialNames names;
  const YamlNode* node = file.find("credentials");
  if (!node) return names;
  for (const YamlNode* entry : named_entries(*node, file.problems())) {
    if (entry->key == "none") {
      file.problems().add(entry->key_spot,
                          "a credential can't be called \"none\": it would look "
                          "like auth: none");
      continue;
    }
    names[entry->key] = keep(parse_credential(*entry, entry->key, file.problems()), settings);
  }
  return names;
}

std::optional<std::size_t> parse_auth(const YamlNode& auth, std::string_view upstream,
                                      const CredentialNames& names, Settings& settings,
                                      Problems& problems) {
  if (auth.is_scalar()) {
    return auth.text == "none" ? std::nullopt : find_credential(auth, names, problems);
  }
  if (auth.kind == YamlNode::Kind::mapping && names.contains(upstream)) {
    problems.add(auth.key_spot, fmt::format("the credential of this upstream is called {0} as one "
                                            "under \"credentials\" is: write auth: NAME, or "
                                            "rename one",
                                            quote(upstream)));
  }
  return keep(parse_credential(auth, std::string(upstream), problems), settings);
}

}  // namespace vsaproxy::settings
