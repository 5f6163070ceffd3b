"""Every message of tests/conformance against the running proxy: the right verdict, and nothing
reaches the other side that was not accepted."""

import re
import socket
import unittest

from http_tools import TIMEOUT
from strict_http import (
    RecordingUpstream, expected_requests, methods_in, read_answers, read_cases, send_pieces)
from support import BASE, SystemTest

GOOD = f"GET {BASE}/good HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
KEY = "a-key-for-tests"

# What the proxy itself answers or changes (RFC 9110, 7.6), beside the names in Connection.
CHANGED = {"host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
           "content-length", "expect", "http2-settings", "forwarded", "authorization",
           "cookie", "via", "x-api-key"}


def end_to_end(fields):
    named = {name.strip().lower() for field, value in fields if field.lower() == "connection"
             for name in value.split(",")}
    return sorted((name.lower(), value.strip(" \t")) for name, value in fields
                  if name.lower() not in CHANGED | named and "_" not in name
                  and not name.lower().startswith(("proxy-", "x-forwarded-")))


class ConformanceTest(SystemTest):
    def config_for(self, upstream):
        auth = {"type": "header", "name": "X-Api-Key",
                "value": {"file": self.write_secret("api.key", KEY)}}
        return self.config(
            upstream.url, auth=auth, log={"access": "off"},
            routes=[{"upstream": "vsa", "cookies": "pass", "cors": "pass"}],
            limits={"client_header_timeout": f"{TIMEOUT}s"})

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT)

    def expect_good(self, upstream, what):
        """A normal request on another connection is served; returns what the upstream saw since
        the last one, without it."""
        with self.connect() as sock:
            sock.sendall(GOOD)
            answers = read_answers(sock, ["GET"], 1)
        self.assertEqual([a.status for a in answers], [200], f"the request after {what}")
        *others, good = upstream.take()
        self.assertEqual(good.target, f"{BASE}/good", what)
        self.last_connection = good.connection
        return others


class Requests(ConformanceTest):
    def setUp(self):
        self.upstream = RecordingUpstream()
        self.addCleanup(self.upstream.close)
        self.proxy = self.start_proxy(self.config_for(self.upstream))

    def exchange(self, case, piece, before=b""):
        """The answers; behind an answer that closes nothing may come, and behind one that does not
        the connection serves a good request."""
        count = case.count
        methods = ["GET"] * bool(before) + methods_in(case.message)
        with self.connect() as sock:
            send_pieces(sock, before + case.message, piece)
            answers = read_answers(sock, methods or ["GET"], count + bool(before))
            if answers and answers[-1].header("Connection") == "close":
                self.assertEqual(read_answers(sock, ["GET"], None), [], case.name)
            elif not case.is_accepted:
                sock.sendall(GOOD)
                self.assertEqual([a.status for a in read_answers(sock, ["GET"], 1)], [200])
                self.assertEqual(self.upstream.take_last().target, f"{BASE}/good")
        return answers

    def check_refused(self, case, answers, before):
        what = f"{case.name}: {[(a.status, a.header('X-Proxy-Error')) for a in answers]}"
        self.assertEqual(len(answers), 1 + before, what)
        last = answers[-1]
        self.assertEqual((last.status, last.header("X-Proxy-Error")), (case.status, case.reason),
                         what)
        if case.reason in ("ambiguous_framing", "headers_too_large"):
            self.assertEqual(last.header("Connection"), "close", what)
        self.assertTrue(last.complete, what)
        self.assertEqual([r.target for r in self.expect_good(self.upstream, case.name)],
                         [f"{BASE}/good"] * before, case.name)

    def check_accepted(self, case, answers, before):
        what = f"{case.name}: {[(a.status, a.header('X-Proxy-Error')) for a in answers]}"
        expected = expected_requests(case.message)
        self.assertEqual(len(expected), case.count, what)
        self.assertEqual([a.status for a in answers], [200] * (len(expected) + before), what)
        received = self.expect_good(self.upstream, case.name)[before:]
        self.assertEqual(len(received), len(expected), what)
        for seen, sent in zip(received, expected):
            self.assertEqual((seen.method, seen.target, seen.body),
                             (sent.method, re.sub("//+", "/", sent.target), sent.body), what)
            self.assertEqual(end_to_end(seen.fields), end_to_end(sent.fields), what)
            self.assertEqual(seen.values("X-Api-Key"), [KEY], what)
        if (length := case.number("body")) is not None:
            self.assertEqual(sum(len(r.body) for r in received), length, what)

    def check_by_policy(self, case, answers):
        """The parser accepts these; the proxy's rules do not, or the method is the API's affair."""
        if case.name.startswith("method-"):
            return self.check_accepted(case, answers, 0)
        reason = {"connect": "route_denied", "options-asterisk": "no_route",
                  "target-absolute-options": "no_route"}.get(
            case.name, "host_not_allowed")
        self.assertEqual([(a.status, a.header("X-Proxy-Error")) for a in answers], [(403, reason)],
                         case.name)
        self.assertEqual(self.expect_good(self.upstream, case.name), [], case.name)

    def run_all(self, piece, before=b""):
        cases = read_cases("requests")
        self.assertGreaterEqual(len(cases), 150)
        for case in cases:
            if "only" in case.notes and before:
                continue
            with self.subTest(case.name):
                answers = self.exchange(case, piece, before)
                if "only" in case.notes:
                    self.check_by_policy(case, answers)
                elif case.is_accepted:
                    self.check_accepted(case, answers, int(bool(before)))
                else:
                    self.check_refused(case, answers, int(bool(before)))
        self.proxy.stop()
        self.upstream.close()
        self.assertEqual(self.upstream.take(), [], "came late")
        self.assertEqual(self.upstream.errors, [])

    def test_every_request_sent_whole_gets_its_verdict_and_only_accepted_ones_arrive(self):
        self.run_all(1 << 20)

    def test_every_request_sent_byte_by_byte_gets_the_same_verdict(self):
        self.run_all(1)

    def test_every_request_behind_a_good_one_gets_the_same_verdict(self):
        self.run_all(1 << 20, before=GOOD)


class Responses(ConformanceTest):
    def setUp(self):
        self.piece = 1 << 20
        self.cases = {case.name: case for case in read_cases("responses")
                      if "only" not in case.notes}
        self.upstream = RecordingUpstream(self.answer)
        self.addCleanup(self.upstream.close)
        self.proxy = self.start_proxy(self.config_for(self.upstream))

    def answer(self, peer, request):
        case = self.cases.get(request.target.rpartition("/")[2])
        if case is None:
            peer.answer()
            return False
        send_pieces(peer.sock, case.message, self.piece)
        return "ends" in case.notes

    def exchange(self, case):
        """The answer, and whether the connection to the client was ended by the proxy."""
        method = case.notes.get("method", "GET")
        with self.connect() as sock:
            sock.sendall(f"{method} {BASE}/{case.name} HTTP/1.1\r\nHost: localhost\r\n\r\n"
                         .encode())
            answers = read_answers(sock, [method], 1)
        self.assertEqual(len(answers), 1, case.name)
        return answers[0]

    def check_refused(self, case, answer):
        what = f"{case.name}: {answer}"
        if "where" in case.notes and answer.header("X-Proxy-Error") is None:
            # The head was on its way already: a cut tells the client.
            self.assertFalse(answer.complete, what)
        else:
            self.assertEqual((answer.status, answer.header("X-Proxy-Error"), answer.complete),
                             (case.status, case.reason, True), what)

    def final_head(self, message):
        """Status and fields of the final answer, folded lines joined (RFC 9112, 5.2)."""
        while True:
            head, _, rest = message.partition(b"\r\n\r\n")
            if not re.match(rb"HTTP/1\.[01] 1\d\d", head):
                break
            message = rest
        head = re.sub(rb"[ \t]*\r\n[ \t]+", b" ", head).decode("latin-1")
        line, *fields = head.split("\r\n")
        pairs = [field.split(":", 1) for field in fields]
        return int(line.split()[1]), [(name.strip(" \t"), value) for name, value in pairs]

    def check_accepted(self, case, answer):
        what = f"{case.name}: {answer}"
        status, fields = self.final_head(case.message)
        self.assertEqual((answer.status, answer.complete), (status, True), what)
        self.assertIsNone(answer.header("X-Proxy-Error"), what)
        received = [(name, value) for name, value in answer.headers]
        self.assertEqual(end_to_end(received), end_to_end(fields), what)
        if (length := case.number("body")) is not None:
            self.assertEqual(len(answer.body), length, what)
            self.assertIn(answer.body[:5], case.message, what)

    def run_all(self):
        for case in self.cases.values():
            # A surplus that comes later can't be told from an early answer to the next request.
            if "surplus" in case.notes and self.piece == 1:
                continue
            with self.subTest(case.name):
                answer = self.exchange(case)
                self.check_accepted(case, answer) if case.is_accepted else \
                    self.check_refused(case, answer)
                requests = self.expect_good(self.upstream, case.name)
                self.assertTrue(requests, case.name)
                used = {request.connection for request in requests}
                unfit = not case.is_accepted or "surplus" in case.notes or "ends" in case.notes
                if unfit:
                    self.assertNotIn(self.last_connection, used, case.name)
                else:
                    self.assertEqual(len(requests), 1, case.name)
        self.proxy.stop()
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])

    def test_every_response_gets_its_verdict_and_a_faulty_connection_is_not_used_again(self):
        self.assertGreaterEqual(len(self.cases), 70)
        self.run_all()

    def test_every_response_sent_byte_by_byte_gets_the_same_verdict(self):
        self.piece = 1
        self.run_all()


if __name__ == "__main__":
    unittest.main()
