"""The clients of VSPC and of VSA 9's REST API before the simulated server itself: they work when
they have the password, and only then."""

import unittest

from clients import (UNENCODED, VSA9_PASSWORD_CLIENTS, VSA9_TOKEN_CLIENTS, VSPC_CLIENTS, run_client,
                     values)
from support import PASSWORD, TOKEN, USERNAME, SystemTest


class Direct(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator(lockout_after=0)

    def run_good(self, name, client, secret):
        with self.subTest(name):
            got = values(run_client(client, self.simulator.url, USERNAME, secret))
            self.assertIn(got["session"], self.simulator.tokens())
            self.assertEqual(got["logout"], "done")
            return got

    def run_rejected(self, name, client):
        with self.subTest(name):
            process = run_client(client, self.simulator.url, USERNAME, "dummy")
            self.assertEqual((process.returncode, process.stdout), (1, ""))
            return process.stderr

    def test_vspc_clients_work_without_the_proxy_when_they_have_the_password(self):
        for name, client in VSPC_CLIENTS.items():
            got = self.run_good(name, client, PASSWORD)
            self.assertIn(got["renewed"], self.simulator.tokens())
            self.assertNotEqual(got["renewed"], got["session"])
            self.assertEqual((got["companies"], got["status"]), ("250", "succeed"))
        self.assertEqual(self.simulator.logins["ok"], 2 * len(VSPC_CLIENTS))

    def test_vsa_9_clients_work_without_the_proxy_when_they_have_the_secret(self):
        for clients, secret in ((VSA9_PASSWORD_CLIENTS, PASSWORD), (VSA9_TOKEN_CLIENTS, TOKEN)):
            for name, client in clients.items():
                got = self.run_good(name, client, secret)
                self.assertEqual((got["agents"], got["written"]), ("250", "18"))
        stats = self.simulator.stats()
        self.assertEqual((stats["data"]["refused"], stats["bad_requests"]), (0, 0))

    def test_no_client_gets_anything_with_another_secret(self):
        for name, client in VSPC_CLIENTS.items():
            self.assertIn("incorrect username or password", self.run_rejected(name, client))
        for name, client in {**VSA9_PASSWORD_CLIENTS, **VSA9_TOKEN_CLIENTS}.items():
            self.assertIn("4000002", self.run_rejected(name, client))

    def test_a_client_that_forgets_base64_fails_even_with_the_password(self):
        process = run_client(UNENCODED, self.simulator.url, USERNAME, PASSWORD)
        self.assertEqual((process.returncode, process.stdout), (1, ""))


if __name__ == "__main__":
    unittest.main()
