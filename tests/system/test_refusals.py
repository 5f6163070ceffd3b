"""Every refusal that the proxy makes itself: status, X-Proxy-Error, problem+json, and that nothing
else is disturbed."""

import socket
import threading
import unittest

from held_port import HeldPort
from http_tools import TIMEOUT, in_background, parse_responses
from strict_http import RecordingUpstream
from support import BASE, RawUpstream, SystemTest, eventually, request

TITLES = {}  # by reason: a title belongs to a reason, not to a request


def read_answer(sock, method="GET", data=b""):
    """One complete answer, and what came behind it."""
    while True:
        answers = parse_responses(data, [method]) if data else []
        if answers and answers[0].complete:
            return answers[0]
        piece = sock.recv(65536)
        if not piece:
            raise AssertionError(f"closed after {data!r}")
        data += piece


def reaches_end(sock):
    try:
        return sock.recv(65536) == b""
    except ConnectionError:
        return True


def message(line, *fields, host="localhost", body=b""):
    lines = [line, *([f"Host: {host}"] if host else []), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class RefusalTest(SystemTest):
    def start(self, upstream_keys=None, auth="none", **top_level):
        self.upstream = RecordingUpstream()
        self.addCleanup(self.upstream.close)
        self.proxy = self.start_proxy(self.config(self.upstream.url, auth=auth,
                                                  upstream=upstream_keys, **top_level))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT)

    def check_problem(self, answer, status, reason):
        what = f"{answer.status} {answer.headers} {answer.body!r}"
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (status, reason), what)
        self.assertEqual(answer.header("Content-Type"), "application/problem+json")
        self.assertRegex(answer.header("Proxy-Status"), r'^vsaproxy; error=[a-z_]+; details=".+"$')
        problem = answer.json()
        self.assertEqual(set(problem), {"type", "title", "status", "detail", "reason",
                                        "request_id"}, what)
        self.assertEqual((problem["status"], problem["reason"]), (status, reason))
        self.assertTrue(problem["detail"] and problem["request_id"])
        self.assertEqual(TITLES.setdefault(reason, problem["title"]), problem["title"])
        if status in (429, 503):
            self.assertGreaterEqual(int(answer.header("Retry-After")), 1, what)

    def refuse(self, data, status, reason):
        """Sends bytes and checks the refusal; the connection closes if and only if the answer says
        so, and the next request is served, on it or on another."""
        with self.connect() as sock:
            sock.sendall(data)
            # A HEAD is answered without a body, which would have to be looked for elsewhere.
            answer = read_answer(sock)
            self.check_problem(answer, status, reason)
            if answer.header("Connection") == "close":
                self.assertTrue(reaches_end(sock))
            else:
                sock.sendall(message(f"GET {BASE}/next HTTP/1.1"))
                self.assertEqual(read_answer(sock).status, 200)
                self.assertEqual(self.upstream.take_last().target, f"{BASE}/next")
        self.expect_service()
        return answer

    def expect_service(self):
        """On another connection; and nothing else reached the upstream."""
        self.assertEqual(self.proxy.get("/good").status, 200)
        self.assertEqual([r.target for r in self.upstream.take()], [f"{BASE}/good"])


class AsWritten(RefusalTest):
    def setUp(self):
        self.start()

    def test_what_is_no_http_is_a_bad_request(self):
        for data in (b"hello\r\n\r\n", b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n",
                     message(f"GET {BASE}/x HTTP/1.1", "Bad Name: x"),
                     message(f"GET {BASE}/x HTTP/1.1", host=""),
                     message(f"GET {BASE}/x HTTP/1.1", "Host: localhost"),
                     message(f"GET {BASE}/x HTTP/1.1", host="local host"),
                     message("GET relative HTTP/1.1"), message("GET * HTTP/1.1"),
                     message(f"GET {BASE}/a#b HTTP/1.1"),
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"):
            with self.subTest(data):
                self.refuse(data, 400, "bad_request")

    def test_a_path_that_means_two_things_is_a_bad_path(self):
        for path in ("/a/../b", "/./a", "/a%2fb", "/a%5cb", "/a\\b", "/a%00b", "/a%u0041", "/a%4",
                     "/a%252e", "/%c0%ae", "/%ff", "/a./b", "/a%20/b", "/(S(abc))/b",
                     "/%2e%2e/b", "/a;x/..;y/b"):
            with self.subTest(path):
                self.refuse(message(f"GET {BASE}{path} HTTP/1.1"), 400, "bad_path")
                self.refuse(message(f"GET {self.upstream.url}{BASE}{path} HTTP/1.1"), 400,
                            "bad_path")

    def test_a_body_of_two_lengths_is_ambiguous(self):
        line = f"POST {BASE}/x HTTP/1.1"
        for fields in (("Content-Length: 5", "Transfer-Encoding: chunked"),
                       ("Content-Length: 5", "Content-Length: 6"), ("Content-Length: +5",),
                       ("Transfer-Encoding: gzip",), ("Transfer-Encoding: chunked, chunked",)):
            with self.subTest(fields):
                answer = self.refuse(message(line, *fields, body=b"0\r\n\r\n"), 400,
                                     "ambiguous_framing")
                self.assertEqual(answer.header("Connection"), "close")


class Policy(RefusalTest):
    def test_a_foreign_host_is_refused(self):
        self.start()
        line = f"GET {BASE}/x HTTP/1.1"
        for host in ("rebind.example", "localhost.example:3128", "127.0.0.2", "[::2]"):
            with self.subTest(host):
                self.refuse(message(line, host=host), 403, "host_not_allowed")
        for authority in ("other.example", "127.0.0.2", f"localhost:{self.upstream.port}",
                          "127.0.0.1:1"):
            with self.subTest(authority):
                self.refuse(message(f"GET http://{authority}{BASE}/x HTTP/1.1",
                                    host=f"127.0.0.1:{self.upstream.port}"), 403,
                            "host_not_allowed")

    def test_allowed_hosts_are_all_there_are(self):
        self.start(listeners=[{"name": "local", "address": "127.0.0.1:0",
                               "allowed_hosts": ["proxy.internal"], "modes": ["reverse"]}])
        line = f"GET {BASE}/x HTTP/1.1"
        for host in ("localhost", f"127.0.0.1:{self.proxy.port}"):
            with self.connect() as sock:
                sock.sendall(message(line, host=host))
                self.check_problem(read_answer(sock), 403, "host_not_allowed")
        with self.connect() as sock:
            sock.sendall(message(line, host="PROXY.internal:80"))
            self.assertEqual(read_answer(sock).status, 200)

    def test_what_a_browser_sends_is_refused(self):
        self.start()
        for field in ("Origin: null", "origin: http://localhost", "Sec-Fetch-Site: none",
                      "Access-Control-Request-Method: GET", "Referer: http://localhost/"):
            with self.subTest(field):
                self.refuse(message(f"GET {BASE}/x HTTP/1.1", field), 403, "browser_refused")
                self.refuse(message(f"OPTIONS {BASE}/x HTTP/1.1", field), 403, "browser_refused")
        self.assertEqual(self.proxy.get("/x", headers={"Sec-Fetch-Mode": "cors"}).status, 200)

    def test_a_tunnel_is_refused(self):
        self.start()
        for target in ("vsa.example.com:443", f"127.0.0.1:{self.upstream.port}", "[::1]:22"):
            self.refuse(message(f"CONNECT {target} HTTP/1.1", host=target), 403, "route_denied")

    def test_login_and_logout_calls_of_the_api_are_refused_and_not_forwarded(self):
        simulator = self.start_simulator()
        proxy = self.start_proxy(self.config(
            simulator.url, routes=[{"upstream": "vsa", "login_paths": "refuse"}])).wait_ready()
        self.assertEqual(proxy.get("/echoauth").status, 200)
        for method, path in (("GET", "/auth"), ("GET", "/Auth/"), ("HEAD", "/auth"),
                             ("GET", "/auth?x=y"), ("DELETE", "/system/users/session"),
                             ("DELETE", "/System/Users/SESSION/"), ("GET", "//auth"),
                             ("GET", "/%61uth")):
            with self.subTest(method + path):
                answer = proxy.request(method, BASE + path)
                self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                                 (403, "route_denied"))
        answer = proxy.request("GET", BASE.upper() + "/auth")
        self.assertEqual(answer.header("X-Proxy-Error"), "route_denied")
        self.assertEqual(proxy.get("/echoauth").status, 200)
        self.assertEqual(simulator.logins["ok"], 1)
        self.assertEqual(len(simulator.requests()), 2)

    def test_a_path_without_a_route_is_refused(self):
        self.start(routes=[{"match": {"path_prefix": BASE}, "upstream": "vsa"}])
        for target in ("/", "/api/v1.00/x", "/api", "/other", "/apiv1.0"):
            with self.subTest(target):
                self.refuse(message(f"GET {target} HTTP/1.1"), 403, "no_route")
        self.refuse(message("OPTIONS * HTTP/1.1"), 403, "no_route")

    def test_a_mode_that_is_not_configured_is_refused(self):
        self.start(listeners=[{"name": "a", "address": "127.0.0.1:0", "modes": ["reverse"]},
                              {"name": "b", "address": "127.0.0.1:0", "modes": ["forward"]}])
        absolute = f"{self.upstream.url}{BASE}/x"
        for port, target, status in (
                (self.proxy.ports["a"], f"{BASE}/x", 200), (self.proxy.ports["a"], absolute, 403),
                (self.proxy.ports["b"], absolute, 200), (self.proxy.ports["b"], f"{BASE}/x", 403)):
            answer = request(port, "GET", target)
            self.assertEqual(answer.status, status)
            if status == 403:
                self.check_problem(answer, 403, "no_route")

    def test_trace_is_never_forwarded(self):
        self.start()
        for method in ("TRACE", "TRACK"):
            answer = self.refuse(message(f"{method} {BASE}/x HTTP/1.1"), 405, "method_refused")
            self.assertIn("GET", answer.header("Allow"))


class Limits(RefusalTest):
    def test_a_body_over_the_limit_is_refused(self):
        self.start(limits={"request_body": "1KiB"})
        line = f"POST {BASE}/x HTTP/1.1"
        chunked = b"400\r\n" + b"a" * 1024 + b"\r\n"
        self.refuse(message(line, "Content-Length: 1025", body=b"a" * 1025), 413, "body_too_large")
        self.refuse(message(line, f"Content-Length: {1 << 40}"), 413, "body_too_large")
        self.refuse(message(line, "Content-Length: 1025", "Expect: 100-continue"), 413,
                    "body_too_large")
        with self.connect() as sock:
            sock.sendall(message(line, "Transfer-Encoding: chunked",
                                 body=chunked + b"1\r\na\r\n0\r\n\r\n"))
            answer = read_answer(sock)
            self.check_problem(answer, 413, "body_too_large")
            self.assertEqual(answer.header("Connection"), "close")
            self.assertTrue(reaches_end(sock))
        self.assertEqual(self.upstream.take(), [], "a cut body came whole")
        self.expect_service()
        for fields, body in ((["Content-Length: 1024"], b"a" * 1024),
                             (["Transfer-Encoding: chunked"], chunked + b"0\r\n\r\n")):
            with self.connect() as sock:
                sock.sendall(message(line, *fields, body=body))
                self.assertEqual(read_answer(sock).status, 200)
                self.assertEqual(self.upstream.take_last().body, b"a" * 1024)

    def test_a_head_over_the_limits_is_refused(self):
        self.start(limits={"header_bytes": "2KiB", "header_count": 10})
        line = f"GET {BASE}/x HTTP/1.1"
        for data in (message(line, "A: " + "a" * 2048),
                     message(f"GET {BASE}/{'x' * 2100} HTTP/1.1"),
                     message(line, *[f"A{i}: a" for i in range(10)]), b"G" * 5000):
            answer = self.refuse(data, 431, "headers_too_large")
            self.assertEqual(answer.header("Connection"), "close")

    def test_a_head_that_trickles_in_is_refused_in_time(self):
        self.start(limits={"client_header_timeout": "500ms"})
        answer = self.refuse(b"GET / HTTP/1.1\r\nHost: loc", 408, "request_timeout")
        self.assertEqual(answer.header("Connection"), "close")
        with self.connect() as sock:
            self.assertTrue(reaches_end(sock), "a connection without a byte stays open")

    def test_a_body_that_stops_is_refused_in_time(self):
        self.start({"timeouts": {"idle": "500ms"}})
        answer = self.refuse(message(f"POST {BASE}/x HTTP/1.1", "Content-Length: 5", body=b"he"),
                             408, "request_timeout")
        self.assertEqual(answer.header("Connection"), "close")

    def test_a_connection_over_the_limit_is_answered_and_closed(self):
        self.start(limits={"connections": 2}, workers=1)
        with self.connect() as one, self.connect() as two:
            for sock in (one, two):
                sock.sendall(message(f"GET {BASE}/x HTTP/1.1"))
                self.assertEqual(read_answer(sock).status, 200)
            with self.connect() as three:
                answer = read_answer(three)
                self.check_problem(answer, 503, "overloaded")
                self.assertEqual(answer.header("Connection"), "close")
                self.assertTrue(reaches_end(three))
            one.sendall(message(f"GET {BASE}/x HTTP/1.1"))
            self.assertEqual(read_answer(one).status, 200)
        self.assertEqual(len(self.upstream.take()), 3)

        def is_served():
            try:
                return self.proxy.get("/good").status == 200
            except ConnectionError:
                return False
        eventually(is_served)
        self.assertGreaterEqual(self.proxy.metric("vsaproxy_refused_total", reason="overloaded"), 1)

    def test_a_request_that_finds_the_pool_full_waits_and_is_refused_in_time(self):
        self.start({"pool": {"max_connections": 1}, "timeouts": {"response_header": "500ms"}},
                   workers=1)
        begun, goes_on = threading.Event(), threading.Event()

        def answer(peer, received):
            if not received.target.endswith("/slow"):
                return peer.answer()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            begun.set()
            goes_on.wait(TIMEOUT)
            peer.send(b"ok")
        self.upstream.answer_with(answer)
        slow = in_background(self.proxy.get, "/slow")
        self.assertTrue(begun.wait(TIMEOUT))
        self.check_problem(self.proxy.get("/x"), 503, "overloaded")
        waiting = in_background(self.proxy.get, "/y")
        goes_on.set()
        self.assertEqual(slow.result(TIMEOUT).body, b"ok")
        self.assertEqual(waiting.result(TIMEOUT).status, 200)


class Upstream(RefusalTest):
    def check_upstream_refusal(self, handle, status, reason, method="GET", **upstream_keys):
        """handle(peer) misbehaves for /bad; all else is answered."""
        def answer(peer, received):
            if not received.target.endswith("/bad"):
                return peer.answer()
            handle(peer)
            return True
        self.start(upstream_keys)
        self.upstream.answer_with(answer)
        for _ in range(3):
            self.expect_service()
            got = self.proxy.request(method, BASE + "/bad", body=b"x" if method == "POST" else None)
            self.check_problem(got, status, reason)
            self.upstream.take()
        self.expect_service()

    def test_nobody_listens(self):
        held = HeldPort("127.0.0.1")
        self.start({"connect": f"127.0.0.1:{held.port}"})
        for _ in range(3):
            self.check_problem(self.proxy.get("/x"), 502, "upstream_connect")
        self.upstream.close()
        # Whoever listens there is found at once.
        back = RecordingUpstream(port=held.port)
        self.addCleanup(back.close)
        self.assertEqual(self.proxy.get("/x").status, 200)

    def test_a_name_that_does_not_exist(self):
        self.start({"connect": "no-such-host.invalid:80", "insecure_http": True})
        self.check_problem(self.proxy.get("/x"), 502, "upstream_connect")

    def test_the_upstream_speaks_no_tls(self):
        for handle, status, reason in (
                (lambda peer: peer.send(b"HTTP/1.1 400 No\r\n\r\n"), 502, "upstream_tls"),
                (lambda peer: peer.wait_closed(), 504, "upstream_timeout")):
            with RawUpstream(handle) as upstream:
                proxy = self.start_proxy(self.config(
                    f"https://127.0.0.1:{upstream.port}", auth="none",
                    upstream={"timeouts": {"tls": "500ms"}}))
                for _ in range(2):
                    self.check_problem(proxy.get("/x"), status, reason)
                self.assertFalse(any(b"HTTP" in received for received in upstream.received))

    def test_nonsense_for_an_answer(self):
        self.check_upstream_refusal(lambda peer: peer.send(b"nonsense\r\n\r\n"), 502,
                                    "upstream_protocol")

    def test_an_ambiguous_answer(self):
        self.check_upstream_refusal(
            lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                                   b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            502, "upstream_protocol")

    def test_a_head_of_an_answer_over_the_limit(self):
        self.check_upstream_refusal(
            lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 40000 + b"\r\n\r\n"),
            502, "upstream_protocol")

    def test_a_close_before_an_answer(self):
        self.check_upstream_refusal(lambda peer: None, 502, "upstream_closed", "POST")

    def test_a_reset_before_an_answer(self):
        self.check_upstream_refusal(lambda peer: peer.reset(), 502, "upstream_closed", "POST")

    def test_a_close_within_a_head(self):
        self.check_upstream_refusal(lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nA"), 502,
                                    "upstream_closed")

    def test_no_answer_in_time(self):
        self.check_upstream_refusal(lambda peer: peer.wait_closed(), 504, "upstream_timeout",
                                    timeouts={"response_header": "300ms"})

    def test_an_answer_without_its_rest_is_cut_and_never_complete(self):
        self.start({"timeouts": {"idle": "500ms"}})
        for head in ("Content-Length: 10", "Transfer-Encoding: chunked", "X-A: b"):
            for ending in ("reset", "wait_closed", "close"):
                if (head, ending) == ("X-A: b", "close"):
                    continue  # that is how such an answer ends
                with self.subTest(head + " " + ending):
                    body = b"5\r\nhello\r\n" if "chunked" in head else b"hello"

                    def answer(peer, received):
                        if not received.target.endswith("/bad"):
                            return peer.answer()
                        peer.send(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body)
                        if ending != "wait_closed":
                            # Only what has arrived can be cut.
                            self.assertTrue(client_has_hello.wait(TIMEOUT))
                        getattr(peer, ending)()
                        return True
                    client_has_hello = threading.Event()
                    self.upstream.answer_with(answer)
                    self.check_cut(client_has_hello)
                    self.expect_service()
        self.assertEqual(self.upstream.errors, [])

    def check_cut(self, client_has_hello):
        data = b""
        with self.connect() as sock:
            sock.sendall(message(f"GET {BASE}/bad HTTP/1.1"))
            try:
                while piece := sock.recv(65536):
                    data += piece
                    if b"hello" in data:
                        client_has_hello.set()
                was_reset = False
            except ConnectionResetError:
                was_reset = True
        answer, = parse_responses(data)
        self.assertEqual((answer.status, answer.body), (200, b"hello"))
        self.assertFalse(answer.complete)
        self.assertTrue(was_reset, "a client of HTTP/1.0 could not tell")
        self.upstream.take()


class Login(RefusalTest):
    def start_with_simulator(self, **options):
        self.simulator = self.start_simulator(**options)
        self.proxy = self.start_proxy(self.config(
            self.simulator.url, auth=self.credential(login_timeout="1s")))

    def test_a_rejected_login(self):
        self.start_with_simulator(token="another-token")
        self.check_problem(self.proxy.get("/echoauth"), 503, "login_rejected")

    def test_a_login_that_fails(self):
        self.start_with_simulator(login="failing")
        self.check_problem(self.proxy.get("/echoauth"), 503, "login_unavailable")

    def test_the_upstreams_own_answers_carry_no_mark_of_the_proxy(self):
        self.start_with_simulator()
        for status in (400, 403, 404, 500, 502, 503, 504):
            answer = self.proxy.get(f"/status/{status}?header=X-Proxy-Error:faked")
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (status, None))
            self.assertIsNone(answer.header("Proxy-Status"))


if __name__ == "__main__":
    unittest.main()
