"""2000 requests at once whose session was just refused: how long they take until each has its 200,
beside the same burst with a good session. The proxy has one CPU, all others another one."""

import contextlib
import datetime
import os
import pathlib
import statistics
import subprocess

from counts_process import allow_descriptors
from counts_setup import Bench, Row

CONNECTIONS = 2000
LIMIT = 2500
ROUNDS = 5
DATA_DELAY_MS = 50
TARGET = "/api/v1.0/echoauth"  # wants a session
TIMEOUT = 120
SOURCE = pathlib.Path(__file__).resolve().parent / "burst.cc"


def build_burst(folder):
    """Compiles burst.cc if nobody has."""
    program = folder / "burst"
    subprocess.run(["c++", "-std=c++20", "-O2", "-o", program, SOURCE], check=True,
                   timeout=TIMEOUT)
    return program


class Client:
    """The program of burst.cc, connected."""

    def __init__(self, program, port):
        self.process = subprocess.Popen(
            [program, str(port), str(CONNECTIONS), TARGET],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._line()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def burst(self):
        """(milliseconds of the whole burst, sorted latencies); RuntimeError unless all are 200."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        whole, *answers = self._line().split()
        wrong = [answer for answer in answers if not answer.startswith("200:")]
        if wrong or len(answers) != CONNECTIONS:
            raise RuntimeError(f"{len(answers)} answers, {len(wrong)} not 200: {wrong[:5]}")
        return float(whole), sorted(float(answer.partition(":")[2]) for answer in answers)

    def _line(self):
        """burst.cc bounds the time of a burst, so that this ends."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"burst ended with {self.process.wait(TIMEOUT)}")
        return line


def cpu_ms(pid):
    """The CPU time that its threads have used."""
    return sum(int((thread / "schedstat").read_text().split()[0])
               for thread in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e6


def good_burst(client, proxy):
    """(milliseconds of the whole burst, sorted latencies, the proxy's CPU milliseconds)"""
    before = cpu_ms(proxy.pid)
    whole, latencies = client.burst()
    return whole, latencies, cpu_ms(proxy.pid) - before


def refused_burst(client, simulator, proxy):
    """As good_burst with a session that the server has just ended; also returns the milliseconds
    from its begin until the new session was there. None if the machine was so slow that the login
    came before the last request was sent. RuntimeError unless it cost exactly one login."""
    before = simulator.stats()
    mark = proxy.log_mark()
    simulator.revoke()
    began = datetime.datetime.now(datetime.timezone.utc)
    result = good_burst(client, proxy)
    after = simulator.stats()
    logins = sum(after["logins"].values()) - sum(before["logins"].values())
    answered, refused = (after["data"][outcome] - before["data"][outcome]
                         for outcome in ("ok", "refused"))
    if (logins, answered) != (1, CONNECTIONS):
        raise RuntimeError(f"{logins} logins, {answered} requests answered, {refused} refused")
    line = proxy.wait_for_log(r"^(\S+) info +login succeeded", since=mark)
    logged_in = datetime.datetime.fromisoformat(line[1])
    waited = (logged_in - began).total_seconds() * 1000
    return (*result, waited) if refused == CONNECTIONS else None


def rounds(client, simulator, proxy):
    """Results of good and of refused bursts, taking turns."""
    good, refused = [], []
    for _ in range(4 * ROUNDS):
        good.append(good_burst(client, proxy))
        if result := refused_burst(client, simulator, proxy):
            refused.append(result)
        if len(refused) == ROUNDS:
            return good, refused
    raise RuntimeError(f"in only {len(refused)} of {len(good)} bursts all requests were refused")


def summary(bursts):
    """The medians of the rounds' p50, p99, whole time and CPU time."""
    def share(latencies, part):
        return latencies[min(len(latencies) - 1, int(part * len(latencies)))]

    return [statistics.median(values) for values in zip(
        *((share(latencies, .5), share(latencies, .99), whole, cpu)
          for whole, latencies, cpu in bursts))]


@contextlib.contextmanager
def pinned():
    """Moves this process, and what it starts, to one CPU; gives the prefix that puts the proxy on
    another one."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        yield []
        return
    os.sched_setaffinity(0, cpus[1:2])
    try:
        yield ["taskset", "-c", str(cpus[0])]
    finally:
        os.sched_setaffinity(0, cpus)


def burst(options):
    allow_descriptors(2 * LIMIT + 1000)
    with Bench() as bench:
        program = options.burst or build_burst(bench.directory)
        prefix = bench.enter_context(pinned())
        simulator = bench.simulator(requires_token=True, data_delay_ms=DATA_DELAY_MS)
        proxy = bench.proxy(
            simulator.url, "kaseya-vsa9", prefix=prefix, limits={"connections": LIMIT},
            upstream={"pool": {"max_connections": LIMIT}})
        client = Client(program, proxy.port)
        bench.callback(client.close)
        client.burst()  # opens the connections to the origin
        good, refused = rounds(client, simulator, proxy)
    yield from rows(good, refused, len(prefix) > 0)


def rows(good, refused, is_pinned):
    place = "" if is_pinned else ", only one CPU"
    for name, bursts in (("good session", good), ("refused session", [r[:3] for r in refused])):
        p50, p99, whole, cpu = summary(bursts)
        yield Row("burst", f"{CONNECTIONS} at once, {name}", round(p50, 1), "ms (p50)",
                  f"p99 {p99:.1f} ms, all {whole:.1f} ms, proxy's CPU {cpu:.1f} ms, "
                  f"median of {len(bursts)}{place}")
    login = statistics.median(r[3] for r in refused)
    yield Row("burst", "begin until the new session", round(login, 1), "ms",
              f"1 login, {CONNECTIONS} refused, {CONNECTIONS} replayed to 200, each round")
