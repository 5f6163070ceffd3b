"""A real browser on a page of another origin gets nothing through the proxy, though it asks in every
way that a page has: what it sends is what Chromium sends, not what we think it does."""

import re
import unittest

from browser import NETWORK, PAGES, REBOUND, WAYS, PageServer, visit
from support import BASE, SystemTest

UPSTREAM = "vsa.example.com"
MARK = {"name": "X-Vsaproxy-Request", "value": "true"}


class BrowserTest(SystemTest):
    def start(self, **listener):
        """Before an upstream whose name is none of this machine's."""
        self.simulator = self.start_simulator()
        self.proxy = self.start_proxy(self.config(
            f"http://{UPSTREAM}", upstream={"connect": f"127.0.0.1:{self.simulator.port}",
                                            "insecure_http": True},
            listeners=[{"name": "local", "address": "127.0.0.1:0", **listener}])).wait_ready()

    def base(self, host):
        return f"http://{host}:{self.proxy.port}{BASE}"

    def visit(self, *bases, **options):
        return visit(self.directory, bases, **options)

    def visit_by_proxy(self):
        """In a browser that asks the upstream itself, by way of the proxy."""
        return self.visit(f"http://{UPSTREAM}{BASE}", host=PAGES, flags=[
            f"--proxy-server=127.0.0.1:{self.proxy.port}", f"--proxy-bypass-list={PAGES}"])

    def arrived(self):
        """What reached the upstream, preflights too."""
        return {(request["method"], request["target"].removeprefix(BASE + "/"))
                for request in self.simulator.requests()}

    def refusals(self):
        """By path: why the proxy refused it."""
        lines = re.findall(rf"path=\S*{BASE}/(\S+) .*?\berror=(\S+)", "\n".join(self.proxy.log()))
        return dict(lines)

    def check_nothing_passed(self, report, *reasons):
        """`reasons` are those of the addresses in their order."""
        expected = {f"{way}-{number}": reason for way in WAYS
                    for number, reason in enumerate(reasons)}
        self.assertEqual(self.arrived(), set(), report)
        self.assertEqual(set(report), set(expected))
        self.assertEqual(self.refusals(), expected)


class AnotherOrigin(BrowserTest):
    def test_a_page_reaches_nothing_by_loopback_and_rebound_names(self):
        self.start()
        report = self.visit(self.base("127.0.0.1"), self.base("localhost"), self.base(REBOUND),
                            host=PAGES)
        self.check_nothing_passed(report, "browser_refused", "browser_refused", "host_not_allowed")

    def test_a_page_of_the_machine_itself_reaches_nothing_either(self):
        self.start()
        report = self.visit(self.base("127.0.0.1"), self.base("localhost"), host="localhost")
        self.check_nothing_passed(report, "browser_refused", "browser_refused")

    def test_a_page_reaches_nothing_at_a_listener_that_has_a_name(self):
        self.start(allowed_hosts=[NETWORK])
        report = self.visit(self.base(NETWORK), host=PAGES)
        self.check_nothing_passed(report, "browser_refused")

    def test_a_page_reaches_nothing_at_a_listener_on_the_network(self):
        self.start(address="0.0.0.0:0", expose=True, allowed_hosts=[NETWORK],
                   clients={"allow": ["127.0.0.1"]}, require_header=MARK)
        report = self.visit(self.base(NETWORK), host=PAGES)
        self.check_nothing_passed(report, "client_denied")

    def test_a_page_reaches_nothing_in_a_browser_that_uses_the_proxy(self):
        self.start()
        # A WebSocket asks for a tunnel, which the access log shows without a path.
        report = self.visit_by_proxy()
        self.assertEqual(self.arrived(), set(), report)
        self.assertEqual(self.refusals(), {f"{way}-0": "browser_refused" for way in WAYS
                                           if way != "websocket"})
        self.proxy.wait_for_log(r"method=CONNECT .*error=route_denied")


class Control(BrowserTest):
    """The same page, browser and upstream where the proxy lets them: what is refused above is
    refused by the proxy."""

    def test_a_plain_client_and_a_listed_page_get_through(self):
        pages = PageServer()
        self.addCleanup(pages.close)
        self.start(browsers={"allow_origins": [f"http://{PAGES}:{pages.port}"]})
        self.assertEqual(self.proxy.get("/plain").status, 404)
        report = self.visit(self.base("127.0.0.1"), host=PAGES, pages=pages)
        self.assertEqual(report["get-0"], "cors 404")
        self.assertEqual(report["put-0"], "cors 404")
        self.assertEqual(
            self.arrived() - {("GET", "websocket-0")},
            {("GET", "plain"), ("GET", "get-0"), ("POST", "text-post-0"), ("POST", "form-0"),
             ("PUT", "put-0"), ("GET", "image-0")})
        # These show no page: neither Origin nor Referer.
        self.assertEqual(set(self.refusals()) & {"silent-get-0", "silent-image-0"},
                         {"silent-get-0", "silent-image-0"})


if __name__ == "__main__":
    unittest.main()
