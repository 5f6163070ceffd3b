"""What editing large SOAP messages costs in memory, before a server that takes them as they come and
before one that takes its time. The bound is not asserted of instrumented programs: their allocators
keep what was freed, and shadow it."""

import http.client
import pathlib
import re
import threading
import unittest

from load_tools import IS_SANITIZED, KIB, MIB, LoadTest, slow
from raw_upstream import RawUpstream
from soap_tools import NAMESPACE, PATH, call, elements, envelope, head, primitive
from support import PASSWORD, USERNAME, in_background

GROWTH = 16 * MIB
SIZE = 5 * MIB
REPEATS = 10


class SlowServer(RawUpstream):
    """Logs in at once; takes the body of another call only once `may_read` is set."""

    def __init__(self):
        self.may_read = threading.Event()
        self.session = "9" * 26
        super().__init__(self._serve)

    def _serve(self, peer):
        while message := peer.read_head():
            length = int(re.search(rb"content-length: *(\d+)", message, re.I)[1])
            is_login = b"Authenticate" in message
            if not is_login:
                self.may_read.wait(slow(60))
            body = b""
            while len(body) < length:
                body += peer.read_some()
            fields = {"SessionID": self.session} if is_login else {"Bytes": len(body)}
            name = "Authenticate" if is_login else "EchoMt"
            peer.answer(envelope(f'<{name}Response xmlns="{NAMESPACE}"><{name}Result>'
                                 f"{elements(fields)}</{name}Result></{name}Response>").encode(),
                        fields=["Content-Type: text/xml"])


class LargeEdits(LoadTest):
    def start(self, url):
        auth = {"type": "kaseya-soap", "username": USERNAME,
                "password": {"file": self.write_secret("soap.pass", PASSWORD)}}
        self.proxy = self.start_proxy(self.config(url, auth=auth)).wait_ready()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port,
                                                     timeout=slow(60))
        self.addCleanup(self.connection.close)

    def message(self, size):
        """Many elements, as a large request has, behind the session."""
        item = "<Item><Name>root.acme.machine</Name><Value a='b'>&lt;text&gt;</Value></Item>"
        items = item * ((size - KIB) // len(item))
        return envelope(call("EchoMt", {"Payload": "x" * 200, "SessionID": "1"}).replace(
            "</req>", f"{items}</req>")).encode()

    def primitive_message(self, size):
        """The most of its kind that is edited: each letter of the markup is an escape."""
        login = call("EchoMt", {"Payload": "x" * 200, "SessionID": "1"})
        inner = login.replace("</req>", "<a></a>" * (36 * KIB) + "</req>")
        body = envelope(primitive("EchoMt", inner)).encode()
        return body + b" " * (size - len(body))

    def send(self, body, operation):
        self.connection.request("POST", PATH, body, head(operation))
        answer = self.connection.getresponse()
        text = answer.read()
        self.assertEqual(answer.status, 200, text)
        return text

    def assert_bounded(self, what, body, repeats=1, operation="EchoMt", before_sent=None,
                       while_sent=None):
        self.send(self.message(4 * KIB), "EchoMt")  # what it takes once is no growth
        if before_sent:
            before_sent()
        # The peak is counted from now on (proc(5)).
        pathlib.Path(f"/proc/{self.proxy.pid}/clear_refs").write_text("5")
        before = self.proxy.memory()["peak_rss"]
        for _ in range(repeats):
            sent = in_background(self.send, body, operation)
            if while_sent:
                while_sent()
            answer = sent.result(slow(60))
        growth = self.proxy.memory()["peak_rss"] - before
        self.measured(f"{repeats} of {len(body) / MIB:.2f} MiB edited, {what}: peak memory "
                      f"{before / MIB:.1f} + {growth / MIB:.2f} MiB")
        if not IS_SANITIZED:
            self.assertLess(growth, GROWTH)
        return answer

    def test_a_message_of_5_mib_is_edited_within_16_mib(self):
        simulator = self.start_simulator()
        for repeats in (1, REPEATS):
            self.start(simulator.url)
            answer = self.assert_bounded("a fast server", self.message(SIZE), repeats)
            self.assertIn(b"x" * 200, answer)
            self.proxy.stop()
        stats = simulator.stats()["soap"]
        self.assertEqual((stats["calls"], stats["refused"], stats["faults"]), (REPEATS + 3, 0, 0))

    def test_a_primitive_message_of_5_mib_is_edited_within_16_mib(self):
        simulator = self.start_simulator()
        self.start(simulator.url)
        self.assert_bounded("XML in a string", self.primitive_message(SIZE), REPEATS,
                            "PrimitiveEchoMt")
        stats = simulator.stats()["soap"]
        self.assertEqual((stats["calls"], stats["refused"], stats["faults"]), (REPEATS + 1, 0, 0))

    def test_it_waits_for_a_slow_server_within_the_same_memory(self):
        with SlowServer() as server:
            self.start(server.url)
            server.may_read.set()
            body = self.message(SIZE)

            def release():
                self.wait_until_stalled(self.proxy)
                server.may_read.set()

            for what, hooks in (("the same, fast", ()), ("a slow server", (
                    server.may_read.clear, release)), ("the same after it", ())):
                answer = self.assert_bounded(what, body, 1, "EchoMt", *hooks)
                self.assertIn(str(len(body) + len(server.session) - 1), answer.decode())
        self.assertEqual(server.errors, [])


if __name__ == "__main__":
    unittest.main()
