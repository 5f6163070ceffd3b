"""Programs that are started, pinned to CPUs, measured and ended by their process ids."""

import ctypes
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

START_TIMEOUT = 20
STOP_TIMEOUT = 10
MOST_FILES = 20000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


class Failed(Exception):
    """Something did not run, or an answer was wrong. The text is for the user."""


def raise_file_limit():
    """Raises the soft limit on open files, which children inherit; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def choose_cpus():
    """(CPUs of the proxy, CPUs of all else): one, and those that share no core with it."""
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        raise Failed("Two CPUs are needed: one for the proxy, one for client and origin.")
    proxy = max(allowed)
    topology = pathlib.Path(f"/sys/devices/system/cpu/cpu{proxy}/topology/thread_siblings_list")
    siblings = cpu_list(topology.read_text()) if topology.exists() else {proxy}
    return {proxy}, allowed - siblings or allowed - {proxy}


def cpu_list(text):
    """The numbers in a list such as 0-3,8."""
    numbers = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def free_ports(count):
    """Ports of 127.0.0.1 on which nobody listens."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def prepare(cpus):
    """For preexec_fn: pins the child to CPUs, and lets it end with us whatever happens to us."""
    def in_child():
        os.sched_setaffinity(0, cpus)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return in_child


class Program:
    """A program in a session of its own, so that Ctrl-C reaches only us and we end it."""

    def __init__(self, name, arguments, cpus, log):
        self.name, self.log = name, pathlib.Path(log)
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments], stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, cwd=self.log.parent,
                start_new_session=True, preexec_fn=prepare(cpus))

    def wait_until(self, ready):
        """Polls until ready() returns something, and returns that."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.process.poll() is None:
            found = ready()
            if found:
                return found
            time.sleep(0.01)
        last = self.log.read_text(errors="replace")[-2000:]
        raise Failed(f"{self.name} did not start. The end of its output:\n{last}")

    def pids(self):
        """The process and its children, such as nginx's worker."""
        pids, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            pids.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
                waiting += [int(child) for child in (task / "children").read_text().split()]
        return pids

    def cpu_ns(self):
        """CPU time of all threads until now, in nanoseconds."""
        return sum(int(each.read_text().split()[0]) for pid in self.pids()
                   for each in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def compile_floor(folder):
    """The floor, where it was not built together with vsaproxy."""
    source = pathlib.Path(__file__).parent / "floor/byte_relay.cc"
    done = subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-O2", source,
                           "-o", folder / "byte_relay"], capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"The floor could not be compiled:\n{done.stderr}")
    return folder / "byte_relay"


def accepts(port):
    """Whether somebody listens on that port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
