"""Progress on the terminal, and results as JSON and as a table."""

import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

import summary
from place import CIPHER, TLS_VERSION

COLUMNS = ("nginx", "HAProxy", "floor", "vsaproxy")


class Progress:
    """One line that changes on a terminal, and a line for each case elsewhere."""

    def __init__(self):
        self.is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        colours = self.is_terminal and not os.environ.get("NO_COLOR")
        self.bold, self.plain = ("\033[1m", "\033[0m") if colours else ("", "")
        self.case = None

    def say(self, case, name, number, rounds):
        if self.is_terminal:
            print(f"\r\033[K  {case.name}: round {number + 1} of {rounds}, {name}", end="",
                  flush=True)

    def note(self, text):
        print(("\r\033[K" if self.is_terminal else "") + text, flush=True)

    def show(self, result):
        self.note(f"\n{self.bold}{result['case']}{self.plain}: {result['title']}")
        print(f"  {'':16} {'CPU µs':>9} {'req/s':>8} {'p50 µs':>8} {'p99 µs':>8} {'busy':>5} "
              f"{'errors':>6}  vsaproxy takes")
        for name, figures in result["proxies"].items():
            print(f"  {name:16} {figures['cpu_us']:9.2f} {figures['per_second']:8.0f} "
                  f"{figures['p50_us']:8.0f} {figures['p99_us']:8.0f} {figures['busy']:5.0%} "
                  f"{sum(figures['errors'].values()):6}  {self.compare(result, name)}", flush=True)

    @staticmethod
    def compare(result, name):
        found = result["ratios"].get(name)
        if not found:
            return ""
        rounds = " ".join(f"{each:.2f}" for each in found["rounds"])
        return f"{found['median']:.2f} times ({rounds})"

    def show_growth(self, result):
        figures = ", ".join(f"{name} {each['cpu_us']:.2f}"
                            for name, each in result["proxies"].items())
        self.note(f"  {result['title']}: {figures}")


def about(options, place):
    """What was run where."""
    return {
        "command": re.sub(r"(?<=[ =])/\S*/", "", options.command),  # no paths of this machine
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "rounds": options.rounds, "seconds": options.seconds,
        "cpu": cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release(),
        "proxy_cpus": sorted(place.proxy_cpus), "other_cpus": sorted(place.other_cpus),
        "tls": f"{TLS_VERSION} {CIPHER}",
        "versions": versions(options),
    }


def cpu_model():
    found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return found[1] if found else platform.machine()


def versions(options):
    commands = {"nginx": ["nginx", "-v"], "HAProxy": ["haproxy", "-v"], "wrk": ["wrk", "-v"],
                "OpenSSL": ["openssl", "version"], "vsaproxy": [options.vsaproxy, "version"]}
    if options.beside:
        commands["beside"] = [options.beside, "version"]
    return {name: first_line(command) for name, command in commands.items()}


def first_line(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=20)
    line = done.stdout.partition("\n")[0].partition(" Copyright")[0].strip()
    return re.sub(r"^(nginx version: nginx/|HAProxy version |wrk |OpenSSL |vsaproxy )", "", line)


def write_json(results, path):
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def number(value):
    if value is None:
        return ""
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(head, rows):
    return [row(head), row(["---"] + ["--:"] * (len(head) - 1)), *map(row, rows), ""]


def write_table(results, path):
    lines = ["# Results", "", f"`{results['command']}`, {results['date']}. {results['rounds']} "
             f"rounds of {results['seconds']:g} s. {results['cpu']}, {results['cpus']} CPUs, "
             f"Linux {results['kernel']}. TLS: {results['tls']}.", ""]
    lines += [f"- {name}: {version}" for name, version in results["versions"].items()] + [""]
    if results["cases"]:
        lines += compared(results["cases"]) + all_figures(results["cases"])
    for name, points in results["growth"].items():
        lines += growing(name, points)
    path.write_text("\n".join(lines).rstrip() + "\n")


def compared(found):
    """One row for each case."""
    others = [name for name in (*COLUMNS[:3], "beside")
              if any(summary.cpu(result, name) for result in found)]
    head = ["case", *(f"{name} µs" for name in (*others, "vsaproxy")),
            *(f"vsaproxy / {name}" for name in others)]
    rows = [[f"{result['case']}: {result['title']}",
             *(number(summary.cpu(result, name)) for name in (*others, "vsaproxy")),
             *(number(summary.ratio(result, name)) for name in others)] for result in found]
    return ["CPU time of the proxy for one request, in microseconds; of nginx and HAProxy the",
            "better of two configurations. Ratios: the median over the rounds.", "",
            *table(head, rows),
            *logging(found)]


def logging(found):
    for result in found:
        each = result["proxies"]
        if "vsaproxy-log" in each:
            factors = [f"{name} {each[log]['cpu_us'] / each[name]['cpu_us']:.2f}" for name, log in
                       (("vsaproxy", "vsaproxy-log"), ("nginx-tuned", "nginx-log"))]
            return ["CPU time with an access log to a file, without one = 1: "
                    f"{', '.join(factors)}.", ""]
    return []


def all_figures(found):
    head = ["case, proxy", "CPU µs", "requests/s", "p50 µs", "p99 µs", "CPU busy", "errors",
            "vsaproxy takes"]
    rows = []
    for result in found:
        for name, figures in result["proxies"].items():
            ratio = summary.ratio(result, name)
            rows.append([f"{result['case']}, {name}", number(figures["cpu_us"]),
                         f"{figures['per_second']:.0f}", f"{figures['p50_us']:.0f}",
                         f"{figures['p99_us']:.0f}", f"{figures['busy']:.0%}",
                         sum(figures["errors"].values()), ratio and f"{ratio:.2f} times" or ""])
    return ["## All figures", "", "Medians over the rounds; errors of all rounds.", "",
            *table(head, rows)]


def growing(name, points):
    names = list(points[0]["proxies"]) if points else []
    rows = [[result["title"], *(number(summary.cpu(result, each)) for each in names)]
            for result in points]
    return [f"## {name}", "", "CPU microseconds for one request.", "", *table(["", *names], rows)]


def complain(results):
    """Says which answers were wrong; whether there were any."""
    found = False
    for result in [*results["cases"], *sum(results["growth"].values(), [])]:
        for name, errors in summary.wrong_answers(result).items():
            if errors:
                found = True
                print(f"{result['case']}: wrong answers or broken connections through {name}: "
                      f"{errors}", file=sys.stderr)
    return found
