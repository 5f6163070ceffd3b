"""Measures vsaproxy beside other proxies. tests/bench/run prepares what this needs and calls it."""

import argparse
import contextlib
import dataclasses
import pathlib
import signal
import sys

import answers
import cases
import chart
import load
import proxies
import report
import summary
from origin import Origin
from place import Place
from processes import Failed, compile_floor

WARM_UP = 0.2
MANY = 4000  # connections: as many add a second to the warm-up and double the measurement
MOST_GROWTH_ROUNDS = 3


@dataclasses.dataclass
class Plan:
    place: Place
    origin: Origin
    paths: dict
    rounds: int
    seconds: float


def read_options():
    parser = argparse.ArgumentParser("tests/bench/run", "tests/bench/run --help", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=positive(int))
    parser.add_argument("--seconds", type=positive(float))
    parser.add_argument("--only")
    parser.add_argument("--list", action="store_true")
    for name in ("vsaproxy", "beside", "floor", "results"):
        parser.add_argument(f"--{name}", type=pathlib.Path)
    parser.add_argument("--command", default="tests/bench/run")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (0.5 if options.quick else 3)
    return options


def positive(kind):
    def read(text):
        value = kind(text)
        if not 0 < value <= 1000:
            raise ValueError
        return value
    read.__name__ = "positive number"
    return read


def wanted_cases(options):
    if options.only:
        return cases.select(options.only.split(","))
    return cases.CASES, {} if options.quick else cases.GROWTH


def proxies_of(case, plan):
    return [name for name in case.proxies if name != "beside" or plan.paths["beside"]]


@contextlib.contextmanager
def running(names, plan):
    """Started proxies by name, which are ended afterwards."""
    started = {}
    try:
        for name in names:
            started[name] = proxies.make(name, plan.place, plan.origin, plan.paths)
            started[name].start()
        yield started
    finally:
        for proxy in started.values():
            proxy.stop()


def rotated(names, number):
    return names[number % len(names):] + names[:number % len(names)]


def measure_case(case, plan, progress):
    """All rounds of a case, with all of its proxies up and all but one idle."""
    names, measurements = proxies_of(case, plan), []
    with running(names, plan) as started:
        for proxy in started.values():
            answers.check(plan.place, proxy, case, plan.origin)
            answers.spoken_tls(plan.place, proxy, case)
        for number in range(plan.rounds):
            for name in rotated(names, number):
                progress.say(case, name, number, plan.rounds)
                measurements.append(measure_one(case, plan, started[name], number))
    return summary.summarise(case, measurements)


def measure_alone(case, plan, progress):
    """The same, each proxy only up while it is measured: with thousands of connections, those that
    idle proxies keep to the origin would be too many."""
    names, measurements = proxies_of(case, plan), []
    rounds = min(plan.rounds, MOST_GROWTH_ROUNDS)
    for number in range(rounds):
        for name in rotated(names, number):
            progress.say(case, name, number, rounds)
            with running([name], plan) as started:
                answers.check(plan.place, started[name], case, plan.origin)
                measurements.append(measure_one(case, plan, started[name], number))
    return summary.summarise(case, measurements)


def measure_one(case, plan, proxy, number):
    more = case.connections / MANY
    load.send(plan.place, proxy, case, WARM_UP + more)
    return load.measure(plan.place, proxy, case, plan.seconds * (1 + more), number)


def measure_growth(chosen, plan, progress):
    found = []
    for case in chosen:
        if case.connections > plan.place.connections:
            progress.note(f"{case.name} is left out: the limit on open files is too low")
            continue
        found.append(measure_alone(case, plan, progress))
        progress.show_growth(found[-1])
    return found


def run(options, chosen, growth):
    progress = report.Progress()
    with Place() as place:
        plan = Plan(place, Origin(place), vars(options), options.rounds, options.seconds)
        try:
            plan.origin.start()
            plan.paths["floor"] = options.floor or compile_floor(place.folder)
            results = report.about(options, place)
            results["cases"], results["growth"] = [], {}
            for case in chosen:
                results["cases"].append(measure_case(case, plan, progress))
                progress.show(results["cases"][-1])
            for name, points in growth.items():
                progress.note(f"\n{name}: CPU µs for a request")
                results["growth"][name] = measure_growth(points, plan, progress)
        finally:
            plan.origin.stop()
    return results


def list_cases():
    for case in cases.CASES:
        print(f"{case.name:24} {case.title}")
    for name, points in cases.GROWTH.items():
        print(f"{name:24} {points[0].title} ... {points[-1].title}")


def write(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    report.write_json(results, folder / "results.json")
    report.write_table(results, folder / "results.md")
    if results["cases"]:
        chart.write_bars(results, folder / "results.svg")
    if results["growth"]:
        chart.write_growth(results, folder / "growth.svg")
    print(f"\nWritten: {folder}/results.json, results.md and charts")


def main():
    options = read_options()
    if options.list:
        list_cases()
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    try:
        results = run(options, *wanted_cases(options))
    except (Failed, ValueError) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped: nothing is written.", file=sys.stderr)
        return 130
    write(results, options.results)
    return 1 if report.complain(results) else 0


if __name__ == "__main__":
    sys.exit(main())
