"""Credentials of type http_login: an API of which the proxy knows nothing."""

import json
import secrets
import unittest

from raw_upstream import RawUpstream
from support import SystemTest

USER, SECRET = "svc", 'odd"pa\\ss&=4711'


class OddApi:
    """Logs in by JSON, form or text at /session; tokens open everything else."""

    def __init__(self, in_field):
        self.logins = []
        self.tokens = set()
        self.in_field = in_field
        self.server = RawUpstream(self._serve)

    def _serve(self, peer):
        while request := peer.read_request():
            head, body = request[0].decode("latin-1"), request[1].decode()
            if head.startswith("POST /session"):
                self._login(peer, head, body)
            else:
                good = any(f"X-Auth: Session {token}\r\n" in head for token in self.tokens)
                peer.answer(b"ok", "200 OK" if good else "401 Unauthorized")

    def _login(self, peer, head, body):
        self.logins.append((head, body))
        if not self._is_right(head, body):
            return peer.answer(b"no", "403 Forbidden")
        token = secrets.token_hex(16)
        self.tokens.add(token)
        if self.in_field:
            return peer.answer(b"", "201 Created", [f"X-Session: {token}"])
        answer = {"data": {"token": token, "expiresIn": 600}}
        return peer.answer(json.dumps(answer).encode())

    @staticmethod
    def _is_right(head, body):
        if "Content-Type: application/json\r\n" in head:
            return json.loads(body) == {"user": USER, "pass": SECRET}
        return body == 'user=svc&pass=odd%22pa%5Css%26%3D4711'


class HttpLogin(SystemTest):
    def start(self, *, headers=None, in_field=False, **changes):
        self.api = OddApi(in_field)
        self.addCleanup(self.api.server.close)
        self.proxy = self.start_proxy(self.config(self.api.server.url, auth={
            "type": "http_login", "username": USER,
            "secret": {"file": self.write_secret("odd", SECRET)},
            "request": {"url": self.api.server.url + "/session?a=b", "headers": headers or {},
                        "body": {"user": "{{username}}", "pass": "{{secret}}"}},
            "token": {"pointer": "/data/token"},
            "expires": {"pointer": "/data/expiresIn"},
            "inject": {"header": "X-Auth", "value": "Session {{token}}"}, **changes}))

    def tearDown(self):
        self.secrets.update(self.api.tokens)
        self.assertEqual(self.api.server.errors, [])
        super().tearDown()

    def get(self, **options):
        return self.proxy.request("GET", "/things", **options)

    def test_a_json_login_gets_the_token_that_every_request_brings(self):
        self.start()
        self.assertEqual([self.get().status for _ in range(3)], [200] * 3)
        self.assertEqual(len(self.api.logins), 1)
        self.assertTrue(self.api.logins[0][0].startswith("POST /session?a=b HTTP/1.1\r\n"))
        self.proxy.wait_for_log(r"login succeeded .*expires_in=(600|599\.\d)")

    def test_a_form_login_and_a_token_in_a_field(self):
        self.start(headers={"Content-Type": "application/x-www-form-urlencoded"}, in_field=True,
                   token={"header": "X-Session"}, expires={"fixed": "30m"})
        self.assertEqual(self.get().status, 200)
        self.proxy.wait_for_log(r"login succeeded .*expires_in=(1800|1799\.\d)")

    def test_an_ended_token_is_replaced_and_the_request_replayed(self):
        self.start()
        self.assertEqual(self.get().status, 200)
        self.api.tokens.clear()
        self.assertEqual(self.get().status, 200)
        self.assertEqual(len(self.api.logins), 2)

    def test_a_wrong_secret_is_sent_once(self):
        self.start(secret={"file": self.write_secret("other", "wrong-one-4711")})
        for _ in range(3):
            answer = self.get()
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (503, "login_rejected"))
        self.assertEqual(len(self.api.logins), 1)


if __name__ == "__main__":
    unittest.main()
