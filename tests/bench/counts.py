#!/usr/bin/env python3
"""Counts what a request, a start, an idle connection and a refused session cost vsaproxy. Unlike
times under load, most of these figures are the same on every machine and in every run.

    python3 tests/bench/counts.py --vsaproxy PATH --simulator PATH [--only NAME,..] [--json FILE]
    python3 tests/bench/counts.py --vsaproxy PATH --simulator PATH --where get --auth kaseya-vsa9

Needs valgrind, perf or strace, wrk, nginx, haproxy, and a compiler for burst.cc. Fails only if
something did not run.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys

sys.dont_write_bytecode = True

from counts_setup import AUTHS, Row  # noqa: E402 (makes the folder of support importable)
import counts_burst  # noqa: E402
import counts_calls  # noqa: E402
import counts_process  # noqa: E402
import counts_valgrind  # noqa: E402
from counts_driver import TARGETS  # noqa: E402

FIGURES = {
    "allocations": counts_valgrind.allocations,
    "calls": counts_calls.calls,
    "instructions": counts_valgrind.instructions,
    "start": counts_process.start,
    "memory": counts_process.memory,
    "burst": counts_burst.burst,
}


def names(text):
    chosen = text.split(",")
    for name in chosen:
        if name not in FIGURES:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(FIGURES)}")
    return chosen


def program(text):
    path = pathlib.Path(text).resolve()
    if not os.access(path, os.X_OK) or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no program")
    return str(path)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--vsaproxy", required=True, type=program, metavar="PATH")
    parser.add_argument("--simulator", required=True, type=program, metavar="PATH")
    parser.add_argument("--burst", type=program, metavar="PATH",
                        help="burst.cc as a program; else it is compiled")
    parser.add_argument("--only", type=names, default=list(FIGURES), metavar="NAME,..",
                        help=", ".join(FIGURES))
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--where", choices=TARGETS,
                        help="instead: where one such request allocates and computes")
    parser.add_argument("--auth", choices=AUTHS, default="none", help="for --where")
    parser.add_argument("--access-log", action="store_true", help="for --where")
    return parser.parse_args()


def print_row(row):
    print(f"{row.figure:12} {row.case:32} {row.value:>9} {row.unit:25} {row.detail}".rstrip(),
          flush=True)


def count(options):
    """(rows, failures); rows are printed as they come."""
    rows, failures = [], []
    print_row(Row("figure", "case", "value", "unit", "detail"))
    for name in options.only:
        try:
            for row in FIGURES[name](options):
                print_row(row)
                rows.append(row)
        except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError) as error:
            print(f"{name} did not run: {error}", file=sys.stderr, flush=True)
            failures.append(name)
    return rows, failures


def main():
    # SIGTERM ends what was started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parse_options()
    os.environ["VSAPROXY"] = options.vsaproxy
    os.environ["SIMULATOR"] = options.simulator
    if options.where:
        return counts_valgrind.where(options.where, options.auth, options.access_log)
    rows, failures = count(options)
    if options.json:
        options.json.write_text(json.dumps(
            {"rows": [dataclasses.asdict(row) for row in rows], "failed": failures}, indent=1))
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
