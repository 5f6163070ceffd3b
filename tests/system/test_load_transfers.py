"""What large bodies and idle clients cost in memory. The bounds are not asserted of instrumented
programs: their allocators keep what was freed, and shadow it."""

import asyncio
import functools
import hashlib
import http.client
import resource
import time
import unittest

from load_tools import IS_SANITIZED, KIB, MIB, LoadTest, slow
from support import BASE, TIMEOUT, Authority, eventually, in_background, pattern, pattern_sha256

GROWTH = 16 * MIB
TRANSFER = (64 if IS_SANITIZED else 1024) * MIB
TLS_TRANSFER = (16 if IS_SANITIZED else 256) * MIB
IDLE_CLIENTS = 500 if IS_SANITIZED else 5000
WAVE = 200
STALLED_CLIENTS = 16

expected_sha256 = functools.cache(pattern_sha256)


class Transfers(LoadTest):
    def connect(self, proxy, tls=None):
        if tls is None:
            return http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=slow(60))
        return http.client.HTTPSConnection("127.0.0.1", proxy.port, timeout=slow(60), context=tls)

    def download(self, connection, size, framing=""):
        connection.request("GET", f"{BASE}/large?bytes={size}{framing}")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        digest, length = hashlib.sha256(), 0
        while data := answer.read(256 * KIB):
            digest.update(data)
            length += len(data)
        self.assertEqual((length, digest.hexdigest()), (size, expected_sha256(size)))

    def upload(self, connection, size, headers):
        """In chunks if the headers state no length."""
        connection.request("POST", BASE + "/sink", pattern(size), headers)
        answer = connection.getresponse()
        body = answer.read()
        self.assertEqual(answer.status, 200, body)
        self.assertIn(f'"bytes":{size},"sha256":"{expected_sha256(size)}"',
                      body.decode().replace(" ", ""))

    def assert_bounded(self, proxy, what, size, transfer, *arguments):
        before = proxy.memory()["peak_rss"]
        started = time.monotonic()
        transfer(*arguments)
        seconds = time.monotonic() - started
        growth = proxy.memory()["peak_rss"] - before
        self.measured(f"{what} of {size // MIB} MiB: SHA-256 equal, peak memory "
                      f"{before / MIB:.1f} + {growth / MIB:.2f} MiB, {size / MIB / seconds:.0f} "
                      "MiB/s")
        if not IS_SANITIZED:
            self.assertLess(growth, GROWTH)

    def assert_transfers(self, simulator, proxy, size, tls=None):
        connection = self.connect(proxy, tls)
        # What the first request allocates once is not growth by size.
        self.download(connection, KIB)
        where = "TLS on both sides" if tls else "plain"
        self.assert_bounded(proxy, f"download, {where}", size, self.download, connection, size)
        self.assert_bounded(proxy, f"upload, {where}", size, self.upload, connection, size,
                            {"Content-Length": str(size)})
        part = size // 4
        self.assert_bounded(proxy, f"chunked download, {where}", part, self.download, connection,
                            part, "&chunked")
        self.assert_bounded(proxy, f"chunked upload, {where}", part, self.upload, connection,
                            part, {})
        connection.close()
        self.assertEqual(simulator.stats()["data"]["refused"], 0)

    def test_large_bodies_pass_in_bounded_memory(self):
        simulator = self.start_simulator()
        proxy = self.start_proxy(self.config(simulator.url)).wait_ready()
        self.assert_transfers(simulator, proxy, TRANSFER)

    def test_large_bodies_pass_in_bounded_memory_with_tls_on_both_sides(self):
        authority = Authority(self.directory)
        simulator = self.start_simulator(certificate=authority.issue("upstream"))
        listening = authority.issue("listener")
        proxy = self.start_proxy(self.config(
            simulator.url,
            upstream={"tls": {"ca": {"file": str(authority.ca.certificate)}, "only_ca": True}},
            listeners=[{"name": "local", "address": "127.0.0.1:0",
                        "tls": {"certificate": {"file": str(listening.certificate)},
                                "key": {"file": str(listening.key)}}}])).wait_ready()
        self.assert_transfers(simulator, proxy, TLS_TRANSFER, authority.client_context())

    def test_clients_that_read_nothing_hold_bounded_memory_and_lose_nothing(self):
        simulator = self.start_simulator()
        proxy = self.start_proxy(self.config(simulator.url)).wait_ready()
        size = 32 * MIB
        connections = [self.connect(proxy) for _ in range(STALLED_CLIENTS)]
        self.download(connections[0], KIB)
        before = proxy.memory()["peak_rss"]
        answers = []
        for connection in connections:
            connection.request("GET", f"{BASE}/large?bytes={size}")
            answers.append(connection.getresponse())
        self.wait_until_stalled(proxy)
        growth = proxy.memory()["peak_rss"] - before
        self.measured(f"{STALLED_CLIENTS} downloads of {size // MIB} MiB that nobody reads: peak "
                      f"memory {before / MIB:.1f} + {growth / MIB:.2f} MiB")
        if not IS_SANITIZED:
            self.assertLess(growth, GROWTH)
        for answer in answers:
            self.assertEqual(hashlib.sha256(answer.read()).hexdigest(), expected_sha256(size))
        for connection in connections:
            connection.close()


class IdleClients(LoadTest):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.assertGreater(hard, IDLE_CLIENTS + 500, "too few descriptors for this test")

    async def open_clients(self, port, count):
        """That many connections, a wave at a time, each after one request and its answer."""
        text = f"GET {BASE}/echoauth HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        gate = asyncio.Semaphore(WAVE)

        async def open_client():
            async with gate:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(text)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                return head.split(b" ")[1], writer

        return await asyncio.gather(*(open_client() for _ in range(count)))

    def settled_memory(self, proxy):
        """Once it stays the same for a while, but for pages that processes come to share: what busy
        moments took is given back a little later."""
        seen = []

        def is_settled():
            seen.append(proxy.memory())
            last = [memory["pss"] for memory in seen[-150:]]
            return len(last) == 150 and max(last) - min(last) < 64 * KIB

        eventually(is_settled, TIMEOUT + 15, "the memory of an idle proxy never settled")
        return seen[-1]

    def test_an_idle_client_costs_less_than_2_kib(self):
        simulator = self.start_simulator()
        proxy = self.start_proxy(self.config(
            simulator.url, limits={"client_idle_timeout": "10m"})).wait_ready()

        async def measure():
            # Some upstream connections and their pool are not what an idle client costs.
            first = await self.open_clients(proxy.port, WAVE)
            before = await asyncio.to_thread(self.settled_memory, proxy)
            clients = await self.open_clients(proxy.port, IDLE_CLIENTS)
            self.assertEqual({status for status, _ in clients}, {b"200"})
            after = await asyncio.to_thread(self.settled_memory, proxy)
            cost = (after["pss"] - before["pss"]) / IDLE_CLIENTS
            self.measured(f"{IDLE_CLIENTS} idle clients: {cost:.0f} bytes each (PSS "
                          f"{before['pss'] / MIB:.1f} to {after['pss'] / MIB:.1f} MiB, RSS "
                          f"{before['rss'] / MIB:.1f} to {after['rss'] / MIB:.1f} MiB, peak "
                          f"{after['peak_rss'] / MIB:.1f} MiB), {proxy.descriptors()} descriptors")
            if not IS_SANITIZED:
                self.assertLess(cost, 2 * KIB)
            self.assertGreater(proxy.descriptors(), IDLE_CLIENTS)
            for _, writer in first + clients:
                writer.close()

        asyncio.run(measure())
        answer = in_background(proxy.get, "/echoauth").result(TIMEOUT)
        self.assertEqual(answer.status, 200)
        eventually(lambda: proxy.descriptors() < 500, TIMEOUT, "descriptors are not given back")


if __name__ == "__main__":
    unittest.main()
