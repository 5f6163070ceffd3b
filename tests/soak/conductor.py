"""Runs the proxy between clients and upstream, troubles all of them, measures, and says whether
everything was right."""

import asyncio
import os
import random
import ssl
import statistics
import time

from clients import Client
from journal import Journal
from support import USERNAME, Authority, Proxy
from upstream import Upstream

SAMPLE_SECONDS = 10
# Memory may not grow by more from the second third of a run to the last; shorter runs still warm up.
MOST_GROWTH = 0.02
SHORTEST_JUDGED = 9 * 60
MOST_TOLD = 20  # of what is wrong, each time
MOST_LOOKS = 40  # of half a second, before all is quiet


class Conductor:
    def __init__(self, directory, seed, seconds):
        self._directory = directory
        self._seed = seed
        self._seconds = seconds
        self._dice = random.Random(f"{seed}/conductor")
        self._journal = Journal()
        self._upstream = Upstream(seed, self._journal)
        self._memory = []  # (seconds since the start, {"pss": …})
        self._secrets = 0
        self._log = []  # the proxy's, since the last look
        self._reloads = 0
        self._problems = []
        self._told = 0  # of what was wrong
        self._authority = Authority(directory)
        self._authority.issue("proxy")

    async def run(self):
        """The exit code."""
        self._rotate_secret()
        await self._upstream.start()
        proxy = self._proxy = Proxy(self._directory, self._config())
        try:
            await asyncio.to_thread(lambda: proxy.start().wait_ready())
            self._started = time.monotonic()
            tasks = [self._troubles(self._kill, 6, 12), self._troubles(self._break_logins, 8, 20),
                     self._troubles(self._reload, 2, 4), self._troubles(self._revoke, 5, 10),
                     self._troubles(self._reject_logins, 40, 80), self._watch()]
            tasks += [client.run(self._is_over) for client in self._clients()]
            await asyncio.gather(*tasks)
            await self._check_quiet()
        except BaseException:
            print(*proxy.log()[-20:], sep="\n")
            raise
        finally:
            running = proxy.is_running
            code = await asyncio.to_thread(proxy.stop)
            if not running or code != 0:
                self._problems.append(f"the proxy ended with {code}: {proxy.log()[-10:]}")
        return self._verdict()

    def _is_over(self):
        return time.monotonic() - self._started >= self._seconds

    def _config(self, number=0):
        """Another number is another configuration; every third has pools of its own."""
        certificate = {"certificate": {"file": "proxy.crt"}, "key": {"file": "proxy.key"}}
        return {
            "version": 1, "workers": 1 + self._seed % 2, "log": {"format": "json"},
            "state_dir": str(self._directory / "state"), "runtime_dir": str(self._directory / "run"),
            "listeners": [{"name": "plain", "address": "127.0.0.1:0"},
                          {"name": "tls", "address": "127.0.0.1:0", "tls": certificate},
                          {"name": "unix", "address": "unix:soak.sock"}],
            "credentials": {"soak": {
                "type": "kaseya-vsa9", "username": USERNAME, "token": {"file": "soak.pat"},
                "login_timeout": "3s", "backoff": {"min_backoff": "100ms", "max_backoff": "1s"},
                "renew_before": "3s", "login_budget": {"rejected": 100, "per": "1h"}}},
            "upstreams": {"soak": {
                "url": f"http://127.0.0.1:{self._upstream.port}", "auth": "soak",
                "timeouts": {"response_header": f"{2000 + number % 3}ms"}}},
            "routes": [{"name": "unused", "match": {"path_prefix": f"/unused/{number}"},
                        "upstream": "soak"},
                       {"name": "soak", "match": {"path_prefix": "/"}, "upstream": "soak"}],
            "admin": {"address": "127.0.0.1:0"}}

    def _clients(self, prefix=""):
        port, trust = self._proxy.ports, self._authority.client_context()
        trust.minimum_version = ssl.TLSVersion.TLSv1_2
        large = {"limit": 1 << 20}
        ways = {
            "kept": (6, {}, lambda: asyncio.open_connection("127.0.0.1", port["plain"], **large)),
            "pipelined": (3, {"depth": 4},
                          lambda: asyncio.open_connection("127.0.0.1", port["plain"], **large)),
            "forward": (2, {"prefix": f"http://127.0.0.1:{self._upstream.port}"},
                        lambda: asyncio.open_connection("127.0.0.1", port["plain"], **large)),
            "tls": (3, {}, lambda: asyncio.open_connection(
                "localhost", port["tls"], ssl=trust, family=2, **large)),
            "unix": (3, {"depth": 2}, lambda: asyncio.open_unix_connection(
                self._directory / "run" / "soak.sock", **large))}
        return [Client(f"{prefix}{name}{number}", self._seed, self._journal, connect, **options)
                for name, (count, options, connect) in ways.items() for number in range(count)]

    async def _troubles(self, make_trouble, least, most):
        """Makes it again and again, with pauses of that many seconds, to the end of the load."""
        while True:
            pause = self._dice.uniform(least, most)
            if time.monotonic() + pause + 4 > self._started + self._seconds:
                return
            await asyncio.sleep(pause)
            await make_trouble()

    async def _kill(self):
        with self._journal.trouble("upstream"):
            await self._upstream.kill()
            await asyncio.sleep(self._dice.uniform(0.1, 1.5))
            await self._upstream.start()

    async def _break_logins(self):
        with self._journal.trouble("login"):
            self._upstream.login_mode = self._dice.choice(("failing", "reset", "stall"))
            self._upstream.revoke()
            await asyncio.sleep(self._dice.uniform(0.5, 2))
            self._upstream.login_mode = "ok"

    async def _revoke(self):
        self._upstream.revoke()

    async def _reject_logins(self):
        """The server has a new secret at once, we a second later, as when an operator changes it."""
        with self._journal.trouble("login"):
            self._upstream.secret = self._next_secret()
            self._upstream.revoke()
            await asyncio.sleep(1)
            self._write_secret()

    def _next_secret(self):
        self._secrets += 1
        return f"soak-{self._seed}-{self._secrets}-{self._dice.randrange(1 << 30)}"

    def _rotate_secret(self):
        self._upstream.secret = self._next_secret()
        self._write_secret()

    def _write_secret(self):
        new = self._directory / "soak.new"
        new.write_text(self._upstream.secret + "\n")
        new.chmod(0o600)
        new.replace(self._directory / "soak.pat")

    async def _reload(self):
        self._reloads += 1
        config = self._config(self._reloads)
        if self._reloads % 5 == 0:
            config["no_such_key"] = 1  # refused: the former configuration stays
        self._proxy.write_config(config)
        self._proxy.reload()

    async def _watch(self):
        while not self._is_over():
            await asyncio.sleep(min(SAMPLE_SECONDS, self._seconds / 3))
            if not self._proxy.is_running:
                raise RuntimeError("the proxy ended")
            at = time.monotonic() - self._started
            self._memory.append((at, self._proxy.memory()))
            self._look_through_log()
            self._tell_news()
            print(f"{at:6.0f} s  {sum(self._journal.outcomes.values())} answers, PSS "
                  f"{self._memory[-1][1]['pss'] / 1024:.0f} KiB, {self._proxy.descriptors()} "
                  f"descriptors, logins {self._upstream.logins}, "
                  f"{len(self._journal.wrong)} wrong", flush=True)

    def _tell_news(self):
        """What was wrong is told at once, with what the proxy says of it: half an hour is long."""
        for text in self._journal.wrong[self._told:][:MOST_TOLD]:
            print("WRONG:", text, flush=True)
            identity = text.partition(":")[0].rpartition(" ")[2]
            for line in self._log:
                if f"/{identity}\"" in line or f"/{identity}?" in line:
                    print("  log:", line, flush=True)
        self._told = len(self._journal.wrong)

    def _look_through_log(self):
        """No secret in it; then it is emptied, so that it does not fill the disk."""
        text = self._proxy.stderr_path.read_text(errors="replace")
        self._log = text.splitlines()
        if any(secret in text for secret in [self._upstream.secret, *self._upstream.tokens[-50:]]):
            self._problems.append("a secret is in the log")
        for line in self._log:
            is_meant = "login stopped" in line or "no_such_key" in line
            if "Sanitizer" in line or ('"level":"error"' in line and not is_meant):
                self._problems.append(line[:300])
        os.truncate(self._proxy.stderr_path, 0)

    async def _outcomes_of(self, prefix, seconds):
        """What new clients get in so many seconds."""
        before = self._journal.outcomes.copy()
        ends = time.monotonic() + seconds
        await asyncio.gather(*(client.run(lambda: time.monotonic() > ends)
                               for client in self._clients(prefix)))
        return self._journal.outcomes - before

    async def _check_quiet(self):
        """Without any fault every answer is an answer of the upstream; the proxy keeps nothing."""
        self._upstream.is_faulty = False
        # A session that was acquitted among the faults is checked once in 10 s: till then 401 passes.
        for number in range(MOST_LOOKS):
            if set(await self._outcomes_of(f"settling-{number}-", 0.5)) == {200}:
                break
        outcomes = await self._outcomes_of("quiet-", 2)
        print(f"without faults: {dict(outcomes)}")
        if set(outcomes) != {200}:
            self._problems.append(f"without faults: {dict(outcomes)}")
        await asyncio.to_thread(self._wait_until_no_clients)

    def _wait_until_no_clients(self):
        for _ in range(50):
            clients = self._proxy.metric("vsaproxy_connections", side="client")
            if clients == 0:
                return
            time.sleep(0.1)
        self._problems.append(f"{clients:.0f} connections of clients that are gone")

    def _verdict(self):
        journal, logins = self._journal, self._upstream.logins
        print(f"faults: {dict(sorted(journal.faults.items()))}, {self._reloads} reloads")
        print(f"answers: {dict(sorted(journal.outcomes.items(), key=str))}")
        print(f"applied twice, as idempotent requests may be: {journal.replays}")
        print("PSS in KiB:", *(memory["pss"] // 1024 for _, memory in self._memory))
        self._judge_memory()
        if logins["rejected"] > self._secrets:
            self._problems.append(f"{logins['rejected']} rejected logins, {self._secrets} secrets")
        self._tell_news()
        for text in self._problems:
            print("PROBLEM:", text)
        is_right = not self._problems and not journal.wrong
        print("verdict:", "everything was right" if is_right else
              f"{len(self._problems)} problems, {len(journal.wrong)} wrong answers", flush=True)
        return 0 if is_right else 1

    def _judge_memory(self):
        def mean(begin, end):
            return statistics.mean(memory["pss"] for at, memory in self._memory
                                   if begin * self._seconds <= at <= end * self._seconds + 1)
        middle, last = mean(1 / 3, 2 / 3), mean(2 / 3, 1)
        growth = last / middle - 1
        print(f"PSS: {middle / 1024:.0f} KiB in the second third of the run, {last / 1024:.0f} KiB "
              f"in the last: {growth:+.1%}")
        if self._seconds >= SHORTEST_JUDGED and growth > MOST_GROWTH:
            self._problems.append(f"the memory grew by {growth:.1%}")
