"""The life of a session: login, renewal, the ways in which a server says that it is gone, and
recovery, against the simulated server."""

import json
import re
import unittest

from http_tools import SLOWNESS, TIMEOUT, in_background
from support import BASE, PASSWORD, TOKEN, SystemTest, eventually, parallel

QUICK = {"min_backoff": "100ms", "max_backoff": "400ms"}


class SessionTest(SystemTest):
    def start(self, credential=None, simulator=None, **top_level):
        self.simulator = self.start_simulator(**(simulator or {}))
        self.proxy = self.start_proxy(self.config(
            self.simulator.url, auth=self.credential(**(credential or {})), **top_level))

    def tearDown(self):
        self.assertEqual(self.simulator.stats()["bad_requests"], 0)
        super().tearDown()

    @property
    def logins(self):
        return self.simulator.logins["ok"]

    def refused(self):
        return self.simulator.stats()["data"]["refused"]

    def check_ok(self, path="/echoauth", **options):
        answer = self.proxy.get(path, **options)
        self.assertEqual(answer.status, 200, f"{answer.headers} {answer.body!r}")
        return answer

    def access_lines(self, count):
        """The access log, JSON, once it has that many lines."""
        def lines():
            found = [json.loads(line) for line in self.proxy.log() if '"method":' in line]
            return found if len(found) >= count else None
        return eventually(lines)


class FormerSession(SessionTest):
    def test_a_request_begun_before_a_reload_is_replayed_with_the_new_session(self):
        upstream = {"pool": {"max_connections": 1}}
        self.start(upstream=upstream)
        self.proxy.wait_ready()
        first = in_background(self.proxy.get, "/slow?ms=1000")
        eventually(lambda: self.simulator.requests())
        # Has the old session, and waits for the connection.
        second = in_background(self.proxy.get, "/echoauth")
        eventually(lambda: self.proxy.metric("vsaproxy_connections", side="client",
                                             state="active") == 2)
        since = self.proxy.log_mark()
        self.proxy.write_config(self.config(
            self.simulator.url, auth=self.credential(max_age="21m"), upstream=upstream))
        self.proxy.reload()
        self.proxy.wait_for_log("configuration reloaded", since=since)
        eventually(lambda: self.logins == 2)
        self.assertEqual([first.result().status, second.result().status], [200, 200])
        self.check_ok()
        self.assertEqual((self.logins, self.refused()), (2, 1))


class Login(SessionTest):
    def test_the_login_comes_at_the_start_and_serves_all(self):
        self.start()
        self.proxy.wait_ready()
        self.assertEqual(self.logins, 1)
        for _ in range(5):
            self.check_ok()
        self.assertEqual((self.logins, self.refused()), (1, 0))

    def test_requests_that_come_before_the_session_wait_for_one_login(self):
        self.start(simulator={"login_delay_ms": 700}, log={"format": "json"})
        statuses = parallel(20, lambda _: self.proxy.get("/echoauth").status)
        self.assertEqual(statuses, [200] * 20)
        self.assertEqual(self.logins, 1)
        self.assertGreater(self.access_lines(20)[0]["ms_login_wait"], 100)

    def test_without_traffic_nothing_is_renewed_and_the_next_request_logs_in(self):
        self.start(simulator={"session_lifetime": 1})
        self.proxy.wait_ready()
        eventually(lambda: self.simulator.stats()["account"]["live_sessions"] == 0)
        self.assertEqual(self.logins, 1)
        self.check_ok()
        self.assertEqual((self.logins, self.refused()), (2, 0))

    def test_with_traffic_the_session_is_renewed_before_its_end(self):
        # Where a login ends the older session, a request on its way may meet that end.
        self.start({"one_session": False},
                   {"session_lifetime": 4 * SLOWNESS, "one_session": False})

        def has_renewed_twice():
            self.check_ok()
            return self.logins >= 3
        eventually(has_renewed_twice, timeout=60 * SLOWNESS)
        self.assertEqual(self.refused(), 0)

    def test_passwords_log_in_in_both_formulas(self):
        for given, changes in (
                ({}, {}), ({"password_formula": "documented"}, {}),
                ({"two_factor": ":123456"}, {"two_factor": ":123456"}),
                ({"username": "demo@example.org"}, {"username": "demo@example.org"}),
                ({"username": "EXAMPLE\\demo"}, {"username": "EXAMPLE\\demo"})):
            with self.subTest(given=given):
                self.simulator = self.start_simulator(**changes)
                credential = {"type": "kaseya-vsa9", "username": "demo",
                              "password": {"file": self.write_secret("vsa.password", PASSWORD)},
                              **given}
                self.proxy = self.start_proxy(self.config(self.simulator.url, auth=credential))
                self.check_ok()
                self.proxy.stop()

    def test_secrets_come_from_the_environment_and_from_systemd_too(self):
        folder = self.directory / "credentials"
        folder.mkdir()
        (folder / "vsa-pat").write_text(TOKEN + "\n")
        for reference, env in (({"env": "VSA_PAT"}, {"VSA_PAT": TOKEN}),
                               ({"systemd": "vsa-pat"}, {"CREDENTIALS_DIRECTORY": str(folder)})):
            with self.subTest(reference):
                self.simulator = self.start_simulator()
                self.proxy = self.start_proxy(self.config(
                    self.simulator.url, auth=self.credential(token=reference)), env=env)
                self.check_ok()

    def test_an_answer_that_states_no_usable_end_is_used_for_max_age(self):
        for options in ({"states_expiry": False}, {"expiry_text": "soon"}, {"stated_lifetime": 0},
                        {"token_field": "api-token", "states_expiry": False},
                        {"clock_skew": 7200}, {"clock_skew": -7200}):
            with self.subTest(options=options):
                self.start(simulator=options)
                for _ in range(3):
                    self.check_ok()
                self.assertEqual((self.logins, self.refused()), (1, 0))
                self.proxy.stop()


class Expiry(SessionTest):
    def test_every_shape_of_an_expired_session_costs_one_login_and_no_error(self):
        self.start(log={"format": "json"})
        self.check_ok()
        shapes = [(expired, framing, coding)
                  for expired in ("http-401", "body-401", "body-401-after-result")
                  for framing in ("length", "chunked")
                  for coding in ("identity", "gzip", "deflate")]
        for count, (expired, framing, coding) in enumerate(shapes, 1):
            with self.subTest(expired=expired, framing=framing, coding=coding):
                self.simulator.configure(expired=expired, expired_framing=framing,
                                         expired_coding=coding)
                self.simulator.revoke()
                method = "POST" if count % 2 else "GET"
                answer = self.proxy.request(method, BASE + "/headers",
                                            b"hello" if method == "POST" else None)
                result = answer.json()["Result"]
                self.assertEqual((answer.status, result["method"], result["body_bytes"]),
                                 (200, method, 5 if method == "POST" else 0))
                self.assertEqual((self.logins, self.refused()), (count + 1, count))
        lines = self.access_lines(len(shapes) + 1)
        self.assertEqual([line["replayed"] for line in lines], [False] + [True] * len(shapes))
        self.assertEqual(self.proxy.metric("vsaproxy_replays_total", result="accepted"),
                         len(shapes))

    def test_an_expired_answer_is_held_back_for_a_body_that_comes_a_little_later(self):
        self.start(simulator={"expired": "body-401", "expired_body_delay_ms": 30})
        self.check_ok()
        self.simulator.revoke()
        self.assertEqual(self.check_ok("/headers").json()["Status"], "OK")
        self.assertEqual(self.logins, 2)

    def test_a_body_that_comes_too_late_passes_and_still_renews_the_session(self):
        self.start(simulator={"expired": "body-401", "expired_body_delay_ms": 1500})
        self.check_ok()
        self.simulator.revoke()
        answer = self.proxy.get("/headers")
        self.assertEqual((answer.status, answer.json()["ResponseCode"]), (200, 401))
        self.assertIsNone(answer.header("X-Proxy-Error"))
        eventually(lambda: self.proxy.metric("vsaproxy_logins_total", result="ok") == 2)
        self.assertEqual(self.check_ok("/headers").json()["ResponseCode"], 0)

    def test_what_only_looks_like_an_expired_session_passes(self):
        self.start()
        for path, status in (("/status/403", 403), ("/status/200?body=401", 200),
                             ("/large?bytes=20000", 200), ("/gzip", 200), ("/deflate", 200),
                             ("/status/404?header=Content-Type:application/json", 404)):
            with self.subTest(path):
                answer = self.proxy.get(path, headers={"Accept-Encoding": "gzip, deflate, br"})
                self.assertEqual(answer.status, status)
        self.assertEqual(self.logins, 1)

    def test_a_large_body_can_not_be_replayed_and_gets_the_servers_own_answer(self):
        self.start()
        self.check_ok()
        self.simulator.revoke()
        big = b"x" * 300_000
        answer = self.proxy.request("POST", BASE + "/sink", big)
        self.assertEqual(answer.status, 401)
        self.assertIsNone(answer.header("X-Proxy-Error"))
        self.assertEqual(answer.json()["ResponseCode"], 401)
        answer = self.proxy.request("POST", BASE + "/sink", big)
        self.assertEqual((answer.status, answer.json()["Result"]["bytes"]), (200, len(big)))
        posts = [r for r in self.simulator.requests() if r["method"] == "POST"]
        self.assertEqual([r["status"] for r in posts], [401, 200])
        self.assertEqual(self.logins, 2)

    def test_a_small_body_is_replayed_even_if_it_was_refused_early(self):
        self.start(simulator={"refuse_early": True})
        self.check_ok()
        self.simulator.revoke()
        body = b"y" * 60_000
        answer = self.proxy.request("POST", BASE + "/sink", body)
        self.assertEqual((answer.status, answer.json()["Result"]["bytes"]), (200, len(body)))
        # Chunked, it turns out to be short enough.
        self.simulator.revoke()
        answer = self.proxy.request("POST", BASE + "/sink", iter([b"z" * 1000] * 3))
        self.assertEqual((answer.status, answer.json()["Result"]["bytes"]), (200, 3000))
        self.assertEqual(self.logins, 3)

    def test_methods_that_shall_not_be_replayed_are_not(self):
        self.simulator = self.start_simulator()
        self.proxy = self.start_proxy(self.config(self.simulator.url,
                                                  upstream={"replay": {"methods": "read"}}))
        self.check_ok()
        self.simulator.revoke()
        self.assertEqual(self.proxy.request("POST", BASE + "/sink", b"x").status, 401)
        self.check_ok()
        self.simulator.revoke()
        self.check_ok()
        self.assertEqual(self.logins, 3)
        posts = [r for r in self.simulator.requests() if r["method"] == "POST"]
        self.assertEqual([r["status"] for r in posts], [401])

    def test_a_large_body_is_asked_for_first_where_so_configured(self):
        self.simulator = self.start_simulator()
        self.proxy = self.start_proxy(self.config(
            self.simulator.url, upstream={"replay": {"expect_continue": True}}))
        self.check_ok()
        self.simulator.revoke()
        big = b"x" * 300_000
        answer = self.proxy.request("POST", BASE + "/sink", big)
        self.assertEqual((answer.status, answer.json()["Result"]["bytes"]), (200, len(big)))
        self.assertEqual((self.logins, self.refused()), (2, 1))


class Acquittal(SessionTest):
    def test_a_path_that_always_answers_401_costs_one_login(self):
        self.start()
        self.check_ok()
        first = self.proxy.get("/status/401?body=mine")
        self.assertEqual((first.status, first.body), (401, b"mine"))
        self.assertIsNone(first.header("X-Proxy-Error"))
        self.assertEqual(self.logins, 2)
        for _ in range(10):
            self.assertEqual(self.proxy.get("/status/401").status, 401)
            self.check_ok()
        self.assertEqual(self.logins, 2)

    def test_the_same_for_a_path_that_says_it_in_its_body(self):
        self.start()
        for _ in range(5):
            answer = self.proxy.get("/always-200-401")
            self.assertEqual((answer.status, answer.json()["ResponseCode"]), (200, 401))
        self.assertLessEqual(self.logins, 2)
        self.check_ok()

    def test_an_acquitted_session_that_ends_is_found_out_by_the_check(self):
        self.start()
        self.assertEqual(self.proxy.get("/status/401").status, 401)
        self.assertEqual(self.logins, 2)
        self.simulator.revoke()
        # One check in 10 s, so it may take as long.
        eventually(lambda: self.proxy.get("/echoauth").status == 200, 10 + TIMEOUT)
        self.assertEqual(self.logins, 3)


class Trouble(SessionTest):
    def test_one_failure_of_any_kind_is_got_over_without_help(self):
        for options, result in (
                ({"login": "failing"}, "transient"), ({"login": "resetting"}, "transient"),
                ({"login": "closing"}, "transient"), ({"login": "hanging"}, "transient"),
                ({"login": "html"}, "malformed"), ({"login": "cut-json"}, "malformed"),
                ({"login": "failing", "login_status": 429}, "transient")):
            with self.subTest(options=options):
                self.start({"backoff": QUICK, "login_timeout": f"{SLOWNESS}s"},
                           {**options, "login_times": 1})
                self.proxy.wait_ready()
                self.check_ok()
                self.assertEqual(self.logins, 1)
                for known in ("transient", "malformed", "rejected"):
                    self.assertEqual(self.proxy.metric("vsaproxy_logins_total", result=known),
                                     1 if known == result else 0, known)
                self.assertEqual(self.proxy.metric("vsaproxy_logins_total", result="ok"), 1)
                self.proxy.stop()

    def test_while_logins_fail_requests_get_503_and_then_traffic_flows_again(self):
        self.start({"backoff": QUICK, "login_timeout": "300ms"}, {"login": "failing"})
        answer = self.proxy.get("/echoauth")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                         (503, "login_unavailable"))
        self.assertGreaterEqual(int(answer.header("Retry-After")), 1)
        ready = self.proxy.admin("/readyz")
        self.assertEqual(ready.status, 503)
        self.assertIn(b"vsa", ready.body)
        self.assertEqual(self.simulator.requests(), [])
        self.simulator.configure(login="ok")
        self.proxy.wait_ready()
        self.check_ok()

    def test_the_pauses_grow_and_stop_at_the_limit(self):
        self.start({"backoff": QUICK}, {"login": "failing"})

        def pauses():
            found = [float(seconds) for seconds in re.findall(
                r"backing off .*retry_in=([\d.]+)s", "\n".join(self.proxy.log()))]
            return found if len(found) >= 5 else None
        first, second, third, *rest = eventually(pauses)
        self.assertLessEqual(first, 0.1)
        self.assertTrue(0.1 <= second <= 0.2 and 0.3 <= third <= 0.4, (second, third))
        self.assertTrue(all(0.3 <= pause <= 0.4 for pause in rest), rest)

    def test_retry_after_of_the_login_server_is_honoured(self):
        self.start({"backoff": QUICK}, {"login": "failing", "login_status": 429,
                                        "retry_after": "2", "login_times": 1})
        self.proxy.wait_for_log(r"retry_in=2\.0s")
        self.proxy.wait_ready()
        self.assertEqual(self.simulator.logins["failed"], 1)

    def test_a_server_that_was_down_at_the_start_is_found_when_it_comes(self):
        self.simulator = self.start_simulator()
        self.simulator.stop()
        self.proxy = self.start_proxy(self.config(
            self.simulator.url, auth=self.credential(backoff=QUICK)))
        self.proxy.wait_for_log("login failed")
        waiting = in_background(self.proxy.get, "/echoauth")
        self.simulator.start()
        self.assertEqual(waiting.result(2 * TIMEOUT).status, 200)
        self.assertEqual(self.logins, 1)

    def test_a_login_that_fails_during_a_replay_leaves_the_servers_own_answer(self):
        self.start({"backoff": QUICK, "login_timeout": "500ms"})
        self.check_ok()
        self.simulator.configure(login="failing")
        self.simulator.revoke()
        answer = self.proxy.get("/echoauth")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (401, None))
        self.assertEqual(answer.json()["ResponseCode"], 401)
        self.simulator.configure(login="ok")
        eventually(lambda: self.proxy.get("/echoauth").status == 200)


class Log(SessionTest):
    FIELDS = ["ts", "id", "listener", "client", "key", "method", "path", "route", "upstream",
              "status", "error", "bytes_in", "bytes_out", "ms_total", "ms_upstream",
              "ms_login_wait", "replayed", "reused", "session"]

    def test_every_request_has_a_line_with_the_fixed_fields(self):
        self.start(log={"format": "json"}, workers=1)  # who share one pool
        self.proxy.request("POST", BASE + "/sink?secret=1", b"12345")
        self.proxy.get("/echoauth")
        self.proxy.request("GET", BASE + "/a%2fb")
        lines = self.access_lines(3)
        self.assertEqual([list(line) for line in lines], [self.FIELDS] * 3)
        first, second, third = lines
        self.assertEqual([first[k] for k in ("listener", "method", "path", "route", "upstream",
                                             "status", "error", "bytes_in", "replayed", "reused")],
                         ["local", "POST", BASE + "/sink", "vsa", "vsa", 200, "", 5, False, False])
        self.assertTrue(second["reused"])
        self.assertEqual((third["status"], third["error"]), (400, "bad_path"))
        self.assertEqual(len({line["id"] for line in lines}), 3)
        self.assertRegex(first["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertIn("127.0.0.1", first["client"])
        self.assertNotIn("secret", str(lines))

    def test_the_session_is_shown_by_a_fingerprint_that_changes_with_it(self):
        self.start(log={"format": "json"})
        self.check_ok()
        self.check_ok()
        self.simulator.revoke()
        self.check_ok()
        marks = [line["session"] for line in self.access_lines(3)]
        self.assertEqual(marks[0], marks[1])
        self.assertNotEqual(marks[1], marks[2])
        for token in self.simulator.tokens():
            for mark in marks:
                self.assertRegex(mark, r"^[0-9a-f]{4,16}$")
                self.assertNotIn(mark, token)
            self.assertNotIn(token, self.proxy.output())

    def test_queries_are_logged_as_configured_and_the_text_format_has_the_same_fields(self):
        for query, shown in (("drop", "/echoauth"), ("names", "/echoauth?a&b"),
                             ("full", "/echoauth?a=1&b=2")):
            with self.subTest(query):
                self.start(log={"access": {"query": query}})
                self.check_ok("/echoauth?a=1&b=2")
                line = self.proxy.wait_for_log(r"^\S+ access .*$")[0]
                self.assertEqual(re.findall(r" (\w+)=", line), self.FIELDS[1:])
                self.assertIn(f" path={BASE}{shown} ", line)
                self.proxy.stop()


if __name__ == "__main__":
    unittest.main()
