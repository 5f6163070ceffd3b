"""How many logins reach the server, whatever the load, the outage or the mistake."""

import time
import unittest

from load_tools import IS_SANITIZED, IS_SHORT, LoadTest, allowing, slow, small_call
from support import TIMEOUT, eventually, in_background, run_load

DOWN_SECONDS = 9 if IS_SHORT else 30
WRONG_TOKEN = "11111111-2222-3333-4444-555555555555"


class OneLoginForAll(LoadTest):
    def test_200_simultaneous_first_requests_cost_one_login(self):
        simulator = self.start_simulator(login_delay_ms=4000 if IS_SANITIZED else 1500)
        proxy = self.start_proxy(self.config(simulator.url))
        report = run_load(proxy.port, 200, small_call, requests=200)
        proxy.stop()
        waits = [entry["ms_login_wait"] for entry in self.accesses(proxy)]
        waited = sum(wait > 0 for wait in waits)
        self.measured(f"200 first requests: {simulator.logins['ok']} login, {report.statuses[200]} "
                      f"answers 200, {waited} waited for it, at most {max(waits):.0f} ms")
        self.assert_all_right(report)
        self.assertEqual(report.statuses[200], 200)
        self.assert_login_counts(simulator.logins, ok=1)
        self.assertGreater(waited, 100)

    def test_200_simultaneous_requests_after_an_unused_session_ended_cost_one_login(self):
        simulator = self.start_simulator(session_lifetime=2)
        proxy = self.start_proxy(self.config(simulator.url)).wait_ready()
        eventually(lambda: simulator.stats()["account"]["live_sessions"] == 0, TIMEOUT)
        self.assert_login_counts(simulator.logins, ok=1)
        simulator.configure(session_lifetime=1800, login_delay_ms=500)
        report = run_load(proxy.port, 200, small_call, requests=200)
        self.measured(f"200 requests after the session ended: {simulator.logins['ok'] - 1} login, "
                      f"{report.statuses[200]} answers 200")
        self.assert_all_right(report)
        self.assert_login_counts(simulator.logins, ok=2)

    def test_100_simultaneous_refusals_cost_one_login_and_one_replay_each(self):
        shapes = [{"expired": "http-401"}, {"expired": "body-401"},
                  {"expired": "body-401-after-result", "expired_framing": "chunked",
                   "expired_coding": "gzip"}]
        for shape in shapes:
            with self.subTest(**shape):
                simulator = self.start_simulator(data_delay_ms=slow(1000), **shape)
                proxy = self.start_proxy(self.config(simulator.url)).wait_ready()
                simulator.revoke()
                report = run_load(proxy.port, 100, small_call, requests=100)
                stats, seen = simulator.stats(), simulator.requests()
                proxy.stop()
                lines = self.accesses(proxy)
                self.measured(f"100 simultaneous refusals ({shape['expired']}): "
                              f"{stats['logins']['ok'] - 1} login, {stats['data']['refused']} "
                              f"refused, {sum(line['replayed'] for line in lines)} replayed, "
                              f"{report.statuses[200]} answers 200")
                self.assert_all_right(report)
                self.assert_login_counts(simulator.logins, ok=2)
                self.assertEqual((stats["data"]["refused"], stats["data"]["ok"]), (100, 100))
                self.assertEqual([line["replayed"] for line in lines], [True] * 100)
                self.assertEqual(len(seen), 200)
                sessions = {}
                for entry in seen:
                    sessions.setdefault(entry["target"], []).append(entry["session"])
                self.assertEqual(list(sessions.values()), [["refused", "live"]] * 100)


class RejectedLogins(LoadTest):
    def test_a_wrong_password_costs_one_login_in_1000_requests_and_3_restarts(self):
        simulator = self.start_simulator()
        password = {"file": self.write_secret("vsa.pass", "not-the-password")}
        proxy = self.start_proxy(self.config(simulator.url, auth={
            "type": "kaseya-vsa9", "username": "demo", "password": password}))
        waits = []

        def check(response):
            wait = response.header("Retry-After", "none")
            waits.append(wait)
            is_right = response.status == 503 and wait.isdigit() and 0 < int(wait) <= 3600 and \
                response.header("X-Proxy-Error") == "login_rejected"
            return None if is_right else f"{response.status} {response.headers}"

        def make_call(number):
            call = small_call(number)
            call.check = check
            return call

        counts = []
        for end in (proxy.stop, proxy.kill, proxy.stop, proxy.stop):
            report = run_load(proxy.port, 50, make_call, requests=250)
            counts.append(report.statuses[503])
            self.assertEqual((report.error_count, dict(report.statuses)), (0, {503: 250}),
                             str(report))
            end()
            if len(counts) < 4:
                proxy.start()
        self.measured(f"wrong password: {sum(counts)} requests, 3 restarts (one by SIGKILL), "
                      f"logins {simulator.logins}, Retry-After {max(waits, key=int)} to "
                      f"{min(waits, key=int)} s")
        self.assert_login_counts(simulator.logins, rejected=1)
        self.assertEqual(len(waits), 1000)

    def test_a_corrected_secret_file_is_tried_at_once(self):
        simulator = self.start_simulator()
        auth = self.credential()
        self.write_secret("vsa.pat", WRONG_TOKEN)
        proxy = self.start_proxy(self.config(simulator.url, auth=auth))
        answer = proxy.get("/echoauth")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (503, "login_rejected"))
        self.assertEqual(proxy.admin("/readyz").status, 503)
        started = time.monotonic()
        self.credential()
        eventually(lambda: proxy.get("/echoauth").status == 200, slow(5))
        seconds = time.monotonic() - started
        proxy.wait_ready()
        self.measured(f"corrected secret file: first 200 after {seconds:.2f} s, "
                      f"logins {simulator.logins}")
        self.assert_login_counts(simulator.logins, rejected=1, ok=1)
        self.assertEqual(proxy.get("/echoauth").status, 200)


class Outage(LoadTest):
    def assert_recovers(self, simulator, proxy):
        """Asks all the time while the server is down, starts it again, and expects the first
        success within the back-off step that was under way."""
        simulator.stop()
        is_over = time.monotonic() + DOWN_SECONDS

        def make_call(number):
            # A session that still lives is used, and meets a server that is gone.
            return allowing(small_call(number), "login_unavailable", "upstream_connect",
                            "upstream_closed")

        report = run_load(proxy.port, 4, make_call, until=lambda: time.monotonic() >= is_over)
        self.assertEqual(report.error_count, 0, str(report))
        self.assertLessEqual(set(report.statuses), {502, 503}, str(report))
        self.assertGreater(report.statuses[503], 0, str(report))
        answer = proxy.get("/echoauth")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                         (503, "login_unavailable"))
        self.assertRegex(answer.header("Retry-After", ""), r"^[1-9]\d*$")
        simulator.options["session_lifetime"] = 1800
        simulator.start()
        started = time.monotonic()
        eventually(lambda: proxy.get("/echoauth").status == 200, 2 * DOWN_SECONDS + TIMEOUT)
        seconds = time.monotonic() - started
        failures = self.messages(proxy, "login failed, backing off")
        steps = [float(entry["retry_in"].removesuffix("s")) for entry in failures]
        proxy.wait_ready()
        self.measured(f"login server down {DOWN_SECONDS} s: back-off steps {steps}, first success "
                      f"{seconds:.2f} s after its return, logins {simulator.logins}, meanwhile "
                      f"{dict(report.statuses)}")
        for number, step in enumerate(steps):
            self.assertTrue(0.9 * 2 ** number - 0.1 <= step <= 2 ** number + 0.1, steps)
        self.assertGreaterEqual(len(steps), 3 if IS_SHORT else 4)
        self.assertLess(seconds, steps[-1] + slow(2))
        self.assert_login_counts(simulator.logins, ok=1)
        self.assert_all_right(run_load(proxy.port, 16, small_call, requests=200))

    def test_a_login_server_that_is_down_at_the_start_is_logged_in_to_when_it_is_back(self):
        simulator = self.start_simulator()
        simulator.stop()
        proxy = self.start_proxy(self.config(simulator.url))
        self.assert_recovers(simulator, proxy)

    def test_a_login_server_that_goes_down_later_is_logged_in_to_when_it_is_back(self):
        simulator = self.start_simulator(session_lifetime=2)
        proxy = self.start_proxy(self.config(simulator.url)).wait_ready()
        self.assertEqual(proxy.get("/echoauth").status, 200)
        self.assert_recovers(simulator, proxy)

    def test_requests_that_wait_while_logins_hang_are_answered_in_time(self):
        simulator = self.start_simulator(login="hanging")
        proxy = self.start_proxy(self.config(
            simulator.url, auth=self.credential(login_timeout="2s")))
        started = time.monotonic()
        answers = [in_background(proxy.get, "/echoauth") for _ in range(20)]
        answers = [answer.result(TIMEOUT) for answer in answers]
        seconds = time.monotonic() - started
        self.measured(f"20 requests while the login hangs: {self.statuses(answers)} after "
                      f"{seconds:.2f} s (login_timeout 2 s)")
        self.assertEqual({(a.status, a.header("X-Proxy-Error")) for a in answers},
                         {(503, "login_unavailable")})
        self.assertTrue(all(int(a.header("Retry-After")) > 0 for a in answers))
        self.assertLess(seconds, 2 + slow(2))
        simulator.configure(login="ok")
        eventually(lambda: proxy.get("/echoauth").status == 200)


if __name__ == "__main__":
    unittest.main()
