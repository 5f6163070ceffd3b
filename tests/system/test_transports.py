"""Ways in and out: TLS to the upstream and from the client, names, Unix sockets, IPv6."""

import http.client
import socket
import ssl
import unittest

from http_tools import SLOWNESS, TIMEOUT, request_on
from support import BASE, Authority, RawUpstream, SystemTest, eventually, request


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


UNKNOWN = ("unable to get local issuer certificate, "
           "is it a private authority? See tls.ca")


class UpstreamTls(SystemTest):
    def setUp(self):
        self.authority = Authority(self.directory)
        self.ca = {"file": self.authority.ca.certificate.name}

    def serve(self, certificate, host="localhost", **options):
        """A simulator with this certificate; returns its url."""
        self.simulator = self.start_simulator(certificate=certificate, **options)
        return f"https://{host}:{self.simulator.port}"

    def start(self, url, tls, **upstream):
        # One worker: sessions to resume are kept by each.
        return self.start_proxy(self.config(
            url, workers=1, upstream={"tls": tls, **upstream},
            auth=self.credential(login_timeout=f"{SLOWNESS}s")))

    def check_refused(self, proxy, cause):
        """Neither the login nor a request goes to a server that is not trusted."""
        answer = proxy.get("/echoauth")
        # The login fails first, and says why.
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                         (503, "login_unavailable"))
        self.assertIn(f'detail="TLS handshake failed: {cause}"', "\n".join(proxy.log()))
        upstream = proxy.config_value("upstreams", "vsa")
        bare = self.start_proxy(self.config(upstream["url"], auth="none",
                                            upstream={"tls": upstream["tls"]}))
        for _ in range(2):
            answer = bare.get("/echo")
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (502, "upstream_tls"))
        self.assertEqual(self.simulator.requests(), [])
        self.assertEqual(sum(self.simulator.logins.values()), 0)

    def test_a_server_of_a_private_authority_is_trusted_by_name_and_by_address(self):
        certificate = self.authority.issue("server")
        for host in ("localhost", "127.0.0.1"):
            with self.subTest(host):
                proxy = self.start(self.serve(certificate, host), {"ca": self.ca})
                self.assertEqual(proxy.get("/echoauth").status, 200)
                self.assertEqual(request(
                    proxy.port, "GET", f"http://{host}:{self.simulator.port}{BASE}/echoauth")
                    .status, 200)

    def test_sessions_are_resumed(self):
        proxy = self.start(self.serve(self.authority.issue("server")),
                           {"ca": self.ca, "only_ca": True}, pool={"idle_timeout": "50ms"})
        proxy.wait_ready()
        for _ in range(4):
            self.assertEqual(proxy.get("/echoauth").status, 200)
            eventually(lambda: proxy.metric("vsaproxy_connections", side="upstream") == 0)
        connections = self.simulator.stats()["connections"]
        self.assertGreaterEqual(connections["tls_resumed"], 2, connections)

    def test_an_unknown_authority_is_refused(self):
        certificate = self.authority.issue("server")
        self.check_refused(self.start(self.serve(certificate), {}), UNKNOWN)

    def test_only_ca_leaves_the_systems_authorities_out_and_another_ca_is_refused(self):
        (self.directory / "b").mkdir()
        other = Authority(self.directory / "b", "other-ca")
        proxy = self.start(self.serve(self.authority.issue("server")),
                           {"ca": {"file": str(other.ca.certificate)}, "only_ca": True})
        self.check_refused(proxy, UNKNOWN)

    def test_a_wrong_name_is_refused_unless_it_is_configured(self):
        certificate = self.authority.issue("server", ["DNS:vsa.example.com"])
        url = self.serve(certificate)
        self.check_refused(self.start(url, {"ca": self.ca}),
                           "hostname mismatch, it is for vsa.example.com")
        proxy = self.start(url, {"ca": self.ca, "server_name": "vsa.example.com"})
        self.assertEqual(proxy.get("/echoauth").status, 200)

    def test_a_common_name_alone_is_no_name(self):
        certificate = self.authority.issue("localhost", ["DNS:other.example"])
        self.check_refused(self.start(self.serve(certificate), {"ca": self.ca}),
                           "hostname mismatch, it is for other.example")

    def test_an_expired_certificate_is_refused(self):
        certificate = self.authority.issue_expired("old")
        self.check_refused(self.start(self.serve(certificate), {"ca": self.ca}),
                           "certificate has expired, it ended 2020-07-01 00:00 UTC")

    def test_an_old_protocol_version_is_refused(self):
        certificate = self.authority.issue("server")
        context = certificate.server_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2

        def answer(peer):
            while peer.read_request():
                peer.answer(peer.sock.version().encode())
        with RawUpstream(answer, tls=context) as upstream:
            url = f"https://localhost:{upstream.port}"
            proxy = self.start_proxy(self.config(url, auth="none",
                                                 upstream={"tls": {"ca": self.ca}}))
            self.assertEqual(proxy.get("/x").body, b"TLSv1.2")
            strict = self.start_proxy(self.config(
                url, auth="none", upstream={"tls": {"ca": self.ca, "min_version": "1.3"}}))
            self.assertEqual(strict.get("/x").header("X-Proxy-Error"), "upstream_tls")

    def test_connect_dials_elsewhere_and_name_and_check_stay(self):
        certificate = self.authority.issue("server", ["DNS:vsa.example.com"])
        self.serve(certificate)
        proxy = self.start("https://vsa.example.com", {"ca": self.ca},
                           connect=f"127.0.0.1:{self.simulator.port}")
        answer = proxy.get("/headers")
        self.assertIn(["Host", "vsa.example.com"], answer.json()["Result"]["headers"])
        # A tool that can't speak TLS names it without.
        answer = request(proxy.port, "GET", f"http://vsa.example.com{BASE}/echoauth")
        self.assertEqual(answer.status, 200)

    def test_a_cut_without_a_close_notify_is_a_truncation(self):
        certificate = self.authority.issue("server")

        def cut(peer):
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
            peer.sock.shutdown(socket.SHUT_RDWR)
        with RawUpstream(cut, tls=certificate.server_context()) as upstream:
            proxy = self.start_proxy(self.config(
                f"https://localhost:{upstream.port}", auth="none",
                upstream={"tls": {"ca": self.ca}}))
            with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
                proxy.get("/x")


class Names(SystemTest):
    def test_every_address_of_a_name_is_tried(self):
        # localhost is ::1 as well on most machines; nobody listens there.
        simulator = self.start_simulator()
        proxy = self.start_proxy(self.config(f"http://localhost:{simulator.port}"))
        self.assertEqual(proxy.get("/echoauth").status, 200)
        answer = proxy.get("/headers").json()["Result"]
        self.assertIn(["Host", f"localhost:{simulator.port}"], answer["headers"])

    def test_a_plain_upstream_can_be_dialled_elsewhere(self):
        simulator = self.start_simulator()
        proxy = self.start_proxy(self.config(
            "http://vsa.example.com", upstream={"connect": f"localhost:{simulator.port}",
                                                "insecure_http": True}))
        self.assertIn(["Host", "vsa.example.com"],
                      proxy.get("/headers").json()["Result"]["headers"])


class Listeners(SystemTest):
    def start(self, *listeners):
        self.simulator = self.start_simulator()
        return self.start_proxy(self.config(self.simulator.url, listeners=list(listeners)))

    def test_clients_may_speak_tls(self):
        authority = Authority(self.directory)
        authority.issue("proxy")
        tls = {"certificate": {"file": "proxy.crt"}, "key": {"file": "proxy.key"}}
        proxy = self.start(
            {"name": "tls", "address": "127.0.0.1:0", "tls": tls},
            {"name": "strict", "address": "127.0.0.1:0", "tls": {**tls, "min_version": "1.3"}},
            {"name": "plain", "address": "127.0.0.1:0"})
        context = authority.client_context()
        connection = http.client.HTTPSConnection("localhost", proxy.port, context=context,
                                                 timeout=TIMEOUT)
        for _ in range(3):
            self.assertEqual(request_on(connection, "GET", BASE + "/echoauth").status, 200)
        answer = request_on(connection, "POST", BASE + "/sink", b"x" * 300_000)
        self.assertEqual(answer.json()["Result"]["bytes"], 300_000)
        connection.close()
        answer = request(proxy.port, "GET", BASE + "/large?bytes=1000000", host="localhost",
                         tls=context)
        self.assertEqual(len(answer.body), 1_000_000)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises(ssl.SSLError):
            request(proxy.ports["strict"], "GET", BASE + "/echoauth", host="localhost",
                    tls=context)
        self.assertEqual(request(proxy.port, "GET", BASE + "/echoauth", host="localhost",
                                 tls=context).status, 200)
        self.assertEqual(request(proxy.ports["plain"], "GET", BASE + "/echoauth").status, 200)

    def test_plain_bytes_to_a_tls_listener_disturb_nobody(self):
        authority = Authority(self.directory)
        authority.issue("proxy")
        proxy = self.start({"name": "tls", "address": "127.0.0.1:0", "tls": {
            "certificate": {"file": "proxy.crt"}, "key": {"file": "proxy.key"}}})
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                try:
                    while sock.recv(1000):
                        pass
                except ConnectionError:
                    pass
        self.assertEqual(request(proxy.port, "GET", BASE + "/echoauth", host="localhost",
                                 tls=authority.client_context()).status, 200)

    def unix_get(self, path, target):
        connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(TIMEOUT)
        connection.sock.connect(str(path))
        try:
            return request_on(connection, "GET", target)
        finally:
            connection.close()

    def test_unix_sockets_serve_and_come_back_after_a_kill(self):
        proxy = self.start({"name": "relative", "address": "unix:proxy.sock"},
                           {"name": "absolute", "address": f"unix:{self.directory}/other.sock"})
        paths = [self.directory / "run" / "proxy.sock", self.directory / "other.sock"]
        for path in paths:
            self.assertEqual(self.unix_get(path, BASE + "/echoauth").status, 200)
            self.assertEqual(path.stat().st_mode & 0o007, 0, "everybody may connect")
        proxy.kill()
        proxy.start()
        for path in paths:
            self.assertEqual(self.unix_get(path, BASE + "/echoauth").status, 200)
        proxy.stop()
        self.assertEqual([path.exists() for path in paths], [False, False])

    @unittest.skipUnless(has_ipv6(), "no IPv6 on this machine")
    def test_ipv6_serves(self):
        proxy = self.start({"name": "six", "address": "[::1]:0"})
        self.assertIn("listening on [::1]:", "\n".join(proxy.log()))
        self.assertEqual(request(proxy.port, "GET", BASE + "/echoauth", host="::1").status, 200)


if __name__ == "__main__":
    unittest.main()
