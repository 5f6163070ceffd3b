"""Reads what callgrind writes: each function's own cost and the cost of each call, by the names of
caller and callee."""

import collections
import re

_NAME = re.compile(r"(c?fn)=\((\d+)\)(?: (.*))?")


def shorten(name):
    """A function's name without parameters and the arguments of templates."""
    name = re.sub(r" \([^()]*:\d+\)$| \(in [^()]*\)$", "", name)
    name = re.sub(r"'\d+$", "", name).replace("(anonymous namespace)::", "")
    while (shorter := re.sub(r"<[^<>]*>", "", name)) != name:
        name = shorter
    name = name.partition("(")[0]
    return name.replace("std::__cxx11::", "std::").strip()


def is_metrics(name):
    return re.match(r"vsaproxy::(relay::RelayMetrics|ops::(Metric|Histogram|Counter|Gauge))",
                    name) is not None


class Profile:
    """`total`, `own` {function: cost} and `calls` {(caller, callee): inclusive cost}."""

    def __init__(self, text=""):
        self.total = 0
        self.own = collections.Counter()
        self.calls = collections.Counter()
        self._names = {}
        self._read(text)

    def _read(self, text):
        function = callee = None
        is_call = False
        for line in text.splitlines():
            if match := _NAME.match(line):
                name = self._name(match[2], match[3])
                if match[1] == "fn":
                    function = name
                else:
                    callee = name
            elif line.startswith("calls="):
                is_call = True
            elif line[:1] in "0123456789+-*" and line:
                cost = int(line.split()[1])
                if is_call:
                    self.calls[function, callee] += cost
                    is_call = False
                else:
                    self.own[function] += cost
        self.total = sum(self.own.values())

    def _name(self, number, name):
        if name is not None:
            self._names[number] = re.sub(r"'\d+$", "", name)
        return self._names[number]

    def minus(self, other, divisor):
        """What this run cost more than the other one, by request."""
        result = Profile()
        for table in ("own", "calls"):
            mine, theirs = getattr(self, table), getattr(other, table)
            getattr(result, table).update(
                {key: (mine[key] - theirs[key]) / divisor for key in mine})
        result.total = (self.total - other.total) / divisor
        return result

    @property
    def inclusive(self):
        """{function: its own cost and that of all it calls}; too much for what is recursive."""
        costs = collections.Counter(self.own)
        for (caller, callee), cost in self.calls.items():
            if caller != callee:
                costs[caller] += cost
        return costs

    def cost_of_calls_into(self, predicate):
        """Inclusive cost of the calls from other functions into those of the predicate."""
        return sum(cost for (caller, callee), cost in self.calls.items()
                   if predicate(callee) and not predicate(caller))
