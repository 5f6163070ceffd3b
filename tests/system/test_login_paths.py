"""Tools that insist on logging in themselves: the API's own login and logout calls."""

import base64
import datetime
import unittest

from support import BASE, TOKEN, eventually
from test_session import SessionTest

LOGIN = BASE + "/auth"


class LoginStub(SessionTest):
    def check_placeholder(self, answer):
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.header("Content-Type").startswith("application/json"))
        envelope = answer.json()
        self.assertEqual([envelope[key] for key in ("ResponseCode", "Status", "Error")],
                         [0, "OK", "None"])
        result = envelope["Result"]
        self.assertEqual(result["Token"], result["ApiToken"])
        self.assertTrue(result["Token"].isdigit())
        self.assertNotIn(result["Token"], self.simulator.tokens())
        self.assertIsInstance(result["OffSetInMinutes"], int)
        expires = datetime.datetime.strptime(result["SessionExpiration"], "%Y-%m-%dT%H:%M:%SZ")
        left = expires - datetime.datetime.utcnow()
        self.assertGreater(left.total_seconds(), 0)
        return result["Token"]

    def test_any_login_gets_a_placeholder_that_opens_nothing(self):
        self.start()
        for method, path, authorization in (
                ("GET", LOGIN, None),
                ("GET", LOGIN + "/", "Basic " + base64.b64encode(b"user:wrong").decode()),
                ("GET", BASE.upper() + "/Auth?x=y", "user=a,pass2=b,pass1=c,rand2=d"),
                ("GET", BASE + "/%61uth", "Negotiate !"),
                ("GET", "/" + LOGIN, "Bearer x")):
            with self.subTest(path):
                headers = {"Authorization": authorization} if authorization else {}
                token = self.check_placeholder(self.proxy.request(method, path, headers=headers))
        self.assertEqual(self.logins, 1)
        self.assertEqual(self.simulator.logins["rejected"], 0)
        # What the tool then sends is replaced.
        answer = self.proxy.get("/echoauth", headers={"Authorization": f"Bearer {token}"})
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.proxy.request("HEAD", LOGIN).body, b"")

    def test_a_login_waits_for_our_own(self):
        self.start(simulator={"login_delay_ms": 500})
        self.check_placeholder(self.proxy.request("GET", LOGIN))
        self.assertEqual(self.logins, 1)

    def test_a_logout_is_answered_and_ends_nothing(self):
        self.start()
        self.check_ok()
        for path in ("/system/users/session", "/System/Users/SESSION/"):
            answer = self.proxy.request("DELETE", BASE + path)
            self.assertEqual((answer.status, answer.json()["ResponseCode"]), (200, 0))
        self.check_ok()
        self.assertEqual((self.logins, self.refused()), (1, 0))

    def test_the_oauth_calls_get_a_token_answer(self):
        self.start()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for path in ("/token", "/Authorize"):
            answer = self.proxy.request("POST", BASE + path, b"grant_type=refresh_token&x=y", form)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json()["token_type"], "Bearer")
            self.assertGreater(answer.json()["expires_in"], 0)
        self.check_ok()  # on the same connection or another: the body was taken off it

    def test_a_login_fails_in_the_apis_shape_while_ours_is_rejected(self):
        self.write_secret("wrong.pat", "11111111-1111-1111-1111-111111111111")
        self.start(credential={"token": {"file": "wrong.pat"}})
        eventually(lambda: self.simulator.logins["rejected"] == 1)
        answer = self.proxy.request("GET", LOGIN)
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.header("X-Proxy-Error"), "login_rejected")
        self.assertTrue(answer.header("Retry-After").isdigit())
        envelope = answer.json()
        self.assertEqual(envelope["ResponseCode"], 503)
        self.assertNotIn("Result", envelope)
        self.assertIn("rejected", envelope["Error"])
        token = self.proxy.request("POST", BASE + "/token", b"a=b")
        self.assertEqual((token.status, token.json()["error"]), (400, "invalid_request"))
        # A logout still has nothing to do.
        self.assertEqual(self.proxy.request("DELETE", BASE + "/system/users/session").status, 200)
        self.assertEqual(self.simulator.logins["rejected"], 1)

    def test_a_login_fails_when_ours_does_not_come_in_time(self):
        self.start(credential={"login_timeout": "300ms"}, simulator={"login_delay_ms": 5000})
        answer = self.proxy.request("GET", LOGIN)
        self.assertEqual((answer.status, answer.json()["ResponseCode"]), (503, 503))
        self.assertEqual(answer.header("X-Proxy-Error"), "login_unavailable")

    def test_the_access_log_has_its_line(self):
        self.start(log={"format": "json"})
        self.proxy.request("GET", LOGIN)
        line = self.access_lines(1)[0]
        self.assertEqual((line["status"], line["error"], line["path"]), (200, "", LOGIN))


class OtherPolicies(SessionTest):
    def start_with(self, policy):
        self.start(routes=[{"upstream": "vsa", "login_paths": policy}])
        self.check_ok()

    def test_refuse_answers_403(self):
        self.start_with("refuse")
        for method, path in (("GET", LOGIN), ("HEAD", LOGIN),
                             ("DELETE", BASE + "/system/users/session")):
            answer = self.proxy.request(method, path)
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (403, "route_denied"))
        self.assertEqual(len(self.simulator.requests()), 1)

    def test_pass_forwards_the_tools_own_login_without_our_session(self):
        self.start_with("pass")
        own = "Basic " + base64.b64encode(f"demo:{TOKEN}".encode()).decode()
        answer = self.proxy.request("GET", LOGIN, headers={"Authorization": own})
        self.assertEqual(answer.status, 200)
        self.assertIn(answer.json()["Result"]["Token"], self.simulator.tokens())
        # Without one it has none: ours is not lent.
        refused = self.proxy.request("DELETE", BASE + "/system/users/session")
        self.assertEqual(refused.status, 401)
        self.assertEqual(self.simulator.logins["ok"], 2)


if __name__ == "__main__":
    unittest.main()
