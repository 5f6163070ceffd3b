"""Descriptors that run out: who can be served still is, who can't is told or waits, and all is well
again once there is room, without a restart."""

import os
import pathlib
import resource
import socket
import time
import unittest

from support import BASE, SLOWNESS, TIMEOUT, SystemTest, eventually, parse_responses

RECOVERY = 1.0 * SLOWNESS  # seconds


def open_clients(port, count):
    return [socket.create_connection(("127.0.0.1", port), TIMEOUT) for _ in range(count)]


def ask(sock, target="/echo"):
    """One request on a connection that stays open; the answer, or None if none comes soon."""
    sock.sendall(f"GET {BASE}{target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    sock.settimeout(0.5 * SLOWNESS)
    try:
        return parse_responses(sock.recv(65536))[0]
    except TimeoutError:
        return None


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
        self.limit(8)
        crowd = open_clients(self.proxy.port, 60)
        waiting = open_clients(self.proxy.port, 1)[0]
        self.assertIsNone(ask(waiting))
        for _ in range(20):
            self.assertEqual(ask(served).status, 200, "a client that is connected is served")
        for sock in crowd:
            sock.close()
        started = time.monotonic()
        waiting.settimeout(TIMEOUT)
        self.assertEqual(parse_responses(waiting.recv(65536))[0].status, 200)
        self.assertEqual(self.proxy.get("/echo").status, 200)
        seconds = time.monotonic() - started
        print(f"measured: first answers {seconds:.3f} s after descriptors were free", flush=True)
        self.assertLess(seconds, RECOVERY)

    def test_a_request_that_finds_none_for_its_upstream_connection_is_503(self):
        clients = open_clients(self.proxy.port, 3)
        for sock in clients:
            self.assertEqual(ask(sock).status, 200)
        # The connection that is kept is in use while the others ask.
        clients[0].sendall(f"GET {BASE}/slow?ms=2000 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        eventually(lambda: self.proxy.metric("vsaproxy_connections", side="upstream",
                                             state="active") == 1)
        self.fill_descriptors()
        answer = ask(clients[1])
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (503, "overloaded"))
        self.assertIsNotNone(answer.header("Retry-After"))
        self.limit(None)
        self.assertEqual(ask(clients[1]).status, 200)

    def fill_descriptors(self):
        self.limit(0)
        # Those below the highest one may be free: idle clients take them.
        self.crowd = open_clients(self.proxy.port, 70)
        self.addCleanup(lambda: [sock.close() for sock in self.crowd])
        eventually(lambda: self.proxy.descriptors() >= resource.prlimit(
            self.proxy.pid, resource.RLIMIT_NOFILE)[0])

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
            sock.settimeout(RECOVERY)
            self.assertIn(b" 200 ", sock.recv(65536))


if __name__ == "__main__":
    unittest.main()
