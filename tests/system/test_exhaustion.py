"""Descriptors that run out: who can be served still is, who can't is told or waits, and all is well
again once there is room, without a restart."""

import collections
import os
import pathlib
import resource
import socket
import time
import unittest

from support import BASE, SLOWNESS, TIMEOUT, SystemTest, eventually, parse_responses

RECOVERY = 1.0 * SLOWNESS  # seconds
ROUNDS = 3  # of a measurement: a busy machine spoils one


def open_clients(port, count):
    return [socket.create_connection(("127.0.0.1", port), TIMEOUT) for _ in range(count)]


def send(sock, target="/echo", prefix=""):
    """One request on a connection that stays open."""
    sock.sendall(f"GET {prefix}{BASE}{target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def receive(sock):
    sock.settimeout(TIMEOUT)
    return parse_responses(sock.recv(65536))[0]


def ask(sock, target="/echo", prefix=""):
    send(sock, target, prefix)
    return receive(sock)


def is_silent(sock, seconds=0.3):
    """Nothing comes for so long."""
    sock.settimeout(seconds)
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True


# It looks at memory through a pipe, for which there is no descriptor, and calls it bad.
@unittest.skipIf("undefined" in os.environ.get("SANITIZE", ""), "not with UBSan")
class Descriptors(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()
        self.proxy = self.start_proxy(self.config(self.simulator.url, workers=1)).wait_ready()

    def limit(self, spare):
        """Leaves the running proxy so many descriptors; None takes the limit back."""
        hard = resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE)[1]
        # A descriptor's number counts, not how many there are.
        highest = max(map(int, os.listdir(f"/proc/{self.proxy.pid}/fd")))
        resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE,
                         (hard if spare is None else highest + 1 + spare, hard))

    def cpu_seconds(self):
        stat = pathlib.Path(f"/proc/{self.proxy.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_clients_that_find_none_wait_and_are_served_within_a_second_of_room(self):
        served = open_clients(self.proxy.port, 1)[0]
        self.assertEqual(ask(served).status, 200)
        seconds = min(self.recovery(served) for _ in range(ROUNDS))
        print(f"measured: first answers {seconds:.3f} s after descriptors were free", flush=True)
        self.assertLess(seconds, RECOVERY)

    def recovery(self, served):
        """Seconds from room to the answers of who waited and of who comes then."""
        self.fill_descriptors(8)
        waiting = open_clients(self.proxy.port, 1)[0]
        send(waiting)
        self.assertTrue(is_silent(waiting))
        for _ in range(20):
            self.assertEqual(ask(served).status, 200, "a client that is connected is served")
        for sock in self.crowd:
            sock.close()
        started = time.monotonic()
        self.assertEqual(receive(waiting).status, 200)
        self.assertEqual(self.proxy.get("/echo").status, 200)
        waiting.close()
        return time.monotonic() - started

    def test_a_request_that_finds_none_waits_for_a_connection_that_is_in_use(self):
        clients = open_clients(self.proxy.port, 2)
        for sock in clients:
            self.assertEqual(ask(sock).status, 200)
        self.start_slow_request(clients[0])
        self.fill_descriptors()
        send(clients[1])
        self.assertEqual([receive(sock).status for sock in clients], [200, 200])

    def test_a_request_that_finds_none_and_nothing_to_wait_for_is_503(self):
        config = self.config(self.simulator.url, workers=1)
        config["upstreams"]["other"] = {"url": self.simulator.url, "auth": "none",
                                        "pool": {"max_connections": 3}}
        config["routes"] = [{"name": "other", "match": {"path_prefix": "/other"},
                             "upstream": "other", "strip_prefix": "/other"},
                            {"name": "vsa", "match": {"path_prefix": "/"}, "upstream": "vsa"}]
        self.proxy = self.start_proxy(config).wait_ready()
        clients = open_clients(self.proxy.port, 2)
        for sock in clients:
            self.assertEqual(ask(sock).status, 200)
        self.fill_descriptors()
        answer = ask(clients[1], "/echo", prefix="/other")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (503, "overloaded"))
        self.assertIsNotNone(answer.header("Retry-After"))
        self.assertEqual(ask(clients[0]).status, 200, "others have their connection")
        self.limit(None)
        self.assertNotIn("X-Proxy-Error", dict(ask(clients[1], "/echo", prefix="/other").headers))

    def start_slow_request(self, sock):
        """It has the only connection to the upstream for a while."""
        send(sock, "/slow?ms=2000")
        eventually(lambda: self.proxy.metric("vsaproxy_connections", side="upstream",
                                             state="active") == 1)

    def fill_descriptors(self, spare=0):
        """Idle clients take all there are, so many of them for sure."""
        self.limit(spare)
        # Those below the highest one may be free, and the proxy may have a file open for a moment.
        self.crowd = open_clients(self.proxy.port, 70)
        self.addCleanup(lambda crowd: [sock.close() for sock in crowd], self.crowd)
        most = resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE)[0]
        looks = collections.deque(maxlen=10)

        def is_full():
            looks.append(self.proxy.descriptors() >= most)
            return len(looks) == looks.maxlen and all(looks)

        eventually(is_full)

    def test_the_admin_page_waits_as_well_and_costs_no_processor_time(self):
        self.fill_descriptors()
        mark, begun = self.proxy.log_mark(), self.cpu_seconds()
        with socket.create_connection(("127.0.0.1", self.proxy.admin_port), TIMEOUT) as sock:
            sock.settimeout(1)
            with self.assertRaises(TimeoutError):
                sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                sock.recv(1)
            spent = self.cpu_seconds() - begun
            self.assertLess(spent, 0.3)
            self.assertLess(len(self.proxy.log(mark)), 10)
            self.limit(None)
            sock.settimeout(TIMEOUT)
            self.assertIn(b" 200 ", sock.recv(65536))


if __name__ == "__main__":
    unittest.main()
