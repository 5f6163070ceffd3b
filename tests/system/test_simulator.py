"""The simulator itself, without the proxy: a peer that other tests rely on is proven first."""

import base64
import hashlib
import http.client
import json
import pathlib
import re
import socket
import time
import unittest
import zlib

from support import (BASE, PASSWORD, TIMEOUT, TOKEN, Authority, RawUpstream, SystemTest, echo_call,
                     eventually, parallel, parse_responses, pattern, pattern_sha256, request,
                     request_on, run_load, send_raw, upload_call)

VECTORS = pathlib.Path(__file__).parent.parent / "vectors" / "vsa9.json"


def basic(payload):
    data = payload if isinstance(payload, bytes) else payload.encode()
    return {"Authorization": "Basic " + base64.b64encode(data).decode()}


class SimulatorTest(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()

    def call(self, method, path, body=None, headers=None, **options):
        return request(self.simulator.port, method, BASE + path, body, headers, **options)

    def log_in(self, headers=None):
        answer = self.call("GET", "/auth", headers=headers or basic(f"demo:{TOKEN}"))
        self.assertEqual(answer.status, 200)
        return answer.json()

    def session(self):
        return {"Authorization": "Bearer " + self.log_in()["Result"]["Token"]}

    def raw(self, text, **options):
        return send_raw(self.simulator.port, text.encode("latin-1"), **options)


class Login(SimulatorTest):
    def test_a_token_login_gets_the_envelope_of_a_real_server(self):
        answer = self.call("GET", "/auth", headers=basic(f"demo:{TOKEN}"))
        self.assertIn("GMT", answer.header("Date"))
        envelope = answer.json()
        self.assertEqual([envelope[k] for k in ("ResponseCode", "Status", "Error")],
                         [0, "OK", "None"])
        result = envelope["Result"]
        self.assertRegex(result["Token"], r"^[1-9]\d{25}$")
        self.assertEqual(result["ApiToken"], result["Token"])
        self.assertRegex(result["SessionExpiration"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(result["OffSetInMinutes"], 0)
        self.assertEqual(result["UserName"], "demo")
        self.assertNotEqual(self.log_in()["Result"]["Token"], result["Token"])

    def test_every_published_password_vector_logs_in_unless_it_is_known_to_be_odd(self):
        vectors = json.loads(VECTORS.read_text())["vsa_rest_password"]
        self.assertGreater(len(vectors), 10)
        for vector in vectors:
            with self.subTest(vector["id"]):
                given = vector["input"]
                self.simulator.configure(
                    username=given["username"].strip(), password=given["password"].strip(),
                    encoding=given["encoding"].rstrip("?"), lockout_after=0)
                # These two leave out or garble what the simulator insists on.
                is_odd = "quirk" in vector["id"]
                answer = self.log_in(basic(vector["payload"].encode(
                    "latin-1" if given["encoding"] == "latin-1" else "utf-8")))
                self.assertEqual(answer["ResponseCode"], 4000002 if is_odd else 0)

    def test_wrong_secrets_are_rejected_in_the_chosen_style(self):
        self.simulator.configure(lockout_after=0)
        for headers in (basic("demo:wrong"), basic("other:" + TOKEN),
                        basic("user=demo,pass2=00,pass1=00,rand2=1,rpass2=00,rpass1=00")):
            self.assertEqual(self.log_in(headers),
                             {"ResponseCode": 4000002, "Status": "OK", "Error": "None"})
        self.simulator.configure(rejected_as="http-401")
        self.assertEqual(self.call("GET", "/auth", headers=basic("demo:wrong")).status, 401)
        self.assertEqual(self.simulator.logins["rejected"], 4)
        self.assertEqual(self.log_in(basic("nothing"))["Error"],
                         "Auth header is missing user parameter")
        self.assertEqual(self.call("GET", "/auth").json()["Error"], "Missing Authorization Header")

    def test_the_second_factor_is_checked_where_it_is_configured(self):
        def cover(name, text):
            return hashlib.new(name, text.encode()).hexdigest()
        inner = {n: cover(n, PASSWORD + "demo") for n in ("sha256", "sha1")}
        two, one = (cover(n, inner[n] + "77") for n in ("sha256", "sha1"))
        payload = f"user=demo,pass2={two},pass1={one},rand2=77,rpass2={two},rpass1={one}"
        self.assertEqual(self.log_in(basic(payload))["ResponseCode"], 0)
        self.simulator.configure(two_factor=":123456")
        self.assertEqual(self.log_in(basic(payload))["ResponseCode"], 4000002)
        self.assertEqual(self.log_in(basic(payload + ",twofapass=:123456"))["ResponseCode"], 0)

    def test_consecutive_rejections_lock_the_account_for_a_while(self):
        self.simulator.configure(lockout_after=2, lockout_seconds=0.5)
        self.log_in(basic("demo:wrong"))
        self.log_in(basic("demo:wrong"))
        self.assertEqual(self.log_in()["ResponseCode"], 4000002)
        self.assertEqual([self.simulator.logins[k] for k in ("rejected", "locked")], [2, 1])
        eventually(lambda: self.log_in()["ResponseCode"] == 0)
        self.log_in(basic("demo:wrong"))
        self.assertEqual(self.log_in()["ResponseCode"], 0, "a success does not forget failures")
        self.simulator.configure(lockout_seconds=3600)
        self.log_in(basic("demo:wrong"))
        self.log_in(basic("demo:wrong"))
        self.simulator.unlock()
        self.assertEqual(self.log_in()["ResponseCode"], 0)

    def test_logins_misbehave_as_told_and_as_often(self):
        self.simulator.configure(login="failing", login_status=500, retry_after="7", login_times=1)
        answer = self.call("GET", "/auth", headers=basic(f"demo:{TOKEN}"))
        self.assertEqual((answer.status, answer.header("Retry-After")), (500, "7"))
        self.assertEqual(self.log_in()["ResponseCode"], 0)
        for login, error in (("resetting", ConnectionResetError),
                             ("closing", http.client.RemoteDisconnected),
                             ("hanging", TimeoutError)):
            self.simulator.configure(login=login)
            with self.assertRaises(error):
                self.call("GET", "/auth", headers=basic(f"demo:{TOKEN}"), timeout=0.3)
        self.simulator.configure(login="html")
        answer = self.call("GET", "/auth", headers=basic(f"demo:{TOKEN}"))
        self.assertEqual((answer.status, answer.header("Content-Type")), (200, "text/html"))
        self.simulator.configure(login="cut-json")
        with self.assertRaises(json.JSONDecodeError):
            self.log_in()
        self.simulator.configure(login="empty-token")
        self.assertEqual(self.log_in()["Result"]["Token"], "")
        self.simulator.configure(login="ok", login_delay_ms=300)
        started = time.monotonic()
        self.log_in()
        self.assertGreaterEqual(time.monotonic() - started, 0.3)
        logins = self.simulator.logins
        names = ("ok", "failed", "broken", "malformed", "empty_token")
        self.assertEqual([logins[name] for name in names], [2, 1, 3, 2, 1])

    def test_what_a_login_answer_says_can_be_chosen(self):
        self.simulator.configure(states_expiry=False, token_field="api-token")
        result = self.log_in()["Result"]
        self.assertNotIn("SessionExpiration", result)
        self.assertEqual(result["Token"], "")
        self.simulator.configure(states_expiry=True, expiry_text="soon", token_field="token")
        result = self.log_in()["Result"]
        self.assertEqual(result["SessionExpiration"], "soon")
        self.assertNotIn("ApiToken", result)
        self.simulator.configure(expiry_text="", clock_skew=86400 * 365)
        answer = self.call("GET", "/auth", headers=basic(f"demo:{TOKEN}"))
        year = time.gmtime(time.time() + 86400 * 365).tm_year
        self.assertIn(f" {year} ", answer.header("Date"))
        self.assertTrue(answer.json()["Result"]["SessionExpiration"].startswith(str(year)))


class Sessions(SimulatorTest):
    def test_data_needs_a_live_session(self):
        session = self.session()
        self.assertEqual(self.call("GET", "/echo").status, 200)
        self.assertEqual(self.call("GET", "/echoauth").status, 401)
        bare = {"Authorization": session["Authorization"].split()[1]}
        self.assertEqual(self.call("GET", "/echoauth", headers=bare).status, 401)
        self.assertEqual(self.call("GET", "/echoauth", headers=session).json()["ResponseCode"], 0)
        self.assertEqual(request(self.simulator.port, "GET", "/API/v1.0/EchoAuth/",
                                 headers=session).status, 200)
        self.assertEqual(self.call("DELETE", "/system/users/session", headers=session).status, 200)
        self.assertEqual(self.call("GET", "/echoauth", headers=session).status, 401)
        self.assertEqual(self.simulator.stats()["data"], {"ok": 4, "refused": 3, "abandoned": 0})
        self.simulator.configure(requires_token=False)
        self.assertEqual(self.call("GET", "/echoauth").status, 200)

    def test_a_login_ends_the_older_session_unless_told_otherwise(self):
        first = self.session()
        second = self.session()
        self.assertEqual(self.call("GET", "/echoauth", headers=first).status, 401)
        self.simulator.configure(one_session=False)
        self.session()
        self.assertEqual(self.call("GET", "/echoauth", headers=second).status, 200)
        self.simulator.revoke()
        self.assertEqual(self.call("GET", "/echoauth", headers=second).status, 401)
        self.assertEqual(len(self.simulator.tokens()), 3)

    def test_a_session_ends_after_its_lifetime(self):
        self.simulator.configure(session_lifetime=0.3)
        session = self.session()
        self.assertEqual(self.call("GET", "/echoauth", headers=session).status, 200)
        eventually(lambda: self.call("GET", "/echoauth", headers=session).status == 401, 2)

    def test_expiry_comes_in_every_shape_framing_and_coding(self):
        bodies = {"http-401": {"ResponseCode": 401, "Status": "Error", "Error": "Unauthorized"},
                  "body-401": {"ResponseCode": 401, "Status": "OK", "Error": "None"},
                  "body-401-after-result": {"Result": None, "ResponseCode": 401, "Status": "OK",
                                            "Error": "None"}}
        decode = {"identity": bytes, "gzip": lambda b: zlib.decompress(b, 31),
                  "deflate": zlib.decompress}
        for shape, body in bodies.items():
            for framing in ("length", "chunked"):
                for coding in decode:
                    with self.subTest(shape=shape, framing=framing, coding=coding):
                        self.simulator.configure(expired=shape, expired_framing=framing,
                                                 expired_coding=coding)
                        answer = self.call("GET", "/echoauth")
                        self.assertEqual(answer.status, 401 if shape == "http-401" else 200)
                        self.assertEqual(answer.header("Content-Encoding", "identity"), coding)
                        self.assertEqual(answer.header("Transfer-Encoding") is not None,
                                         framing == "chunked")
                        self.assertEqual(json.loads(decode[coding](answer.body)), body)

    def test_the_body_of_a_refusal_can_lag_behind_its_head(self):
        self.simulator.configure(expired="body-401", expired_body_delay_ms=300)
        head = self.raw(f"GET {BASE}/echoauth HTTP/1.1\r\nHost: a\r\n\r\n", timeout=0.15)
        self.assertTrue(head.endswith(b"\r\n\r\n"), head)
        self.assertEqual(self.call("GET", "/echoauth").json()["ResponseCode"], 401)

    def test_a_refusal_can_come_before_the_body(self):
        head = f"POST {BASE}/sink HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
        early = self.raw(head + "Expect: 100-continue\r\n\r\n", timeout=1)
        self.assertTrue(early.startswith(b"HTTP/1.1 401 "), early)
        self.assertIn(b"Connection: close", early)
        self.simulator.configure(refuse_early=True)
        self.assertTrue(self.raw(head + "\r\n", timeout=1).startswith(b"HTTP/1.1 401 "))


class Pages(SimulatorTest):
    def setUp(self):
        super().setUp()
        self.headers = self.session()

    def get(self, path):
        return self.call("GET", path, headers=self.headers)

    def test_agents_come_in_pages_with_ids_that_overflow(self):
        seen = []
        while True:
            answer = self.get(f"/assetmgmt/agents?$skip={len(seen)}&$top=500")
            page = answer.json()
            self.assertEqual(page["TotalRecords"], 250)
            self.assertLess(answer.body.index(b'"Result"'), answer.body.index(b'"ResponseCode"'))
            if not page["Result"]:
                break
            self.assertLessEqual(len(page["Result"]), 100)
            seen += [agent["AgentId"] for agent in page["Result"]]
        self.assertEqual(len(set(seen)), 250)
        self.assertEqual({len(agent) for agent in seen}, {15, 26})
        self.assertEqual(len(self.get("/assetmgmt/agents?%24top=7").json()["Result"]), 7)

    def test_uploads_are_measured_in_both_framings(self):
        size = 3_000_000
        expected = {"bytes": size, "sha256": pattern_sha256(size)}
        for headers in ({"Content-Length": str(size)}, {}):
            answer = self.call("PUT", "/sink", pattern(size), {**self.headers, **headers})
            self.assertEqual(answer.json()["Result"], expected)
        self.assertEqual(self.simulator.requests()[-1]["body_bytes"], size)

    def test_downloads_are_the_pattern_in_every_framing(self):
        size = 1_000_000
        sha256 = pattern_sha256(size)
        self.assertEqual(self.get(f"/large/sha256?bytes={size}").json()["Result"]["sha256"], sha256)
        for query in ("", "&chunked=1", "&close=1"):
            answer = self.get(f"/large?bytes={size}{query}")
            self.assertEqual(hashlib.sha256(answer.body).hexdigest(), sha256)
            self.assertEqual(answer.header("Content-Length"), None if query else str(size))

    def test_a_download_can_break_off(self):
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.get("/large?bytes=300000&cut=100000")
        self.assertEqual(len(caught.exception.partial), 100000)
        with self.assertRaises(ConnectionResetError):
            self.get("/large?bytes=300000&cut=100000&reset=1")
        self.assertEqual(self.simulator.stats()["data"]["abandoned"], 2)

    def test_slow_answers_wait_or_drip(self):
        started = time.monotonic()
        self.get("/slow?ms=200")
        self.assertGreaterEqual(time.monotonic() - started, 0.2)
        head = self.raw(f"GET {BASE}/slow?ms=4000&drip=1 HTTP/1.1\r\nHost: a\r\nAuthorization: "
                        f"{self.headers['Authorization']}\r\n\r\n", until=b"\r\n\r\n{")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "))
        eventually(lambda: self.simulator.stats()["data"]["abandoned"] == 1, 2)

    def test_the_request_is_shown_as_received(self):
        answer = self.call("POST", "/headers?x=%2F", b"abc", {**self.headers, "X-oDD": "a  b"})
        result = answer.json()["Result"]
        self.assertEqual((result["method"], result["target"]), ("POST", BASE + "/headers?x=%2F"))
        self.assertIn(["X-oDD", "a  b"], result["headers"])
        self.assertIn(["Authorization", self.headers["Authorization"]], result["headers"])
        self.assertEqual(result["body_bytes"], 3)

    def test_any_status_and_field_can_be_had(self):
        answer = self.get("/status/302?header=Location:%20/x&header=Set-Cookie:a=b&body=hello")
        self.assertEqual((answer.status, answer.header("Location"), answer.header("Set-Cookie"),
                          answer.body), (302, "/x", "a=b", b"hello"))
        for status in (204, 304):
            self.assertEqual(self.get(f"/status/{status}").body, b"")
        self.assertEqual(self.get("/status/401").status, 401)
        self.assertEqual(self.get("/status/100").status, 400)
        self.assertEqual(self.get("/always-200-401").json()["ResponseCode"], 401)
        self.assertEqual(self.get("/nowhere").status, 404)
        self.assertEqual(self.call("POST", "/large", headers=self.headers).status, 405)

    def test_trailers_hints_and_codings(self):
        text = f"GET {BASE}/%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: " \
               f"{self.headers['Authorization']}\r\n\r\n"
        [response] = parse_responses(self.raw(text % "trailers"))
        self.assertEqual(response.trailers, [
            ("X-Body-Sha256", hashlib.sha256(response.body).hexdigest()), ("X-Last", "1")])
        data = self.raw(text % "early-hints")
        self.assertTrue(data.startswith(b"HTTP/1.1 103 "))
        self.assertEqual([r.status for r in parse_responses(data)], [200])
        self.assertIn(b"coded", zlib.decompress(self.get("/gzip").body, 31))
        self.assertIn(b"coded", zlib.decompress(self.get("/deflate").body))

    def test_head_is_answered_as_get_without_the_body(self):
        for path in ("/echoauth", "/large?bytes=5000", "/trailers", "/slow?ms=1&drip", "/gzip"):
            whole, head = self.get(path), self.call("HEAD", path, headers=self.headers)
            self.assertEqual(head.body, b"")
            self.assertEqual([n for n, _ in head.headers], [n for n, _ in whole.headers])


class Connections(SimulatorTest):
    def test_pipelined_requests_are_answered_in_order(self):
        session = self.session()["Authorization"]
        text = "".join(f"GET {BASE}/headers?n={n} HTTP/1.1\r\nHost: a\r\n"
                       f"Authorization: {session}\r\n\r\n" for n in range(300))
        upload = f"POST {BASE}/sink HTTP/1.1\r\nHost: a\r\nAuthorization: {session}\r\n" \
                 "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" \
                 "3\r\nabc\r\n0\r\nT: 1\r\n\r\n"
        responses = parse_responses(self.raw(text + upload))
        self.assertEqual([r.json()["Result"]["target"] for r in responses[:-1]],
                         [f"{BASE}/headers?n={n}" for n in range(300)])
        self.assertEqual(responses[-1].json()["Result"]["bytes"], 3)
        self.assertEqual(self.simulator.stats()["bad_requests"], 0)

    def test_a_connection_is_kept_alive_as_its_version_says(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.simulator.port, timeout=TIMEOUT)
        for _ in range(3):
            self.assertEqual(request_on(connection, "GET", BASE + "/echo").status, 200)
        connection.close()
        self.assertEqual({e["connection"] for e in self.simulator.requests()}, {1})
        self.assertEqual([e["request_of_connection"] for e in self.simulator.requests()], [1, 2, 3])
        old = self.raw(f"GET {BASE}/echo HTTP/1.0\r\n\r\n", timeout=5)
        self.assertIn(b"Connection: close", old)
        kept = self.raw(f"GET {BASE}/echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", timeout=0.2)
        self.assertIn(b"Connection: keep-alive", kept)

    def test_a_half_closed_client_still_gets_its_answer(self):
        data = self.raw(f"GET {BASE}/echo HTTP/1.1\r\nHost: a\r\n\r\n", half_close=True)
        self.assertEqual([r.status for r in parse_responses(data)], [200])

    def test_expect_continue_is_answered_unless_told_otherwise(self):
        session = self.session()["Authorization"]
        head = f"PUT {BASE}/sink HTTP/1.1\r\nHost: a\r\nAuthorization: {session}\r\n" \
               "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        self.assertEqual(self.raw(head, timeout=0.2), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.simulator.configure(sends_continue=False)
        self.assertEqual(self.raw(head, timeout=0.2), b"")

    def test_broken_framing_is_refused_and_counted(self):
        field = "POST /x HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n"
        bad = [field % "Content-Length: 3\r\nTransfer-Encoding: chunked",
               field % "Content-Length: 3\r\nContent-Length: 3", field % "Content-Length: +3",
               field % "Transfer-Encoding: gzip, chunked", field % "X : y", field % "no colon",
               "GET /x HTTP/1.1\r\n\r\n", "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n",
               "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x HTTP/2.0\r\nHost: a\r\n\r\n",
               field % "Transfer-Encoding: chunked" + "zz\r\n", "GET /\n\n\r\n\r\n",
               field % "Transfer-Encoding: chunked" + "1\r\nabc\r\n", "G" * 70000]
        for text in bad:
            with self.subTest(text[:60]):
                self.assertTrue(self.raw(text, timeout=5).startswith(b"HTTP/1.1 400 "))
        self.assertEqual(self.simulator.stats()["bad_requests"], len(bad))

    def test_reused_connections_can_be_dropped_and_idle_ones_closed(self):
        self.simulator.configure(drop_reused=1)
        connection = http.client.HTTPConnection("127.0.0.1", self.simulator.port, timeout=TIMEOUT)
        self.assertEqual(request_on(connection, "GET", BASE + "/echo").status, 200)
        with self.assertRaises(http.client.RemoteDisconnected):
            request_on(connection, "GET", BASE + "/echo")
        self.simulator.configure(idle_timeout_ms=100)
        with socket.create_connection(("127.0.0.1", self.simulator.port), timeout=5) as idle:
            self.assertEqual(idle.recv(1), b"")

    def test_concurrent_requests_are_counted(self):
        self.simulator.configure(data_delay_ms=300)
        parallel(50, lambda _: self.call("GET", "/echo"))
        stats = self.simulator.stats()
        self.assertEqual(stats["concurrent"], {"now": 0, "max": 50})
        self.assertEqual(stats["connections"]["used"], 50)

    def test_300_connections_of_mixed_load_are_answered_without_an_error(self):
        session = self.session()

        def make_call(number):
            call = upload_call(BASE, number, 32768) if number % 4 == 0 else echo_call(BASE, number)
            call.headers = session
            return call

        report = run_load(self.simulator.port, 300, make_call, requests=3000)
        self.assertEqual((report.error_count, dict(report.statuses)), (0, {200: 3000}), str(report))
        self.assertEqual(len(self.simulator.requests()), 1000)

    def test_tls_is_served_and_sessions_resume(self):
        authority = Authority(self.directory)
        simulator = self.start_simulator(certificate=authority.issue("server"))
        context = authority.client_context()
        answer = request(simulator.port, "GET", BASE + "/echo", tls=context)
        self.assertEqual(answer.status, 200)
        self.assertEqual(simulator.stats()["connections"]["tls_resumed"], 0)
        session = None
        for _ in range(2):
            raw = socket.create_connection(("127.0.0.1", simulator.port), timeout=TIMEOUT)
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
                sock.sendall(f"GET {BASE}/echo HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200 "))
                session = sock.session
        self.assertEqual(simulator.stats()["connections"]["tls_resumed"], 1)


class Control(SimulatorTest):
    def test_wrong_changes_are_refused_and_change_nothing(self):
        before = self.simulator.control("GET", "config")
        for body in ('{"nothing": 1}', '{"one_session": 1}', '{"login": "odd"}', '[]', '{"agents":',
                     '{"agents": 5, "session_lifetime": -1}', '{"agents": 1.5}'):
            answer = request(self.simulator.port, "POST", "/_sim/config", body.encode())
            self.assertEqual(answer.status, 400, body)
            self.assertIn("error", answer.json())
        self.assertEqual(self.simulator.control("GET", "config"), before)

    def test_a_reset_goes_back_to_the_start(self):
        simulator = self.start_simulator(session_lifetime=7, one_session=False)
        request(simulator.port, "GET", BASE + "/auth", headers=basic(f"demo:{TOKEN}"))
        simulator.configure(session_lifetime=9, password="changed-for-the-test")
        simulator.reset()
        config = simulator.control("GET", "config")
        self.assertEqual((config["session_lifetime"], config["one_session"], config["password"]),
                         (7, False, PASSWORD))
        self.assertEqual(simulator.logins["ok"], 0)
        self.assertEqual(simulator.requests(), [])

    def test_it_ends_cleanly_and_comes_back_on_its_port(self):
        port = self.simulator.port
        self.assertEqual(self.simulator.stop(), 0)
        self.simulator.start()
        self.assertEqual(self.simulator.port, port)
        self.simulator.kill()
        self.simulator.start()
        self.assertEqual(self.call("GET", "/echo").status, 200)


class Tools(unittest.TestCase):
    def test_a_scripted_upstream_answers_resets_and_records(self):
        def handle(peer):
            head, body = peer.read_request()
            if b"/reset" in head:
                peer.reset()
            else:
                peer.answer(body[::-1])

        with RawUpstream(handle) as upstream:
            self.assertEqual(request(upstream.port, "POST", "/", b"abc").body, b"cba")
            with self.assertRaises(ConnectionResetError):
                request(upstream.port, "GET", "/reset")
            self.assertEqual(upstream.connections, 2)
            self.assertTrue(re.match(rb"POST / HTTP/1.1\r\n.*\r\n\r\nabc$", upstream.received[0],
                                     re.DOTALL))
            self.assertEqual(upstream.errors, [])

    def test_load_reports_wrong_and_missing_answers(self):
        def handle(peer):
            while peer.read_request():
                peer.answer(b'{"Result":{"target":"/other"}}')

        with RawUpstream(handle) as upstream:
            report = run_load(upstream.port, 4, lambda n: echo_call("", n), requests=20)
            self.assertEqual((report.error_count, report.count), (20, 20))
        with RawUpstream(lambda peer: peer.reset()) as upstream:
            report = run_load(upstream.port, 2, lambda n: echo_call("", n), requests=6)
            self.assertEqual((report.error_count, report.count), (6, 0))

    def test_cut_and_left_over_bytes_are_not_taken_for_answers(self):
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.assertTrue(all(r.complete for r in parse_responses(whole * 2)))
        self.assertFalse(parse_responses(whole[:-1])[0].complete)
        cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
        self.assertFalse(parse_responses(cut)[0].complete)
        with self.assertRaises(ValueError):
            parse_responses(whole + b"rubbish\r\n\r\n")


if __name__ == "__main__":
    unittest.main()
