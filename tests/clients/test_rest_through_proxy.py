"""The same clients, not changed, through the proxy: they know no password, and log in to it with
what they have."""

import unittest

from clients import (UNENCODED, VSA9_PASSWORD_CLIENTS, VSA9_TOKEN_CLIENTS, VSPC_CLIENTS, run_client,
                     values)
from support import PASSWORD, TOKEN, USERNAME, SystemTest, eventually, in_background, parallel

VSA9_CLIENTS = {**VSA9_PASSWORD_CLIENTS, **VSA9_TOKEN_CLIENTS, "VSA 9, no base64": UNENCODED}
WRITES = ("/api/v3/organizations/companies", "/api/v1.0/sink")


class ThroughProxy(SystemTest):
    auth_type = secret_key = secret = None

    def start(self, secret=None, **simulator):
        self.simulator = self.start_simulator(**simulator)
        auth = {"type": self.auth_type, "username": USERNAME,
                self.secret_key: {"file": self.write_secret("it.secret", secret or self.secret)}}
        self.proxy = self.start_proxy(self.config(self.simulator.url, auth=auth))
        self.url = f"http://127.0.0.1:{self.proxy.port}"
        if secret is None:
            self.proxy.wait_ready()

    def tearDown(self):
        self.assertEqual(self.simulator.stats()["bad_requests"], 0)
        super().tearDown()

    def run_client(self, client):
        process = run_client(client, self.url, "anybody", "dummy")
        for secret in (*self.simulator.tokens(), self.secret):
            self.assertNotIn(secret, process.stdout + process.stderr, "the client has our session")
        return process

    def run_good(self, client):
        got = values(self.run_client(client))
        self.assertEqual((got.get("agents") or got["companies"], got["logout"]), ("250", "done"))
        return got

    def writes(self):
        return [entry for entry in self.simulator.requests()
                if entry["method"] == "POST" and entry["session"] == "live"
                and entry["target"].lower() in WRITES]

    def check_every_client(self, clients):
        self.start()
        for count, (name, client) in enumerate(clients.items(), 1):
            with self.subTest(name):
                self.run_good(client)
                self.assertEqual(len(self.writes()), count)
        stats = self.simulator.stats()
        self.assertEqual((stats["logins"]["ok"], stats["logins"]["rejected"]), (1, 0))
        self.assertEqual(stats["data"]["refused"], 0)

    def check_expiry_while(self, clients):
        """The session ends while each client is at work."""
        self.start(data_delay_ms=40)
        for name, client in clients.items():
            with self.subTest(name):
                logins, before = self.simulator.logins["ok"], len(self.simulator.requests())
                refused, writes = self.simulator.stats()["data"]["refused"], len(self.writes())
                running = in_background(self.run_good, client)
                eventually(lambda: len(self.simulator.requests()) >= before + 2)
                self.simulator.revoke()
                running.result()
                stats = self.simulator.stats()
                self.assertEqual(stats["logins"]["ok"], logins + 1)
                self.assertEqual(stats["data"]["refused"], refused + 1)
                self.assertEqual(len(self.writes()), writes + 1)

    def check_failure(self, clients, reason):
        """Ours is rejected: each client says so and has nothing."""
        self.start(secret="not-the-secret")
        self.proxy.wait_for_log("rejected")
        for name, client in clients.items():
            with self.subTest(name):
                process = self.run_client(client)
                self.assertEqual((process.returncode, process.stdout), (1, ""))
                self.assertRegex(process.stderr, reason)
                self.assertNotIn("401", process.stderr)
        # Nor has one that does not look at the answer to its login.
        for path in ("/api/v3/organizations/companies", "/api/v1.0/assetmgmt/agents"):
            answer = self.proxy.request("GET", path, headers={"Authorization": "Bearer "})
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (503, "login_rejected"))
            self.assertEqual(answer.json()["reason"], "login_rejected")
        self.assertEqual(self.simulator.logins["rejected"], 1)


class VspcClients(ThroughProxy):
    auth_type, secret_key, secret = "veeam-vspc", "password", PASSWORD

    def test_every_client_works_with_any_password(self):
        self.check_every_client(VSPC_CLIENTS)

    def test_the_addresses_that_a_client_is_given_are_the_proxys(self):
        self.start()
        for name, client in VSPC_CLIENTS.items():
            with self.subTest(name):
                self.assertTrue(self.run_good(client)["action"].startswith(self.url + "/api/v3/"))

    def test_a_session_that_ends_is_renewed_unseen_and_a_write_is_done_once(self):
        self.check_expiry_while(VSPC_CLIENTS)

    def test_a_rejected_login_of_ours_fails_the_clients(self):
        self.check_failure(VSPC_CLIENTS, "HTTP 400 .*invalid_request")


class Vsa9Clients(ThroughProxy):
    auth_type, secret_key, secret = "kaseya-vsa9", "token", TOKEN

    def test_every_client_works_with_any_secret(self):
        self.check_every_client(VSA9_CLIENTS)

    def test_a_session_that_ends_is_renewed_unseen_and_a_write_is_done_once(self):
        self.check_expiry_while(VSA9_CLIENTS)

    def test_two_clients_at_once_do_not_end_each_others_session(self):
        self.start(data_delay_ms=20)
        clients = list(VSA9_CLIENTS.values())
        parallel(2, lambda number: [self.run_good(client) for client in clients[number::2]])
        stats = self.simulator.stats()
        self.assertEqual((stats["logins"]["ok"], stats["data"]["refused"]), (1, 0))

    def test_a_rejected_login_of_ours_fails_the_clients(self):
        self.check_failure(VSA9_CLIENTS, "HTTP 503 .*rejected")


if __name__ == "__main__":
    unittest.main()
