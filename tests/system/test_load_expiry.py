"""Sessions that end every few seconds under load: nobody sees an error, and logins stay few."""

import http.client
import math
import time
import unittest

from load_tools import CONNECTIONS, LOAD_SECONDS, LoadTest, mixed_call
from support import BASE, TIMEOUT, in_background, request_on, run_load

LIFETIME = 5
# A session is renewed when 80 % of its life is over.
RENEWED_AFTER = 0.8 * LIFETIME


class Expiry(LoadTest):
    def setUp(self):
        self.simulator = self.start_simulator(session_lifetime=LIFETIME, one_session=True)
        self.started = time.monotonic()
        self.proxy = self.start_proxy(self.config(self.simulator.url)).wait_ready()

    def sessions_needed(self):
        """How many one after the other since the proxy started, the first included."""
        return 1 + math.floor((time.monotonic() - self.started) / RENEWED_AFTER)

    def test_mixed_load_over_many_sessions_meets_no_error(self):
        report = run_load(self.proxy.port, CONNECTIONS, mixed_call, seconds=LOAD_SECONDS)
        stats, needed = self.simulator.stats(), self.sessions_needed()
        self.measured(f"{LOAD_SECONDS} s of mixed load, {CONNECTIONS} connections, sessions of "
                      f"{LIFETIME} s: {stats['logins']['ok']} logins (at most {min(needed, 16)}), "
                      f"{stats['data']['refused']} requests refused and replayed, {report}")
        self.assert_all_right(report)
        self.assert_login_counts(stats["logins"], ok=stats["logins"]["ok"])
        self.assertGreaterEqual(stats["logins"]["ok"], LOAD_SECONDS // LIFETIME)
        self.assertLessEqual(stats["logins"]["ok"], min(needed, 16))
        self.assertEqual(stats["bad_requests"], 0)

    def test_a_path_that_always_answers_401_costs_one_login_for_each_session(self):
        deadline = time.monotonic() + LOAD_SECONDS

        def ask_in_vain():
            connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=TIMEOUT)
            answers = []
            while time.monotonic() < deadline:
                answers.append(request_on(connection, "GET", f"{BASE}/status/401?body=refused"))
            connection.close()
            return answers

        in_vain = in_background(ask_in_vain)
        report = run_load(self.proxy.port, CONNECTIONS, mixed_call, seconds=LOAD_SECONDS)
        answers = in_vain.result(TIMEOUT)
        logins, needed = self.simulator.logins, self.sessions_needed()
        self.measured(f"{LOAD_SECONDS} s beside a client that gets {self.statuses(answers)}: "
                      f"{logins['ok']} logins (at most 2 x {needed}), {report}")
        self.assert_all_right(report)
        self.assertEqual({(a.status, a.body) for a in answers}, {(401, b"refused")})
        self.assertGreater(len(answers), LOAD_SECONDS)
        self.assert_login_counts(logins, ok=logins["ok"])
        self.assertLessEqual(logins["ok"], 2 * needed)


if __name__ == "__main__":
    unittest.main()
