"""TLS to the upstream in each way that it can fail, pinned keys, and the proxy's own certificate."""

import json
import signal
import ssl
import unittest

from support import PASSWORD, Authority, RawUpstream, SystemTest, eventually

LOGIN = {"type": "http_login", "username": "demo", "token": {"pointer": "/token"}}
# Who asks while a login fails is told at once: the next try comes too late.
IMPATIENT = {"backoff": {"min_backoff": "2s", "max_backoff": "2s"}, "login_timeout": "500ms"}


class TlsServer(RawUpstream):
    """Answers every request with "good", and logins with a token. How it shakes hands is
    `shake_hands(peer)`, which may be changed at any time; `context` is the good way."""

    def __init__(self, context):
        super().__init__(self.serve)
        self.shake_hands = self.with_context(context)
        self.requests, self.logins = 0, 0
        self.shown = []  # names in the client certificates, by request; None: none was shown
        self.url = f"https://localhost:{self.port}"

    @staticmethod
    def with_context(context):
        def shake_hands(peer):
            peer.sock = context.wrap_socket(peer.sock, server_side=True)
            return True
        return shake_hands

    def serve(self, peer):
        if not self.shake_hands(peer):
            return
        while received := peer.read_request():
            self.shown.append(self.name_of(peer))
            if received[0].startswith(b"POST /session "):
                self.logins += 1
                peer.answer(json.dumps({"token": "demo-session", "access_token": "demo-session",
                                        "token_type": "Bearer"}).encode(),
                            fields=["Content-Type: application/json"])
            else:
                self.requests += 1
                peer.answer(b"good")

    @staticmethod
    def name_of(peer):
        shown = peer.sock.getpeercert()
        return dict(entry[0] for entry in shown["subject"])["commonName"] if shown else None


class UpstreamTlsTest(SystemTest):
    def setUp(self):
        self.authority = Authority(self.directory)
        self.good = self.authority.issue("server")
        self.server = self.start_server(self.good.server_context())
        self.tls = {"ca": {"file": "test-ca.crt"}, "only_ca": True}

    def start_server(self, context):
        server = TlsServer(context)
        self.addCleanup(server.close)
        return server

    def settings(self, auth="none", url=None, **tls):
        return self.config(url or self.server.url, auth=auth, workers=1,
                           upstream={"tls": {**self.tls, **tls}})

    def login(self, url=None):
        """A credential that logs in at the server itself."""
        return {**LOGIN, "secret": {"file": self.write_secret("odd.pass", PASSWORD)},
                "request": {"url": f"{url or self.server.url}/session",
                            "body": {"user": "{{username}}", "pass": "{{secret}}"}}}

    def check_refused(self, answer, status, reason, cause):
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (status, reason))
        self.assertIn(cause, answer.json()["detail"])


def close_after_hello(peer):
    peer.read_some()
    peer.close()


def reset_after_hello(peer):
    peer.read_some()
    peer.reset()


def answer_in_clear(peer):
    peer.read_some()
    peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class Faults(UpstreamTlsTest):
    """Each with a server that is not what it should be for a while, under the same address."""

    def other_authority(self):
        (self.directory / "other").mkdir()
        return Authority(self.directory / "other", "other-ca").issue("server")

    def old_versions_only(self):
        context = self.good.server_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertWarns(DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context

    def wants_certificate(self, version):
        context = self.good.server_context()
        context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.authority.ca.certificate)
        return context

    def check(self, cause, shake_hands=None, *, certificate=None, context=None, **tls):
        if certificate:
            context = certificate.server_context()
        right = self.server.shake_hands
        self.server.shake_hands = shake_hands or TlsServer.with_context(context)
        cause = f"TLS handshake failed: {cause}"
        bare = self.start_proxy(self.settings(**tls))
        proxy = self.start_proxy(self.settings({**self.login(), **IMPATIENT}, **tls))
        for _ in range(2):
            self.check_refused(bare.get("/x"), 502, "upstream_tls", cause)
            self.check_refused(bare.request("POST", "/x", b"hi"), 502, "upstream_tls", cause)
        self.check_refused(proxy.get("/x"), 503, "login_unavailable", cause)
        self.assertEqual((self.server.requests, self.server.logins), (0, 0))
        self.assertEqual(self.server.errors, [])
        for received in self.server.received:
            self.assertNotIn(b"HTTP/1.1", received)
        # As soon as the server is right, nothing of it is left.
        self.server.shake_hands = right
        self.assertEqual(bare.get("/x").body, b"good")
        eventually(lambda: proxy.get("/x").status == 200)

    def test_an_expired_certificate(self):
        self.check("certificate has expired, it ended 2020-07-01 00:00 UTC",
                   certificate=self.authority.issue_expired("old"))

    def test_a_certificate_that_is_not_yet_valid(self):
        self.check("certificate is not yet valid, it begins 2090-01-01 00:00 UTC",
                   certificate=self.authority.issue_between("new", "20900101000000Z",
                                                            "20910101000000Z"))

    def test_a_certificate_for_another_name(self):
        self.check("hostname mismatch, it is for vsa.example.com, *.example.net",
                   certificate=self.authority.issue(
                       "other", ["DNS:vsa.example.com", "DNS:*.example.net", "DNS:a b"]))

    def test_a_certificate_of_an_unknown_authority(self):
        self.check("unable to get local issuer certificate, is it a private authority? See tls.ca",
                   certificate=self.other_authority())

    def test_a_self_signed_certificate(self):
        self.check("self-signed certificate, is it a private authority? See tls.ca",
                   certificate=self.authority.issue_self_signed("alone"))

    def test_another_key_than_the_pinned_one(self):
        other = self.authority.issue("other")
        self.check("none of the keys of tls.pin_sha256 is the server's: it has " + other.pin(),
                   certificate=other, pin_sha256=[self.good.pin()])

    def test_a_protocol_that_is_too_old(self):
        self.check("tlsv1 alert protocol version, the server has no TLS version from "
                   "tls.min_version on", context=self.old_versions_only())

    def test_a_protocol_that_is_older_than_configured(self):
        context = self.good.server_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        right = self.good.server_context()
        self.server.shake_hands = TlsServer.with_context(right)
        self.check("tlsv1 alert protocol version, the server has no TLS version from "
                   "tls.min_version on", context=context, min_version="1.3")

    def test_a_server_that_closes_in_the_handshake(self):
        self.check("the peer closed the connection", close_after_hello)

    def test_a_server_that_resets_in_the_handshake(self):
        self.check("the peer closed the connection", reset_after_hello)

    def test_a_server_that_does_not_speak_tls(self):
        self.check("wrong version number, does the server speak TLS on this port?",
                   answer_in_clear)

    def test_a_server_that_wants_a_certificate(self):
        asked = ", the server asked for a client certificate: see tls.client_certificate"
        self.check("sslv3 alert handshake failure" + asked,
                   context=self.wants_certificate(ssl.TLSVersion.TLSv1_2))

    def test_a_server_that_wants_a_certificate_when_the_handshake_is_over(self):
        self.check("tlsv13 alert certificate required, the server asked for a client certificate: "
                   "see tls.client_certificate",
                   context=self.wants_certificate(ssl.TLSVersion.TLSv1_3))


class Pins(UpstreamTlsTest):
    def check_served(self, *pins):
        proxy = self.start_proxy(self.settings(self.login(), pin_sha256=list(pins)))
        self.assertEqual(proxy.get("/x").body, b"good")
        return proxy

    def test_the_servers_key_its_authoritys_or_a_spare_may_be_pinned(self):
        spare = self.authority.issue("spare").pin()
        for pins in ([self.good.pin()], [spare, self.good.pin()], [self.authority.ca.pin()]):
            with self.subTest(pins):
                self.check_served(*pins)

    def test_a_renewed_certificate_with_the_same_key_is_served(self):
        renewed = self.authority.renew(self.good, "renewed")
        self.assertEqual(renewed.pin(), self.good.pin())
        self.server.shake_hands = TlsServer.with_context(renewed.server_context())
        self.check_served(self.good.pin())

    def test_a_pin_is_asked_for_beside_everything_else(self):
        other = self.authority.issue("other", ["DNS:vsa.example.com"])
        self.server.shake_hands = TlsServer.with_context(other.server_context())
        proxy = self.start_proxy(self.settings(pin_sha256=[other.pin()]))
        self.check_refused(proxy.get("/x"), 502, "upstream_tls", "hostname mismatch")

    def test_a_changed_pin_refuses_the_server_although_there_is_a_session_to_resume(self):
        spare = self.authority.issue("spare").pin()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version.name):
                context = self.good.server_context()
                context.maximum_version = version
                self.server.shake_hands = TlsServer.with_context(context)
                proxy = self.start_proxy(self.settings())
                self.assertEqual(proxy.get("/x").body, b"good")
                self.reload(proxy, self.settings(pin_sha256=[spare]))
                self.check_refused(proxy.get("/x"), 502, "upstream_tls", self.good.pin())
                self.reload(proxy, self.settings(pin_sha256=[spare, self.good.pin()]))
                self.assertEqual(proxy.get("/x").body, b"good")

    def test_a_login_elsewhere_takes_the_pin_of_the_upstream_there(self):
        elsewhere = self.start_server(self.authority.issue("elsewhere").server_context())
        config = self.settings({**self.login(elsewhere.url), **IMPATIENT})
        config["upstreams"]["login"] = {
            "url": elsewhere.url, "auth": "none",
            "tls": {**self.tls, "pin_sha256": [self.good.pin()]}}
        config["routes"] = [{"upstream": "vsa"}]
        proxy = self.start_proxy(config)
        self.check_refused(proxy.get("/x"), 503, "login_unavailable", "tls.pin_sha256")
        self.assertEqual((elsewhere.logins, self.server.requests), (0, 0))

    def reload(self, proxy, config):
        since = proxy.log_mark()
        proxy.write_config(config)
        proxy.reload()
        proxy.wait_for_log("configuration reloaded", since=since)


class ClientCertificates(UpstreamTlsTest):
    def setUp(self):
        super().setUp()
        self.client = self.authority.issue_client("reports", ["DNS:reports.internal"])
        self.pair = {"client_certificate": {"file": "reports.crt"},
                     "client_key": {"file": "reports.key"}}
        self.server.shake_hands = TlsServer.with_context(self.asking(ssl.CERT_REQUIRED))

    def asking(self, mode, version=ssl.TLSVersion.TLSv1_3):
        context = self.good.server_context()
        context.maximum_version = version
        context.verify_mode = mode
        context.load_verify_locations(self.authority.ca.certificate)
        return context

    def test_it_is_shown_with_logins_and_requests(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version.name):
                self.server.shown.clear()
                self.server.shake_hands = TlsServer.with_context(
                    self.asking(ssl.CERT_REQUIRED, version))
                proxy = self.start_proxy(self.settings(self.login(), **self.pair))
                self.assertEqual(proxy.get("/x").body, b"good")
                self.assertEqual(self.server.shown, ["reports", "reports"])

    def test_it_is_never_offered_to_another_origin(self):
        other = self.start_server(self.asking(ssl.CERT_OPTIONAL))
        login = self.start_server(self.asking(ssl.CERT_OPTIONAL))
        # An upstream without one, and a login server that is no upstream.
        config = self.settings(self.login(login.url), **self.pair)
        config["upstreams"]["other"] = {"url": other.url, "auth": "none", "tls": self.tls}
        config["routes"] = [{"match": {"path_prefix": "/other"}, "upstream": "other"},
                            {"upstream": "vsa"}]
        proxy = self.start_proxy(config, env={"SSL_CERT_FILE": str(self.authority.ca.certificate)})
        self.assertEqual(proxy.request("GET", "/other").body, b"good")
        self.assertEqual(proxy.request("GET", "/x").body, b"good")
        self.assertEqual(self.server.shown, ["reports"])
        self.assertEqual((other.shown, login.shown), ([None], [None]))
        self.assertEqual((login.logins, other.requests), (1, 1))

    def test_a_certificate_that_the_server_does_not_take_is_told(self):
        (self.directory / "other").mkdir()
        other = Authority(self.directory / "other", "other-ca")
        stranger = other.issue_client("stranger", ["DNS:stranger.internal"])
        proxy = self.start_proxy(self.settings(
            client_certificate={"file": str(stranger.certificate)},
            client_key={"file": str(stranger.key)}))
        self.check_refused(proxy.get("/x"), 502, "upstream_tls",
                           "TLS handshake failed: tlsv1 alert unknown ca")
        self.assertEqual(self.server.requests, 0)

    def test_a_renewed_certificate_is_shown_after_a_reload(self):
        proxy = self.start_proxy(self.settings(**self.pair))
        self.assertEqual(proxy.get("/x").body, b"good")
        renewed = self.authority.issue_client("renewed", ["DNS:reports.internal"])
        renewed.certificate.replace(self.client.certificate)
        renewed.key.replace(self.client.key)
        proxy.send_signal(signal.SIGHUP)
        proxy.wait_for_log("configuration reloaded")
        self.assertEqual(proxy.get("/x").body, b"good")
        self.assertEqual(self.server.shown, ["reports", "renewed"])

    def test_a_pair_that_does_not_fit_or_is_open_to_all_is_refused_with_its_place(self):
        other = self.authority.issue("other")
        proxy = self.make_proxy(self.settings(**{**self.pair, "client_key": {
            "file": str(other.key)}}))
        for command in ("check", "run"):
            done = proxy.command(command)
            self.assertEqual(done.returncode, {"check": 3, "run": 78}[command])
            self.assertRegex(done.stderr, r"proxy0\.yaml:\d+:\d+: the key is not usable with the "
                                          "certificate: key values mismatch")
        self.client.key.chmod(0o644)
        proxy.write_config(self.settings(**self.pair))
        self.assertRegex(proxy.command("check").stderr,
                         r"proxy0\.yaml:\d+:\d+: file reports.key can be read by every user")
        self.client.key.chmod(0o600)
        self.assertEqual(proxy.command("check").returncode, 0)


if __name__ == "__main__":
    unittest.main()
