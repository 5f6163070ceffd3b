"""Slow heads, slow bodies and slow readers of Debian's slowhttptest, and what a normal client sees of
them. With VSAPROXY_FULL=1: 2,000 connections for a minute each, else fewer for 8 seconds."""

import asyncio
import os
import pathlib
import shutil
import subprocess
import threading
import time
import unittest

from http_tools import call_head, read_response
from load_tools import IS_SANITIZED, KIB, MIB, LoadTest
from support import BASE, TIMEOUT, LoadReport, echo_call

IS_FULL = os.environ.get("VSAPROXY_FULL") == "1"
CONNECTIONS = 100 if IS_SANITIZED else 2000 if IS_FULL else 400
SECONDS = 60 if IS_FULL else 8
LATENCY = 0.1        # of the 99th percentile
MEMORY = 100 * MIB
ANSWER = 64 * KIB    # what slow readers ask for: more than the kernel alone keeps
INTERVAL = 0.02
REFERER = b"Referer:"


class SlowAttacks(LoadTest):
    def setUp(self):
        self.simulator = self.start_simulator()
        self.proxy = self.start_proxy(self.config(self.simulator.url)).wait_ready()

    def tool(self):
        """slowhttptest without its Referer, for which the proxy would refuse it as a browser."""
        program = pathlib.Path(shutil.which("slowhttptest")).read_bytes()
        self.assertEqual(program.count(REFERER), 1)
        copy = self.directory / "slowhttptest"
        copy.write_bytes(program.replace(REFERER, b"X-Other:"))
        copy.chmod(0o700)
        return copy

    def attack(self, target, *options):
        """Begins it; a subprocess.Popen."""
        with open(self.directory / "attack.log", "wb") as output:
            return subprocess.Popen(
                [self.tool(), *options, "-c", str(CONNECTIONS), "-r", str(CONNECTIONS // 2),
                 "-l", str(SECONDS), "-u", f"http://127.0.0.1:{self.proxy.port}{BASE}{target}"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    async def ask_steadily(self, is_over):
        """A normal client's request every so often, whatever became of those before: who is kept
        waiting must not be asked less."""
        report, tasks = LoadReport(), []
        started = time.monotonic()
        while not is_over() and time.monotonic() < started + SECONDS + TIMEOUT:
            due = started + len(tasks) * INTERVAL
            await asyncio.sleep(max(0, due - time.monotonic()))
            tasks.append(asyncio.ensure_future(self.ask(report, len(tasks), due)))
        await asyncio.gather(*tasks)
        report.seconds = time.monotonic() - started
        return report

    async def ask(self, report, number, due):
        call = echo_call(BASE, number)
        try:
            async with asyncio.timeout(TIMEOUT):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy.port)
                writer.write(call_head(call, "localhost"))
                answer, _ = await read_response(reader, call.method)
                writer.close()
        except (OSError, EOFError, TimeoutError) as error:
            return report.fail(repr(error))
        report.statuses[answer.status] += 1
        report.latencies.append(time.monotonic() - due)
        if problem := call.check(answer):
            report.fail(problem)

    def measure(self, what, attack):
        most = 0

        def watch():
            nonlocal most
            while not is_over.wait(0.2):
                most = max(most, self.proxy.metric("vsaproxy_connections", side="client"))

        is_over = threading.Event()
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            report = asyncio.run(self.ask_steadily(lambda: attack.poll() is not None))
        finally:
            is_over.set()
            watcher.join(TIMEOUT)
            if attack.poll() is None:
                attack.kill()
            attack.wait(TIMEOUT)
        memory = self.proxy.memory()["peak_rss"]
        self.measured(f"{what}, {SECONDS} s, up to {most:.0f} connections: a normal "
                      f"client's {report}; peak memory {memory / MIB:.1f} MiB")
        self.assert_all_right(report)
        self.assertGreater(most, CONNECTIONS * 0.8, "the attack did take place")
        if not IS_SANITIZED:
            self.assertLess(report.percentile(0.99), LATENCY)
            self.assertLess(memory, MEMORY)

    def test_slow_heads_delay_nobody(self):
        self.measure("slow heads", self.attack("/echo", "-H", "-i", "2"))

    def test_slow_bodies_delay_nobody(self):
        self.measure("slow bodies", self.attack("/sink", "-B", "-i", "2", "-s", "8192", "-x", "10"))

    def test_slow_long_bodies_delay_nobody(self):
        self.measure("slow long bodies",
                     self.attack("/sink", "-B", "-i", "2", "-s", "200000", "-x", "10"))

    def test_slow_readers_delay_nobody(self):
        self.measure("slow readers", self.attack(f"/large?bytes={ANSWER}", "-X", "-w", "512", "-y",
                                                 "1024", "-n", "2", "-z", "32"))


if __name__ == "__main__":
    unittest.main()
