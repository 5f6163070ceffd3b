"""What goes through: both forms of a request, HTTP/1.0 and 1.1, every framing, both ways, checked
byte for byte at both ends."""

import gzip
import hashlib
import http.client
import json
import os
import socket
import subprocess
import threading
import unittest

from http_tools import TIMEOUT, parse_responses, pattern, pattern_sha256, request_on, send_raw
from strict_http import RecordingUpstream
from support import BASE, RawUpstream, SystemTest, eventually, parallel, request


class RelayTest(SystemTest):
    """A proxy in front of the simulator, ready."""

    def setUp(self):
        self.simulator = self.start_simulator()
        self.proxy = self.start_proxy(self.config(self.simulator.url)).wait_ready()

    def tearDown(self):
        self.assertEqual(self.simulator.stats()["bad_requests"], 0)
        super().tearDown()

    def raw(self, text, count=1, methods=("GET",), **options):
        """Sends text or bytes until `count` answers are there; returns them."""
        data = text.encode("latin-1") if isinstance(text, str) else text
        received = b""
        with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as sock:
            sock.sendall(data)
            while sum(a.complete for a in parse_responses(received, methods)) < count:
                piece = sock.recv(65536)
                self.assertTrue(piece, f"closed after {received!r}")
                received += piece
        return parse_responses(received, methods)

    def seen(self, answer):
        """Of /headers: the fields that the upstream received, names in lower case."""
        self.assertEqual(answer.status, 200, answer.body)
        return [(name.lower(), value) for name, value in answer.json()["Result"]["headers"]]


class Forms(RelayTest):
    def test_the_tool_uses_the_proxy_as_base_url(self):
        answer = self.proxy.get("/headers?a=b")
        seen = self.seen(answer)
        self.assertEqual(answer.json()["Result"]["target"], f"{BASE}/headers?a=b")
        self.assertIn(("host", f"127.0.0.1:{self.simulator.port}"), seen)
        self.assertEqual([value[:7] for name, value in seen if name == "authorization"],
                         ["Bearer "])

    def test_the_tool_names_the_upstream_and_uses_the_proxy_as_proxy(self):
        authority = f"127.0.0.1:{self.simulator.port}"
        # The authority counts, not the Host field (RFC 9112, 3.2.2).
        answer, = self.raw(f"GET http://{authority}{BASE}/headers?a=b HTTP/1.1\r\n"
                           "Host: localhost\r\nProxy-Connection: keep-alive\r\n"
                           "Proxy-Authorization: Basic eDp5\r\n\r\n")
        seen = self.seen(answer)
        self.assertIn(("host", authority), seen)
        self.assertFalse([name for name, _ in seen if name.startswith("proxy-")])

    def curl(self, *arguments, env=None):
        done = subprocess.run(["curl", "-sS", "--max-time", str(TIMEOUT), *arguments],
                              capture_output=True, timeout=2 * TIMEOUT,
                              env={"PATH": os.environ["PATH"], **(env or {})})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_curl_works_in_both_forms_and_with_the_environment_variable(self):
        proxy = f"http://127.0.0.1:{self.proxy.port}"
        url = f"{self.simulator.url}{BASE}/echoauth"
        for output in (self.curl(f"{proxy}{BASE}/echoauth"), self.curl("-x", proxy, url),
                       self.curl(url, env={"http_proxy": proxy})):
            self.assertEqual(json.loads(output)["ResponseCode"], 0)

    def test_curl_uploads_and_downloads_whole_bodies(self):
        source = self.directory / "source"
        source.write_bytes(b"".join(pattern(3_000_001)))
        proxy = f"http://127.0.0.1:{self.proxy.port}{BASE}"
        for options in (["-T", source], ["-T", source, "-H", "Transfer-Encoding: chunked"],
                        ["--data-binary", f"@{source}"]):
            result = json.loads(self.curl(*options, f"{proxy}/sink"))["Result"]
            self.assertEqual(result, {"bytes": 3_000_001, "sha256": pattern_sha256(3_000_001)})
        for options in (["--http1.1"], ["--http1.0"]):
            for framing in ("", "&chunked", "&close"):
                body = self.curl(*options, f"{proxy}/large?bytes=1000001{framing}")
                self.assertEqual(hashlib.sha256(body).hexdigest(), pattern_sha256(1_000_001))

    def test_the_clients_own_authorization_and_cookies_never_arrive(self):
        seen = self.seen(self.proxy.get("/headers", headers={
            "Authorization": "Bearer placeholder", "Cookie": "a=b", "Connection": "authorization",
            "X_Under": "1", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4",
            "TE": "trailers", "Keep-Alive": "300", "X-Other": "stays"}))
        names = [name for name, _ in seen]
        self.assertEqual(names.count("authorization"), 1)
        self.assertFalse({"cookie", "x_under", "x-forwarded-for", "forwarded", "te", "keep-alive",
                          "connection"} & set(names))
        self.assertIn(("x-other", "stays"), seen)
        self.assertTrue([value for name, value in seen if name == "via"])
        self.assertNotIn("placeholder", str(seen))


class Versions(RelayTest):
    def test_http_1_0_is_answered_and_closed(self):
        data = send_raw(self.proxy.port, f"GET {BASE}/trailers HTTP/1.0\r\n\r\n".encode(),
                        timeout=TIMEOUT)
        answer, = parse_responses(data)
        self.assertEqual((answer.status, answer.complete), (200, True))
        self.assertIsNone(answer.header("Transfer-Encoding"))
        self.assertEqual(answer.header("Connection"), "close")

    def test_http_1_0_stays_open_where_both_sides_say_so_and_the_length_is_known(self):
        text = f"GET {BASE}/echoauth HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        answers = self.raw(text * 2, count=2)
        self.assertEqual([a.status for a in answers], [200, 200])
        self.assertEqual(answers[0].header("Connection").lower(), "keep-alive")

    def test_one_connection_serves_many_requests_and_one_upstream_connection_too(self):
        before = self.simulator.stats()["connections"]["used"]
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=TIMEOUT)
        for number in range(20):
            answer = request_on(connection, "GET", f"{BASE}/headers?number={number}")
            self.assertTrue(answer.json()["Result"]["target"].endswith(f"={number}"))
        connection.close()
        # Those of this test's own look at the statistics are counted too.
        self.assertLessEqual(self.simulator.stats()["connections"]["used"] - before, 2)

    def test_pipelined_requests_are_answered_in_order(self):
        text = ""
        for number in range(30):
            body = "x" * (number * 50)
            text += f"POST {BASE}/sink?{number} HTTP/1.1\r\nHost: localhost\r\n" \
                    f"Content-Length: {len(body)}\r\n\r\n{body}"
        answers = self.raw(text, count=30)
        self.assertEqual([a.json()["Result"]["bytes"] for a in answers],
                         [number * 50 for number in range(30)])

    def test_close_is_honoured(self):
        text = f"GET {BASE}/echoauth HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" * 2
        answers = parse_responses(send_raw(self.proxy.port, text.encode(), timeout=TIMEOUT))
        self.assertEqual([(a.status, a.header("Connection")) for a in answers], [(200, "close")])


class Framing(RelayTest):
    def test_a_chunked_upload_arrives_whole(self):
        data = b"".join(pattern(200_000))
        answer = self.proxy.request("POST", BASE + "/sink",
                                    (data[i:i + 777] for i in range(0, len(data), 777)))
        self.assertEqual(answer.json()["Result"],
                         {"bytes": 200_000, "sha256": pattern_sha256(200_000)})

    def test_head_has_the_fields_and_no_body(self):
        text = f"HEAD {BASE}/large?bytes=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n" \
               f"GET {BASE}/echoauth HTTP/1.1\r\nHost: localhost\r\n\r\n"
        head, get = self.raw(text, count=2, methods=("HEAD", "GET"))
        self.assertEqual((head.status, head.header("Content-Length"), head.body),
                         (200, "1000", b""))
        self.assertEqual(get.status, 200)

    def test_204_and_304_have_no_body(self):
        text = "".join(f"GET {BASE}{path} HTTP/1.1\r\nHost: localhost\r\n\r\n" for path in (
            "/status/204", "/status/304?header=ETag:abc", "/echoauth"))
        answers = self.raw(text, count=3)
        self.assertEqual([a.status for a in answers], [204, 304, 200])
        self.assertIsNone(answers[0].header("Content-Length"))
        self.assertIsNone(answers[0].header("Transfer-Encoding"))
        self.assertEqual(answers[1].header("ETag"), "abc")

    def test_interim_answers_are_not_passed_on(self):
        data = send_raw(self.proxy.port, f"GET {BASE}/early-hints HTTP/1.1\r\nHost: localhost\r\n"
                        "Connection: close\r\n\r\n".encode(), timeout=TIMEOUT)
        self.assertTrue(data.startswith(b"HTTP/1.1 200"), data[:40])

    def test_trailers_arrive(self):
        answer, = self.raw(f"GET {BASE}/trailers HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\n"
                           "\r\n")
        direct, = parse_responses(send_raw(
            self.simulator.port, f"GET {BASE}/trailers HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self.simulator.tokens()[-1]}\r\nConnection: close\r\n\r\n"
            .encode(), timeout=TIMEOUT))
        self.assertTrue(direct.trailers)
        self.assertEqual((answer.body, answer.trailers), (direct.body, direct.trailers))

    def test_expect_100_continue_is_answered_before_the_body(self):
        with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as sock:
            sock.sendall(f"POST {BASE}/sink HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                         "Expect: 100-continue\r\n\r\n".encode())
            interim = sock.recv(65536)
            self.assertEqual(interim, b"HTTP/1.1 100 Continue\r\n\r\n")
            sock.sendall(b"hello")
            data = b""
            while not (data and parse_responses(data)[0].complete):
                data += sock.recv(65536)
        self.assertEqual(parse_responses(data)[0].json()["Result"]["bytes"], 5)

    def test_a_truncated_answer_is_never_a_complete_one(self):
        for framing in ("", "&chunked"):
            for ending in ("", "&reset"):
                with self.subTest(framing + ending):
                    with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
                        self.proxy.get(f"/large?bytes=300000&cut=200000{framing}{ending}")
        self.assertEqual(self.proxy.get("/echoauth").status, 200)

    def test_a_truncated_answer_takes_no_former_answer_with_it(self):
        targets = ("/large?bytes=200000", "/large?bytes=300000&cut=200000")
        with socket.socket() as sock:
            # Most of what is sent stays where a reset would take it away.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(TIMEOUT)
            sock.connect(("127.0.0.1", self.proxy.port))
            sock.sendall(b"".join(f"GET {BASE}{target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
                                  for target in targets))
            # The cut is counted while the client has not read anything.
            eventually(lambda: self.proxy.metric(
                "vsaproxy_requests_total", listener="local", route="vsa", code_class="2xx") == 2)
            received = b""
            with self.assertRaises(ConnectionResetError):
                while piece := sock.recv(65536):
                    received += piece
        whole, *cut = parse_responses(received)
        self.assertTrue(whole.complete)
        self.assertEqual(len(whole.body), 200000)
        self.assertFalse(any(answer.complete for answer in cut))

    def test_many_at_once_get_each_its_own_answer(self):
        def one(number):
            answer = self.proxy.get(f"/headers?number={number}")
            return answer.json()["Result"]["target"].rpartition("=")[2]
        self.assertEqual(parallel(40, one), [str(number) for number in range(40)])


class Exactness(SystemTest):
    """Against an upstream whose every byte the test knows."""

    def relay(self, answer, headers=None, method="GET", **upstream):
        with RecordingUpstream(lambda peer, _: peer.send(answer)) as server:
            proxy = self.start_proxy(self.config(server.url, auth="none", upstream=upstream))
            got = proxy.request(method, BASE + "/x", headers=headers or {})
            proxy.stop()
            request_, = server.take()
        return got, request_

    def test_a_compressed_answer_passes_byte_for_byte(self):
        packed = gzip.compress(b"some text " * 1000)
        got, seen = self.relay(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nETag: \"1\"\r\n\r\n%s" % (len(packed), packed),
            {"Accept-Encoding": "br, gzip;q=0.5"})
        self.assertEqual((got.body, got.header("Content-Encoding"), got.header("ETag")),
                         (packed, "gzip", '"1"'))
        self.assertEqual(got.header("Content-Length"), str(len(packed)))
        # Nothing has to be looked into here.
        self.assertEqual(seen.values("Accept-Encoding"), ["br, gzip;q=0.5"])

    def test_the_order_and_number_of_fields_stay(self):
        got, _ = self.relay(b"HTTP/1.1 299 Odd Phrase\r\nB: 2\r\nA: 1\r\nB: 3\r\n"
                            b"Content-Length: 0\r\n\r\n")
        self.assertEqual(got.status, 299)
        self.assertEqual([(n, v) for n, v in got.headers if n in "AB"],
                         [("B", "2"), ("A", "1"), ("B", "3")])

    def test_the_proxys_name_stands_in_via_both_ways(self):
        got, seen = self.relay(b"HTTP/1.0 200 OK\r\nVia: 1.1 other\r\nContent-Length: 0\r\n\r\n",
                               {"Via": "1.0 first"})
        self.assertEqual(", ".join(got.header_values("Via")), "1.1 other, 1.0 vsaproxy")
        self.assertEqual(", ".join(seen.values("Via")), "1.0 first, 1.1 vsaproxy")

    def test_without_a_credential_the_clients_authorization_passes(self):
        _, seen = self.relay(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                             {"Authorization": "Bearer mine"})
        self.assertEqual(seen.values("Authorization"), ["Bearer mine"])

    def test_a_401_of_an_upstream_without_a_credential_passes(self):
        got, _ = self.relay(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n"
                            b"Content-Length: 0\r\n\r\n")
        self.assertEqual((got.status, got.header("WWW-Authenticate")), (401, "Basic"))

    def test_an_answer_before_the_end_of_the_body_reaches_the_client(self):
        def refuse_early(peer):
            peer.read_head()
            peer.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            peer.wait_closed()
        with RawUpstream(refuse_early) as server:
            proxy = self.start_proxy(self.config(server.url, auth="none"))
            with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT) as sock:
                sock.sendall(f"POST {BASE}/x HTTP/1.1\r\nHost: localhost\r\n"
                             "Content-Length: 1000000\r\n\r\nhello".encode())
                data = b""
                while not (data and parse_responses(data)[0].complete):
                    data += sock.recv(65536)
            self.assertEqual(parse_responses(data)[0].body, b"no")
            eventually(lambda: proxy.metric("vsaproxy_connections", side="upstream") == 0)

    def test_an_answer_is_passed_on_while_it_comes(self):
        has_first = threading.Event()

        def in_two_parts(peer, _):
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
            self.assertTrue(has_first.wait(TIMEOUT))
            peer.send(b"two")
        with RecordingUpstream(in_two_parts) as server:
            proxy = self.start_proxy(self.config(server.url, auth="none"))
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=TIMEOUT)
            connection.request("GET", BASE + "/x")
            answer = connection.getresponse()
            self.assertEqual(answer.read(3), b"one")
            has_first.set()
            self.assertEqual(answer.read(), b"two")
            connection.close()
        self.assertEqual(server.errors, [])

    def test_an_urgent_byte_within_a_long_answer_holds_nothing_up(self):
        """The socket is readable then, and splice(2) has nothing to take."""
        part = bytes(range(256)) * 2000

        def with_urgent_byte(peer, _):
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * len(part)) + part)
            peer.sock.send(b"!", socket.MSG_OOB)  # beside the stream
            peer.send(7 * part)
        with RecordingUpstream(with_urgent_byte) as server:
            proxy = self.start_proxy(self.config(server.url, auth="none"))
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=TIMEOUT)
            connection.request("GET", BASE + "/x")
            self.assertEqual(connection.getresponse().read(), 8 * part)
            connection.close()
        self.assertEqual(server.errors, [])

    def test_an_upload_is_passed_on_while_it_comes(self):
        with RawUpstream(lambda peer: (peer.read_head(), peer.wait_closed())) as server:
            proxy = self.start_proxy(self.config(server.url, auth="none"))
            with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT) as sock:
                sock.sendall(f"POST {BASE}/x HTTP/1.1\r\nHost: localhost\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n".encode())
                eventually(lambda: any(b"3\r\none\r\n" in r for r in server.received))

    def test_a_client_that_goes_away_ends_the_work_at_the_upstream(self):
        def never(peer):
            peer.read_head()
            peer.wait_closed()
        with RawUpstream(never) as server:
            proxy = self.start_proxy(self.config(server.url, auth="none"))
            sock = socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT)
            sock.sendall(f"GET {BASE}/x HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            eventually(lambda: server.connections == 1 and b"\r\n\r\n" in server.received[0])
            sock.close()
            eventually(lambda: proxy.metric("vsaproxy_connections", side="upstream") == 0)
            eventually(lambda: any("client_gone" in line for line in proxy.log()))

    def test_a_reused_connection_that_was_closed_is_replaced_for_safe_methods_only(self):
        dropped = []

        def answer(peer, received):
            if received.target.endswith("/drop") and peer.number not in dropped:
                dropped.append(peer.number)
                return True
            peer.answer()
        for method, status in (("GET", 200), ("PUT", 200), ("POST", 502)):
            with self.subTest(method), RecordingUpstream(answer) as server:
                dropped[:] = [2]  # the second connection serves
                # Workers do not share a pool.
                proxy = self.start_proxy(self.config(server.url, auth="none", workers=1))
                self.assertEqual(proxy.get("/x").status, 200)
                got = proxy.request(method, BASE + "/drop", b"abc" if method != "GET" else None)
                self.assertEqual(got.status, status)
                self.assertEqual(got.header("X-Proxy-Error"),
                                 None if status == 200 else "upstream_closed")
                self.assertEqual(request(proxy.port, "GET", BASE + "/x").status, 200)


if __name__ == "__main__":
    unittest.main()
