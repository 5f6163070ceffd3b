"""From measurements to figures: medians over the rounds, peers, ratios."""

import statistics

from cases import PEERS

FIGURES = ("cpu_us", "per_second", "p50_us", "p99_us", "busy")
UNDER_TEST = "vsaproxy"


def summarise(case, measurements):
    """A plain dictionary, as it stands in results.json."""
    by_proxy = {}
    for each in measurements:
        by_proxy.setdefault(each.proxy, []).append(each)
    proxies = {name: {figure: statistics.median(getattr(each, figure) for each in rounds)
                      for figure in FIGURES} | {"errors": count_errors(rounds)}
               for name, rounds in by_proxy.items()}
    return {"case": case.name, "title": case.title, "point": case.point, "proxies": proxies,
            "peers": peers(proxies), "ratios": ratios(by_proxy),
            "rounds": [vars(each) for each in measurements]}


def count_errors(rounds):
    total = {}
    for each in rounds:
        for kind, count in each.errors.items():
            total[kind] = total.get(kind, 0) + count
    return total


def peers(proxies):
    """The better variant of each peer, by name of the peer: the one that takes less CPU time."""
    found = {}
    for peer, variants in PEERS.items():
        there = [name for name in variants if name in proxies]
        if there:
            found[peer] = min(there, key=lambda name: proxies[name]["cpu_us"])
    return found


def ratios(by_proxy):
    """CPU time of vsaproxy by that of each other proxy: of each round, and their median."""
    ours = {each.round: each.cpu_us for each in by_proxy.get(UNDER_TEST, [])}
    found = {}
    for name, rounds in by_proxy.items():
        if name == UNDER_TEST or not ours:
            continue
        each_round = [ours[each.round] / each.cpu_us for each in rounds]
        found[name] = {"rounds": each_round, "median": statistics.median(each_round)}
    return found


def wrong_answers(summary):
    """Errors that no slow machine explains, by proxy."""
    return {name: {kind: count for kind, count in figures["errors"].items()
                   if count and kind != "timeout"}
            for name, figures in summary["proxies"].items()}


def cpu(summary, name):
    """CPU microseconds for a request through the proxy, or the peer, of that name; or None."""
    figures = summary["proxies"].get(summary["peers"].get(name, name))
    return figures and figures["cpu_us"]


def ratio(summary, name):
    """The median ratio of vsaproxy to the proxy, or the peer, of that name; or None."""
    found = summary["ratios"].get(summary["peers"].get(name, name))
    return found and found["median"]
