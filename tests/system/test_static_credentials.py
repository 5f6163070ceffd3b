"""Credentials that go with every request as they are: VSA 10 and Basic."""

import base64
import unittest

from raw_upstream import RawUpstream
from support import SystemTest


class StaticCredentials(SystemTest):
    def start(self, expected, auth):
        self.heads = []

        def serve(peer):
            while head := peer.read_head():
                self.heads.append(head.decode("latin-1"))
                good = f"\r\nAuthorization: Basic {expected}\r\n" in self.heads[-1]
                peer.answer(b"ok", "200 OK" if good else "401 Unauthorized")

        self.server = RawUpstream(serve)
        self.addCleanup(self.server.close)
        self.proxy = self.start_proxy(self.config(self.server.url, auth=auth))

    def vsa10(self, token_secret):
        return {"type": "kaseya-vsa10", "token_id": {"file": self.write_secret("id", "TOKENID123")},
                "token_secret": {"file": self.write_secret("secret", token_secret)}}

    def get(self):
        return self.proxy.request("GET", "/api/v3/assets?$skip=0", headers={
            "Authorization": "Basic " + base64.b64encode(b"dummy:dummy").decode()})

    def test_a_vsa_10_token_replaces_what_the_tool_sends(self):
        self.start("VE9LRU5JRDEyMzpzM2NyZXQvV2l0aCtjaGFycz0=", self.vsa10("s3cret/With+chars="))
        self.assertEqual([self.get().status for _ in range(3)], [200] * 3)
        self.assertTrue(all(head.count("Authorization:") == 1 for head in self.heads))

    def test_a_401_is_passed_on_and_nothing_is_tried_again(self):
        self.start("another", self.vsa10("s3cret/With+chars="))
        for _ in range(3):
            answer = self.get()
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (401, None))
        self.assertEqual(len(self.heads), 3)

    def test_basic_sends_user_name_and_password(self):
        self.start(base64.b64encode("svc:pass word".encode()).decode(),
                   {"type": "basic", "username": "svc",
                    "password": {"file": self.write_secret("pass", "pass word")}})
        self.assertEqual(self.get().status, 200)

    def test_a_token_that_basic_cannot_carry_is_never_sent(self):
        auth = {**self.vsa10("s3cret"), "login_timeout": "300ms"}
        self.write_secret("id", "with:colon")
        self.start("x", auth)
        answer = self.get()
        self.assertEqual(answer.status, 503)
        self.assertIn("token_id has a colon", answer.json()["detail"])
        self.assertEqual(self.heads, [])


if __name__ == "__main__":
    unittest.main()
