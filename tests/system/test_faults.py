"""An upstream that breaks off or lies at each point of a message: the client is told, nothing is
sent twice that must not be, and the next request is served."""

import collections
import socket
import unittest

from support import BASE, TIMEOUT, RawUpstream, SystemTest, eventually, parse_responses, send_raw

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# What has come of an answer, by where it stops.
NO_HEAD = {"before the head": b"", "within the status line": b"HTTP/1.1 2",
           "within the head": b"HTTP/1.1 200 OK\r\nContent-Len", "before the empty line": LENGTH[:-2],
           "after an interim answer": b"HTTP/1.1 103 Early Hints\r\n\r\n"}
NO_END = {"after the head": LENGTH, "within the body": LENGTH + b"hello",
          "one byte short": LENGTH + b"hello wor", "before a chunk": CHUNKED,
          "within a chunk size": CHUNKED + b"1", "after a chunk size": CHUNKED + b"a\r\n",
          "within a chunk": CHUNKED + b"a\r\nhello", "behind a chunk": CHUNKED + b"5\r\nhello\r\n",
          "within the last chunk": CHUNKED + b"5\r\nhello\r\n0\r\n",
          "within the trailers": CHUNKED + b"5\r\nhello\r\n0\r\nA: b\r\n"}
WHOLE = {"by length": LENGTH + b"0123456789", "chunked": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
         "without a body": b"HTTP/1.1 204 No Content\r\n\r\n"}
METHODS = ("GET", "POST")


def close(peer):
    peer.close()


def reset(peer):
    peer.reset()


def half_close(peer):
    """Sends no more, but reads on until the proxy closes: it may not wait for more."""
    peer.sock.shutdown(socket.SHUT_WR)
    peer.wait_closed()


ENDINGS = (close, reset, half_close)


class BreakingUpstream(SystemTest):
    def setUp(self):
        self.seen = collections.Counter()
        self.bytes, self.ending = b"", close
        self.upstream = RawUpstream(self.serve)
        self.addCleanup(self.upstream.close)
        self.proxy = self.start_proxy(self.config(self.upstream.url, auth="none", workers=1))
        self.number = 0

    def serve(self, peer):
        while received := peer.read_request():
            target = received[0].split(b" ")[1].decode()
            self.seen[target] += 1
            if "/good" in target:
                peer.answer(b"good " + target.encode())
                continue
            peer.send(self.bytes)
            if self.ending is not None:
                return self.ending(peer)

    def ask(self, method):
        """What came for a request with a number of its own, and how often the upstream got it."""
        self.number += 1
        target = f"{BASE}/bad/{self.number}"
        body = "Content-Length: 2\r\n\r\nhi" if method == "POST" else "\r\n"
        data = send_raw(self.proxy.port, f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
                        f"Connection: close\r\n{body}".encode(), timeout=TIMEOUT)
        return data, self.seen[target]

    def expect_clean_pool(self):
        """The next requests get their own answers, and no connection is left at work."""
        for _ in range(2):
            self.number += 1
            answer = self.proxy.get(f"/good/{self.number}")
            self.assertEqual((answer.status, answer.body),
                             (200, f"good {BASE}/good/{self.number}".encode()))
        eventually(lambda: self.proxy.metric("vsaproxy_connections", side="upstream",
                                             state="active") == 0)

    def each_way(self, points):
        """Sets up each point, ending and age of the connection; yields the method and whether the
        connection was used before."""
        for name, data in points.items():
            for ending in ENDINGS:
                for method in METHODS:
                    for is_reused in (False, True):
                        with self.subTest(name, ending=ending.__name__, method=method,
                                          is_reused=is_reused):
                            self.bytes, self.ending = data, ending
                            if is_reused:
                                self.expect_clean_pool()
                            yield method, is_reused
                            if not is_reused:
                                self.expect_clean_pool()
                            self.drop_idle()

    def drop_idle(self):
        """So that the next request needs a connection of its own."""
        self.bytes, self.ending = WHOLE["by length"], close
        self.ask("GET")
        eventually(lambda: self.proxy.metric("vsaproxy_connections", side="upstream") == 0)

    def test_without_a_head_the_answer_is_502_and_only_a_safe_request_is_tried_again(self):
        for method, is_reused in self.each_way(NO_HEAD):
            data, count = self.ask(method)
            answer, = parse_responses(data, (method,))
            self.assertEqual((answer.status, answer.header("X-Proxy-Error"), answer.complete),
                             (502, "upstream_closed", True))
            # RFC 9112, 9.3.1: once more, on a new connection, if not a byte has come.
            is_retried = is_reused and method == "GET" and self.bytes == b""
            self.assertEqual(count, 2 if is_retried else 1)

    def test_without_an_end_the_answer_is_cut_and_the_request_was_sent_once(self):
        for method, _ in self.each_way(NO_END):
            data, count = self.ask(method)
            answer, = parse_responses(data, (method,))
            if answer.complete:
                # Nothing had gone to the client yet.
                self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                                 (502, "upstream_closed"))
            else:
                self.assertIn(answer.body, (b"", b"hello", b"hello wor"))
            self.assertEqual(count, 1)

    def test_a_whole_answer_arrives_whatever_becomes_of_its_connection(self):
        for method, _ in self.each_way(WHOLE):
            data, count = self.ask(method)
            answer, = parse_responses(data, (method,))
            self.assertTrue(answer.complete)
            self.assertIn((answer.status, answer.body),
                          ((200, b"0123456789"), (200, b"hello"), (204, b"")))
            self.assertEqual(count, 1)

    def test_bytes_behind_an_answer_are_nobodys_answer(self):
        surplus = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
        self.ending = None
        for name, data in WHOLE.items():
            with self.subTest(name):
                self.bytes = data + surplus
                answer, = parse_responses(self.ask("GET")[0])
                self.assertEqual((answer.complete, b"wrong" in answer.body), (True, False))
                self.expect_clean_pool()

    def test_a_reset_while_the_body_is_sent_is_told_and_the_body_is_not_sent_again(self):
        def refuse(peer):
            peer.read_head()
            if b"/good" in peer.received:
                return peer.answer(b"good")
            self.seen["heads"] += 1
            peer.reset()
        with RawUpstream(refuse) as upstream:
            proxy = self.start_proxy(self.config(upstream.url, auth="none"))
            for method in ("POST", "PUT"):
                self.seen.clear()
                answer = proxy.request(method, BASE + "/bad", body=b"x" * 3_000_000)
                self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                                 (502, "upstream_closed"))
                self.assertEqual(self.seen["heads"], 1)
                self.assertEqual(proxy.get("/good").body, b"good")


if __name__ == "__main__":
    unittest.main()
