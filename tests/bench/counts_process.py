"""What the process costs beside requests: the time from exec to the first answer, and the memory
of client connections that do nothing, beside nginx and HAProxy."""

import contextlib
import dataclasses
import pathlib
import re
import resource
import shutil
import socket
import statistics
import subprocess
import time

import counts_peers
from counts_driver import Client, request_bytes
from counts_setup import Bench, Row, WrappedProxy, free_port

STARTS = 11
CONNECTIONS = 5000
MOST_CONNECTIONS = CONNECTIONS + 1000
WARM_UP_REQUESTS = 100
SETTLE_SECONDS = 2  # what the figure is defined by: memory two seconds after the last request
TIMEOUT = 60


def first_answer(proxy, port):
    """Milliseconds from exec until a request is answered with 200; a look at the port every ms."""
    data = request_bytes("get")
    started = time.monotonic()
    proxy.start(listeners=())
    while time.monotonic() < started + TIMEOUT:
        with contextlib.suppress(ConnectionRefusedError):
            with Client(port) as client:
                client.ask(data)
                return (time.monotonic() - started) * 1000
        time.sleep(0.001)
    raise RuntimeError(f"no answer within {TIMEOUT} s:\n{proxy.output()}")


def start(_options):
    times = []
    with Bench() as bench:
        simulator = bench.simulator()
        for number in range(STARTS):
            port = free_port()
            config = bench.config(simulator.url, "header", address=f"127.0.0.1:{port}")
            proxy = WrappedProxy(bench.directory, config, f"start{number}")
            try:
                times.append(first_answer(proxy, port))
            finally:
                proxy.stop(TIMEOUT)
    yield Row("start", "exec to first 200, auth header", round(statistics.median(times), 1), "ms",
              f"median of {STARTS}, {min(times):.1f} to {max(times):.1f}")


@dataclasses.dataclass
class Size:
    """Bytes of memory of some processes, shared pages by share. `own` is without the pages of
    files, whose share changes with whoever else on the machine runs the same program."""
    whole: int
    own: int


def settled_size(pids):
    time.sleep(SETTLE_SECONDS)
    texts = [pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]

    def total(*names):
        return sum(int(re.search(rf"^{name}: +(\d+) kB$", text, re.MULTILINE)[1])
                   for text in texts for name in names) * 1024

    return Size(total("Pss"), total("Pss_Anon", "Pss_Shmem"))


def idle_row(name, pids, port):
    data = request_bytes("get")
    with Client(port) as client:
        for _ in range(WARM_UP_REQUESTS):
            client.ask(data)
    before = settled_size(pids)
    with contextlib.ExitStack() as clients:
        opened = []
        for _ in range(CONNECTIONS):
            opened.append(clients.enter_context(Client(port)))
            opened[-1].ask(data)
        after = settled_size(pids)
        for client in opened:
            check_is_open(client.socket)
    return Row("memory", name, round((after.own - before.own) / CONNECTIONS),
               "bytes per idle connection",
               f"PSS {before.whole / 1e6:.2f} MB warmed up, {after.whole / 1e6:.2f} MB with "
               f"{CONNECTIONS} idle; without files {before.own / 1e6:.2f} and "
               f"{after.own / 1e6:.2f} MB")


def check_is_open(connection):
    connection.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        data = connection.recv(1)
        raise RuntimeError(f"an idle connection was ended, or got {data!r}")


def children(pid):
    return [int(child) for child in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def peer(command, port):
    """Runs another proxy; gives the ids of its processes once it accepts connections."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + TIMEOUT
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"{command[0]} did not start: {process.communicate()[1]!r}")
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT).close()
                break
            time.sleep(0.01)
        yield [process.pid, *children(process.pid)]
    finally:
        process.terminate()
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()


def allow_descriptors(count):
    """Raises the soft limit, which the programs that we start inherit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise RuntimeError(f"{count} open files are needed, the hard limit is {hard}")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def memory(_options):
    allow_descriptors(2 * MOST_CONNECTIONS + 1000)
    limits = {"client_idle_timeout": "600s", "connections": MOST_CONNECTIONS}
    with Bench() as bench:
        simulator = bench.simulator()
        proxy = bench.proxy(simulator.url, "header", limits=limits)
        yield idle_row("vsaproxy", [proxy.pid], proxy.port)
    for name in counts_peers.NAMES:
        if shutil.which(name) is None:
            raise RuntimeError(f"{name} is not installed")
        with Bench() as bench:
            port = free_port()
            command = counts_peers.command(name, bench.directory, port, bench.simulator().port,
                                           MOST_CONNECTIONS)
            with peer(command, port) as pids:
                yield idle_row(name, pids, port)
