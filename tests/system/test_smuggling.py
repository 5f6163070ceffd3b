"""Every message of tests/conformance through the proxy to real servers, alone and before and behind
a good request: what an origin counts is what the client sent, and what was refused never arrives."""

import collections
import re
import socket
import time
import unittest

from http_tools import TIMEOUT
from real_origins import HaproxyBeforeNginx, Nginx
from strict_http import (
    RecordingUpstream, expected_requests, methods_in, read_answers, read_cases, send_pieces)
from support import BASE, SystemTest

KEY = "a-key-for-tests"
GOOD = f"GET {BASE}/good HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
WHOLE = 1 << 20
Seen = collections.namedtuple("Seen", "method target body")


class StrictOrigin:
    """The origin that refuses whatever a careful sender would not send."""

    def __init__(self):
        self._upstream = RecordingUpstream(
            lambda peer, request: peer.answer(request.target.encode()))
        self.url = self._upstream.url

    def take(self):
        return [{"status": "200", "method": r.method, "target": r.target,
                 "body": r.body.decode("latin-1"), "key": ",".join(r.values("X-Api-Key"))}
                for r in self._upstream.take()]

    def complaints(self):
        self._upstream.close()
        return self._upstream.errors


class SmugglingTest(SystemTest):
    def start(self, origin):
        auth = {"type": "header", "name": "X-Api-Key",
                "value": {"file": self.write_secret("api.key", KEY)}}
        self.origin = origin
        self.cut = 0      # requests that the origin saw begin and end too early
        self.allowed = 0  # how many of them there may be
        self.proxy = self.start_proxy(self.config(
            origin.url, auth=auth, log={"access": "off"}, routes=[{"upstream": "vsa"}],
            limits={"client_header_timeout": f"{TIMEOUT}s"}))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT)

    def arrived_before_canary(self, canary):
        """A request of a client of its own gets its own answer; returns what the origin counted
        since the last one, without it. Log lines may come a little later than answers."""
        target = f"{BASE}/canary?{canary}"
        with self.connect() as sock:
            sock.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer, = read_answers(sock, ["GET"], 1)
        self.assertEqual((answer.status, answer.body.decode()), (200, target))
        entries, deadline = [], time.monotonic() + TIMEOUT
        while not any(entry["target"] == target for entry in entries):
            self.assertLess(time.monotonic(), deadline, f"{canary} is not in the log")
            entries += self.origin.take()
        whole = [entry for entry in entries if entry["status"] == "200"]
        self.cut += len(entries) - len(whole)
        self.assertEqual({entry["key"] for entry in whole}, {KEY}, canary)
        return [Seen(e["method"], e["target"], e["body"].encode("latin-1"))
                for e in whole if e["target"] != target]

    def exchange(self, before, case, behind, piece):
        """The answers, until the connection closes or all that were asked for are there."""
        methods = ["GET"] * bool(before) + methods_in(case.message) + ["GET"] * bool(behind)
        with self.connect() as sock:
            send_pieces(sock, before + case.message + behind, piece)
            count = case.count + bool(before) + bool(behind)
            answers = read_answers(sock, methods or ["GET"], count)
            if answers[-1].header("Connection") == "close":
                self.assertEqual(read_answers(sock, ["GET"], None), [])
        return answers

    def expected(self, before, case, behind, answers):
        """What the client legitimately sent."""
        good = Seen("GET", f"{BASE}/good", b"")
        requests = [good] * bool(before)
        if case.is_accepted and "only" not in case.notes:
            requests += [Seen(r.method, re.sub("//+", "/", r.target), r.body)
                         for r in expected_requests(case.message)]
        elif case.name.startswith("method-") and case.is_accepted:
            requests += [Seen(methods_in(case.message)[0], f"{BASE}/echo", b"")]
        is_served = all(a.header("Connection") != "close" for a in answers)
        return requests + [good] * (bool(behind) and is_served)

    def check(self, case, mode, before=b"", behind=b"", piece=WHOLE):
        answers = self.exchange(before, case, behind, piece)
        arrived = self.arrived_before_canary(f"{case.name}.{mode}")
        expected = self.expected(before, case, behind, answers)
        self.allowed += "where" in case.notes
        what = f"{case.name} {mode}: {[(a.status, a.body[:60]) for a in answers]}"
        self.assertEqual(arrived, expected, what)
        answered = [a for a in answers if a.header("X-Proxy-Error") is None]
        self.assertTrue(all(a.complete for a in answers), what)
        self.assertEqual([a.body.decode() for a in answered if a.body],
                         [r.target for r in expected if r.method != "HEAD"], what)
        self.assertEqual(len(answered), len(expected), what)

    def run_all(self):
        cases = read_cases("requests")
        self.assertGreaterEqual(len(cases), 300)
        for case in cases:
            if self.is_unknown_to_origin(case):
                continue
            with self.subTest(case.name):
                self.check(case, "whole")
                self.check(case, "bytes", piece=1)
                self.check(case, "behind", before=GOOD)
                self.check(case, "before", behind=GOOD)
        self.assertLessEqual(self.cut, self.allowed)

    def is_unknown_to_origin(self, case):
        return False

    def test_a_strict_origin_counts_what_the_client_sent(self):
        self.start(StrictOrigin())
        self.run_all()
        self.proxy.stop()
        self.assertEqual(self.origin.complaints(), [])


class RealOrigins(SmugglingTest):
    test_a_strict_origin_counts_what_the_client_sent = None

    def start_nginx(self):
        nginx = Nginx(self.directory)
        self.processes.append(nginx)
        return nginx

    def is_unknown_to_origin(self, case):
        # They refuse methods that are not written in capitals, before any rule of framing.
        return case.is_accepted and case.name.startswith("method-")

    def test_nginx_counts_what_the_client_sent(self):
        self.start(self.start_nginx())
        self.run_all()

    def test_haproxy_before_nginx_counts_what_the_client_sent(self):
        haproxy = HaproxyBeforeNginx(self.directory, self.start_nginx())
        self.processes.append(haproxy)
        self.start(haproxy)
        self.run_all()
        self.proxy.stop()
        haproxy.stop()
        refused = [line for line in haproxy.log() if not line.startswith("200 ")]
        self.assertLessEqual(len(refused), self.allowed, refused[:20])


if __name__ == "__main__":
    unittest.main()
