"""Says which lines of proxy/ were run, from the counters of a build with COVERAGE.

    python3 report.py BUILD [--least PERCENT] [--lines FILE...]

A line counts if it was run in any program that contains it. Prints the share of all lines and the
files with the most lines that were not run; ends with 1 if the share is smaller than PERCENT
(default 90). With --lines it prints the lines of these files that were not run instead."""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MOST_FILES = 10
OBJECTS_AT_ONCE = 40


def gcov_reports(build):
    """What gcov says about each object, those that were never run included."""
    notes = sorted(build.rglob("*.gcno"))
    for at in range(0, len(notes), OBJECTS_AT_ONCE):
        some = [str(path) for path in notes[at:at + OBJECTS_AT_ONCE]]
        done = subprocess.run(["gcov", "--json-format", "--stdout", *some], cwd=build, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode != 0:  # such as counters of a former build, which the .gcda files are
            sys.exit(f"gcov ended with {done.returncode}: {done.stderr.splitlines()[0]}")
        yield from (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))


def count_lines(reports):
    """{file of proxy/: {line: how often it was run}}"""
    counts = collections.defaultdict(collections.Counter)
    for report in reports:
        for file in report["files"]:
            path = (pathlib.Path(report["current_working_directory"]) / file["file"]).resolve()
            if not path.is_relative_to(ROOT / "proxy"):
                continue
            lines = counts[str(path.relative_to(ROOT))]
            for line in file["lines"]:
                lines[line["line_number"]] += line["count"]
    return counts


def not_run(lines):
    return sorted(number for number, count in lines.items() if count == 0)


def print_lines(counts, names):
    for name in names:
        text = (ROOT / name).read_text().splitlines()
        for number in not_run(counts[name]):
            print(f"{name}:{number}: {text[number - 1]}")


def print_report(counts, least):
    """Whether enough was run."""
    total = sum(len(lines) for lines in counts.values())
    missed = {name: len(not_run(lines)) for name, lines in counts.items()}
    share = 1 - sum(missed.values()) / total
    print("The files with the most lines that were not run:")
    for name in sorted(missed, key=lambda name: (-missed[name], name))[:MOST_FILES]:
        print(f"  {missed[name]:4} of {len(counts[name]):4}  {name}")
    print(f"{share:.1%} of the {total} lines of proxy/ were run; {least:g} % is the least.")
    return share * 100 >= least


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--least", type=float, default=90)
    parser.add_argument("--lines", nargs="+", metavar="FILE")
    options = parser.parse_args()
    counts = count_lines(gcov_reports(options.build))
    if not counts:
        sys.exit(f"{options.build} has no counters: build it with the preset coverage")
    if options.lines:
        return print_lines(counts, options.lines)
    return 0 if print_report(counts, options.least) else 1


if __name__ == "__main__":
    sys.exit(main())
