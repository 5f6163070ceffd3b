"""What `explain` and `routes` say, held against what the running proxy does."""

import itertools
import os
import pathlib
import pty
import random
import re
import shlex
import socket
import subprocess
import unittest

from http_tools import TIMEOUT
from strict_http import RecordingUpstream, read_answers
from support import BASE, SystemTest
from test_session import SessionTest

README = pathlib.Path(__file__).parents[2] / "README.md"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "get", "TRACE", "OPTIONS")
PATHS = ("/", "/a", "/A/api", "/a/api/x?q=/a/api/deny", "/a/api/deny", "/a/api/deny/1", "/a//api//x",
         "/a/api/DENY/x", "/a/api/%64eny/x", "/a/status", "/a/status/", "/ax", "/a/../b", "/a/api/x;y",
         "/a/%2e%2e/b", "/b/x", "/b/X%20y", "/b/a%2Fb", "/raw/a%2fb", "/raw/a%5Cb", "/b/%zz", "/b/x.",
         "/only/second", "/b//y", "/c%C3%A9", "/c%ff", "/B/x", "/b/(S(x))/y", "/b/\\x", "/raw", "*")
FIELDS = ((), ("Origin: http://127.0.0.1",), ("Referer: https://page.example/",),
          ("Host: localhost",), ("Host: LOCALHOST:1",), ("Host: named.example",),
          ("Host: evil.example",), ("X-HTTP-Method-Override: PUT",), ("Cookie: a=b",),
          ("Authorization: Basic eDp5", "Proxy-Authorization: Basic eDp5", "X-Api-Key: mine"),
          ("Connection: X-Gone, close", "X-Gone: 1"), ("Content-Length: x",), ("Bad Name: 1",),
          ("X_Under: 1", "Forwarded: for=1.2.3.4"), ("Host: a", "Host: b"), ("X-Tool: yes",))


class Explained:
    """The parts of what `explain` printed that say what the proxy does."""

    def __init__(self, done):
        self.text = done.stdout
        self.code = done.returncode
        refused = re.search(r"^Refused: (\d+) (\w+)$", done.stdout, re.MULTILINE)
        forwarded = re.search(r"^Forwarded to (\S+) as (\S+) (\S+)$", done.stdout, re.MULTILINE)
        self.refusal = (int(refused[1]), refused[2]) if refused else None
        self.forwarded = forwarded.groups() if forwarded else None
        title = re.match(r"(\S+) (\S+) at listener (\S+)\n", done.stdout)
        self.method, self.target, self.listener = title.groups()

    def names(self, label):
        """Of the fields on the lines of that label."""
        match = re.search(rf"^  {label} +(.*(?:\n {{14}}.*)*)$", self.text, re.MULTILINE)
        if not match:
            return set()
        if label == "dropped":
            return set(match[1].split(", "))
        return {line.strip().partition(":")[0] for line in match[1].split("\n")}


class ExplainTest(SystemTest):
    def start(self, mode="enforce"):
        self.keyed, self.open = RecordingUpstream(), RecordingUpstream()
        self.addCleanup(self.keyed.close)
        self.addCleanup(self.open.close)
        config = self.config("http://127.0.0.1:1", mode=mode)
        config["listeners"] = [
            {"name": "first", "address": "127.0.0.1:0",
             "allowed_hosts": ["localhost", "127.0.0.1", "named.example"]},
            {"name": "second", "address": "127.0.0.1:0", "modes": ["reverse"],
             "require_header": {"name": "X-Tool", "value": "yes"}}]
        config["upstreams"] = {
            "keyed": {"url": self.keyed.url,
                      "auth": {"type": "header", "name": "X-Api-Key",
                               "value": {"file": self.write_secret("key", "the-real-key")}}},
            "open": {"url": self.open.url, "auth": "none", "case": "sensitive"}}
        config["routes"] = [
            {"name": "ruled", "match": {"path_prefix": "/a"}, "upstream": "keyed",
             "strip_prefix": "/a",
             "allow": [{"methods": ["GET", "PUT"], "paths": ["/api/**", "/status"]},
                       {"methods": ["POST"]}],
             "deny": [{"paths": ["/api/deny/**"]}]},
            {"name": "read", "match": {"path_prefix": "/b"}, "upstream": "open", "methods": "read"},
            {"name": "raw", "match": {"path_prefix": "/raw"}, "upstream": "open", "raw_paths": True,
             "cookies": "pass"},
            {"name": "second", "match": {"listener": "second"}, "upstream": "keyed"},
            {"name": "named", "match": {"host": "named.example"}, "upstream": "open"}]
        self.proxy = self.start_proxy(config)

    def explain(self, method, url, *fields, listener=None):
        arguments = [part for field in fields for part in ("-H", field)]
        if listener:
            arguments += ["--listener", listener]
        done = self.proxy.command("explain", method, url, *arguments)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return Explained(done)

    def send(self, listener, method, target, fields):
        """(status, X-Proxy-Error) of the answer, and what reached the upstreams: (url, request)."""
        if not any(field.lower().startswith("host:") for field in fields):
            match = re.match(r"http://([^/?#]*)", target)
            fields = (f"Host: {match[1] if match else '127.0.0.1'}", *fields)
        lines = [f"{method} {target} HTTP/1.1", *fields, "", ""]
        with socket.create_connection(("127.0.0.1", self.proxy.ports[listener]), TIMEOUT) as sock:
            sock.sendall("\r\n".join(lines).encode())
            answer = read_answers(sock, [method], 1)[0]
        reached = [(upstream.url, request) for upstream in (self.keyed, self.open)
                   for request in upstream.take()]
        return (answer.status, answer.header("X-Proxy-Error")), reached

    def check(self, method, url, fields, listener):
        explained = self.explain(method, url, *fields, listener=listener)
        answer, reached = self.send(explained.listener, explained.method, explained.target, fields)
        if explained.refusal:
            self.assertEqual((explained.code, explained.refusal, []), (1, answer, reached))
            return "refused"
        self.assertEqual((explained.code, answer), (0, (200, None)), explained.text)
        [(upstream, request)] = reached
        self.assertEqual(explained.forwarded, (upstream, request.method, request.target))
        sent = {field.partition(":")[0].lower() for field in fields}
        received = {name.lower() for name, _ in request.fields}
        self.assertEqual({name.lower() for name in explained.names("dropped")}, sent - received)
        self.assertEqual({name.lower() for name in explained.names("added")},
                         received - sent - {"host", "content-length"})
        keys = request.values("X-Api-Key")
        is_keyed = upstream == self.keyed.url
        self.assertEqual("(credential keyed, header)" in explained.text, is_keyed)
        if is_keyed:
            self.assertEqual(keys, ["the-real-key"])
        return "forwarded"

    def check_generated(self, seed, count):
        draw = random.Random(seed)
        forms = [("", None), ("", "second"), (self.keyed.url, None), (self.open.url, None),
                 (self.open.url, "second"), ("http://elsewhere.example", None)]
        # Each path in the plain form, so that nothing hangs on the draw.
        cases = [("GET", "", path, (), None) for path in PATHS]
        while len(cases) < count:
            form, listener = draw.choice(forms)
            fields = draw.choice(FIELDS) if draw.random() < 0.4 else ()
            if listener and draw.random() < 0.8:
                fields = ("X-Tool: yes", *fields)
            method = draw.choice(METHODS) if draw.random() < 0.5 else "GET"
            cases.append((method, form, draw.choice(PATHS), fields, listener))
        outcomes = {"refused": 0, "forwarded": 0}
        for method, form, path, fields, listener in cases:
            if path == "*" and form:
                continue
            with self.subTest(f"{method} {form}{path} {fields} at {listener}"):
                outcomes[self.check(method, form + path, fields, listener)] += 1
        self.assertGreater(min(outcomes.values()), 20, outcomes)


class Explain(ExplainTest):
    def test_what_it_says_is_what_the_proxy_does(self):
        self.start()
        self.check_generated(1, 140)

    def test_so_it_is_in_observe_mode(self):
        self.start("observe")
        self.check_generated(2, 100)
        explained = self.explain("GET", "/a/api/deny")
        self.assertIn("observe: route ruled: a deny rule has /api/deny/**", explained.text)

    def test_the_deciding_rule_is_named_with_its_line(self):
        self.start()
        text = self.explain("GET", "/a/api/deny/1").text
        line = int(re.search(r"deny\[0\] \(line (\d+)\) has /api/deny/\*\*", text)[1])
        lines = self.proxy.config_path.read_text().split("\n")
        self.assertEqual(lines[line - 1].strip(), "{")
        self.assertIn('"paths"', lines[line])
        self.assertIn('"deny"', lines[line - 2])

    def test_no_value_of_a_field_and_no_secret_is_printed_or_read(self):
        self.start()
        fields = [f"{name}: hidden-{name}" for name in (
            "Authorization", "Cookie", "Proxy-Authorization", "X-Vsaproxy-Key", "X-Api-Key")]
        explained = self.explain("GET", "/a/api/x", *fields)
        self.assertNotIn("hidden", explained.text)
        (self.directory / "key").unlink()
        self.assertEqual(self.explain("GET", "/a/api/x", *fields).text, explained.text)
        self.assertNotIn("the-real-key", explained.text)

    def test_wrong_usage_and_a_bad_file_have_their_exit_codes(self):
        self.start()
        for arguments in (("explain",), ("explain", "GET"), ("explain", "GET", "nowhere"),
                          ("explain", "GET", "/", "-H", "none"), ("explain", "GET", "/", "/x"),
                          ("explain", "GET", "/", "--listener", "third"), ("routes", "x")):
            with self.subTest(arguments):
                done = self.proxy.command(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertNotEqual(done.stderr, "")
        self.proxy.write_config("version: 1\nlisten: 1\n")
        for arguments in (("explain", "GET", "/"), ("routes",)):
            done = self.proxy.command(*arguments)
            self.assertEqual((done.returncode, done.stdout), (78, ""))
            self.assertIn(":2:9: ", done.stderr)

    def test_colours_are_for_terminals_that_want_them(self):
        self.start()
        plain = self.proxy.command("explain", "GET", "/a/api/x").stdout
        self.assertNotIn("\x1b", plain)
        self.assertIn("\x1b[32mForwarded", self.on_terminal("explain", "GET", "/a/api/x"))
        self.assertIn("\x1b[31mRefused", self.on_terminal("explain", "GET", "/nowhere"))
        self.assertNotIn("\x1b", self.on_terminal("routes", NO_COLOR="1"))

    def on_terminal(self, *arguments, **env):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        subprocess.run([os.environ["VSAPROXY"], *arguments, "-c", self.proxy.config_path],
                       stdout=theirs, stdin=subprocess.DEVNULL, timeout=TIMEOUT,
                       env={**os.environ, "TERM": "xterm", **env}, check=False)
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:
            pass  # the end of a terminal that nobody writes to any more
        return text.decode()

    def test_routes_prints_each_route_once_with_its_rules(self):
        self.start()
        done = self.proxy.command("routes")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = [line.split()[0] for line in done.stdout.split("\n\n")[0].split("\n")
                if not line.startswith(" ")]
        self.assertEqual(rows, ["ROUTE", "ruled", "read", "raw", "second", "named"])
        for rule in ("allow[0]", "allow[1]", "deny[0]"):
            self.assertEqual(done.stdout.count(rule), 1)
        self.assertLessEqual(max(map(len, done.stdout.split("\n"))), 100)


class Readme(unittest.TestCase):
    def test_the_readme_shows_what_is_printed(self):
        examples = re.findall(r"^```console\n\$ (.*?)\n(.*?)^```", README.read_text(),
                              re.MULTILINE | re.DOTALL)
        commands = [(shlex.split(command), output) for command, output in examples]
        self.assertIn("explain", [command[1] for command, _ in commands])
        for (_, *arguments), output in commands:
            done = subprocess.run([os.environ["VSAPROXY"], *arguments], text=True, check=False,
                                  cwd=README.parent, capture_output=True, timeout=TIMEOUT)
            self.assertEqual(done.stdout + done.stderr, output)


class ExplainLoginCalls(SessionTest):
    def test_login_calls_are_explained_as_they_are_treated(self):
        for treatment in ("stub", "refuse", "pass"):
            with self.subTest(treatment):
                self.start(routes=[{"upstream": "vsa", "login_paths": treatment}])
                for method, path in itertools.product(
                        ("GET", "HEAD", "DELETE"),
                        ("/auth", "/Auth/", "/system/users/session", "/assetmgmt/agents")):
                    self.check(method, BASE + path)
                self.proxy.stop()

    def check(self, method, path):
        explained = self.proxy.command("explain", method, path)
        answer = self.proxy.request(method, path)
        # Of the proxy's own answers none has it.
        is_forwarded = answer.header("Via") is not None
        text = explained.stdout
        with self.subTest(f"{method} {path}"):
            self.assertEqual(explained.returncode, 1 if "\nRefused" in text else 0)
            self.assertEqual("Refused: 403 route_denied" in text,
                             answer.header("X-Proxy-Error") == "route_denied")
            self.assertEqual("\nForwarded to" in text, is_forwarded, text)
            self.assertEqual("\nAnswered by the proxy itself" in text,
                             not is_forwarded and answer.status == 200)


if __name__ == "__main__":
    unittest.main()
