"""Credentials of type oauth2: a token server and an API that are two different servers."""

import base64
import json
import secrets
import threading
import unittest
import urllib.parse

from raw_upstream import RawUpstream
from support import SystemTest, eventually

CLIENT, SECRET = "legacy bridge", "client&secret-4711"


class TokenServer:
    """RFC 6749: hands out tokens, and refresh tokens that are good once."""

    def __init__(self, expires_in=3600, gives_refresh=False):
        self.expires_in = expires_in
        self.gives_refresh = gives_refresh
        self.forms = []
        self.heads = []
        self.tokens = set()
        self.refresh_tokens = set()
        self.behaviour = None  # (status line, body) in place of an answer
        self._lock = threading.Lock()
        self.server = RawUpstream(self._serve)

    def _serve(self, peer):
        while request := peer.read_request():
            head, body = request
            with self._lock:
                status, answer = self._answer(head, body)
            peer.answer(answer, status, ["Content-Type: application/json"])

    def _answer(self, head, body):
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        self.heads.append(head.decode("latin-1"))
        self.forms.append(form)
        if self.behaviour:
            return self.behaviour
        pair = ":".join(urllib.parse.quote_plus(part) for part in (CLIENT, SECRET))
        basic = "Basic " + base64.b64encode(pair.encode()).decode()
        if f"Authorization: {basic}\r\n" not in self.heads[-1]:
            return "401 Unauthorized", b'{"error":"invalid_client"}'
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return "400 Bad Request", b'{"error":"invalid_grant"}'
            self.refresh_tokens.remove(form["refresh_token"])
        token = secrets.token_hex(16)
        self.tokens.add(token)
        answer = {"access_token": token, "token_type": "Bearer"}
        if self.expires_in:
            answer["expires_in"] = self.expires_in
        if self.gives_refresh:
            answer["refresh_token"] = secrets.token_hex(16)
            self.refresh_tokens.add(answer["refresh_token"])
        return "200 OK", json.dumps(answer).encode()

    @property
    def grants(self):
        return [form["grant_type"] for form in self.forms]


class Api:
    """Knows the token server's tokens."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.heads = []
        self.server = RawUpstream(self._serve)

    def _serve(self, peer):
        while request := peer.read_request():
            head = request[0].decode("latin-1")
            self.heads.append(head)
            good = any(f"Authorization: Bearer {token}\r\n" in head for token in self.tokens)
            peer.answer(b"ok", "200 OK" if good else "401 Unauthorized")


class OAuth2(SystemTest):
    def start(self, *, credential=None, **token_server):
        self.login = TokenServer(**token_server)
        self.api = Api(self.login.tokens)
        self.addCleanup(self.login.server.close)
        self.addCleanup(self.api.server.close)
        self.proxy = self.start_proxy(self.config(self.api.server.url, auth={
            "type": "oauth2", "token_url": self.login.server.url + "/oauth2/token?tenant=a",
            "client_id": CLIENT, "client_secret": {"file": self.write_secret("client", SECRET)},
            "backoff": {"min_backoff": "100ms", "max_backoff": "400ms"}, **(credential or {})}))

    def tearDown(self):
        self.secrets.update(self.login.tokens, self.login.refresh_tokens)
        self.assertEqual([self.login.server.errors, self.api.server.errors], [[], []])
        super().tearDown()

    def get(self):
        return self.proxy.request("GET", "/tickets")

    def test_the_token_comes_from_one_server_and_goes_to_the_other(self):
        self.start(credential={"scopes": ["tickets.read", "time"],
                               "params": {"audience": "https://api.example.net"}})
        self.assertEqual([self.get().status for _ in range(3)], [200] * 3)
        self.assertEqual(self.login.forms, [{
            "grant_type": "client_credentials", "scope": "tickets.read time",
            "audience": "https://api.example.net"}])
        self.assertTrue(self.login.heads[0].startswith("POST /oauth2/token?tenant=a HTTP/1.1\r\n"))
        self.assertFalse(any("Basic" in head for head in self.api.heads))

    def test_a_refused_token_is_replaced_and_the_request_replayed(self):
        self.start()
        self.assertEqual(self.get().status, 200)
        self.login.tokens.clear()
        self.assertEqual(self.get().status, 200)
        self.assertEqual(self.login.grants, ["client_credentials"] * 2)

    def test_refresh_tokens_rotate_and_a_dead_one_costs_one_whole_login(self):
        self.start(gives_refresh=True)
        for _ in range(3):
            self.assertEqual(self.get().status, 200)
            self.login.tokens.clear()
        self.assertEqual(self.login.grants,
                         ["client_credentials", "refresh_token", "refresh_token"])
        self.login.refresh_tokens.clear()
        self.assertEqual(self.get().status, 200)
        self.assertEqual(self.login.grants[3:], ["refresh_token", "client_credentials"])

    def test_a_token_without_an_end_is_used(self):
        self.start(expires_in=None)
        self.assertEqual(self.get().status, 200)

    def test_a_wrong_secret_is_sent_once(self):
        self.start(credential={"client_secret": {"file": self.write_secret("other", "wrong-one")}})
        for _ in range(3):
            answer = self.get()
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (503, "login_rejected"))
            self.assertIn("invalid_client", answer.json()["detail"])
        self.assertEqual(len(self.login.forms), 1)
        self.assertEqual(self.api.heads, [])

    def test_the_login_command_tries_it(self):
        self.start()
        outcome = self.proxy.command("login", "vsa")
        self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))
        self.assertIn(f"credential vsa at {self.login.server.url}", outcome.stdout)
        self.assertRegex(outcome.stdout, r"(?m)^  outcome +ok$")
        self.assertFalse(any(token in outcome.stdout for token in self.login.tokens))
        self.assertEqual(self.api.heads, [])

    def test_a_server_that_is_down_is_asked_again(self):
        self.start()
        self.assertEqual(self.get().status, 200)
        self.login.behaviour = ("503 Service Unavailable", b"")
        self.login.tokens.clear()
        self.assertEqual(self.get().status, 401)  # the API's own answer
        self.login.behaviour = None
        eventually(lambda: self.get().status == 200)

    def test_a_token_url_in_the_clear_to_another_machine_is_refused(self):
        self.start()
        config = self.config(self.api.server.url, auth={
            "type": "oauth2", "token_url": "http://login.example.net/token",
            "client_id": CLIENT, "client_secret": {"env": "S"}})
        self.proxy.write_config(config)
        outcome = self.proxy.command("check")
        self.assertEqual(outcome.returncode, 3)
        self.assertIn("write https://", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
