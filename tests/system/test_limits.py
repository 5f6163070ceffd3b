"""Limits of an upstream over two workers, before a server that counts: how many requests are under
way, how many begin in a second, who waits, who is refused. And requests that wait for a login."""

import collections
import contextlib
import http.client
import signal
import socket
import threading
import time
import unittest

from support import (BASE, SLOWNESS, TIMEOUT, Call, RawUpstream, SystemTest, eventually,
                     in_background, parallel, request_on, run_load)


class CountingServer(RawUpstream):
    """Answers after `work` seconds, or, after hold(), one request for each let_go(). A request is
    under way from its last byte until its answer is about to leave."""

    work = 0

    def __init__(self):
        self.condition = threading.Condition()
        self.permits = None  # any number
        self.under_way = 0
        self.highest = 0
        self.begun = []      # (time, target)
        super().__init__(self.serve)

    def hold(self):
        with self.condition:
            self.permits = 0

    def let_go(self, count=None):
        """None: everything."""
        with self.condition:
            self.permits = None if count is None else self.permits + count
            self.condition.notify_all()

    def close(self):
        self.let_go()
        super().close()

    @property
    def targets(self):
        with self.condition:
            return [target for _, target in self.begun]

    def serve(self, peer):
        while (received := peer.read_request()) is not None:
            target = received[0].split(b" ")[1].decode()
            with self.condition:
                self.under_way += 1
                self.highest = max(self.highest, self.under_way)
                self.begun.append((time.monotonic(), target))
                if self.work:
                    self.condition.wait(self.work)
                self.condition.wait_for(lambda: self.permits is None or self.permits > 0, TIMEOUT)
                if self.permits is not None:
                    self.permits -= 1
                self.under_way -= 1
            if "reset" in target:
                return peer.reset()
            peer.answer(target.encode())


class LimitsTest(SystemTest):
    def start(self, limits, **changes):
        self.server = CountingServer()
        self.addCleanup(self.server.close)
        self.changes = {"auth": "none", "workers": 2, **changes}
        self.proxy = self.start_proxy(self.with_limits(limits))
        return self.proxy

    def with_limits(self, limits):
        changes = dict(self.changes)
        upstream = {"limits": limits, **changes.pop("upstream", {})}
        return self.config(self.server.url, upstream=upstream, **changes)

    def ask(self, target="/", address="127.0.0.1", method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=TIMEOUT,
                                                source_address=(address, 0))
        try:
            return request_on(connection, method, target, body)
        finally:
            connection.close()

    def ask_many(self, targets, address="127.0.0.1"):
        return [in_background(self.ask, target, address) for target in targets]

    def waiting(self):
        return self.proxy.metric("vsaproxy_waiting_requests", upstream="vsa")

    def wait_for_waiting(self, count):
        eventually(lambda: self.waiting() == count, message=f"{count} requests never waited")

    def fill(self, under_way, waiting=0):
        """So many requests that the server holds, and so many that wait for their turn."""
        self.server.hold()
        asked = self.ask_many(f"/{i}" for i in range(under_way))
        eventually(lambda: self.server.under_way == under_way)
        asked += self.ask_many(f"/waiting{i}" for i in range(waiting))
        self.wait_for_waiting(waiting)
        return asked

    def check_served(self, futures):
        self.assertEqual([future.result(TIMEOUT).status for future in futures],
                         [200] * len(futures))


class Concurrency(LimitsTest):
    def test_a_load_over_all_workers_reaches_the_limit_and_never_exceeds_it(self):
        self.start({"concurrency": 5, "queue": 1000})
        self.server.work = 0.002

        def make_call(number):
            target = f"/{number}"
            return Call("GET", target, check=lambda response: None if response.status == 200 and
                        response.body.decode() == target else f"{response}")

        report = run_load(self.proxy.port, 40, make_call, requests=3000)
        print(f"measured: concurrency 5: {report}, at most {self.server.highest} at once",
              flush=True)
        self.assertEqual(report.error_count, 0, str(report))
        self.assertEqual(self.server.highest, 5)
        self.assertEqual(self.waiting(), 0)

    def test_a_full_queue_answers_429_with_retry_after_and_what_waits_is_served(self):
        self.start({"concurrency": 1, "queue": 2})
        asked = self.fill(1, 2)
        late = self.ask("/late")
        self.assertEqual((late.status, late.header("X-Proxy-Error")), (429, "rate_limited"))
        self.assertEqual(late.header("Retry-After"), "1")
        self.assertEqual(late.json()["reason"], "rate_limited")
        self.assertEqual(self.proxy.metric("vsaproxy_refused_total", reason="rate_limited"), 1)
        self.server.let_go()
        self.check_served(asked)
        self.assertNotIn("/late", self.server.targets)
        self.assertEqual(self.ask("/again").status, 200)

    def test_a_client_with_many_requests_does_not_hold_up_another_one(self):
        self.start({"concurrency": 1, "queue": 100})
        asked = self.fill(1, 30)
        asked += self.ask_many(["/modest"], address="127.0.0.2")
        self.wait_for_waiting(31)
        for _ in range(2):
            begun = len(self.server.targets)
            self.server.let_go(1)
            eventually(lambda: len(self.server.targets) > begun)
        self.assertIn("/modest", self.server.targets[1:3])
        self.server.let_go()
        self.check_served(asked)

    def test_in_a_full_queue_the_busiest_client_makes_room_for_others(self):
        self.start({"concurrency": 1, "queue": 4})
        asked = self.fill(1, 4)
        modest = self.ask_many(["/modest"], address="127.0.0.2")
        eventually(lambda: any(future.done() for future in asked))
        self.server.let_go()
        self.check_served(modest)
        statuses = collections.Counter(future.result(TIMEOUT).status for future in asked)
        self.assertEqual(statuses, {200: 4, 429: 1})

    def test_a_client_that_leaves_gives_its_place_in_the_queue_back(self):
        self.start({"concurrency": 1, "queue": 1})
        asked = self.fill(1)
        with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as sock:
            sock.sendall(b"GET /gone HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.wait_for_waiting(1)
            self.assertEqual(self.ask("/late").status, 429)
        self.wait_for_waiting(0)
        asked += self.ask_many(["/next"])
        self.wait_for_waiting(1)
        self.server.let_go()
        self.check_served(asked)
        self.assertEqual(self.server.targets, ["/0", "/next"])

    def test_a_wait_ends_with_503_after_the_time_for_an_answer(self):
        self.start({"concurrency": 1}, upstream={"timeouts": {"response_header": "2s"}})
        # A body that is still coming has no such time.
        with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as sock:
            sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" +
                         bytes(80_000))
            eventually(lambda: self.proxy.metric("vsaproxy_connections", side="upstream",
                                                 state="active") == 1)
            started = time.monotonic()
            answer = self.ask("/late")
            seconds = time.monotonic() - started
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (503, "overloaded"))
        self.assertIsNotNone(answer.header("Retry-After"))
        self.assertGreaterEqual(seconds, 1.99)
        self.assertLess(seconds, 2 + 3 * SLOWNESS)

    def test_slow_bodies_take_no_turn(self):
        self.start({"concurrency": 1})
        framings = {b"Content-Length: 50000": b"x", b"Content-Length: 1000000": b"x",
                    b"Transfer-Encoding: chunked": b"1\r\nx\r\n",
                    b"Transfer-Encoding: chunked\r\nExpect: 100-continue": b"1\r\nx\r\n"}
        with contextlib.ExitStack() as stack:
            slow = []
            for fields, byte in framings.items():
                sock = socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT)
                slow.append((stack.enter_context(sock), byte))
                sock.sendall(b"POST /slow HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n\r\n")
            eventually(lambda: self.proxy.metric("vsaproxy_connections", side="client",
                                                 state="active") == len(slow))
            started = time.monotonic()
            while time.monotonic() < started + 2.5:
                for sock, byte in slow:
                    sock.sendall(byte)
                self.assertEqual(self.ask("/quick").status, 200)
            sock.sendall(b"0\r\n\r\n")
            self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 100"))
            eventually(lambda: "/slow" in self.server.targets)
        self.assertEqual(self.server.targets.count("/slow"), 1)

    def test_a_reload_with_a_higher_limit_lets_waiting_requests_go(self):
        self.start({"concurrency": 1})
        asked = self.fill(1, 2)
        self.proxy.write_config(self.with_limits({"concurrency": 2}))
        self.proxy.reload()
        eventually(lambda: self.server.under_way == 2)
        self.wait_for_waiting(1)
        asked += self.ask_many(["/after"])
        self.wait_for_waiting(2)
        self.server.let_go()
        self.check_served(asked)
        self.assertEqual(self.server.highest, 2)

    def test_a_proxy_that_ends_serves_what_waits(self):
        self.start({"concurrency": 1})
        asked = self.fill(1, 3)
        self.proxy.send_signal(signal.SIGTERM)
        self.proxy.wait_for_log("draining")
        self.server.let_go()
        self.check_served(asked)
        self.assertEqual(self.proxy.wait_exit(), 0)
        self.assertEqual(self.server.highest, 1)


class Rate(LimitsTest):
    def test_requests_begin_at_the_rate_after_a_burst(self):
        rate, burst, count = 50, 10, 200
        self.start({"rate": f"{rate}/s", "burst": burst, "queue": 1000})
        report = run_load(self.proxy.port, 20, lambda number: Call("GET", f"/{number}"),
                          requests=count)
        times = sorted(begun for begun, _ in self.server.begun)
        seconds = times[-1] - times[0]
        in_a_second = max(sum(1 for other in times if begun <= other < begun + 1)
                          for begun in times)
        print(f"measured: rate {rate}/s, burst {burst}: {count} requests in {seconds:.2f} s, at "
              f"most {in_a_second} in one second", flush=True)
        self.assertEqual(report.statuses, {200: count}, str(report))
        expected = (count - burst) / rate
        self.assertGreater(seconds, 0.97 * expected)
        self.assertLess(seconds, 1.25 * expected + 2 * SLOWNESS)
        # As the server sees them: some may have been late in coming.
        self.assertLess(in_a_second, 1.3 * rate + burst)

    def test_without_a_queue_what_is_too_fast_is_told_when_to_come_again(self):
        self.start({"rate": "4/m", "burst": 2, "queue": 0})
        answers = [self.ask(f"/{i}") for i in range(4)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 429, 429])
        self.assertIn(int(answers[3].header("Retry-After")), range(10, 16))


class NothingLeaks(LimitsTest):
    def ask_somehow(self, number):
        """One request, and how it ends depends on its number."""
        kind = number % 10
        if kind < 2:
            with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as sock:
                sock.sendall(f"GET /leaves{number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                return "left"
        address = f"127.0.0.{2 + number % 3}"
        if kind == 2:
            return self.ask(f"/reset{number}", address, "POST", b"x").status
        if kind == 3:
            return self.ask(f"/{number}", address, "POST", bytes(100_000)).status
        return self.ask(f"/{number}", address).status

    def test_after_2000_requests_of_all_kinds_every_turn_is_free_again(self):
        limits = {"concurrency": 4, "rate": "2000/s", "burst": 50, "queue": 6}
        self.start(limits)
        descriptors = self.proxy.descriptors()
        outcomes = collections.Counter()

        def work(thread):
            for number in range(thread, 2000, 16):
                outcomes[self.ask_somehow(number)] += 1
                if number == 800:
                    self.proxy.write_config(self.with_limits({**limits, "concurrency": 3}))
                    self.proxy.reload()

        parallel(16, work)
        print(f"measured: 2000 mixed requests: {dict(outcomes)}", flush=True)
        self.assertLessEqual(set(outcomes), {"left", 200, 429, 502})
        self.assertGreater(outcomes[200], 500)
        self.assertGreater(outcomes[502], 0)
        self.wait_for_waiting(0)
        eventually(lambda: self.server.under_way == 0)
        eventually(lambda: self.proxy.metric("vsaproxy_connections", side="client") == 0)
        asked = self.fill(3, 1)
        self.assertEqual(self.server.under_way, 3)
        self.server.let_go()
        self.check_served(asked)
        # Idle connections to the server are kept.
        eventually(lambda: self.proxy.descriptors() <= descriptors + 8)


class SilentLogin(SystemTest):
    CLIENTS = 150
    BODY = 400_000
    KEPT = 2 * 64 * 1024  # for each at most: replay.max_body, and what was read ahead

    def test_a_flood_that_waits_for_a_login_keeps_memory_bounded_and_others_are_served(self):
        simulator = self.start_simulator(login="hanging")
        server = CountingServer()
        self.addCleanup(server.close)
        # What can't be replayed waits 10 s more.
        config = self.config(simulator.url, auth=self.credential(login_timeout="5s"))
        config["upstreams"]["open"] = {"url": server.url, "auth": "none"}
        config["routes"] = [{"upstream": "open", "match": {"path_prefix": "/open"}},
                            {"upstream": "vsa"}]
        proxy = self.start_proxy(config)
        proxy.request("GET", "/open")
        before = proxy.memory()["rss"]
        with contextlib.ExitStack() as stack:
            flood = [stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port),
                                                                  TIMEOUT))
                     for _ in range(self.CLIENTS)]
            sent = sum(self.push(sock) for sock in flood)
            eventually(lambda: proxy.metric("vsaproxy_connections", side="client",
                                            state="active") == self.CLIENTS)
            started = time.monotonic()
            answers = [proxy.request("GET", f"/open/{i}") for i in range(20)]
            seconds = time.monotonic() - started
            grown = proxy.memory()["rss"] - before
            print(f"measured: {self.CLIENTS} requests wait for a login, {sent >> 20} MiB sent by "
                  f"them: memory grew by {grown >> 20} MiB; 20 requests of others took "
                  f"{seconds:.2f} s", flush=True)
            self.assertEqual({answer.status for answer in answers}, {200})
            self.assertLess(seconds, 4 * SLOWNESS)
            if SLOWNESS == 1:  # instrumented programs keep what was freed
                self.assertLess(grown, self.CLIENTS * (self.KEPT + 32 * 1024) + (8 << 20))
            for sock in flood:
                sock.settimeout(15 + TIMEOUT)
                self.assertIn(b"X-Proxy-Error: login_unavailable", sock.recv(65536))
        eventually(lambda: proxy.metric("vsaproxy_connections", side="client") == 0)
        self.assertEqual(proxy.request("GET", "/open").status, 200)

    def push(self, sock):
        """A request, as much of it as is taken without waiting; returns how much that was."""
        head = (f"POST {BASE}/sink HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Length: {self.BODY}\r\n\r\n")
        data = head.encode() + bytes(self.BODY)
        sock.setblocking(False)
        sent = 0
        try:
            while sent < len(data):
                sent += sock.send(data[sent:])
        except BlockingIOError:
            pass
        return sent


if __name__ == "__main__":
    unittest.main()
