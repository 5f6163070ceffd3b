"""Credentials that go with every request as they are: VSA 10 and Basic."""

import base64
import unittest

from raw_upstream import RawUpstream
from support import TOKEN, SystemTest, eventually

# A login, and whoever waits for one, takes longer than a client of these tests.
PATIENT = {"login_timeout": "2m"}


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
        auth = self.vsa10("s3cret")
        self.write_secret("id", "with:colon")
        self.start("x", {**auth, **PATIENT})
        self.check_told_at_once("token_id has a colon")
        self.assertEqual(self.heads, [])

    def test_a_header_that_is_no_field_value_is_told_at_once_and_mended_by_another(self):
        good = base64.b64encode(b"svc:pass word").decode()
        self.start(good, {"type": "header", "name": "Authorization", **PATIENT,
                          "value": {"file": self.write_secret("value", "two\nlines")}})
        self.check_told_at_once("line break")
        self.write_secret("value", f"Basic {good}")
        eventually(lambda: self.get().status == 200)

    def check_told_at_once(self, text):
        for _ in range(3):
            answer = self.get()  # waits for less than login_timeout
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (503, "login_unavailable"))
            self.assertIn(text, answer.json()["detail"])


class LoginsWithoutSecret(SystemTest):
    def test_a_secret_that_vanished_is_told_at_once_and_looked_for_again(self):
        simulator = self.start_simulator(login="failing")
        proxy = self.start_proxy(self.config(simulator.url, auth=self.credential(
            login_timeout="2m", backoff={"min_backoff": "300ms", "max_backoff": "1m"})))
        proxy.wait_for_log("login failed, backing off .*result=login_unavailable")
        (self.directory / "vsa.pat").unlink()
        proxy.wait_for_log("login failed, backing off .*result=configuration")
        simulator.configure(login="ok")
        for _ in range(3):
            answer = proxy.get("/echoauth")
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (503, "login_unavailable"))
            self.assertIn("vsa.pat does not exist", answer.json()["detail"])
        self.write_secret("vsa.pat", TOKEN)
        eventually(lambda: proxy.get("/echoauth").status == 200)


if __name__ == "__main__":
    unittest.main()
