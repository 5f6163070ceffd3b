"""Names of upstreams that can't be resolved, that move, or that have addresses of which one is dead.
Debian's nss_wrapper answers the proxy's questions from a file of the test's own."""

import os
import socket
import time
import unittest

from held_port import HeldPort
from http_tools import SLOWNESS
from support import TIMEOUT, RawUpstream, SystemTest, eventually

WRAPPER = "libnss_wrapper.so"
NAME = "vsa.invalid"  # RFC 6761, 6.4: no name server knows it
HERE, THERE, DEAD = "127.0.0.1", "127.0.0.2", "127.0.0.3"


@unittest.skipIf(os.environ.get("SANITIZE"), "sanitizers want to be the first library themselves")
class NamesTest(SystemTest):
    def setUp(self):
        self.hosts = self.directory / "hosts"
        self.edits = 0
        self.asked = 0
        self.held = HeldPort(HERE, THERE, DEAD)  # one port, whatever the address

    def resolve_to(self, *addresses):
        """From now on the name has these addresses, tried in this order."""
        new = self.directory / "hosts.new"
        new.write_text("".join(f"{address} {NAME}\n" for address in addresses))
        self.edits += 1
        os.utime(new, (self.edits, self.edits))  # the wrapper looks at the whole seconds of the time
        new.replace(self.hosts)

    def serve(self, host):
        """An upstream that closes after each answer, so that the next request dials again."""
        def answer(peer):
            if peer.read_request():
                peer.answer(host.encode(), fields=["Connection: close"])

        upstream = RawUpstream(answer, host=host, port=self.held.port)
        self.addCleanup(upstream.close)
        return upstream

    def start(self, port, **upstream):
        self.proxy = self.start_proxy(
            self.config(f"http://{NAME}:{port}", auth="none",
                        upstream={"insecure_http": True, **upstream}),
            env={"LD_PRELOAD": WRAPPER, "NSS_WRAPPER_HOSTS": str(self.hosts)})

    def ask(self):
        """The body of an answer of an upstream, or the reason of the proxy's own."""
        self.asked += 1
        answer = self.proxy.get(f"/{self.asked}")
        return answer.header("X-Proxy-Error") or answer.body.decode()

    def silent(self):
        """Where no connection comes about and none is refused: its backlog is full."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((DEAD, self.held.port))
        listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex((DEAD, self.held.port))


class Resolution(NamesTest):
    def test_a_name_that_nobody_knows_is_502_and_is_found_once_it_is_known(self):
        upstream = self.serve(HERE)
        self.resolve_to()
        self.start(upstream.port)
        answer = self.proxy.get("/x")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (502, "upstream_connect"))
        self.assertIn(f"the name {NAME} can't be resolved", answer.json()["detail"])
        self.assertEqual(self.ask(), "upstream_connect")
        self.resolve_to(HERE)
        self.assertEqual(self.ask(), HERE)

    def test_a_name_that_moves_is_followed_once_its_old_address_refuses(self):
        before = self.serve(HERE)
        self.serve(THERE)
        self.resolve_to(HERE)
        self.start(before.port)
        self.assertEqual(self.ask(), HERE)
        self.resolve_to(THERE)
        before.close()
        # The name is asked for anew with the first failure, at most once a second.
        eventually(lambda: self.ask() == THERE)

    def test_addresses_that_were_good_are_kept_while_the_name_server_fails(self):
        upstream = self.serve(HERE)
        self.resolve_to(HERE)
        self.start(upstream.port)
        self.assertEqual(self.ask(), HERE)
        self.resolve_to()
        upstream.close()
        # Each of these asks the name server again, in vain.
        ends = time.monotonic() + 2.5
        while time.monotonic() < ends:
            answer = self.proxy.get("/down")
            self.assertEqual(answer.status, 502)
            self.assertIn("Connection refused", answer.json()["detail"])
        self.serve(HERE)
        self.assertEqual(self.ask(), HERE)

    def test_a_login_waits_for_the_name_and_then_all_is_well(self):
        simulator = self.start_simulator()
        self.resolve_to()
        self.proxy = self.start_proxy(
            self.config(f"http://{NAME}:{simulator.port}", auth=self.credential(
                login_timeout="500ms", backoff={"min_backoff": "100ms", "max_backoff": "200ms"}),
                upstream={"insecure_http": True}),
            env={"LD_PRELOAD": WRAPPER, "NSS_WRAPPER_HOSTS": str(self.hosts)})
        self.assertEqual(self.ask(), "login_unavailable")
        self.assertEqual(self.proxy.admin("/readyz").status, 503)
        self.resolve_to(HERE)
        self.proxy.wait_ready()
        self.assertEqual(self.proxy.get("/echoauth").status, 200)
        self.assertEqual(sum(simulator.logins.values()), 1)


class ManyAddresses(NamesTest):
    def test_one_that_refuses_is_passed_over(self):
        upstream = self.serve(HERE)
        self.resolve_to(DEAD, THERE, HERE)
        self.start(upstream.port)
        self.assertEqual([self.ask() for _ in range(3)], [HERE] * 3)

    def test_one_that_is_silent_costs_one_connect_time_out_and_is_tried_last_from_then_on(self):
        connect = 2 * SLOWNESS
        upstream = self.serve(HERE)
        self.silent()
        self.resolve_to(DEAD, HERE)
        self.start(upstream.port, timeouts={"connect": f"{connect}s"})
        started = time.monotonic()
        self.assertEqual(self.ask(), HERE)
        self.assertGreater(time.monotonic() - started, connect * 0.9, "it was tried first")
        started = time.monotonic()
        self.assertEqual(self.ask(), HERE)
        self.assertLess(time.monotonic() - started, connect * 0.9, "it was tried first again")

    def test_all_silent_is_504_and_nobody_else_waits_for_it(self):
        upstream = self.serve(HERE)
        self.silent()
        self.resolve_to(DEAD)
        config = self.config(f"http://{NAME}:{upstream.port}", auth="none", upstream={
            "insecure_http": True, "timeouts": {"connect": "1s"}})
        config["upstreams"]["other"] = {"url": upstream.url, "auth": "none"}
        config["routes"] = [{"name": "other", "match": {"path_prefix": "/other"},
                             "upstream": "other"},
                            {"name": "vsa", "match": {"path_prefix": "/"}, "upstream": "vsa"}]
        self.proxy = self.start_proxy(config, env={
            "LD_PRELOAD": WRAPPER, "NSS_WRAPPER_HOSTS": str(self.hosts)})
        with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as waiting:
            waiting.sendall(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(self.proxy.request("GET", "/other/x").body.decode(), HERE)
            waiting.settimeout(TIMEOUT)
            self.assertIn(b"X-Proxy-Error: upstream_timeout", waiting.recv(65536))


if __name__ == "__main__":
    unittest.main()
