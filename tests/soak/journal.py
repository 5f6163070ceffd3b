"""What the upstream did with each request and when it was in trouble; and whether what a client got
for it is right. Everything runs in one thread."""

import collections
import contextlib
import hashlib
import time

from content import IDEMPOTENT, LARGE, content

# For this long after a trouble ended its traces may still show: a back-off, a waiting login.
AFTERMATH = 4.0
# RFC 9110, 9.2.2: an idempotent request is sent once more if its connection closes.
MOST_APPLIED = 2

CUTS = {"cut-body", "reset-body", "no-last-chunk"}
CAUSES = {  # status and causes of the proxy's own answers; "upstream" and "login" are troubles
    "upstream_connect": (502, {"upstream"}),
    "upstream_closed": (502, {"upstream", "reset-at-head", "reset-before-answer",
                              "close-before-answer", "cut-head", *CUTS}),
    "upstream_protocol": (502, {"nonsense"}),
    "upstream_timeout": (504, {"stall"}),
    "login_unavailable": (503, {"login", "upstream"}),
    "login_rejected": (503, {"login"}),
}


class Journal:
    def __init__(self):
        self.events = collections.defaultdict(list)   # by request, while it is under way
        self.applied = collections.Counter()          # likewise
        self.outcomes = collections.Counter()
        self.faults = collections.Counter()
        self.wrong = []
        self.replays = 0
        self._troubles = {"upstream": [], "login": []}  # [begun, ended or None]

    @contextlib.contextmanager
    def trouble(self, kind):
        entry = [time.monotonic(), None]
        self._troubles[kind].append(entry)
        self.faults[f"{kind} trouble"] += 1
        try:
            yield
        finally:
            entry[1] = time.monotonic()

    def note(self, identity, event):
        self.events[identity].append(event)
        self.faults[event] += 1

    def _causes(self, identity, begun):
        causes = set(self.events[identity])
        for kind, entries in self._troubles.items():
            if any(ended is None or ended + AFTERMATH > begun for _, ended in entries[-20:]):
                causes.add(kind)
        return causes

    def close(self, request, begun, outcome):
        """Judges what became of a request: a Response, "cut" or "left" (nothing can be said)."""
        problem = None if outcome == "left" else self._judge(request, begun, outcome)
        applied = self.applied.pop(request.identity, 0)
        most = MOST_APPLIED if request.method in IDEMPOTENT else 1
        if applied > most:
            problem = f"applied {applied} times"
        self.replays += applied > 1
        if problem:
            self.outcomes["WRONG"] += 1
            self.wrong.append(f"{request.method} {request.identity}: {problem}; upstream: "
                              f"{self.events[request.identity]}, applied {applied}")
        self.events.pop(request.identity, None)

    def _judge(self, request, begun, outcome):
        causes = self._causes(request.identity, begun)
        if outcome == "cut":
            self.outcomes["cut"] += 1
            return None if causes & (CUTS | {"upstream"}) else "cut without a cause"
        reason = outcome.header("X-Proxy-Error")
        if reason is not None:
            self.outcomes[reason] += 1
            return self._judge_refusal(request, outcome, reason, causes)
        self.outcomes[outcome.status] += 1
        if outcome.header("X-Soak-Id") != request.identity:
            return f"the answer of {outcome.header('X-Soak-Id')}"
        if outcome.status != 200:
            return None if f"status-{outcome.status}" in causes else f"status {outcome.status}"
        digest = hashlib.sha256(request.body).hexdigest()
        if outcome.header("X-Soak-Sha256") != digest:
            return "the upstream got another body"
        if outcome.body != expected_body(request):
            return f"another answer of {len(outcome.body)} bytes"
        return None

    def _judge_refusal(self, request, answer, reason, causes):
        status, allowed = CAUSES.get(reason, (0, set()))
        if answer.status != status or answer.json()["reason"] != reason:
            return f"{answer.status} {answer.body!r}"
        # The upstream may close a kept connection at the moment at which a request goes out on it
        # that can't be sent again. It may have been refused before, and be on its way once more.
        is_safe = request.method in IDEMPOTENT and len(request.body) < LARGE
        is_untouched = set(self.events[request.identity]) <= {"status-401"} and \
            not self.applied[request.identity]
        if reason == "upstream_closed" and not is_safe and is_untouched:
            self.outcomes["stale connection"] += 1
            return None
        return None if causes & allowed else f"{reason} without a cause"


def expected_body(request):
    if request.framing == "json":
        return b'{"Result":"%s"}' % content("answer", request.identity,
                                            request.answer_size).hex().encode()
    return content("answer", request.identity, request.answer_size)
