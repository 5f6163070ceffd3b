"""A credential of each type and of each way to log in, with secrets that are new in each test, and
the account of the simulator that they open."""

import base64
import dataclasses
import hashlib
import json
import os
import secrets
import subprocess

import soap_tools
from login_tools import VSPC_VECTORS, form
from support import BASE, USERNAME, request

GET = ("GET", None, {})
ECHO = ("POST", soap_tools.envelope(soap_tools.call("EchoMt", {"Payload": "hello"})).encode(),
        soap_tools.head("EchoMt"))


@dataclasses.dataclass
class Case:
    """`secrets` are those of the credential by key, the first of which tells right from wrong;
    `account` is what the simulator is started with. `derived`: what opens the account like a
    secret. `stub`: the API's own login call, as (path, method, body, fields)."""
    name: str
    settings: dict
    secrets: dict
    account: dict
    path: str
    send: tuple = GET
    is_static: bool = False
    derived: tuple = ()
    stub: tuple = None
    more: dict = dataclasses.field(default_factory=dict)  # of the configuration

    @property
    def wrong(self):
        """Of the same form as the first secret, and as secret: somebody's typing error."""
        key, right = next(iter(self.secrets.items()))
        return {key: other_key() if "<RSAKeyValue>" in right else make_secret(right)}

    def credential(self, write, **changes):
        """As the configuration has it; write(name, text) makes a secret file."""
        files = {key: {"file": write(f"{key}.secret", text)}
                 for key, text in {**self.secrets, **changes}.items()}
        return {**self.settings, **files}


def make_secret(like=""):
    """With characters that every coding writes in another way, except where `like` has none."""
    plain = secrets.token_hex(9)
    return f'{plain} "Pa+s<w>&rd=/%{plain}\\' if not like or "&" in like else plain


def other_key():
    """An RSA key as PEM."""
    return subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True,
                          text=True).stdout


def hashes(password):
    """From which each login of VSA is made with numbers that anybody can read."""
    return tuple(hashlib.new(algorithm, (password + user).encode()).hexdigest()
                 for algorithm in ("sha1", "sha256") for user in ("", USERNAME))


def vsa9(name, **settings):
    password = make_secret()
    is_token = name == "token"
    login = base64.b64encode(f"{USERNAME}:{secrets.token_hex(8)}".encode()).decode()
    secret = secrets.token_hex(16) if is_token else password
    key = "token" if is_token else "password"
    return Case(f"kaseya-vsa9 {name}", {"type": "kaseya-vsa9", "username": USERNAME, **settings},
                {key: secret}, {key: secret}, BASE + "/assetmgmt/agents",
                derived=() if is_token else hashes(password),
                stub=(BASE + "/auth", "GET", None, {"Authorization": "Basic " + login}))


def soap(name, **settings):
    password = make_secret()
    fields = soap_tools.login_fields("tool", secrets.token_hex(8))
    login = soap_tools.envelope(soap_tools.call("Authenticate", fields)).encode()
    return Case(f"kaseya-soap {name}", {"type": "kaseya-soap", "username": USERNAME, **settings},
                {"password": password}, {"password": password}, soap_tools.PATH, ECHO,
                derived=hashes(password),
                stub=(soap_tools.PATH, "POST", login, soap_tools.head("Authenticate")))


def soap_pages():
    page = "/vsapres/web20/core/login.aspx"
    case = soap("pages", page_paths=["/vsapres/**"])
    return dataclasses.replace(case, path=f"{page}?apiLogonGuid=1&to=nested", send=GET,
                               more={"routes": [{"upstream": "vsa", "cookies": "pass"}]})


def vspc(name, keys, account, stub=True, **settings):
    login = ("/api/v3/token", "POST", form(grant_type="password", username="a", password="b"),
             {"Content-Type": "application/x-www-form-urlencoded"})
    return Case(f"veeam-vspc {name}", {"type": "veeam-vspc", **settings}, keys, account,
                "/api/v3/organizations", stub=login if stub else None)


def vspc_cases():
    by_name = {"username": USERNAME}
    password, seed = make_secret(), base64.b32encode(os.urandom(20)).decode()
    api_key, sample = secrets.token_urlsafe(24), VSPC_VECTORS["key"]
    yield dataclasses.replace(vspc("api key", {"api_key": api_key}, {"api_key": api_key}),
                              is_static=True, stub=None)
    yield vspc("password", {"password": password}, {"password": password}, **by_name)
    yield vspc("password v2", {"password": password}, {"password": password}, api="v2", **by_name)
    yield vspc("second factor", {"password": password, "totp": seed},
               {"password": password, "totp": seed}, **by_name)
    yield vspc("key", {"private_key": sample["private_xml"]}, {}, api="v3")
    yield vspc("key v2", {"private_key": sample["private_xml"]}, {"challenge": "binary"}, api="v2")
    yield vspc("key v1", {"private_key": sample["private_xml"]}, {}, stub=False, api="v1",
               check={"path": "/api/v3/users/me"})


def oauth2(grant, keys, account, **settings):
    return Case(f"oauth2 {grant}", {"type": "oauth2", "grant": grant, "client_id": "tool",
                                    "token_url": "{url}/oauth2/token", **settings},
                keys, {"client_id": "tool", "gives_refresh": True, **account}, "/tickets")


def oauth2_cases():
    client, password = make_secret(), make_secret()
    account = {"client_secret": client, "password": password}
    for auth in ("basic", "body"):
        case = oauth2("client_credentials", {"client_secret": client}, account, client_auth=auth)
        yield dataclasses.replace(case, name=f"{case.name} {auth}")
    yield oauth2("password", {"password": password, "client_secret": client}, account,
                 username=USERNAME)
    yield oauth2("refresh_token", {"client_secret": client}, account)


def odd_api(name, content_type, **changes):
    secret = make_secret()
    account = {key: changes.pop(key) for key in ("odd_token",) if key in changes}
    return Case(f"http_login {name}", {
        "type": "http_login", "username": USERNAME, "token": {"pointer": "/data/token"},
        "request": {"url": "{url}/session", "headers": {"Content-Type": content_type},
                    "body": {"user": "{{username}}", "pass": "{{secret}}"}},
        "inject": {"header": "Authorization", "value": "Session {{token}}"}, **changes},
        {"secret": secret}, {"password": secret, **account}, "/things")


def all_cases():
    """Yields them one by one: each has secrets of its own."""
    yield vsa9("token")
    yield vsa9("password")
    yield vsa9("documented password", password_formula="documented", two_factor="")
    yield soap("sha-256", hash="sha-256")
    yield soap("sha-1", hash="sha-256-then-sha-1")
    yield soap_pages()
    yield from vspc_cases()
    yield from oauth2_cases()
    yield odd_api("json", "application/json")
    yield odd_api("form", "application/x-www-form-urlencoded", odd_token="header",
                  token={"header": "X-Session"})
    parts = {"token_secret": make_secret(), "token_id": secrets.token_hex(9)}
    yield Case("kaseya-vsa10", {"type": "kaseya-vsa10"}, parts, parts, "/api/v3/assets",
               is_static=True)
    password = make_secret()
    yield Case("basic", {"type": "basic", "username": USERNAME}, {"password": password},
               {"password": password}, "/basic", is_static=True)
    key = make_secret()
    yield Case("header", {"type": "header", "name": "X-Api-Key"}, {"value": key}, {"api_key": key},
               "/keyed", is_static=True)


def at(case, simulator):
    """The case for this simulator, which knows its account: with its address, and with what has to
    be asked for there."""
    text = json.dumps(case.settings).replace("{url}", simulator.url)
    own = dict(case.secrets)
    if case.settings.get("grant") == "refresh_token":
        own = {"refresh_token": ask_for_grant(case, simulator), **own}
    return dataclasses.replace(case, settings=json.loads(text), secrets=own)


def ask_for_grant(case, simulator):
    answer = request(simulator.port, "POST", "/oauth2/token", form(
        grant_type="client_credentials", client_id="tool", client_secret=case.secrets[
            "client_secret"]), {"Content-Type": "application/x-www-form-urlencoded"})
    return answer.json()["refresh_token"]
