"""The simulator's SOAP API and pages, without the proxy: a lax one would let mistakes pass."""

import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree
import zlib

from soap_tools import (ENVELOPES, PATH, Result, call, covered, envelope, head, login_fields,
                        primitive)
from support import PASSWORD, TIMEOUT, USERNAME, Authority, SystemTest, eventually, request


class SoapTest(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()

    def post(self, body, headers, path=PATH):
        return request(self.simulator.port, "POST", path, body.encode(), headers)

    def call(self, operation, fields, version="1.1"):
        return Result(self.post(envelope(call(operation, fields), version),
                                head(operation, version)))

    def log_in(self, password=PASSWORD, algorithm="SHA-256", version="1.1"):
        return self.call("Authenticate", login_fields(USERNAME, password, algorithm), version)

    def session(self):
        return self.log_in().text("SessionID")

    def soap_stats(self):
        return self.simulator.stats()["soap"]


class Logins(SoapTest):
    def test_right_hashes_of_both_kinds_get_a_session_of_26_digits(self):
        for algorithm in ("SHA-256", "SHA-1", ""):
            for version in ENVELOPES:
                answer = self.log_in(algorithm=algorithm, version=version)
                self.assertRegex(answer.text("SessionID"), r"^[1-9]\d{25}$")
                self.assertEqual((answer.text("ErrorMessage"), answer.text("Method")),
                                 ("", "Authenticate"))
                self.assertEqual(answer.root.tag, f"{{{ENVELOPES[version]}}}Envelope")
                self.assertEqual(answer.response.header("Content-Type").split(";")[0],
                                 head("", version)["Content-Type"].split(";")[0])
        self.assertEqual(self.simulator.logins["ok"], 6)
        self.assertEqual(len(self.simulator.tokens()), 6)

    def test_the_published_vector_logs_in(self):
        self.simulator.configure(username="testuser", password="SomethingMoreSecureThanThis")
        answer = self.call("Authenticate", {
            "UserName": "testuser", "RandomNumber": "998877", "HashingAlgorithm": "SHA-256",
            "CoveredPassword": "687e5a021386639f86ba48aecfadbc162de3f28128e6e6772807d80cdf38615b"})
        self.assertEqual(answer.text("ErrorMessage"), "")

    def test_anything_less_than_the_right_hash_is_rejected(self):
        self.simulator.configure(lockout_after=0)
        right = login_fields(USERNAME, PASSWORD)
        wrong = [login_fields(USERNAME, "other"), login_fields("other", PASSWORD),
                 {**right, "CoveredPassword": right["CoveredPassword"].upper()},
                 {**right, "CoveredPassword": ""}, {**right, "RandomNumber": "998878"},
                 {**right, "RandomNumber": ""}, {**right, "HashingAlgorithm": "SHA-1"},
                 {**right, "HashingAlgorithm": "sha256"}, {**right, "HashingAlgorithm": ""},
                 {**right, "CoveredPassword": covered("", "", "", "sha256")}, {}]
        for fields in wrong:
            with self.subTest(fields):
                answer = self.call("Authenticate", fields)
                self.assertEqual((answer.status, answer.text("SessionID"),
                                  answer.text("ErrorMessage")),
                                 (200, "0", "username/password incorrect"))
        self.assertEqual(self.simulator.logins["rejected"], len(wrong))
        self.assertEqual(self.simulator.tokens(), [])

    def test_a_server_may_take_one_hash_only(self):
        self.simulator.configure(lockout_after=0)
        for allowed in ("sha-256", "sha-1"):
            self.simulator.configure(soap_hash=allowed)
            for algorithm in ("SHA-256", "SHA-1", ""):
                is_allowed = (algorithm == "SHA-256") == (allowed == "sha-256")
                answer = self.log_in(algorithm=algorithm)
                self.assertEqual(answer.text("SessionID") != "0", is_allowed)

    def test_rest_and_soap_share_the_lock_and_the_session(self):
        def rest(headers):
            return request(self.simulator.port, "GET", "/api/v1.0/echoauth", headers=headers)
        bearer = {"Authorization": "Bearer " + self.session()}
        self.assertEqual(rest(bearer).status, 200)
        self.session()
        self.assertEqual(rest(bearer).status, 401, "a login does not end the older session")
        self.simulator.configure(lockout_after=2)
        request(self.simulator.port, "GET", "/api/v1.0/auth",
                headers={"Authorization": "Basic ZGVtbzp3cm9uZw=="})
        self.log_in("wrong")
        self.assertEqual(self.log_in().text("ErrorMessage"), "user disabled")
        logins = self.simulator.logins
        self.assertEqual((logins["rejected"], logins["locked"]), (2, 1))

    def test_an_app_session_logs_in_only_where_it_is_configured(self):
        def log_in(number):
            return self.call("AuthenticateWithAppSessionID", {"AppSessionID": number})
        self.assertEqual(log_in(0).text("SessionID"), "0")
        self.simulator.configure(app_session_id=4711)
        self.assertEqual(log_in(4712).text("SessionID"), "0")
        self.assertRegex(log_in(4711).text("SessionID"), r"^\d{26}$")

    def test_logins_misbehave_as_told(self):
        self.simulator.configure(login="failing", login_status=503, retry_after="9")
        answer = self.log_in()
        self.assertEqual((answer.status, answer.response.header("Retry-After")), (503, "9"))
        self.simulator.configure(login="cut-json")
        with self.assertRaises(ElementTree.ParseError):
            self.log_in()
        self.simulator.configure(login="empty-token")
        answer = self.log_in()
        self.assertEqual((answer.text("SessionID"), answer.text("ErrorMessage")), ("0", ""))
        self.simulator.configure(login="ok", soap_login_error="API disabled")
        self.assertEqual(self.log_in().text("ErrorMessage"), "API disabled")
        self.simulator.configure(soap_login_error="", rejected_as="http-401")
        answer = self.post(envelope(call("Authenticate", {})), head("Authenticate"))
        self.assertEqual(answer.status, 401)


class Calls(SoapTest):
    def test_reads_and_writes_work_in_a_live_session(self):
        for version in ENVELOPES:
            session = self.session()
            machines = self.call("GetMachineList", {"MachineGroup": "root.acme",
                                                    "SessionID": session}, version)
            self.assertEqual(len(machines.texts("Machine")), 125)
            self.assertEqual(machines.text("agentGuid"), "125050962640143")
            groups = self.call("GetMachineGroupList", {"SessionID": session}, version)
            self.assertEqual(groups.texts("groupName"), ["root.acme", "root.unnamed"])
            echo = self.call("EchoMt", {"Payload": "<&é>", "SessionID": session}, version)
            self.assertEqual(echo.text("Payload"), "<&é>")
            self.call("AddScope", {"ScopeName": version, "SessionID": session}, version)
            scopes = self.call("GetScopes", {"SessionID": session}, version).texts("ScopeID")
            self.assertEqual(scopes[-1], version)
        self.assertEqual(self.soap_stats()["writes"], 2)
        self.assertEqual(self.simulator.requests()[-1]["session"], "live")

    def test_any_prefix_and_spelling_of_the_path_is_read(self):
        session = self.session()
        for body in (f'<GetScopes xmlns="KaseyaWS"><req><SessionID> {session}\n</SessionID></req>'
                     "</GetScopes>",
                     f'<a:GetScopes xmlns:a="KaseyaWS"><a:req><a:SessionID>{session}'
                     "</a:SessionID></a:req></a:GetScopes>",
                     f'<GetScopes xmlns="KaseyaWS"><req><SessionID><![CDATA[{session[:9]}]]>'
                     f"<!-- -->{session[9:]}</SessionID></req></GetScopes>"):
            answer = Result(self.post(envelope(body), head("GetScopes"), "/VSAWS/kaseyaws.ASMX"))
            self.assertEqual(answer.text("ScopeID"), "Master")

    def test_the_service_desk_takes_the_same_session(self):
        namespace = "vsaServiceDeskWS"
        body = envelope(call("GetServiceDesks", {"SessionID": self.session()}, namespace))
        answer = Result(self.post(body, head("GetServiceDesks", "1.1", namespace),
                                  "/vsaWS/vsaServiceDeskWS.asmx"))
        self.assertEqual(answer.text("ServiceDeskName"), "Standard")

    def test_primitive_calls_carry_xml_in_a_text_by_post_and_by_get(self):
        login = call("Authenticate", login_fields(USERNAME, PASSWORD))
        answer = Result(self.post(envelope(primitive("Authenticate", login)),
                                  head("PrimitiveAuthenticate")))
        session = answer.inner.findtext("{KaseyaWS}SessionID")
        self.assertRegex(session, r"^\d{26}$")
        bare = f"<GetScopes><SessionID>{session}</SessionID></GetScopes>"
        for xml in (bare, call("GetScopes", {"SessionID": session})):
            query = urllib.parse.urlencode({"XmlRequest": xml})
            answers = [request(self.simulator.port, "GET", f"{PATH}/PrimitiveGetScopes?{query}"),
                       self.post(envelope(primitive("GetScopes", xml), "1.2"),
                                 head("PrimitiveGetScopes", "1.2"))]
            for each in answers:
                self.assertEqual(len(Result(each).inner.findall(".//{KaseyaWS}ScopeID")), 2)
        self.assertEqual(self.soap_stats()["calls"], 4)

    def test_a_large_message_is_read_whole(self):
        payload = "x" * 3_000_000
        echo = self.call("EchoMt", {"Payload": payload, "SessionID": self.session()})
        self.assertEqual(echo.text("Payload"), payload)

    def test_answers_are_coded_for_those_who_accept_it(self):
        self.simulator.configure(soap_coding="gzip")
        body = envelope(call("GetScopes", {"SessionID": self.session()}))
        plain = self.post(body, head("GetScopes"))
        self.assertIsNone(plain.header("Content-Encoding"))
        coded = self.post(body, {**head("GetScopes"), "Accept-Encoding": "gzip"})
        self.assertIn(b"Master", zlib.decompress(coded.body, 31))


class Refusals(SoapTest):
    def refused(self):
        return self.soap_stats()["refused"]

    def test_no_session_but_the_live_one_is_taken_wherever_it_stands(self):
        live, other = self.session(), "9" * 26
        in_req = f"<SessionID>{live}</SessionID>"

        def body(inner, after="", attribute=""):
            return f'<GetScopes xmlns="KaseyaWS"{attribute}><req>{inner}</req>{after}</GetScopes>'
        bad = {
            "another": body(f"<SessionID>{other}</SessionID>"), "none": body(""),
            "zero": body("<SessionID>0</SessionID>"),
            "its start": body(f"<SessionID>{live[:-1]}</SessionID>"),
            "a sum": body(f"<SessionID>{live}.0</SessionID>"),
            "in no namespace": body(f'<SessionID xmlns="">{live}</SessionID>'),
            "deeper": body(f"<x>{in_req}</x>"), "beside req": body("", in_req),
            "also deeper": body(f"{in_req}<x><SessionID>{other}</SessionID></x>"),
            "also beside req": body(in_req, f"<SessionID>{other}</SessionID>"),
            "also of another namespace": body(f'{in_req}<o:SessionID xmlns:o="o">{other}'
                                              "</o:SessionID>"),
            "also as an attribute": body(in_req, attribute=f' SessionID="{other}"')}
        for name, text in bad.items():
            with self.subTest(name):
                before = self.refused()
                answer = Result(self.post(envelope(text), head("GetScopes")))
                self.assertEqual((answer.status, answer.text("SessionID")), (200, "0"))
                self.assertIn("Session", answer.text("ErrorMessage"))
                self.assertEqual(self.refused(), before + 1)
        self.assertEqual(self.soap_stats()["stray_session_ids"], 4)
        query = Result(self.post(envelope(body(in_req)), head("GetScopes"),
                                 f"{PATH}?apiLogonGuid={other}"))
        self.assertEqual(query.text("SessionID"), "0")
        header = envelope(body(in_req)).replace(
            "<soap:Body>", f"<soap:Header><SessionID>{other}</SessionID></soap:Header><soap:Body>")
        self.assertEqual(Result(self.post(header, head("GetScopes"))).text("SessionID"), "0")
        self.assertEqual(self.simulator.stats()["data"]["ok"], 0)

    def test_a_login_that_carries_a_dead_session_is_refused(self):
        fields = {**login_fields(USERNAME, PASSWORD), "SessionID": "9" * 26}
        self.assertEqual(self.call("Authenticate", fields).text("SessionID"), "0")
        self.assertEqual((self.refused(), self.simulator.logins["ok"]), (1, 0))

    def test_a_primitive_call_is_looked_into(self):
        live, other = self.session(), "9" * 26
        for xml in (f"<a><SessionID>{other}</SessionID></a>", "<a></a>",
                    f"<a><SessionID>{live}</SessionID><b SessionID='{other}'/></a>"):
            before = self.refused()
            answer = Result(self.post(envelope(primitive("GetScopes", xml)),
                                      head("PrimitiveGetScopes")))
            self.assertEqual(answer.inner.findtext("{KaseyaWS}SessionID"), "0")
            query = urllib.parse.urlencode({"XmlRequest": xml})
            request(self.simulator.port, "GET", f"{PATH}/PrimitiveGetScopes?{query}")
            self.assertEqual(self.refused(), before + 2)

    def test_what_is_no_decimal_number_is_a_fault(self):
        session = self.session()
        for text in (repr(float(session)), "", "abc", session + "e0", "{{token}}"):
            with self.subTest(text):
                answer = self.call("GetScopes", {"SessionID": text})
                self.assertEqual((answer.status, answer.text("faultcode")), (500, "soap:Client"))
        self.assertEqual(self.refused(), 5)

    def test_refusals_come_in_every_shape_and_coding(self):
        message = "Session is invalid or has expired"
        shapes = {"session-zero": ("0", message), "message": (None, message), "zero": ("0", "")}
        body = envelope(call("GetScopes", {"SessionID": "1"}))
        for shape, expected in shapes.items():
            for coding in ("identity", "gzip"):
                self.simulator.configure(soap_expired=shape, expired_coding=coding,
                                         expired_framing="chunked")
                answer = self.post(body, head("GetScopes"))
                if coding == "gzip":
                    answer.body = zlib.decompress(answer.body, 31)
                answer = Result(answer)
                self.assertEqual((answer.text("SessionID"), answer.text("ErrorMessage")), expected)
        self.simulator.configure(soap_expired="fault", soap_expired_text="Session gone",
                                 expired_coding="identity")
        answer = Result(self.post(body, head("GetScopes")))
        self.assertEqual((answer.status, answer.text("faultstring")), (500, "Session gone"))
        self.simulator.configure(soap_expired="http-401")
        self.assertEqual(self.post(body, head("GetScopes")).status, 401)

    def test_a_session_ends_unless_calls_keep_it(self):
        self.simulator.configure(session_lifetime=0.4, session_slides=False)
        session = self.session()
        fields = {"SessionID": session}
        self.assertEqual(self.call("GetScopes", fields).text("ErrorMessage"), "")
        eventually(lambda: self.call("GetScopes", fields).text("SessionID") == "0", TIMEOUT)
        self.simulator.configure(session_lifetime=2, session_slides=True, one_session=False)
        used, unused = {"SessionID": self.session()}, self.session()
        self.simulator.configure(session_lifetime=600)
        self.call("GetScopes", used)
        page = f"/SystemTab/Any.aspx?apiLogonGuid={unused}"  # pages do not keep a session
        eventually(lambda: b"please" in request(self.simulator.port, "GET", page).body, TIMEOUT)
        self.assertEqual(self.call("GetScopes", used).text("ErrorMessage"), "")

    def test_messages_that_are_no_call_get_a_fault_and_are_counted(self):
        session = self.session()
        good = envelope(call("GetScopes", {"SessionID": session}))
        twice = f"<SessionID>{session}</SessionID>" * 2
        bad = [("", head("GetScopes")), (good[:-3], head("GetScopes")),
               ("<!DOCTYPE x>" + good, head("GetScopes")),
               ('<!DOCTYPE x [<!ENTITY e "1">]>' + good, head("GetScopes")),
               (good, head("AddScope")), (good, {"Content-Type": "text/xml"}),
               (good, head("GetScopes", "1.2")), (good, head("AddScope", "1.2")),
               (envelope(call("Nothing", {})), head("Nothing")),
               (envelope(call("GetScopes", {}) * 2), head("GetScopes")),
               (envelope('<GetScopes xmlns="other"/>'), head("GetScopes")),
               (envelope('<GetScopes xmlns="KaseyaWS"/>'), head("GetScopes")),
               (good.replace(f"<SessionID>{session}</SessionID>", twice), head("GetScopes")),
               (envelope(primitive("GetScopes", "no XML")), head("PrimitiveGetScopes")),
               (envelope("<a>" * 200 + "</a>" * 200), head("a"))]
        for body, headers in bad:
            with self.subTest(body[:50]):
                answer = Result(self.post(body, headers))
                self.assertEqual(answer.status, 500)
                self.assertTrue(answer.texts("Fault"))
        self.assertEqual(self.soap_stats()["faults"], len(bad))
        self.assertEqual(self.soap_stats()["calls"], 0)
        answer = self.post(good, {**head("GetScopes"), "Content-Type": "application/json"})
        self.assertEqual(answer.status, 415)
        self.assertEqual(self.simulator.stats()["data"], {"ok": 0, "refused": 0, "abandoned": 0})


class Documents(SoapTest):
    def test_the_wsdl_names_the_address_at_which_it_was_asked_for(self):
        answer = request(self.simulator.port, "GET", "/VSAws/KaseyaWS.asmx?wsdl",
                         headers={"Host": "vsa.example.com:18081"})
        self.assertEqual(answer.header("Content-Type"), "text/xml; charset=utf-8")
        locations = [e.get("location") for e in ElementTree.fromstring(answer.body).iter()
                     if e.tag.endswith("}address")]
        self.assertEqual(locations, ["http://vsa.example.com:18081/VSAws/KaseyaWS.asmx"] * 3)
        self.assertEqual(self.soap_stats()["wsdl"], 1)

    def test_over_tls_the_address_is_https(self):
        authority = Authority(self.directory)
        simulator = self.start_simulator(certificate=authority.issue("server"))
        answer = request(simulator.port, "GET", PATH + "?WSDL", tls=authority.client_context())
        self.assertIn(f'location="https://127.0.0.1:{simulator.port}{PATH}"'.encode(), answer.body)

    def test_pages_take_a_live_session_and_lead_on_with_it(self):
        session, login = self.session(), "/vsapres/web20/core/login.aspx"

        def get(path, **headers):
            return request(self.simulator.port, "GET", path, headers=headers)
        for shape in ("", "address", "middle", "nested"):
            answer = get(f"{login}?x=1&apiLogonGuid={session}&to={shape}")
            self.assertEqual(answer.status, 302)
            self.assertIn(f"apiLogonGuid={session}",
                          urllib.parse.unquote(answer.header("Location")))
        cookie = answer.header("Set-Cookie").split(";")[0]
        self.assertIn(b"signed in", get("/SystemTab/Welcome.aspx", Cookie=cookie).body)
        for query in ("", "?apiLogonGuid=", f"?apiLogonGuid={'9' * 26}",
                      f"?apiLogonGuid={session}&APILOGONGUID=1"):
            answer = get(login + query)
            self.assertEqual((answer.status, answer.header("Location")), (200, None))
            self.assertIn(b"please sign in", answer.body)
        self.assertEqual(self.simulator.stats()["web_pages"],
                         {"shown": 1, "redirected": 4, "refused": 4})


if __name__ == "__main__":
    unittest.main()
