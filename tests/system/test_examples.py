"""Every file of config/examples, run as it is but for ports, addresses and the places of its
secrets: one request through each, answered by the simulator because it brought the credential."""

import http.client
import pathlib
import socket
import ssl
import unittest

from support import (BASE, PASSWORD, TIMEOUT, TOKEN, USERNAME, Authority, SystemTest, request,
                     request_on)

EXAMPLES = pathlib.Path(__file__).parents[2] / "config" / "examples"
AGENTS = BASE + "/assetmgmt/agents"


class Recipe:
    """What an example needs. `replace`: texts of the file that name the world outside; URL is put
    where {url} stands. `files`: its secrets. `options`: of the simulator. `ask`: (listener, path,
    path at the simulator). With `name` the simulator has a certificate for that name."""

    def __init__(self, replace, files, ask, *, options=None, env=None, name=None, systemd=None):
        self.replace = replace
        self.files = files
        self.ask = ask
        self.options = options or {}
        self.env = env or {}
        self.name = name
        self.systemd = systemd or {}


LEGACY = {"username": "svc-legacy"}
PAT = {"vsa.pat": TOKEN}
VSA = {"https://vsa.example.com": "{url}"}
AT_DEFAULT = [("127.0.0.1:0", AGENTS, AGENTS)]

RECIPES = {
    "basic": Recipe({"https://api.example.com": "{url}"}, {"api.pass": PASSWORD},
                    [("127.0.0.1:0", "/basic", "/basic")], options={"username": "svc-reports"}),
    "header-credential": Recipe({"https://api.example.com": "{url}"}, {},
                                [("127.0.0.1:0", "/keyed", "/keyed")],
                                env={"EXAMPLE_API_KEY": "demo-api-key"}),
    "http_login": Recipe({"https://odd.example.org": "{url}"}, {"odd.pass": PASSWORD},
                         [("127.0.0.1:0", "/things", "/things")],
                         options={"username": "svc-reports"}),
    "oauth2": Recipe({"https://api.example.net": "{url}", "https://login.example.net": "{url}"},
                     {"psa.secret": "demo-client-secret"}, [("127.0.0.1:0", "/tickets", "/tickets")],
                     options={"client_id": "legacy-bridge"}),
    "private-ca": Recipe({"192.0.2.7:443": "{address}"}, PAT, AT_DEFAULT, options=LEGACY,
                         name="vsa.corp.example"),
    "quickstart": Recipe({"http://127.0.0.1:9280": "{url}"}, {"quickstart.pat": TOKEN},
                         AT_DEFAULT),
    "several-upstreams": Recipe(
        {"https://vsa-emea.example.com": "{url}", "https://vsa-apac.example.com": "{url}",
         "https://status.example.com": "{url}", "svc-emea": USERNAME, "svc-apac": USERNAME},
        {"emea.pat": TOKEN, "apac.pat": TOKEN},
        [("127.0.0.1:0", "/emea" + AGENTS, AGENTS), ("127.0.0.1:0", "/apac" + AGENTS, AGENTS),
         ("127.0.0.1:0", BASE + "/echo", BASE + "/echo")], options={"one_session": False}),
    "tls-listener": Recipe({**VSA, "127.0.0.1:3443": "127.0.0.1:0"}, PAT,
                           [("plain", AGENTS, AGENTS), ("tls", AGENTS, AGENTS)], options=LEGACY),
    "unix-socket": Recipe(VSA, PAT, [("unix:proxy.sock", AGENTS, AGENTS)], options=LEGACY),
    "vsa10": Recipe({"https://example.vsax.net": "{url}"},
                    {"vsa10.id": "demo-token-id", "vsa10.secret": "demo-token-secret"},
                    [("127.0.0.1:0", "/api/v3/assets?$top=1", "/api/v3/assets?$top=1")]),
    "vsa9-password": Recipe(VSA, {}, AT_DEFAULT, options={"username": "EXAMPLE\\svc-legacy"},
                            systemd={"vsa-password": PASSWORD}),
    "vsa9-token": Recipe(VSA, PAT, AT_DEFAULT, options=LEGACY),
}


class Examples(SystemTest):
    def test_each_example_gets_its_answers(self):
        examples = sorted(EXAMPLES.glob("*.yaml"))
        self.assertGreater(len(examples), 10)
        for path in examples:
            with self.subTest(path.stem):
                self.assertIn(path.stem, RECIPES, "a new example needs a recipe here")
                self.run_example(path, RECIPES[path.stem])

    def run_example(self, path, recipe):
        certificate = None
        if recipe.name or path.stem == "tls-listener":
            authority = Authority(self.directory)
            server = authority.issue("server", [f"DNS:{recipe.name or 'localhost'}"])
            certificate = server if recipe.name else None
            self.copy(authority.ca.certificate, "corp-ca.pem")
            self.copy(server.certificate, "proxy.crt")
            self.copy(server.key, "proxy.key")
        simulator = self.start_simulator(certificate=certificate, **recipe.options)
        proxy = self.start_example(path, recipe, simulator)
        for listener, target, seen in recipe.ask:
            answer = self.ask(proxy, listener, target)
            self.assertEqual(answer.status, 200, answer.body)
            data = [entry for entry in simulator.requests() if entry["session"] != "login"]
            self.assertEqual(data[-1]["target"], seen)
            self.assertEqual(data[-1]["session"], "open" if seen.endswith("/echo") else "live")
        proxy.stop()
        self.secrets.update(simulator.tokens())
        simulator.stop()

    def copy(self, source, name):
        (self.directory / name).write_bytes(pathlib.Path(source).read_bytes())
        (self.directory / name).chmod(0o600)

    def start_example(self, path, recipe, simulator):
        text = path.read_text()
        for old, new in {**recipe.replace, "127.0.0.1:3128": "127.0.0.1:0",
                         "127.0.0.1:9128": "127.0.0.1:0"}.items():
            if old in recipe.replace:
                self.assertIn(old, text, f"{path.name} has changed")
            text = text.replace(old, new.format(url=simulator.url,
                                                address=f"127.0.0.1:{simulator.port}"))
        if "\nadmin:" not in text:
            text += "admin: off\n"
        text += f"state_dir: {self.directory / 'state'}\nruntime_dir: {self.directory / 'run'}\n"
        for name, value in recipe.files.items():
            self.write_secret(name, value)
        for name, value in recipe.systemd.items():
            self.write_secret(name, value)
        env = {**recipe.env, "CREDENTIALS_DIRECTORY": str(self.directory)}
        self.secrets.update(recipe.env.values())
        proxy = self.make_proxy(text, env=env)
        return proxy.start(sorted({listener for listener, _, _ in recipe.ask}))

    def ask(self, proxy, listener, target):
        if proxy.ports[listener] == 0:
            return self.ask_socket(self.directory / "run" / "proxy.sock", target)
        tls = None
        if listener == "tls":
            tls = ssl.create_default_context(cafile=self.directory / "corp-ca.pem")
        return request(proxy.ports[listener], "GET", target, host="localhost", tls=tls)

    def ask_socket(self, path, target):
        connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(path))
        try:
            return request_on(connection, "GET", target)
        finally:
            connection.close()


if __name__ == "__main__":
    unittest.main()
