"""What the load tests share: how long they run, the mixed calls, and the access log read back."""

import collections
import json
import os
import pathlib

from support import (BASE, SLOWNESS, TIMEOUT, SystemTest, echo_call, eventually,
                     upload_call)

# Instrumented programs, and VSAPROXY_SHORT=1 for a quick look, get less load, never other bounds.
IS_SANITIZED = bool(os.environ.get("SANITIZE"))
IS_SHORT = IS_SANITIZED or os.environ.get("VSAPROXY_SHORT") == "1"
LOAD_SECONDS = 15 if IS_SHORT else 60
CONNECTIONS = 16 if IS_SANITIZED else 64

KIB = 1024
MIB = 1024 * KIB


def mixed_call(number):
    """One MiB in every sixteenth request, 32 KiB in four of them, else a GET."""
    if number % 16 == 7:
        return upload_call(BASE, number, MIB)
    if number % 4 == 1:
        return upload_call(BASE, number, 32 * KIB)
    return echo_call(BASE, number)


def small_call(number):
    """As mixed_call, without the uploads that are too large to be held for a replay."""
    return upload_call(BASE, number, 32 * KIB) if number % 4 == 1 else echo_call(BASE, number)


def allowing(call, *reasons):
    """The call, with these answers of the proxy itself as right ones too. A reason is the value of
    X-Proxy-Error, which the upstream's own answers never have."""
    check = call.check

    def check_or_allow(response):
        return None if response.header("X-Proxy-Error") in reasons else check(response)

    call.check = check_or_allow
    return call


class LoadTest(SystemTest):
    """Logs as JSON lines, so that the access log can be counted."""

    def config(self, url, **changes):
        return super().config(url, **{"log": {"format": "json"}, **changes})

    def measured(self, text):
        print(f"measured: {text}", flush=True)

    def log_entries(self, proxy, since=0):
        """The whole lines of the log as objects, the access log's too."""
        lines = proxy.log(since)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def accesses(self, proxy, since=0):
        return [entry for entry in self.log_entries(proxy, since) if "method" in entry]

    def messages(self, proxy, text, since=0):
        """Log lines with that message."""
        return [entry for entry in self.log_entries(proxy, since)
                if entry.get("message") == text]

    def assert_all_right(self, report, allowed=(200,)):
        self.assertEqual(report.error_count, 0, str(report))
        self.assertLessEqual(set(report.statuses), set(allowed), str(report))
        self.assertGreater(report.statuses[200], 0, str(report))

    def assert_login_counts(self, logins, **expected):
        """Every outcome that is not named is expected not to have happened."""
        self.assertEqual({outcome: count for outcome, count in logins.items() if count}, expected)

    def statuses(self, responses):
        return dict(collections.Counter(response.status for response in responses))

    def wait_until_stalled(self, proxy):
        """Until the proxy moved no byte for some looks in a row."""
        seen = []

        def is_still():
            fields = pathlib.Path(f"/proc/{proxy.pid}/io").read_text().split()
            seen.append(fields[fields.index("rchar:") + 1])
            return len(seen) > 25 and len(set(seen[-25:])) == 1

        eventually(is_still, TIMEOUT, "the proxy never stopped reading for a stalled client")


def slow(seconds):
    """A time that grows with the slowness of instrumented programs."""
    return seconds * SLOWNESS
