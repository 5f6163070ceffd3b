"""What the tests on clients share: a proxy with listeners of the test's choice before an upstream
that records, and hashes of keys."""

import os
import subprocess

from http_tools import TIMEOUT
from strict_http import RecordingUpstream
from support import BASE, SystemTest

KEY = "an-api-key-for-tests"
OTHER_KEY = "another-key-for-tests"


def make_hash(key):
    done = subprocess.run([os.environ["VSAPROXY"], "hash"], input=key + "\n", text=True,
                          capture_output=True, timeout=TIMEOUT)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout.strip()


def read_all(sock):
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionError:
        pass
    return data


class ClientsTest(SystemTest):
    def start(self, *listeners, upstream=None, **top_level):
        self.upstream = RecordingUpstream()
        self.addCleanup(self.upstream.close)
        all_listeners = [{"name": f"l{i}", "address": "127.0.0.1:0", **keys}
                         for i, keys in enumerate(listeners)]
        self.proxy = self.start_proxy(self.config(self.upstream.url, auth="none", upstream=upstream,
                                                  listeners=all_listeners, **top_level))
        return self.proxy

    def ask(self, headers=None, method="GET", target=f"{BASE}/x", **options):
        return self.proxy.request(method, target, headers=headers or {}, **options)

    def check_refused(self, answer, status, reason):
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (status, reason),
                         answer.body)

    def check_served(self, answer):
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (200, None), answer.body)
        return self.upstream.take_last()


def names(received):
    return {name.lower() for name, _ in received.fields}
