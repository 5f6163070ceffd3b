"""Who may ask, as a request tells: browsers, a required header, addresses, API keys."""

import base64
import http.client
import json
import os
import socket
import subprocess
import unittest

from client_tools import KEY, OTHER_KEY, ClientsTest, make_hash, names, read_all
from http_tools import TIMEOUT, parse_responses, request_on
from support import BASE, eventually, request

class Browsers(ClientsTest):
    def test_same_origin_lets_the_proxys_own_pages_in(self):
        self.start({"browsers": "same-origin"})
        own = f"http://127.0.0.1:{self.proxy.port}"
        for headers in ({}, {"Origin": own}, {"Referer": own + "/page"},
                        {"Sec-Fetch-Site": "none"},
                        {"Sec-Fetch-Site": "same-origin", "Origin": own}):
            with self.subTest(headers):
                self.check_served(self.ask(headers))
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"},
                        {"Sec-Fetch-Site": "same-site", "Origin": own},
                        {"Origin": own, "Referer": "http://evil.example/"}):
            with self.subTest(headers):
                self.check_refused(self.ask(headers), 403, "browser_refused")
        forward = f"http://127.0.0.1:{self.upstream.port}"
        self.check_served(self.ask({"Origin": forward}, target=f"{forward}{BASE}/x"))
        self.check_refused(self.ask({"Origin": own}, target=f"{forward}{BASE}/x"), 403,
                           "browser_refused")

    def test_a_listed_origin_gets_what_its_browser_needs(self):
        self.start({"browsers": {"allow_origins": ["https://tool.internal"]}})
        page = {"Origin": "https://tool.internal", "Sec-Fetch-Site": "cross-site"}
        asking = {**page, "Access-Control-Request-Method": "PUT",
                  "Access-Control-Request-Headers": "content-type"}
        answer = self.ask(asking, "OPTIONS")
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.header("Access-Control-Allow-Origin"), "https://tool.internal")
        self.assertEqual(answer.header("Access-Control-Allow-Methods"), "PUT")
        self.assertEqual(answer.header("Access-Control-Allow-Headers"), "content-type")
        self.assertEqual(self.upstream.take(), [], "the proxy answers by itself")
        answer = self.ask(page, "PUT")
        self.check_served(answer)
        self.assertEqual(answer.header_values("Access-Control-Allow-Origin"),
                         ["https://tool.internal"])
        self.assertIn("Origin", answer.header("Vary"))
        # Refusals can be read by the page too.
        answer = self.ask(page, target=f"{BASE}/nothing/../x")
        self.check_refused(answer, 400, "bad_path")
        other = {**asking, "Origin": "https://evil.example"}
        self.check_refused(self.ask(other, "OPTIONS"), 403, "browser_refused")
        self.assertIsNone(self.ask({}).header("Access-Control-Allow-Origin"))

    def test_with_cors_pass_the_upstream_answers_its_pages(self):
        self.start({"browsers": {"allow_origins": ["https://tool.internal"]}},
                   routes=[{"upstream": "vsa", "cors": "pass"}])
        asking = {"Origin": "https://tool.internal", "Access-Control-Request-Method": "PUT"}
        answer = self.ask(asking, "OPTIONS")
        self.assertEqual(self.check_served(answer).method, "OPTIONS")
        self.assertIsNone(answer.header("Access-Control-Allow-Origin"))


class RequiredHeader(ClientsTest):
    RULE = {"require_header": {"name": "X-Vsaproxy-Request", "value": "true"}}

    def test_it_is_required_and_removed(self):
        self.start(self.RULE)
        received = self.check_served(self.ask({"X-Vsaproxy-Request": "true"}))
        self.assertNotIn("x-vsaproxy-request", names(received))
        for headers in ({}, {"X-Vsaproxy-Request": "false"}, {"X-Vsaproxy-Request": ""},
                        {"X_Vsaproxy_Request": "true"}):
            with self.subTest(headers):
                self.check_refused(self.ask(headers), 403, "client_denied")
        self.assertEqual(self.upstream.take(), [])

    def test_a_preflight_of_a_listed_page_goes_without_unless_it_is_forwarded(self):
        rule = {**self.RULE, "browsers": {"allow_origins": ["https://tool.internal"]}}
        asking = {"Origin": "https://tool.internal", "Access-Control-Request-Method": "PUT",
                  "Access-Control-Request-Headers": "x-vsaproxy-request"}
        self.start(rule)
        self.assertEqual(self.ask(asking, "OPTIONS").status, 204)
        self.check_refused(self.ask({"Origin": "https://tool.internal"}), 403, "client_denied")
        self.start(rule, routes=[{"upstream": "vsa", "cors": "pass"}])
        self.check_refused(self.ask(asking, "OPTIONS"), 403, "client_denied")
        self.assertEqual(self.upstream.take(), [])


class Addresses(ClientsTest):
    def test_deny_wins_over_allow(self):
        self.start({"clients": {"allow": ["127.0.0.0/8"], "deny": ["127.0.0.2"]}})
        for source, is_in in (("127.0.0.1", True), ("127.0.0.3", True), ("127.0.0.2", False)):
            with self.subTest(source):
                connection = http.client.HTTPConnection(
                    "127.0.0.1", self.proxy.port, timeout=TIMEOUT, source_address=(source, 0))
                answer = request_on(connection, "GET", f"{BASE}/x")
                connection.close()
                if is_in:
                    self.check_served(answer)
                else:
                    self.check_refused(answer, 403, "client_denied")

    def test_x_forwarded_for_is_believed_from_trusted_proxies_only(self):
        self.start({"clients": {"allow": ["192.0.2.0/24"]}, "trusted_proxies": ["127.0.0.1"]},
                   {"clients": {"allow": ["192.0.2.0/24"]}})
        received = self.check_served(self.ask({"X-Forwarded-For": "203.0.113.1, 192.0.2.7"}))
        self.assertNotIn("x-forwarded-for", names(received))
        self.proxy.wait_for_log(r"client=192\.0\.2\.7 ")
        for value in ("203.0.113.1", "192.0.2.7, 203.0.113.1", None):
            headers = {"X-Forwarded-For": value} if value else {}
            self.check_refused(self.ask(headers), 403, "client_denied")
        self.check_refused(self.ask({"X-Forwarded-For": "who knows"}), 400, "bad_request")
        answer = request(self.proxy.ports["l1"], "GET", f"{BASE}/x",
                         headers={"X-Forwarded-For": "192.0.2.7"})
        self.check_refused(answer, 403, "client_denied")

    def test_rules_of_a_reload_hold_for_clients_that_are_connected(self):
        self.start({})
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=TIMEOUT)
        self.assertEqual(request_on(connection, "GET", f"{BASE}/x").status, 200)
        config = json.loads(self.proxy.config_path.read_text())
        config["listeners"][0]["clients"] = {"deny": ["127.0.0.1"]}
        self.proxy.write_config(config)
        self.proxy.reload()
        self.proxy.wait_for_log("configuration reloaded")
        self.check_refused(request_on(connection, "GET", f"{BASE}/x"), 403, "client_denied")
        connection.close()

    def test_a_listener_that_is_exposed_is_told_loudly_and_one_that_is_not_protected_refused(self):
        self.start({"address": "0.0.0.0:0", "expose": True, "clients": {"allow": ["127.0.0.1"]},
                    "require_header": {"name": "X-Mark", "value": "1"}})
        self.proxy.wait_for_log(r"warn\w* +EXPOSED: .*listener=l0")
        self.check_served(self.ask({"X-Mark": "1"}))
        self.check_refused(self.ask({}), 403, "client_denied")
        config = json.loads(self.proxy.config_path.read_text())
        for change in ({"expose": False}, {"clients": {}}, {"require_header": None}):
            bad = {**config["listeners"][0], **change}
            bad = {key: value for key, value in bad.items() if value is not None}
            proxy = self.make_proxy({**config, "listeners": [bad]})
            done = proxy.command("check")
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertRegex(done.stderr, r'"(expose|address)" ')


class Keys(ClientsTest):
    def start_with_keys(self, **listener):
        self.secrets |= {KEY, OTHER_KEY}
        keys = [{"name": "billing", "hash": make_hash(KEY)},
                {"name": "reports", "hash": make_hash(OTHER_KEY)}]
        self.start({"clients": {"api_keys": {"keys": keys}}, **listener})

    def basic(self, name, key):
        return "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()

    def test_a_key_is_required_named_in_the_log_and_removed(self):
        self.start_with_keys()
        received = self.check_served(self.ask({"X-Vsaproxy-Key": KEY}))
        self.assertNotIn("x-vsaproxy-key", names(received))
        self.proxy.wait_for_log(r"key=billing .*status=200")
        self.check_served(self.ask({"X-Vsaproxy-Key": OTHER_KEY}))
        self.proxy.wait_for_log(r"key=reports .*status=200")
        for headers in ({}, {"X-Vsaproxy-Key": "wrong"}, {"X-Vsaproxy-Key": ""},
                        {"X_Vsaproxy_Key": KEY}, {"Authorization": self.basic("billing", KEY)},
                        {"Proxy-Authorization": self.basic("billing", KEY)}):
            with self.subTest(headers):
                answer = self.ask(headers)
                self.check_refused(answer, 403, "client_key_required")
                self.assertIsNone(answer.header("Proxy-Authenticate"))
        self.assertEqual(self.upstream.take(), [])

    def test_a_forward_client_is_asked_by_407_and_may_use_basic(self):
        self.start_with_keys()
        target = f"{self.upstream.url}{BASE}/x"
        answer = self.ask({}, target=target)
        self.check_refused(answer, 407, "client_key_required")
        self.assertEqual(answer.header("Proxy-Authenticate"), 'Basic realm="vsaproxy"')
        self.assertEqual(answer.json()["status"], 407)
        received = self.check_served(
            self.ask({"Proxy-Authorization": self.basic("billing", KEY)}, target=target))
        self.assertNotIn("proxy-authorization", names(received))
        self.check_served(self.ask({"X-Vsaproxy-Key": KEY}, target=target))
        for login in (self.basic("reports", KEY), self.basic("unknown", KEY),
                      self.basic("billing", "wrong"), "Basic *", "Bearer " + KEY):
            with self.subTest(login):
                self.check_refused(self.ask({"Proxy-Authorization": login}, target=target), 407,
                                   "client_key_required")

    def test_a_body_waits_for_the_check_and_pipelined_requests_stay_in_order(self):
        self.start_with_keys()
        body = os.urandom(300_000)
        received = self.check_served(self.ask({"X-Vsaproxy-Key": KEY}, "POST", body=body))
        self.assertEqual(received.body, body)
        head = f"Host: localhost\r\nX-Vsaproxy-Key: {OTHER_KEY}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as sock:
            sock.sendall("".join(f"GET {BASE}/{i} HTTP/1.1\r\n{head}" for i in range(3)).encode())
            data = b""
            while data.count(b"HTTP/1.1 200") < 3 or not data.endswith(b"ok"):
                data += sock.recv(65536)
        self.assertEqual([r.target for r in self.upstream.take()], [f"{BASE}/{i}" for i in range(3)])

    def test_a_wrong_key_ends_the_connection(self):
        self.start_with_keys()
        with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as sock:
            sock.sendall(f"GET {BASE}/x HTTP/1.1\r\nHost: localhost\r\nX-Vsaproxy-Key: no\r\n\r\n"
                         .encode())
            answer = parse_responses(read_all(sock))[0]
        self.check_refused(answer, 403, "client_key_required")
        self.assertEqual(answer.header("Connection"), "close")

    def test_a_flood_of_wrong_keys_is_cut_off_and_known_clients_are_served_meanwhile(self):
        self.start_with_keys()
        self.check_served(self.ask({"X-Vsaproxy-Key": KEY}))
        flood = []
        for i in range(150):
            sock = socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT)
            sock.sendall(f"GET {BASE}/x HTTP/1.1\r\nHost: localhost\r\nX-Vsaproxy-Key: no{i}\r\n"
                         "\r\n".encode())
            flood.append(sock)
        # While those wait, a key that was right before is known at once.
        self.check_served(self.ask({"X-Vsaproxy-Key": KEY}))
        answers = [parse_responses(read_all(sock))[0] for sock in flood]
        for sock in flood:
            sock.close()
        statuses = {answer.status for answer in answers}
        self.assertEqual(statuses, {403, 503})
        self.assertTrue(all(a.header("X-Proxy-Error") == "overloaded" and a.header("Retry-After")
                            for a in answers if a.status == 503))
        eventually(lambda: self.ask({"X-Vsaproxy-Key": OTHER_KEY}).status == 200)

    def test_hash_takes_one_line_and_no_argument(self):
        made = make_hash(KEY)
        self.assertRegex(made, r"^\$scrypt\$ln=\d+,r=8,p=1\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$")
        self.assertNotEqual(made, make_hash(KEY), "the salt is new each time")
        for text, code in (("", 1), ("\n", 1), (" key\n", 1), ("k\u00e9y\n", 1), ("x" * 2000, 1)):
            done = subprocess.run([os.environ["VSAPROXY"], "hash"], input=text, text=True,
                                  capture_output=True, timeout=TIMEOUT)
            self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
            self.assertTrue(done.stderr)
        done = subprocess.run([os.environ["VSAPROXY"], "hash", KEY], input="", text=True,
                              capture_output=True, timeout=TIMEOUT)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
