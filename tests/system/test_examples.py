"""Every file of config/examples, run as it is but for ports, addresses and the places of its
secrets: one request through each, answered by the simulator because it brought the credential."""

import getpass
import grp
import http.client
import os
import pathlib
import socket
import ssl
import unittest

from client_tools import make_hash
from login_tools import VSPC_VECTORS
from support import (BASE, PASSWORD, TIMEOUT, TOKEN, USERNAME, Authority, SystemTest, request_on)

EXAMPLES = pathlib.Path(__file__).parents[2] / "config" / "examples"
AGENTS = BASE + "/assetmgmt/agents"


class Recipe:
    """What an example needs. `replace`: texts of the file that name the world outside; where {url},
    {address}, {pin} or {directory} stands, that of the test is put. `files`: its secrets. `options`: of the simulator. `ask`: (listener, path,
    path at the simulator). With `name` the simulator has a certificate for that name. `send`: a
    method, a body and header fields in place of a bare GET. `host`: by which its listener is
    asked over TLS. `client`: the name in the certificate that the client shows."""

    def __init__(self, replace, files, ask, *, options=None, env=None, name=None, systemd=None,
                 send=("GET", None, {}), host="localhost", client=None):
        self.replace = replace
        self.files = files
        self.ask = ask
        self.options = options or {}
        self.env = env or {}
        self.name = name
        self.systemd = systemd or {}
        self.send = send
        self.host = host
        self.client = client


LEGACY = {"username": "svc-legacy"}
PAT = {"vsa.pat": TOKEN}
VSA = {"https://vsa.example.com": "{url}"}
AT_DEFAULT = [("127.0.0.1:0", AGENTS, AGENTS)]
VSPC = {"https://vspc.example.com:1280": "{url}"}
COMPANIES = "/api/v3/organizations/companies?limit=1"
VSPC_AT_DEFAULT = [("127.0.0.1:0", COMPANIES, COMPANIES)]
TOTP_SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TOOL_KEY = "demo-tool-key"
SHIPPED_HASH = ("$scrypt$ln=14,r=8,p=1$wOUrPqkVoQK4Y8dS1l1ljA$"
                "JMJwZNQ7q2oBKNudLy47i81zAcetU2LhV2eR2YMxQcA")
SOAP_PATH = "/vsaWS/KaseyaWS.asmx"
SOAP_CALL = b'''<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<EchoMt xmlns="KaseyaWS"><req><Payload>hello</Payload><SessionID>0</SessionID></req></EchoMt>
</soap:Body></soap:Envelope>'''
SOAP_FIELDS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"KaseyaWS/EchoMt"'}
ME, MY_GROUP = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name

RECIPES = {
    "api-keys": Recipe(
        {**VSA, SHIPPED_HASH: make_hash(TOOL_KEY)}, {**PAT, "tool.key": TOOL_KEY},
        [("local", AGENTS, AGENTS)], options=LEGACY,
        send=("GET", None, {"X-Vsaproxy-Key": TOOL_KEY})),
    "basic": Recipe({"https://api.example.com": "{url}"}, {"api.pass": PASSWORD},
                    [("127.0.0.1:0", "/basic", "/basic")], options={"username": "svc-reports"}),
    "header-credential": Recipe({"https://api.example.com": "{url}"}, {},
                                [("127.0.0.1:0", "/keyed", "/keyed")],
                                env={"EXAMPLE_API_KEY": "demo-api-key"}),
    "http_login": Recipe({"https://odd.example.org": "{url}"}, {"odd.pass": PASSWORD},
                         [("127.0.0.1:0", "/things", "/things")],
                         options={"username": "svc-reports"}),
    "lan-listener": Recipe(
        {**VSA, "192.0.2.10:8443": "127.0.0.1:0", "192.0.2.0/24": "127.0.0.0/8"}, PAT,
        [("lan", AGENTS, AGENTS)], options=LEGACY, host="vsaproxy.internal",
        client="reports.internal"),
    "oauth2": Recipe({"https://api.example.net": "{url}", "https://login.example.net": "{url}"},
                     {"psa.secret": "demo-client-secret"}, [("127.0.0.1:0", "/tickets", "/tickets")],
                     options={"client_id": "legacy-bridge"}),
    "private-ca": Recipe({"192.0.2.7:443": "{address}"}, PAT, AT_DEFAULT, options=LEGACY,
                         name="vsa.corp.example"),
    "quickstart": Recipe({"http://127.0.0.1:9280": "{url}"}, {"quickstart.pat": TOKEN},
                         AT_DEFAULT),
    "read-only-route": Recipe(VSA, PAT, AT_DEFAULT, options={"username": "svc-reports"}),
    "request-limits": Recipe(
        {**VSA, SHIPPED_HASH: make_hash(TOOL_KEY)}, {**PAT, "tool.key": TOOL_KEY},
        [("local", AGENTS, AGENTS)], options=LEGACY,
        send=("GET", None, {"X-Vsaproxy-Key": TOOL_KEY})),
    "route-rules": Recipe(VSA, PAT, [("127.0.0.1:0", "/notes" + AGENTS, AGENTS)], options=LEGACY),
    "secret-command": Recipe({**VSA, "/usr/bin/pass, show, vsa/pat": "/bin/cat, {directory}/vsa.pat"},
                             PAT, AT_DEFAULT, options=LEGACY),
    "session-cache": Recipe(VSA, {**PAT, "cache.key": "demo-key-of-the-session-cache"}, AT_DEFAULT,
                            options=LEGACY),
    "several-upstreams": Recipe(
        {"https://vsa-emea.example.com": "{url}", "https://vsa-apac.example.com": "{url}",
         "https://status.example.com": "{url}", "svc-emea": USERNAME, "svc-apac": USERNAME},
        {"emea.pat": TOKEN, "apac.pat": TOKEN},
        [("127.0.0.1:0", "/emea" + AGENTS, AGENTS), ("127.0.0.1:0", "/apac" + AGENTS, AGENTS),
         ("127.0.0.1:0", BASE + "/echo", BASE + "/echo")], options={"one_session": False}),
    "shared-unix-socket": Recipe(
        {**VSA, "group: msp-tools": f"group: {MY_GROUP}", "[reports, backup]": f"[{ME}]",
         "[backup]": f"[{ME}]"}, PAT,
        [("shared", AGENTS, AGENTS), ("port", AGENTS, AGENTS)], options=LEGACY),
    "tls-listener": Recipe({**VSA, "127.0.0.1:3443": "127.0.0.1:0"}, PAT,
                           [("plain", AGENTS, AGENTS), ("tls", AGENTS, AGENTS)], options=LEGACY),
    "unix-socket": Recipe(VSA, PAT, [("unix:proxy.sock", AGENTS, AGENTS)], options=LEGACY),
    "upstream-mtls": Recipe(
        {"192.0.2.7:443": "{address}", "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=": "{pin}"}, PAT,
        AT_DEFAULT, options=LEGACY, name="vsa.corp.example", client="reports.internal"),
    "vsa10": Recipe({"https://example.vsax.net": "{url}"},
                    {"vsa10.id": "demo-token-id", "vsa10.secret": "demo-token-secret"},
                    [("127.0.0.1:0", "/api/v3/assets?$top=1", "/api/v3/assets?$top=1")]),
    "vsa9-password": Recipe(VSA, {}, AT_DEFAULT, options={"username": "EXAMPLE\\svc-legacy"},
                            systemd={"vsa-password": PASSWORD}),
    "vsa9-soap": Recipe(VSA, {"soap.pass": PASSWORD}, [("127.0.0.1:0", SOAP_PATH, SOAP_PATH)],
                        options={"username": "svc-soap"}, send=("POST", SOAP_CALL, SOAP_FIELDS)),
    "vsa9-token": Recipe(VSA, PAT, AT_DEFAULT, options=LEGACY),
    "vspc-api-key": Recipe(VSPC, {"vspc.key": "demo-api-key"}, VSPC_AT_DEFAULT),
    "vspc-asymmetric": Recipe(VSPC, {"vspc.xml": VSPC_VECTORS["key"]["private_xml"]},
                              VSPC_AT_DEFAULT),
    "vspc-password": Recipe(VSPC, {"vspc.pass": PASSWORD, "vspc.totp": TOTP_SEED}, VSPC_AT_DEFAULT,
                            options={"username": "VSPC\\svc-reports", "totp": TOTP_SEED}),
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
        if recipe.name or "certificate:" in path.read_text():
            certificate = self.make_certificates(recipe)
        simulator = self.start_simulator(certificate=certificate, **recipe.options)
        proxy = self.start_example(path, recipe, simulator)
        for listener, target, seen in recipe.ask:
            answer = self.ask(proxy, listener, target, recipe)
            self.assertEqual(answer.status, 200, answer.body)
            data = [entry for entry in simulator.requests() if entry["session"] != "login"]
            self.assertEqual(data[-1]["target"], seen)
            self.assertEqual(data[-1]["session"], "open" if seen.endswith("/echo") else "live")
        proxy.stop()
        self.secrets.update(simulator.tokens())
        simulator.stop()

    def make_certificates(self, recipe):
        """Puts what examples name into the folder; returns the simulator's, if it needs one."""
        authority = Authority(self.directory)
        server = authority.issue("server", [f"DNS:{recipe.name or recipe.host}"])
        for name in ("corp-ca.pem", "clients.crt"):
            self.copy(authority.ca.certificate, name)
        for name in ("proxy", "lan"):
            self.copy(server.certificate, f"{name}.crt")
            self.copy(server.key, f"{name}.key")
        if recipe.client:
            self.client = authority.issue_client("client", [f"DNS:{recipe.client}"])
            self.copy(self.client.certificate, "mtls.crt")
            self.copy(self.client.key, "mtls.key")
        return server if recipe.name else None

    def copy(self, source, name):
        (self.directory / name).write_bytes(pathlib.Path(source).read_bytes())
        (self.directory / name).chmod(0o600)

    def start_example(self, path, recipe, simulator):
        text = path.read_text()
        for old, new in {**recipe.replace, "127.0.0.1:3128": "127.0.0.1:0",
                         "127.0.0.1:9128": "127.0.0.1:0"}.items():
            if old in recipe.replace:
                self.assertIn(old, text, f"{path.name} has changed")
            text = text.replace(old, new.format(
                url=simulator.url, address=f"127.0.0.1:{simulator.port}", directory=self.directory,
                pin=simulator.certificate.pin() if simulator.certificate else ""))
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

    def ask(self, proxy, listener, target, recipe):
        method, body, headers = recipe.send
        connection = self.connect(proxy.ports[listener], listener, recipe)
        try:
            return request_on(connection, method, target, body, headers)
        finally:
            connection.close()

    def connect(self, port, listener, recipe):
        """An http.client connection that is open."""
        connection = http.client.HTTPConnection(recipe.host, timeout=TIMEOUT)
        if port == 0:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(self.directory / "run" / "proxy.sock"))
            return connection
        connection.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        if listener in ("tls", "lan"):
            context = ssl.create_default_context(cafile=self.directory / "corp-ca.pem")
            if recipe.client:
                context.load_cert_chain(self.client.certificate, self.client.key)
            connection.sock = context.wrap_socket(connection.sock, server_hostname=recipe.host)
        return connection


if __name__ == "__main__":
    unittest.main()
