"""Counts under valgrind: heap allocations and user-space instructions of one request, as the
difference between a run with 2N requests and one with N, so that start and end cancel out."""

import collections
import json
import re

from counts_callgrind import Profile, is_metrics, shorten
from counts_driver import TARGETS, drive
from counts_setup import AUTHS, Bench, Row

REQUESTS = 500
STOP_TIMEOUT = 120


def run_under(tool_arguments, auth, case, requests, output=None, access_log=False):
    """Runs the requests through a proxy under valgrind. Returns the text of the output file of
    that name, or what valgrind said."""
    with Bench() as bench:
        prefix = ["valgrind", *tool_arguments]
        if output is not None:
            prefix.append(f"--{output}-out-file={bench.directory / 'counted'}")
        simulator = bench.simulator()
        proxy = bench.proxy(simulator.url, auth, prefix=prefix, access_log=access_log)
        drive(proxy.port, case, requests)
        if proxy.stop(STOP_TIMEOUT) != 0:
            raise RuntimeError(f"the proxy under valgrind failed:\n{proxy.output()}")
        return proxy.output() if output is None else (bench.directory / "counted").read_text()


def heap_usage(auth, case, requests, access_log):
    said = run_under([], auth, case, requests, access_log=access_log)
    match = re.search(r"total heap usage: ([\d,]+) allocs, [\d,]+ frees, ([\d,]+) bytes", said)
    if match is None:
        raise RuntimeError(f"valgrind said nothing of the heap:\n{said}")
    return [int(number.replace(",", "")) for number in match.groups()]


def allocation_row(auth, case, access_log):
    once = heap_usage(auth, case, REQUESTS, access_log)
    twice = heap_usage(auth, case, 2 * REQUESTS, access_log)
    count, size = ((b - a) / REQUESTS for a, b in zip(once, twice))
    name = f"{case}, auth {auth}" + (", access log" if access_log else "")
    return Row("allocations", name, round(count, 1), "per request", f"{size:.0f} bytes")


def allocations(_options):
    for auth in AUTHS:
        for case in TARGETS:
            yield allocation_row(auth, case, False)
    yield allocation_row("none", "get", True)


def profile(auth, case, access_log=False):
    """What one request costs, by function."""
    once, twice = (
        Profile(run_under(["--tool=callgrind"], auth, case, count, "callgrind", access_log))
        for count in (REQUESTS, 2 * REQUESTS))
    return twice.minus(once, REQUESTS)


def instructions(_options):
    """The credential is what a request costs more than with auth none. The proxy can't run without
    counting, so metrics are what the calls into their functions cost; inlined ones don't show."""
    bare = None
    for auth in AUTHS:
        found = profile(auth, "get")
        if bare is None:
            bare = found
        more = found.total - bare.total
        yield Row("instructions", f"get, auth {auth}", round(found.total), "per request",
                  "" if found is bare else f"credential {more:+.0f} ({more / bare.total:+.1%})")
    metrics = bare.cost_of_calls_into(is_metrics)
    yield Row("instructions", "of which metrics", round(metrics), "per request",
              f"{metrics / bare.total:.1%} of auth none")
    logged = profile("none", "get", access_log=True)
    yield Row("instructions", "get, auth none, access log", round(logged.total), "per request",
              f"log {logged.total - bare.total:+.0f}")
    for case in ("get-64k", "post-64k"):
        yield Row("instructions", f"{case}, auth none", round(profile("none", case).total),
                  "per request")


def allocation_sites(text):
    """{stack: blocks} of a DHAT file. A stack is named by its innermost functions of vsaproxy."""
    data = json.loads(text)
    frames = [shorten(frame.partition(": ")[2]) for frame in data["ftbl"]]
    sites = collections.Counter()
    for point in data["pps"]:
        stack = [frames[index] for index in point["fs"]]
        ours = [frame for frame in stack if frame.startswith("vsaproxy::")][:3]
        sites[" < ".join(f.removeprefix("vsaproxy::") for f in ours or stack[:2])] += point["tbk"]
    return sites


def where(case, auth, access_log):
    """Prints the sites of one request's allocations and the functions of its instructions. Large
    copies look dear: valgrind counts every byte of "rep movsb" as an instruction."""
    options = ["--tool=dhat", "--num-callers=40"]
    once, twice = (
        allocation_sites(run_under(options, auth, case, count, "dhat", access_log))
        for count in (REQUESTS, 2 * REQUESTS))
    sites = collections.Counter({site: (twice[site] - once[site]) / REQUESTS for site in twice})
    print(f"allocations of one request ({case}, auth {auth}), innermost function first")
    for site, count in sites.most_common():
        if count >= 0.05:
            print(f"{count:8.1f}  {site}")
    found = profile(auth, case, access_log)
    print(f"\ninstructions of one request: {found.total:.0f}")
    for title, costs in (("by function, its own", found.own),
                         ("by function of vsaproxy, with all that it calls", found.inclusive)):
        print(f"{title}:")
        names = [name for name in costs if costs is found.own or name.startswith("vsaproxy::")]
        for name in sorted(names, key=costs.get, reverse=True)[:25]:
            print(f"{costs[name]:8.0f}  {shorten(name)[:88]}")
