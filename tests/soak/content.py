"""What each request of the soak is, made from the seed and its number alone, and what the upstream
does wrong about it."""

import dataclasses
import hashlib
import random

from support import BASE

IDEMPOTENT = ("GET", "PUT", "DELETE")
METHODS = ("GET", "GET", "GET", "POST", "POST", "PUT", "DELETE")
SIZES = (0, 10, 200, 2000, 2000, 20_000, 60_000)
LARGE = 400_000  # not held for a replay

# What goes wrong with one delivery of a request, and how often in a thousand.
FAULTS = {"reset-at-head": 2, "reset-before-answer": 3, "close-before-answer": 3, "cut-head": 3,
          "cut-body": 4, "reset-body": 4, "no-last-chunk": 3, "delay": 8, "stall": 1,
          "status-401": 2, "status-500": 4, "status-502": 4, "status-503": 4, "nonsense": 3,
          "too-long": 3, "close-after": 6}
DELAYS = (0.05, 0.5)
STALL = 4.0


def content(kind, identity, size):
    return hashlib.shake_128(f"{kind}/{identity}".encode()).digest(size)


def fault_of(seed, identity, delivery):
    """The name of a fault, or None, for the delivery (from 1) of a request."""
    number = random.Random(f"{seed}/{identity}/{delivery}").random() * 1000
    for name, weight in FAULTS.items():
        number -= weight
        if number < 0:
            return name
    return None


@dataclasses.dataclass
class Request:
    identity: str
    method: str
    body: bytes
    answer_size: int
    framing: str  # of the answer: length, chunked or json
    is_abandoned: bool = False  # the client leaves before the answer

    @classmethod
    def make(cls, seed, identity):
        dice = random.Random(f"{seed}/{identity}")
        method = dice.choice(METHODS)
        size = dice.choice(SIZES) if method in ("POST", "PUT") else 0
        if size and dice.random() < 0.03:
            size = LARGE
        answer = LARGE if dice.random() < 0.02 else dice.choice(SIZES)
        return cls(identity, method, content("request", identity, size), answer,
                   dice.choice(("length", "length", "chunked", "json")), dice.random() < 0.005)

    @property
    def target(self):
        return f"{BASE}/soak/{self.identity}?size={self.answer_size}&framing={self.framing}"

    @property
    def headers(self):
        return {"X-Soak-Id": self.identity}
