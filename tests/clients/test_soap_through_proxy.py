"""The same clients, not changed, through the proxy: they know no password, and their SessionID is
the proxy's placeholder, whatever they make of it."""

import unittest

from clients import CLIENTS, ROUNDING, run_client, values
from support import PASSWORD, USERNAME, SystemTest


class ThroughProxy(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()
        auth = {"type": "kaseya-soap", "username": USERNAME,
                "password": {"file": self.write_secret("soap.pass", PASSWORD)}}
        self.proxy = self.make_proxy(self.config(self.simulator.url, auth=auth))
        self.proxy.start().wait_ready()
        self.url = f"http://127.0.0.1:{self.proxy.port}"

    def tearDown(self):
        stats = self.simulator.stats()
        self.assertEqual((stats["bad_requests"], stats["soap"]["faults"]), (0, 0), stats)
        self.assertEqual(stats["soap"]["stray_session_ids"], 0)
        self.assertEqual(stats["logins"]["rejected"], 0, "a client's own login went through")
        super().tearDown()

    def check(self, client):
        process = run_client(client, self.url, "anybody", "dummy")
        for token in self.simulator.tokens():
            self.assertNotIn(token, process.stdout + process.stderr, "the client has our session")
        return values(process)

    def check_whole(self, client):
        got = self.check(client)
        self.assertRegex(got["session"], r"^\d{26}$")
        self.assertEqual(got["machines"], "125")
        self.assertEqual(got["echo"], "a<b&ü")
        self.assertEqual((got["primitive"], got["primitive_get"]), ("125", "125"))
        return got

    def test_every_client_works_with_any_password(self):
        for name, client in CLIENTS.items():
            with self.subTest(name):
                got = self.check_whole(client)
                self.assertTrue(got.get("address", self.url).startswith(self.url), got)
        stats = self.simulator.stats()
        self.assertEqual((stats["logins"]["ok"], stats["soap"]["writes"]), (1, len(CLIENTS)))

    def test_a_client_that_rounds_the_session_works(self):
        got = self.check(ROUNDING)
        self.assertIn("e+", got["session"])
        self.assertEqual(got["machines"], "250")

    def test_a_session_that_ended_is_renewed_unseen_and_a_write_is_done_once(self):
        for shape in ("session-zero", "message", "zero", "fault", "http-401"):
            for coding in ("identity", "gzip"):
                self.simulator.configure(soap_expired=shape, expired_coding=coding)
                for name in ("zeep, SOAP 1.1", "PHP without WSDL, SOAP 1.2"):
                    with self.subTest(f"{name}, {shape}, {coding}"):
                        writes = self.simulator.stats()["soap"]["writes"]
                        self.simulator.revoke()
                        self.check_whole(CLIENTS[name])
                        self.assertEqual(self.simulator.stats()["soap"]["writes"], writes + 1)

    def test_two_clients_share_one_session_and_do_not_end_each_others(self):
        for name in ("zeep, SOAP 1.2", "PHP by WSDL, SOAP 1.1"):
            self.check_whole(CLIENTS[name])
        self.assertEqual(self.simulator.logins["ok"], 1)
        self.assertEqual(self.simulator.stats()["soap"]["refused"], 0)


if __name__ == "__main__":
    unittest.main()
