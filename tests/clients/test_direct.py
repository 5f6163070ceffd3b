"""The clients before the simulated server itself: they work when they have the password, and only
then. What fails through the proxy is then the proxy's doing."""

import unittest

from clients import CLIENTS, ROUNDING, run_client, values
from support import PASSWORD, USERNAME, SystemTest


class Direct(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator(lockout_after=0)

    def test_the_client_works_without_the_proxy_when_it_has_the_password(self):
        for name, client in CLIENTS.items():
            with self.subTest(name):
                got = values(run_client(client, self.simulator.url, USERNAME, PASSWORD))
                self.assertEqual(got["session"], self.simulator.tokens()[-1])
                self.assertEqual(got["machines"], "125")
                self.assertEqual(got["echo"], "a<b&ü")
                self.assertEqual((got["primitive"], got["primitive_get"]), ("125", "125"))
                self.assertRegex(got["scopes"], r"^Master,Acme,.*(zeep|php)$")
        stats = self.simulator.stats()
        self.assertEqual((stats["logins"]["ok"], stats["soap"]["writes"]), (6, 6))
        self.assertEqual((stats["soap"]["refused"], stats["soap"]["faults"]), (0, 0))
        self.assertEqual(stats["bad_requests"], 0)

    def test_no_client_gets_anything_with_another_password(self):
        for name, client in CLIENTS.items():
            with self.subTest(name):
                process = run_client(client, self.simulator.url, USERNAME, "dummy")
                self.assertEqual(process.returncode, 1)
                self.assertIn("username/password incorrect", process.stderr)
                self.assertNotIn("session=", process.stdout)
        self.assertEqual(self.simulator.logins["rejected"], len(CLIENTS))

    def test_a_client_that_rounds_the_session_fails_even_with_the_password(self):
        process = run_client(ROUNDING, self.simulator.url, USERNAME, PASSWORD)
        self.assertRegex(process.stdout, r"^session=\d\.\d+e\+25\n$")
        self.assertEqual((process.returncode, process.stderr),
                         (1, "GetMachineList: HTTP 500\n"))
        self.assertEqual(self.simulator.stats()["soap"]["refused"], 1)


if __name__ == "__main__":
    unittest.main()
