"""System calls of one request, counted by the kernel while a client runs: N and 2N requests on one
connection, and 64 connections of wrk. perf counts without slowing the proxy; where it may not,
strace does, and then batching differs from the free run."""

import pathlib
import re
import shutil
import signal
import subprocess
import sys

import support
from counts_driver import TARGETS
from counts_setup import Bench, Row

REQUESTS = 2000
WRK_SECONDS = 3  # long enough to hide the calls for opening connections
TIMEOUT = 120
NAMES = (
    "read", "readv", "recvfrom", "recvmsg", "write", "writev", "sendto", "sendmsg",
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "accept4", "accept", "socket",
    "connect", "close", "shutdown", "setsockopt", "getsockopt", "getpeername", "getsockname",
    "fcntl", "ioctl", "poll", "ppoll", "futex", "timerfd_settime", "clock_gettime",
    "clock_nanosleep", "getpid", "gettid", "brk", "mmap", "munmap", "mremap", "madvise",
    "mprotect", "splice", "sendfile64", "getrandom")
TRACEPOINTS = pathlib.Path("/sys/kernel/tracing/events/syscalls")


def perf_works():
    if shutil.which("perf") is None:
        return False
    probe = subprocess.run(["perf", "stat", "-e", "syscalls:sys_enter_read", "--", "true"],
                           capture_output=True, timeout=TIMEOUT)
    return probe.returncode == 0 and b"not supported" not in probe.stderr


def count_by_perf(pid, command, folder):
    """({name: calls} of the process while the command runs, what the command wrote)"""
    output = folder / "perf"
    events = ",".join(f"syscalls:sys_enter_{name}" for name in NAMES
                      if (TRACEPOINTS / f"sys_enter_{name}").is_dir())
    run = subprocess.run(
        ["perf", "stat", "-x,", "-o", output, "-e", f"{events},raw_syscalls:sys_enter",
         "-p", str(pid), "--", *command],
        capture_output=True, text=True, timeout=TIMEOUT)
    if run.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{run.stderr}")
    counts = {}
    for count, name in re.findall(r"^(\d+),[^,]*,\w+:(?:sys_enter_)?(\w+),", output.read_text(),
                                  re.MULTILINE):
        counts[name] = int(count)
    counts["others"] = counts.pop("sys_enter") - sum(counts.values())
    return counts, run.stdout


def count_by_strace(pid, command, folder):
    """As count_by_perf."""
    output = folder / "strace"
    tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", output,
                               "-p", str(pid)], stderr=subprocess.DEVNULL)
    try:
        support.eventually(lambda: is_traced(pid), TIMEOUT, "strace never attached")
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(TIMEOUT)
    counts = {name: int(count) for count, name in
              re.findall(r"^ *(\d+) +(\w+)$", output.read_text(), re.MULTILINE)}
    counts.pop("total", None)
    return counts, run.stdout


def is_traced(pid):
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return all(not re.search(r"^TracerPid:\s+0$", (t / "status").read_text(), re.MULTILINE)
               for t in threads)


def driver_command(port, case, requests):
    driver = pathlib.Path(__file__).resolve().parent / "counts_driver.py"
    return [sys.executable, "-B", str(driver), str(port), case, str(requests)]


def wrk_command(port, case, seconds):
    return ["wrk", "-t1", "-c64", f"-d{seconds}s", f"http://127.0.0.1:{port}{TARGETS[case]}"]


def wrk_requests(said):
    """How many answers wrk got; RuntimeError if any was wrong."""
    match = re.search(r"(\d+) requests in ", said)
    if match is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"wrk did not go well:\n{said}")
    return int(match[1])


def row(case, once, twice, requests, tool):
    each = {name: (count - once.get(name, 0)) / requests for name, count in twice.items()}
    shown = sorted((name for name in each if each[name] >= 0.005), key=each.get, reverse=True)
    detail = ", ".join(f"{name} {each[name]:.2f}" for name in shown)
    return Row("calls", case, round(sum(each.values()), 2), "per request", f"{detail} ({tool})")


def calls(_options):
    tool = "perf" if perf_works() else "strace"
    count = count_by_perf if tool == "perf" else count_by_strace
    with Bench() as bench:
        proxy = bench.proxy(bench.simulator().url, "none")
        for case in ("get", "get-64k"):
            once, twice = (count(proxy.pid, driver_command(proxy.port, case, number),
                                 bench.directory)[0] for number in (REQUESTS, 2 * REQUESTS))
            yield row(f"{case}, 1 connection", once, twice, REQUESTS, tool)
        if shutil.which("wrk") is None:
            raise RuntimeError("wrk is not installed")
        for case in ("get", "get-64k"):
            found, said = count(proxy.pid, wrk_command(proxy.port, case, WRK_SECONDS),
                                bench.directory)
            yield row(f"{case}, 64 connections", {}, found, wrk_requests(said), tool)
