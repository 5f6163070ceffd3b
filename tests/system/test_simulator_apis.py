"""The simulated systems beside VSA 9 and VSPC, without the proxy."""

import base64
import datetime
import time
import unittest
import urllib.parse

from login_tools import FORM, form
from support import PASSWORD, USERNAME, SystemTest, eventually, request

CLIENT, SECRET = "demo-client", "demo-client-secret"
JSON = {"Content-Type": "application/json"}


def basic(name, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class ApiTest(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()

    def call(self, method, target, body=None, headers=None):
        return request(self.simulator.port, method, target, body, headers)

    def status(self, path, headers=None):
        return self.call("GET", path, headers=headers).status


class FixedCredentials(ApiTest):
    def test_vsa_10_wants_its_token_in_every_request_and_pages_as_odata(self):
        right = basic("demo-token-id", "demo-token-secret")
        answer = self.call("GET", "/api/v3/assets?$skip=240&$top=100", headers=right).json()
        self.assertEqual((len(answer["Data"]), answer["Meta"]["TotalCount"]), (10, 250))
        self.assertEqual(set(answer["Data"][0]), {"Identifier", "Name", "GroupName", "IsOnline"})
        self.assertEqual(len(self.call("GET", "/api/v3/assets", headers=right).json()["Data"]), 100)
        for wrong in (None, basic("demo-token-id", "not-it"), bearer("demo-token-secret")):
            answer = self.call("GET", "/api/v3/assets", headers=wrong)
            self.assertEqual((answer.status, answer.json()["Error"]["Code"]), (401, 401))
        self.assertEqual(self.status("/api/v3/assets/status/204", right), 204)
        self.simulator.configure(data="throttled", data_times=1, retry_after="7")
        answer = self.call("GET", "/api/v3/assets", headers=right)
        self.assertEqual((answer.status, answer.header("Retry-After")), (429, "7"))
        self.simulator.configure(data="failing", data_times=1)
        self.assertEqual([self.status("/api/v3/assets", right) for _ in range(2)], [500, 200])

    def test_basic_and_an_api_key_open_their_pages(self):
        for path, right, wrong in (
                ("/basic", basic(USERNAME, PASSWORD), basic(USERNAME, "not-it")),
                ("/keyed", {"X-Api-Key": "demo-api-key"}, {"X-Api-Key": "not-it"})):
            self.assertEqual([self.status(path, headers) for headers in (right, wrong, None)],
                             [200, 401, 401])
            self.assertEqual(self.status(path + "/headers", right), 200)


class OAuth2(ApiTest):
    def token(self, headers=None, **fields):
        return self.call("POST", "/oauth2/token", form(**fields),
                         {**FORM, **(basic(CLIENT, SECRET) if headers is None else headers)})

    def log_in(self, **fields):
        answer = self.token(grant_type="client_credentials", **fields)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def assert_refused(self, answer, status, error):
        self.assertEqual((answer.status, answer.json()["error"]), (status, error))

    def test_client_credentials_open_the_pages(self):
        answer = self.log_in(scope="tickets.read")
        self.assertEqual({k: v for k, v in answer.items() if k != "access_token"},
                         {"token_type": "Bearer", "expires_in": 1800, "scope": "tickets.read"})
        self.assertEqual(self.status("/tickets", bearer(answer["access_token"])), 200)
        self.assertEqual(self.status("/tickets/headers", bearer(answer["access_token"])), 200)
        refused = self.call("GET", "/tickets", headers=bearer("other"))
        self.assertEqual((refused.status, refused.header("WWW-Authenticate")),
                         (401, 'Bearer error="invalid_token"'))

    def test_a_client_proves_itself_in_the_head_or_in_the_form_and_never_in_both(self):
        in_form = {"client_id": CLIENT, "client_secret": SECRET}
        grant = {"grant_type": "client_credentials"}
        self.assertEqual(self.token({}, **grant, **in_form).status, 200)
        self.assert_refused(self.token(**grant, **in_form), 400, "invalid_request")
        self.assert_refused(self.token({}, **grant), 400, "invalid_client")
        self.simulator.configure(client_auth="basic")
        self.assert_refused(self.token({}, **grant, **in_form), 400, "invalid_client")
        self.simulator.configure(client_auth="body", lockout_after=0)
        refused = self.token(**grant)
        self.assert_refused(refused, 401, "invalid_client")
        self.assertTrue(refused.header("WWW-Authenticate").startswith("Basic "))

    def test_both_halves_of_the_clients_basic_are_coded_as_in_a_form(self):
        name, secret = "a client", "a:b&c=d+e%"
        self.simulator.configure(client_id=name, client_secret=secret)
        coded = basic(*(urllib.parse.quote_plus(text) for text in (name, secret)))
        self.assertEqual(self.token(coded, grant_type="client_credentials").status, 200)
        self.assert_refused(self.token(basic(name, secret), grant_type="client_credentials"),
                            401, "invalid_client")

    def test_the_password_grant_and_grants_that_are_none(self):
        right = {"grant_type": "password", "username": USERNAME, "password": PASSWORD}
        self.assertEqual(self.token(**right).status, 200)
        self.assert_refused(self.token(**{**right, "password": "not-it"}), 400, "invalid_grant")
        self.assert_refused(self.token(grant_type="implicit"), 400, "unsupported_grant_type")
        self.assert_refused(self.call("POST", "/oauth2/token", b"{}", JSON), 400,
                            "invalid_request")

    def test_refresh_tokens_are_good_once(self):
        self.assertNotIn("refresh_token", self.log_in())
        self.simulator.configure(gives_refresh=True)
        first = self.log_in()
        self.simulator.revoke()
        self.assertEqual(self.status("/tickets", bearer(first["access_token"])), 401)
        refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = self.token(**refresh).json()
        self.assertEqual(self.status("/tickets", bearer(second["access_token"])), 200)
        self.assert_refused(self.token(**refresh), 400, "invalid_grant")
        self.simulator.revoke(grants=True)
        refresh["refresh_token"] = second["refresh_token"]
        self.assert_refused(self.token(**refresh), 400, "invalid_grant")
        self.assertIn(second["refresh_token"], self.simulator.tokens())

    def test_logins_fail_say_no_end_or_bring_no_token_as_told(self):
        self.simulator.configure(login="failing", login_times=1, retry_after="3")
        answer = self.token(grant_type="client_credentials")
        self.assertEqual((answer.status, answer.header("Retry-After")), (503, "3"))
        self.simulator.configure(login="empty-token", login_times=1, states_expiry=False)
        self.assertEqual(self.log_in(), {"token_type": "Bearer"})
        self.assertEqual(set(self.log_in()), {"access_token", "token_type"})
        self.assertEqual([self.simulator.logins[k] for k in ("failed", "empty_token", "ok")],
                         [1, 1, 1])

    def test_sessions_and_the_lock_are_not_those_of_another_system(self):
        token = self.log_in()["access_token"]
        self.assertEqual(self.status("/api/v3/organizations", bearer(token)), 401)
        self.assertEqual(self.status("/things", {"Authorization": f"Session {token}"}), 401)
        for _ in range(3):
            self.token(basic(CLIENT, "not-it"), grant_type="client_credentials")
        self.assert_refused(self.token(grant_type="client_credentials"), 400, "invalid_grant")
        self.assertEqual(self.call("POST", "/session", form(user=USERNAME, **{"pass": PASSWORD}),
                                   FORM).status, 200)


class OddApi(ApiTest):
    def log_in(self, **options):
        self.simulator.configure(**options)
        answer = self.call("POST", "/session", b'{"user": "demo", "pass": "demo-password"}', JSON)
        self.assertIn(answer.status, (200, 201))
        return answer

    def test_the_token_comes_in_the_body_or_in_a_field(self):
        token = self.log_in().json()["data"]["token"]
        self.assertEqual(self.status("/things", {"Authorization": f"Session {token}"}), 200)
        self.assertEqual(self.status("/things", {"Authorization": f"Bearer {token}"}), 401)
        answer = self.log_in(odd_token="header", odd_field="X-Auth", odd_prefix="")
        self.assertEqual(self.status("/things", {"X-Auth": answer.header("X-Session")}), 200)

    def test_the_end_is_said_in_every_way_or_not(self):
        self.assertEqual(self.log_in().json()["data"]["expiresIn"], 1800)
        end = self.log_in(odd_expiry="unix").json()["data"]["expiresAt"]
        self.assertLess(abs(end - time.time() - 1800), 10)
        text = self.log_in(odd_expiry="rfc3339").json()["data"]["expiresAt"]
        self.assertLess(abs(datetime.datetime.fromisoformat(text).timestamp() - end), 10)
        self.assertEqual(set(self.log_in(odd_expiry="none").json()["data"]), {"token"})
        token = self.log_in(session_lifetime=0.2).json()["data"]["token"]
        eventually(lambda: self.status("/things", {"Authorization": f"Session {token}"}) == 401)

    def test_a_wrong_login_has_the_status_that_is_configured(self):
        for status in (400, 403, 422):
            self.simulator.configure(odd_rejected_status=status, lockout_after=0)
            answer = self.call("POST", "/session", form(user=USERNAME, **{"pass": "not-it"}), FORM)
            self.assertEqual(answer.status, status)
        self.assertEqual(self.call("POST", "/session", b"x", {"Content-Type": "text/plain"}).status,
                         415)
        self.assertEqual(self.simulator.logins["rejected"], 3)


if __name__ == "__main__":
    unittest.main()
