"""Credentials of type kaseya-soap before the simulated server, which takes no SessionID but the live
one wherever it stands: what it counts shows that nothing of a tool's own reaches it."""

import http.client
import socket
import unittest
import urllib.parse

from soap_tools import (ENVELOPES, NAMESPACE, PATH, Result, call, envelope, head, login_fields,
                        primitive)
from support import (BASE, PASSWORD, USERNAME, Authority, SystemTest, eventually, parse_responses,
                     request, request_on, send_raw)

WRONG = "another-password"
PAGE = "/vsapres/web20/core/login.aspx"


def scopes(session=None, version="1.1"):
    fields = {} if session is None else {"SessionID": session}
    return envelope(call("GetScopes", fields), version).encode()


def framed(body, fields=(), target=PATH):
    """A raw POST of a SOAP message, with its length."""
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", 'Content-Type: text/xml; charset=utf-8',
             f'SOAPAction: "{NAMESPACE}/GetScopes"', *fields]
    if not any(line.startswith("Transfer-Encoding") for line in fields):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class SoapTest(SystemTest):
    def soap(self, password=PASSWORD, **changes):
        return {"type": "kaseya-soap", "username": USERNAME,
                "password": {"file": self.write_secret("soap.pass", password)}, **changes}

    def start(self, credential=None, simulator=None, **top_level):
        self.simulator = self.start_simulator(**(simulator or {}))
        self.proxy = self.start_proxy(self.config(
            self.simulator.url, auth=self.soap(**(credential or {})), **top_level))

    def start_route(self, **route):
        self.start(routes=[{"name": "all", "upstream": "vsa", **route}])

    def tearDown(self):
        stats = self.simulator.stats()
        self.assertEqual((stats["bad_requests"], stats["soap"]["faults"]), (0, 0), stats)
        self.assertEqual(stats["soap"]["stray_session_ids"], 0)
        super().tearDown()

    def post(self, body, headers=None, path=PATH):
        return self.proxy.request("POST", path, body, head("GetScopes") if headers is None
                                  else headers)

    def call(self, operation, fields, version="1.1"):
        return Result(self.post(envelope(call(operation, fields), version).encode(),
                                head(operation, version)))

    def log_in(self, operation="Authenticate", fields=None):
        return self.call(operation, login_fields("anybody", "dummy") if fields is None else fields)

    def check_scopes(self, answer):
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIn("Master", Result(answer).texts("ScopeID"))

    def check_refused(self, answer, status, reason):
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (status, reason),
                         answer.body)

    @property
    def logins(self):
        return self.simulator.logins

    @property
    def stats(self):
        return self.simulator.stats()["soap"]

    def wait_rejected(self, count):
        eventually(lambda: self.logins["rejected"] == count)


class Logins(SoapTest):
    def test_the_login_comes_at_the_start_and_serves_all(self):
        self.start()
        self.proxy.wait_ready()
        self.assertEqual(self.logins["ok"], 1)
        for version in ENVELOPES:
            for session in (None, "1", "{{token}}", "9.142271319472278e+25"):
                self.check_scopes(self.post(scopes(session, version), head("GetScopes", version)))
        self.assertEqual((self.logins["ok"], self.stats["calls"], self.stats["refused"]), (1, 8, 0))

    def test_rest_and_soap_share_the_budget_and_the_lock_by_user_name(self):
        self.simulator = self.start_simulator(lockout_after=2)
        config = self.config(self.simulator.url, auth=self.soap(WRONG))
        config["upstreams"]["rest"] = {
            "url": self.simulator.url, "auth": {
                "type": "kaseya-vsa9", "username": USERNAME,
                "password": {"file": self.write_secret("rest.pass", WRONG)},
                "login_budget": {"rejected": 1}}}
        config["upstreams"]["vsa"]["auth"]["login_budget"] = {"rejected": 1}
        config["routes"] = [{"match": {"path_prefix": BASE}, "upstream": "rest"},
                            {"upstream": "vsa"}]
        self.proxy = self.start_proxy(config)
        for _ in range(3):
            self.assertEqual(self.post(scopes()).status, 503)
            self.assertEqual(self.proxy.get("/echoauth").status, 503)
        self.assertEqual({key: count for key, count in self.logins.items() if count},
                         {"rejected": 1})

    def test_each_hash_is_sent_as_it_is_configured(self):
        for hash_name, other in (("sha-256", "sha-1"), ("sha-1", "sha-256")):
            with self.subTest(hash_name):
                self.start({"hash": hash_name}, {"soap_hash": hash_name})
                self.check_scopes(self.post(scopes()))
                self.assertEqual((self.logins["ok"], self.logins["rejected"]), (1, 0))
                self.proxy.stop()
                self.simulator = self.start_simulator(soap_hash=other)
                (self.directory / "state").rename(self.directory / f"state-{hash_name}")
                self.proxy = self.start_proxy(self.config(
                    self.simulator.url, auth=self.soap(hash=hash_name)))
                self.wait_rejected(1)
                self.assertEqual(self.post(scopes()).status, 503)
                self.assertEqual((self.logins["ok"], self.logins["rejected"]), (0, 1))
                self.proxy.stop()
                (self.directory / "state").rename(self.directory / f"state-{hash_name}-{other}")

    def test_the_hash_that_was_taken_is_tried_first_the_next_time(self):
        self.start({"hash": "sha-256-then-sha-1"}, {"soap_hash": "sha-1"})
        self.check_scopes(self.post(scopes()))
        self.assertEqual((self.logins["ok"], self.logins["rejected"]), (1, 1))
        self.simulator.revoke()
        self.check_scopes(self.post(scopes()))
        self.assertEqual((self.logins["ok"], self.logins["rejected"]), (2, 1))

    def test_a_wrong_password_costs_two_logins_where_both_hashes_are_tried(self):
        self.start({"hash": "sha-256-then-sha-1", "password": WRONG})
        self.wait_rejected(2)
        for _ in range(5):
            self.assertEqual(self.post(scopes()).status, 503)
        self.proxy.restart()
        self.assertEqual(self.post(scopes()).status, 503)
        self.assertEqual((self.logins["ok"], self.logins["rejected"]), (0, 2))

    def test_the_second_hash_is_left_out_where_the_server_names_another_cause(self):
        self.start({"hash": "sha-256-then-sha-1"}, {"soap_login_error": "API disabled"})
        self.wait_rejected(1)
        answer = self.post(scopes())
        self.assertEqual(answer.status, 503)
        self.assertIn(b"API Web Service", answer.body)
        self.assertEqual(self.logins["rejected"], 1)

    def test_an_operator_logs_in_by_command(self):
        self.start()
        self.proxy.wait_ready()
        done = self.proxy.command("login", "vsa")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.logins["ok"], 2)
        # The login ended the session of the running proxy, which finds that out by itself.
        self.check_scopes(self.post(scopes()))
        self.simulator.configure(password="changed")
        done = self.proxy.command("login", "vsa")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("username/password incorrect", done.stdout + done.stderr)
        for token in self.simulator.tokens():
            self.assertNotIn(token, done.stdout + done.stderr)


class Refusals(SoapTest):
    def check_replayed_once(self, number):
        before = self.simulator.stats()
        self.simulator.revoke()
        self.assertEqual(self.call("AddScope", {"ScopeName": f"s{number}", "SessionID": "1"}).text(
            "ErrorMessage"), "")
        after = self.simulator.stats()
        self.assertEqual(after["logins"]["ok"], before["logins"]["ok"] + 1)
        for name, more in (("refused", 1), ("writes", 1), ("calls", 1)):
            self.assertEqual(after["soap"][name], before["soap"][name] + more, name)

    def test_every_shape_is_replayed_once_with_one_login(self):
        self.start()
        self.proxy.wait_ready()
        number = 0
        for shape in ("session-zero", "message", "zero", "fault", "http-401"):
            for coding in ("identity", "gzip", "deflate"):
                for framing in ("length", "chunked"):
                    with self.subTest(f"{shape}, {coding}, {framing}"):
                        self.simulator.configure(soap_expired=shape, expired_coding=coding,
                                                 expired_framing=framing)
                        self.check_replayed_once(number)
                        number += 1

    def test_a_fault_about_something_else_passes_untouched(self):
        self.start(simulator={"soap_expired": "fault", "soap_expired_text": "Disk is full"})
        self.proxy.wait_ready()
        self.simulator.revoke()
        for _ in range(3):
            answer = self.call("GetScopes", {})
            self.assertEqual((answer.status, answer.text("faultstring")), (500, "Disk is full"))
        self.assertEqual((self.logins["ok"], self.stats["refused"]), (1, 3))


class OwnLogins(SoapTest):
    def test_a_stubbed_login_yields_a_session_that_opens_nothing(self):
        self.start()
        session = self.log_in().text("SessionID")
        self.assertRegex(session, r"^\d{26}$")
        self.assertNotIn(session, self.simulator.tokens())
        self.assertEqual(self.call("GetScopes", {"SessionID": session}).text("ScopeID"), "Master")
        inner = Result(self.post(
            envelope(primitive("Authenticate", call("Authenticate", {}))).encode(),
            head("PrimitiveAuthenticate"))).inner
        self.assertEqual(inner.findtext(".//SessionID"), session)
        self.assertEqual((self.logins["ok"], self.logins["rejected"]), (1, 0))

    def test_a_stubbed_login_fails_in_the_apis_shape_and_never_with_401(self):
        self.start({"password": WRONG})
        self.wait_rejected(1)
        for operation in ("Authenticate", "AuthenticateWithAppSessionID"):
            answer = self.log_in(operation)
            self.assertEqual((answer.status, answer.text("SessionID"), answer.text("Method")),
                             (200, "0", operation))
            self.assertIn("rejected", answer.text("ErrorMessage"))
        self.assertEqual(self.logins["rejected"], 1)

    def test_a_refused_login_goes_nowhere(self):
        self.start_route(login_paths="refuse")
        answer = self.post(envelope(call("Authenticate", login_fields(USERNAME, PASSWORD))).encode(),
                           head("Authenticate"))
        self.check_refused(answer, 403, "route_denied")
        self.check_scopes(self.post(scopes()))
        self.assertEqual(self.logins["ok"], 1)

    def test_a_login_that_passes_is_the_tools_own(self):
        self.start_route(login_paths="pass")
        self.proxy.wait_ready()
        answer = self.log_in()
        self.assertEqual((answer.text("SessionID"), answer.text("ErrorMessage")),
                         ("0", "username/password incorrect"))
        own = self.log_in(fields=login_fields(USERNAME, PASSWORD)).text("SessionID")
        self.assertIn(own, self.simulator.tokens())
        # Its login has ended ours, which is renewed.
        self.check_scopes(self.post(scopes("1")))
        self.assertEqual((self.logins["ok"], self.logins["rejected"]), (3, 1))


class Pages(SoapTest):
    def test_pages_get_the_session_in_their_query_and_location_is_cleaned(self):
        self.start({"page_paths": ["/vsapres/**"]}, routes=[{"upstream": "vsa", "cookies": "pass"}])
        for target in (PAGE, f"{PAGE}?apiLogonGuid=1", f"{PAGE}?x=1&APILOGONGUID=&y=2",
                       f"{PAGE}?to=address", f"{PAGE}?to=middle", f"{PAGE}?to=nested"):
            with self.subTest(target):
                answer = self.proxy.request("GET", target)
                self.assertEqual(answer.status, 302)
                location = urllib.parse.unquote(answer.header("Location"))
                self.assertNotIn(self.simulator.tokens()[-1], location)
                self.assertNotIn("apilogonguid", location.lower())
        cookie = answer.header("Set-Cookie").split(";")[0]
        welcome = self.proxy.request("GET", "/SystemTab/Welcome.aspx", headers={"Cookie": cookie})
        self.assertIn(b"signed in", welcome.body)
        self.assertEqual(self.simulator.stats()["web_pages"],
                         {"shown": 1, "redirected": 6, "refused": 0})


class Descriptions(SoapTest):
    def check_address(self, answer, expected):
        self.assertEqual(answer.status, 200, answer.body)
        found = {e.get("location") for e in Result(answer).root.iter()
                 if e.tag.endswith("}address")}
        self.assertEqual(found, {expected})

    def test_the_wsdl_has_the_address_at_which_the_tool_asked(self):
        self.start()
        url = f"http://127.0.0.1:{self.proxy.port}"
        self.check_address(self.proxy.request("GET", PATH + "?WSDL"), url + PATH)
        named = self.proxy.request("GET", PATH + "?wsdl", headers={"Host": "localhost"})
        self.check_address(named, "http://localhost" + PATH)
        # As a forward proxy: the server's own, as the tool knows it.
        absolute = self.simulator.url + PATH
        self.check_address(self.proxy.request("GET", absolute + "?WSDL"), absolute)
        head = self.proxy.request("HEAD", PATH + "?WSDL")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertIsNone(head.header("Content-Length"), "GET would get another length")

    def test_a_prefix_that_was_stripped_is_put_back(self):
        self.start_route(match={"path_prefix": "/acme"}, strip_prefix="/acme")
        url = f"http://127.0.0.1:{self.proxy.port}/acme"
        self.check_address(self.proxy.request("GET", f"/acme{PATH}?WSDL"), url + PATH)
        self.check_scopes(self.post(scopes("1"), path="/acme" + PATH))

    def test_behind_a_tls_listener_it_is_https(self):
        authority = Authority(self.directory)
        issued = authority.issue("proxy")
        self.start(listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {
            "certificate": {"file": str(issued.certificate)}, "key": {"file": str(issued.key)}}}])
        answer = self.proxy.request("GET", PATH + "?WSDL", tls=authority.client_context())
        self.check_address(answer, f"https://127.0.0.1:{self.proxy.port}{PATH}")


class Messages(SoapTest):
    def nothing_came(self):
        calls = [each for each in self.simulator.requests() if each["session"] != "login"]
        self.assertEqual(calls, [])

    def test_what_is_over_the_limit_is_413(self):
        self.start(limits={"soap_body": "16KiB"})
        body = scopes("1") + b" " * 20_000
        announced = framed(body)[:-len(body)]
        chunks = framed(b"5000\r\n" + b" " * 0x5000 + b"\r\n", ["Transfer-Encoding: chunked"])
        for sent in (announced, chunks):
            answer = parse_responses(send_raw(self.proxy.port, sent, until=b"soap_body"), ["POST"])
            self.check_refused(answer[0], 413, "body_too_large")
        self.nothing_came()
        self.check_scopes(self.post(scopes("1") + b" " * 10_000))

    def test_what_cannot_be_edited_is_400_and_nothing_reaches_the_server(self):
        self.start()
        good = scopes("1")
        text_xml = head("GetScopes")
        for name, body, headers in (
                ("cut", good[:-3], text_xml), ("empty", b"", text_xml), ("text", b"hello", text_xml),
                ("DOCTYPE", b"<!DOCTYPE x>" + good, text_xml),
                ("entity", b'<!DOCTYPE x [<!ENTITY e "1">]>' + good, text_xml),
                ("UTF-16", good.decode().encode("utf-16"), text_xml),
                ("UTF-16 by name", good, {**text_xml, "Content-Type": "text/xml; charset=utf-16"}),
                ("nested", envelope("<a>" * 200 + "</a>" * 200).encode(), text_xml),
                ("no operation", envelope("").encode(), text_xml),
                ("foreign", envelope('<GetScopes xmlns="other"/>').encode(), text_xml),
                ("in the string", envelope(primitive("GetScopes", "<a>")).encode(), text_xml),
                ("gzip", good, {**text_xml, "Content-Encoding": "gzip"}),
                ("JSON", good, {"Content-Type": "application/json"}), ("no type", good, {})):
            with self.subTest(name):
                self.check_refused(self.post(body, headers), 400, "bad_request")
        self.nothing_came()

    def test_the_first_message_of_a_worker_may_be_an_empty_one(self):
        self.start(workers=1)
        self.check_refused(self.post(b""), 400, "bad_request")
        self.check_scopes(self.post(scopes("1")))

    def test_bodies_come_in_any_framing(self):
        self.start()
        body = scopes("1")
        chunked = "Transfer-Encoding: chunked"
        for size in (1, 7, len(body)):
            pieces = [body[at:at + size] for at in range(0, len(body), size)]
            self.check_scopes(self.post(iter(pieces)))
        coded = b"".join(b"%x\r\n%s\r\n" % (1, body[at:at + 1]) for at in range(len(body)))
        data = send_raw(self.proxy.port, framed(coded + b"0\r\nX-Trailer: 1\r\n\r\n", [chunked]),
                        until=b"Envelope>")
        self.check_scopes(parse_responses(data, ["POST"])[0])
        self.assertEqual(self.stats["calls"], 4)

    def test_a_client_that_waits_for_an_invitation_gets_one(self):
        self.start()
        body = scopes("1")
        message = framed(body, ["Expect: 100-continue"])
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=15) as sock:
            sock.sendall(message[:-len(body)])
            self.assertTrue(sock.recv(65536).startswith(b"HTTP/1.1 100 "))
            self.nothing_came()
            sock.sendall(body)
            data = b""
            while b"Envelope>" not in data:
                data += sock.recv(65536)
        self.check_scopes(parse_responses(data, ["POST"])[0])

    def test_a_body_that_stops_coming_is_408(self):
        self.start(upstream={"timeouts": {"idle": "300ms"}})
        data = send_raw(self.proxy.port, framed(scopes("1"))[:-10], timeout=15)
        self.check_refused(parse_responses(data, ["POST"])[0], 408, "request_timeout")
        self.nothing_came()

    def test_requests_behind_an_edited_one_are_intact(self):
        self.start()
        rest = f"GET {BASE}/headers?n=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        data = send_raw(self.proxy.port, 3 * framed(scopes("123")) + rest.encode(), timeout=15)
        answers = parse_responses(data, ["POST", "POST", "POST", "GET"])
        self.assertEqual(len(answers), 4)
        for answer in answers[:3]:
            self.check_scopes(answer)
        self.assertEqual(self.stats["calls"], 3)

    def test_one_connection_serves_all_kinds(self):
        self.start()
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=15)
        for _ in range(3):
            self.check_scopes(request_on(connection, "POST", PATH, scopes("1"), head("GetScopes")))
            answer = request_on(connection, "GET", PATH + "?WSDL")
            self.assertEqual(answer.status, 200)
        connection.close()

    def test_an_operation_by_get_gets_the_session_in_its_xml(self):
        self.start()
        for xml in (call("GetScopes", {"SessionID": "1"}), call("GetScopes", {}),
                    "<GetScopes><SessionID/></GetScopes>", "<a/>"):
            query = urllib.parse.urlencode({"XmlRequest": xml})
            answer = self.proxy.request("GET", f"{PATH}/PrimitiveGetScopes?{query}")
            self.assertEqual(len(Result(answer).inner.findall(".//{KaseyaWS}ScopeID")), 2)
        query = urllib.parse.urlencode({"XmlRequest": "<a"})
        self.check_refused(self.proxy.request("GET", f"{PATH}/PrimitiveGetScopes?{query}"), 400,
                           "bad_request")
        self.assertEqual((self.stats["calls"], self.stats["refused"]), (4, 0))

    def test_the_service_desk_has_the_same_session(self):
        self.start()
        name = "vsaServiceDeskWS"
        body = envelope(call("GetServiceDesks", {"SessionID": "1"}, name)).encode()
        answer = Result(self.post(body, head("GetServiceDesks", "1.1", name), f"/VSAws/{name}.ASMX"))
        self.assertEqual(answer.text("ServiceDeskName"), "Standard")

    def test_the_session_never_comes_to_the_tool(self):
        self.start()
        answer = self.post(scopes("1"))
        direct = request(self.simulator.port, "POST", PATH, scopes(self.simulator.tokens()[-1]),
                         head("GetScopes"))
        self.assertEqual(Result(answer).texts("ScopeID"), Result(direct).texts("ScopeID"))
        self.assertNotIn(self.simulator.tokens()[-1].encode(), answer.body)


if __name__ == "__main__":
    unittest.main()
