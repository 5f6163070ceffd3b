"""HUP swaps the configuration without dropping a request; and the admin listener, which tells how
things are."""

import http.client
import json
import re
import socket
import unittest

from http_tools import TIMEOUT, in_background, request_on
from strict_http import RecordingUpstream
from support import BASE, Authority, SystemTest, eventually, request


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), TIMEOUT).close()
        return False
    except ConnectionError:
        return True


class Reload(SystemTest):
    def setUp(self):
        self.upstream = RecordingUpstream()
        self.addCleanup(self.upstream.close)
        self.settings = self.config(self.upstream.url, auth="none")
        self.settings["listeners"] = [{"name": "one", "address": "127.0.0.1:0"}]
        self.settings["routes"] = [{"match": {"path_prefix": "/old"}, "upstream": "vsa"}]
        self.proxy = self.start_proxy(self.settings)

    def status(self, path, listener="one"):
        return request(self.proxy.ports[listener], "GET", path).status

    def apply(self, **changes):
        self.settings.update(changes)
        self.proxy.write_config(self.settings)
        mark = self.proxy.log_mark()
        self.proxy.reload()
        self.proxy.wait_for_log("configuration reloaded", since=mark)
        return mark

    def refuse(self, text):
        mark = self.proxy.log_mark()
        self.proxy.write_config(text)
        self.proxy.reload()
        self.proxy.wait_for_log("reload refused", since=mark)
        return "\n".join(self.proxy.log(mark))

    def test_a_new_route_serves_and_an_old_one_is_gone(self):
        self.assertEqual([self.status("/old"), self.status("/new")], [200, 403])
        self.apply(routes=[{"match": {"path_prefix": "/new"}, "upstream": "vsa"}])
        self.assertEqual([self.status("/old"), self.status("/new")], [403, 200])

    def test_an_open_connection_goes_on_with_the_new_rules(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=TIMEOUT)
        self.assertEqual(request_on(connection, "GET", "/old").status, 200)
        self.apply(routes=[{"match": {"path_prefix": "/new"}, "upstream": "vsa"}])
        self.assertEqual(request_on(connection, "GET", "/new").status, 200)
        self.assertEqual(request_on(connection, "GET", "/old").status, 403)
        connection.close()

    def test_a_listener_is_added_and_removed_and_its_requests_are_finished(self):
        mark = self.apply(listeners=[{"name": "one", "address": "127.0.0.1:0"},
                                     {"name": "two", "address": "127.0.0.1:0"}])
        match = self.proxy.wait_for_log(r"listening on \S+:(\d+) \(two\)", since=mark)
        self.proxy.ports["two"] = int(match[1])
        self.assertEqual([self.status("/old"), self.status("/old", "two")], [200, 200])
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=TIMEOUT)
        self.assertEqual(request_on(connection, "GET", "/old").status, 200)
        self.apply(listeners=[{"name": "two", "address": "127.0.0.1:0"}])
        eventually(lambda: refuses(self.proxy.port))
        self.assertEqual(self.status("/old", "two"), 200)
        # Who was connected is still answered, and told to go.
        answer = request_on(connection, "GET", "/old")
        self.assertEqual((answer.status, answer.header("Connection")), (200, "close"))
        connection.close()

    def test_the_port_stays_the_same_over_reloads(self):
        for _ in range(3):
            self.apply(limits={"header_count": 50})
            self.assertEqual(self.status("/old"), 200)

    def test_a_bad_file_is_reported_and_the_old_configuration_stays(self):
        self.assertEqual(self.proxy.metric("vsaproxy_config_last_reload_successful"), 1)
        since = self.proxy.metric("vsaproxy_config_last_reload_success_timestamp_seconds")
        self.assertGreater(since, 1_600_000_000)
        upstreams = {"vsa": {"url": self.upstream.url, "auth": "none"}}
        for text, told in (
                ("version: 1\nlisten: [\n", ":"),
                ({**self.settings, "routs": []}, "routes"),
                ({**self.settings, "routes": [{"upstream": "other"}]}, "other"),
                ({**self.settings, "upstreams": {**upstreams, "new": {
                    "url": "https://new.example", "auth": "none",
                    "tls": {"ca": {"file": "missing.pem"}}}}}, "missing.pem"),
                ({**self.settings, "listeners": [
                    {"name": "one", "address": "127.0.0.1:0"},
                    {"name": "taken", "address": f"127.0.0.1:{self.upstream.port}"}]},
                 str(self.upstream.port)),
                ({**self.settings, "upstreams": {"vsa": {"url": self.upstream.url, "auth": {
                    "type": "header", "name": "X-Api-Key", "value": {"file": "missing.key"}}}}},
                 "missing.key")):
            with self.subTest(told):
                self.assertIn(told, self.refuse(text))
                self.assertEqual(self.status("/old"), 200)
                self.assertEqual(self.proxy.metric("vsaproxy_config_last_reload_successful"), 0)
        self.assertEqual(
            self.proxy.metric("vsaproxy_config_last_reload_success_timestamp_seconds"), since)
        self.apply()
        self.assertEqual(self.proxy.metric("vsaproxy_config_last_reload_successful"), 1)

    def test_a_request_under_way_is_finished_by_the_rules_that_it_began_with(self):
        begun, goes_on = [], []

        def answer(peer, _):
            begun.append(1)
            eventually(lambda: goes_on)
            peer.answer(b"late", fields=["Set-Cookie: a=1"])
        self.upstream.answer_with(answer)
        slow = in_background(self.proxy.request, "GET", "/old")
        eventually(lambda: begun)
        with RecordingUpstream() as other:
            self.apply(upstreams={"vsa": {"url": other.url, "auth": "none"}},
                       routes=[{"upstream": "vsa", "cookies": "pass"}])
            self.assertEqual(self.status("/new"), 200)
            self.assertEqual(len(other.take()), 1)
            goes_on.append(1)
            late = slow.result(TIMEOUT)
        self.assertEqual((late.status, late.body, late.header("Set-Cookie")),
                         (200, b"late", None))

    def test_a_session_outlives_a_reload_that_does_not_concern_it(self):
        simulator = self.start_simulator()
        self.settings = self.config(simulator.url)
        self.proxy = self.start_proxy(self.settings).wait_ready()
        self.apply(limits={"header_count": 50})
        self.assertEqual(self.proxy.get("/echoauth").status, 200)
        self.assertEqual(simulator.logins["ok"], 1)
        # Another account is another session.
        simulator.configure(username="other")
        self.settings["upstreams"]["vsa"]["auth"]["username"] = "other"
        self.apply()
        self.assertEqual(self.proxy.get("/echoauth").status, 200)
        self.assertEqual(simulator.logins["ok"], 2)

    def test_a_certificate_of_a_listener_is_read_again(self):
        authority = Authority(self.directory)
        authority.issue("proxy", ["DNS:localhost"])
        self.settings = self.config(self.upstream.url, auth="none", listeners=[
            {"name": "tls", "address": "127.0.0.1:0", "tls": {
                "certificate": {"file": "proxy.crt"}, "key": {"file": "proxy.key"}}}])
        self.proxy = self.start_proxy(self.settings)
        (self.directory / "new").mkdir()
        other = Authority(self.directory / "new", "new-ca")
        issued = other.issue("proxy", ["DNS:localhost"])
        for name in ("proxy.crt", "proxy.key"):
            (issued.certificate.parent / name).replace(self.directory / name)
        self.apply()
        answer = request(self.proxy.port, "GET", "/x", host="localhost",
                         tls=other.client_context())
        self.assertEqual(answer.status, 200)


class Admin(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()

    def start(self, **options):
        self.proxy = self.start_proxy(self.config(self.simulator.url, **options))

    def test_live_at_once_and_ready_after_the_first_login(self):
        self.simulator.configure(login="failing")
        self.start(auth=self.credential(backoff={"min_backoff": "100ms", "max_backoff": "100ms"}))
        live = self.proxy.admin("/livez")
        self.assertEqual((live.status, live.body), (200, b"alive\n"))
        self.proxy.wait_for_log("login failed")
        ready = self.proxy.admin("/readyz")
        self.assertEqual(ready.status, 503)
        self.assertIn(b"vsa", ready.body)
        self.assertIn(b"login_unavailable", ready.body)
        self.assertTrue(ready.header("Retry-After"))
        self.simulator.configure(login="ok")
        self.proxy.wait_ready()
        # Later trouble of the server does not take the proxy out of service.
        self.simulator.configure(login="failing")
        self.simulator.revoke()
        self.proxy.get("/echoauth")
        self.assertEqual(self.proxy.admin("/readyz").status, 200)

    def test_a_proxy_without_sessions_is_ready_at_once(self):
        self.start(auth="none")
        self.assertEqual(self.proxy.admin("/readyz").status, 200)

    NAMES = {
        "vsaproxy_requests_total": {"listener", "route", "code_class"},
        "vsaproxy_request_duration_seconds": {"route"},
        "vsaproxy_upstream_duration_seconds": {"upstream"},
        "vsaproxy_refused_total": {"reason"},
        "vsaproxy_token_expiry_timestamp_seconds": {"credential"},
        "vsaproxy_logins_total": {"credential", "result"},
        "vsaproxy_login_budget_remaining": {"credential"},
        "vsaproxy_replays_total": {"upstream", "result"},
        "vsaproxy_connections": {"side", "state"},
        "vsaproxy_bytes_total": {"direction"},
        "vsaproxy_build_info": {"version"},
        "vsaproxy_config_last_reload_successful": set(),
        "vsaproxy_config_last_reload_success_timestamp_seconds": set()}

    def test_the_metrics_have_the_documented_names_and_labels(self):
        self.start()
        self.assertEqual(self.proxy.get("/echoauth").status, 200)
        self.assertEqual(self.proxy.request("TRACE", "/").status, 405)
        self.simulator.revoke()
        self.assertEqual(self.proxy.get("/unknown/path/that/is/no/label").status, 404)
        answer = self.proxy.admin("/metrics")
        self.assertTrue(answer.header("Content-Type").startswith("text/plain"))
        text = answer.body.decode()
        types = dict(re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text))
        self.assertEqual(set(types), set(self.NAMES))
        for name, labels in self.NAMES.items():
            samples = re.findall(rf"(?m)^{name}(?:_count)?(?:{{(.*)}})? [0-9.e+-]+$", text)
            self.assertTrue(samples, name)
            for sample in samples:
                self.assertEqual(set(re.findall(r'(\w+)="', sample)), labels, name)
        self.assertNotIn("unknown", text)
        metric = self.proxy.metric
        self.assertEqual(metric("vsaproxy_requests_total", code_class="2xx", route="vsa"), 1)
        self.assertEqual(metric("vsaproxy_requests_total", code_class="4xx"), 2)
        self.assertEqual(metric("vsaproxy_refused_total", reason="method_refused"), 1)
        self.assertEqual(metric("vsaproxy_replays_total", result="accepted"), 1)
        self.assertEqual(metric("vsaproxy_logins_total", result="ok"), 2)
        self.assertEqual(metric("vsaproxy_request_duration_seconds_count"), 3)

    def test_foreign_hosts_and_browsers_are_refused(self):
        self.start(auth="none")
        for headers, reason in (({"Host": "rebind.example"}, "host_not_allowed"),
                                ({"Origin": "null"}, "browser_refused"),
                                ({"Sec-Fetch-Site": "none"}, "browser_refused"),
                                ({"Referer": "http://x/"}, "browser_refused")):
            for path in ("/livez", "/readyz", "/metrics", "/other"):
                answer = request(self.proxy.admin_port, "GET", path, headers=headers)
                self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (403, reason))
        for host in ("localhost", "127.0.0.1:1", f"LOCALHOST:{self.proxy.admin_port}"):
            answer = request(self.proxy.admin_port, "GET", "/livez", headers={"Host": host})
            self.assertEqual(answer.status, 200)

    def test_it_is_read_only_and_proxies_nothing(self):
        self.start(auth="none")
        self.assertEqual(self.proxy.admin("/nothing").status, 404)
        self.assertEqual(self.proxy.admin(BASE + "/echo").status, 404)
        for method in ("POST", "PUT", "DELETE"):
            answer = request(self.proxy.admin_port, method, "/livez", b"x")
            self.assertIn(answer.status, (405, 501), method)
        answer = request(self.proxy.admin_port, "GET", f"{self.simulator.url}{BASE}/echo")
        self.assertNotEqual(answer.status, 200)
        self.assertEqual(self.simulator.requests(), [])

    def test_it_can_be_switched_off(self):
        self.start(admin="off")
        self.assertEqual(self.proxy.get("/echoauth").status, 200)
        self.assertNotIn("(admin)", self.proxy.output())

    def test_the_status_of_the_configuration_shows_no_secret(self):
        self.start()
        self.proxy.wait_ready()
        for path in ("/metrics", "/readyz", "/livez"):
            body = self.proxy.admin(path).body.decode()
            for secret in (*self.secrets, *self.simulator.tokens()):
                self.assertNotIn(secret, body)
            self.assertNotIn(json.dumps(str(self.directory)), body)


if __name__ == "__main__":
    unittest.main()
