"""The simulated Veeam Service Provider Console, without the proxy."""

import base64
import unittest

from login_tools import (FORM, VSPC_VECTORS, decrypt_challenge, form, multipart, one_time_code)
from support import PASSWORD, USERNAME, SystemTest, eventually, request

BASE = "/api/v3"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PUBLIC_XML = VSPC_VECTORS["key"]["public_xml"]
XML = {"Content-Type": "application/octet-stream"}


class Vspc(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()

    def call(self, method, path, body=None, headers=None):
        return request(self.simulator.port, method, BASE + path, body, headers)

    def token(self, **fields):
        return self.call("POST", "/token", form(**fields), FORM)

    def log_in(self, **fields):
        answer = self.token(**{"grant_type": "password", "username": USERNAME,
                               "password": PASSWORD, **fields})
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def status_with(self, token, path="/organizations"):
        return self.call("GET", path, headers={"Authorization": f"Bearer {token}"}).status

    def assert_refused(self, answer, error):
        self.assertEqual((answer.status, answer.json()["error"]), (400, error))
        self.assertIsNone(answer.json()["error_uri"])

    def challenge(self, grant, xml=PUBLIC_XML):
        return self.token(grant_type=grant, public_key=base64.b64encode(xml.encode()).decode())


class Tokens(Vspc):
    def test_a_password_gets_a_pair_of_tokens_and_the_access_token_opens_pages(self):
        answer = self.log_in()
        self.assertEqual(set(answer), {"access_token", "token_type", "refresh_token", "mfa_token",
                                       "encrypted_code", "expires_in"})
        self.assertEqual((answer["token_type"], answer["expires_in"]), ("bearer", 1800))
        self.assertEqual(self.status_with(answer["access_token"]), 200)
        self.assertEqual(self.status_with(answer["refresh_token"]), 401)
        issued = self.simulator.tokens()
        self.assertTrue({answer["access_token"], answer["refresh_token"]} <= set(issued))
        self.assertEqual(self.simulator.logins["ok"], 1)

    def test_without_a_token_a_page_says_that_authorization_is_required(self):
        answer = self.call("GET", "/organizations")
        self.assertEqual(answer.status, 401)
        error, = answer.json()["errors"]
        self.assertEqual((error["message"], error["type"], error["code"]),
                         ("authorization is required", "security", 401))

    def test_a_wrong_password_is_invalid_request_and_locks_the_account_in_the_end(self):
        for _ in range(3):
            answer = self.token(grant_type="password", username=USERNAME, password="not-it")
            self.assert_refused(answer, "invalid_request")
            self.assertIn("incorrect username or password", answer.json()["error_description"])
        self.assert_refused(
            self.token(grant_type="password", username=USERNAME, password=PASSWORD),
            "invalid_request")
        self.assertEqual([self.simulator.logins[k] for k in ("rejected", "locked")], [3, 1])
        self.simulator.unlock()
        self.log_in()
        self.simulator.configure(rejected_as="http-401")
        answer = self.token(grant_type="password", username=USERNAME, password="not-it")
        self.assertEqual((answer.status, answer.json()["errors"][0]["code"]), (401, 401))

    def test_a_misspelled_field_is_refused_and_an_empty_one_is_not(self):
        self.assert_refused(self.token(grant_type="password", username=USERNAME,
                                       password=PASSWORD, refreshToken="x"), "invalid_request")
        self.assert_refused(self.token(grant_type="password", userName=USERNAME,
                                       password=PASSWORD), "invalid_request")
        self.assert_refused(self.token(grant_type="implicit"), "unsupported_grant_type")
        self.assert_refused(self.call("POST", "/token", b"{}", {"Content-Type": "text/plain"}),
                            "invalid_request")
        self.log_in(refresh_token="", mfa_token="", mfa_code="", public_key="", code="")

    def test_a_refresh_token_is_good_for_one_new_pair(self):
        first = self.log_in()
        second = self.token(grant_type="refresh_token",
                            refresh_token=first["refresh_token"]).json()
        self.assertEqual(self.status_with(second["access_token"]), 200)
        self.assertEqual(self.status_with(first["access_token"]), 401)
        self.assert_refused(self.token(grant_type="refresh_token",
                                       refresh_token=first["refresh_token"]), "invalid_grant")
        self.simulator.configure(one_session=False, refresh_lifetime=0)
        third = self.token(grant_type="as", userUid="a", refresh_token=second["refresh_token"])
        self.assertEqual(third.status, 200)
        self.assertEqual(self.status_with(second["access_token"]), 200)
        self.assert_refused(self.token(grant_type="refresh_token",
                                       refresh_token=third.json()["refresh_token"]),
                            "invalid_grant")

    def test_a_second_factor_is_a_second_call_with_a_code(self):
        self.simulator.configure(totp=SEED)
        first = self.log_in()
        self.assertIsNone(first["access_token"])
        self.assert_refused(self.token(grant_type="mfa", mfa_token=first["mfa_token"],
                                       mfa_code="000000x"), "invalid_request")
        self.assert_refused(self.token(grant_type="mfa", mfa_token=first["mfa_token"],
                                       mfa_code=one_time_code(SEED)), "invalid_grant")
        answer = self.token(grant_type="mfa", mfa_token=self.log_in()["mfa_token"],
                            mfa_code=one_time_code(SEED))
        self.assertEqual(self.status_with(answer.json()["access_token"]), 200)

    def test_a_code_is_good_once(self):
        self.simulator.configure(totp=SEED)
        code = one_time_code(SEED)
        for status in (200, 400):
            answer = self.token(grant_type="mfa", mfa_token=self.log_in()["mfa_token"],
                                mfa_code=code)
            self.assertEqual(answer.status, status)

    def test_a_key_logs_in_by_the_answer_to_a_challenge(self):
        for grant in ("public_key", "private_key"):
            answer = self.challenge(grant).json()
            self.assertIsNone(answer["access_token"])
            plain = decrypt_challenge(self.directory, answer["encrypted_code"]).decode()
            tokens = self.token(grant_type="authorization_code", code=plain).json()
            self.assertEqual(self.status_with(tokens["access_token"]), 200)
            self.assert_refused(self.token(grant_type="authorization_code", code=plain),
                                "invalid_request")
        self.simulator.configure(challenge="binary")
        plain = decrypt_challenge(self.directory,
                                  self.challenge("public_key").json()["encrypted_code"])
        self.assertRaises(UnicodeDecodeError, plain.decode)
        answer = self.token(grant_type="authorization_code", code=base64.b64encode(plain).decode())
        self.assertEqual(answer.status, 200)

    def test_the_grant_for_keys_has_one_name_where_that_is_configured(self):
        self.simulator.configure(key_grant="private_key")
        self.assert_refused(self.challenge("public_key"), "unsupported_grant_type")
        self.assertEqual(self.challenge("private_key").status, 200)
        self.assert_refused(self.challenge("private_key", "<RSAKeyValue></RSAKeyValue>"),
                            "invalid_request")
        other = PUBLIC_XML.replace("vbRr7cFm", "ubRr7cFm")
        self.assert_refused(self.challenge("private_key", other), "invalid_request")
        self.assertEqual(self.simulator.logins["rejected"], 1)

    def test_a_late_answer_to_a_challenge_is_rejected(self):
        self.simulator.configure(challenge_seconds=0)
        answer = self.challenge("public_key").json()
        plain = decrypt_challenge(self.directory, answer["encrypted_code"]).decode()
        self.assert_refused(self.token(grant_type="authorization_code", code=plain),
                            "invalid_request")

    def test_sessions_end_by_age_by_a_newer_login_and_by_deleting_the_users_tokens(self):
        first, second = self.log_in(), self.log_in()
        self.assertEqual(self.status_with(first["access_token"]), 401)
        answer = self.call("DELETE", "/users/7/tokens",
                           headers={"Authorization": f"Bearer {second['access_token']}"})
        self.assertEqual(answer.status, 204)
        self.assertEqual(self.status_with(second["access_token"]), 401)
        self.assert_refused(self.token(grant_type="refresh_token",
                                       refresh_token=second["refresh_token"]), "invalid_grant")
        self.simulator.configure(session_lifetime=0.3, stated_lifetime=77)
        third = self.log_in()
        self.assertEqual(third["expires_in"], 77)
        eventually(lambda: self.status_with(third["access_token"]) == 401)
        self.simulator.configure(states_expiry=False)
        self.assertNotIn("expires_in", self.log_in())

    def test_revoking_leaves_refresh_tokens_unless_all_is_asked_for(self):
        first = self.log_in()
        self.simulator.revoke()
        self.assertEqual(self.status_with(first["access_token"]), 401)
        second = self.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
        self.assertEqual(second.status, 200)
        self.simulator.revoke(grants=True)
        self.assert_refused(self.token(grant_type="refresh_token",
                                       refresh_token=second.json()["refresh_token"]),
                            "invalid_grant")

    def test_an_api_key_needs_no_login(self):
        self.assertEqual(self.status_with("demo-api-key"), 200)
        self.simulator.configure(api_key="")
        self.assertEqual(self.status_with("demo-api-key"), 401)

    def test_logins_misbehave_as_told(self):
        self.simulator.configure(login="failing", login_status=520, login_times=1)
        answer = self.token(grant_type="password", username=USERNAME, password=PASSWORD)
        self.assertEqual((answer.status, answer.json()["errors"][0]["code"]), (520, 520))
        self.simulator.configure(login="empty-token", login_times=1)
        self.assertIsNone(self.log_in()["access_token"])
        self.log_in()


class OlderLogins(Vspc):
    def test_a_key_logs_in_with_raw_bytes(self):
        for path, pick in ((BASE + "/authentication/asymmetricalgorithm",
                            lambda data: data["accessToken"]),
                           ("/tokens/asymmetricalgorithm", lambda data: data["token"])):
            first = request(self.simulator.port, "POST", path, PUBLIC_XML.encode(), XML)
            plain = decrypt_challenge(self.directory, first.json()["data"]["challenge"])
            answer = request(self.simulator.port, "PATCH", path, plain, XML)
            self.assertEqual(self.status_with(pick(answer.json()["data"])), 200)
            again = request(self.simulator.port, "PATCH", path, plain, XML)
            self.assertEqual((again.status, again.json()["errors"][0]["type"]), (400, "logical"))

    def test_a_password_and_a_refresh_token_log_in_by_multipart_forms(self):
        answer = self.call("POST", "/authentication/usernamepassword",
                           *multipart(username=USERNAME, password=PASSWORD))
        data, = answer.json()["data"]
        self.assertEqual(self.status_with(data["accessToken"]), 200)
        self.assertRegex(data["expirationTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        answer = self.call("POST", "/authentication/refresh",
                           *multipart(refreshToken=data["refreshToken"]))
        self.assertEqual(self.status_with(answer.json()["data"][0]["accessToken"]), 200)
        answer = self.call("POST", "/authentication/usernamepassword",
                           *multipart(username=USERNAME, password="not-it"))
        self.assertEqual(answer.status, 400)


class Pages(Vspc):
    def setUp(self):
        super().setUp()
        self.headers = {"Authorization": f"Bearer {self.log_in()['access_token']}"}

    def page(self, method, path, body=None, **headers):
        return self.call(method, path, body, {**self.headers, **headers})

    def test_lists_are_paged_under_data(self):
        answer = self.page("GET", "/organizations?limit=30&offset=240").json()
        self.assertEqual(answer["meta"]["pagingInfo"], {"total": 250, "count": 10, "offset": 240})
        self.assertEqual(len({item["instanceUid"] for item in answer["data"]}), 10)
        self.assertEqual(self.page("GET", "/users/me").json()["data"]["userName"], USERNAME)
        self.assertEqual(self.page("GET", "/nothing").json()["errors"][0]["code"], 404)
        self.assertIn(["Authorization", self.headers["Authorization"]],
                      self.page("GET", "/headers").json()["Result"]["headers"])

    def test_a_write_is_an_action_to_ask_for_and_its_request_id_makes_it_one(self):
        answers = [self.page("POST", "/organizations/companies", b"{}", **{"X-Request-id": name})
                   for name in ("a", "b", "a")]
        self.assertEqual([answer.status for answer in answers], [202] * 3)
        first, second, third = (answer.header("Location") for answer in answers)
        self.assertEqual(first, third)
        self.assertNotEqual(first, second)
        start = f"http://127.0.0.1:{self.simulator.port}{BASE}/asyncActions/"
        self.assertTrue(first.startswith(start))
        self.assertEqual(self.page("GET", first.partition(BASE)[2]).status, 200)
        self.assertEqual([entry["request_id"] for entry in self.simulator.requests()],
                         ["", "a", "b", "a", ""])

    def test_server_errors_are_520_and_limits_say_how_long_in_the_body(self):
        self.simulator.configure(data="failing", data_times=1)
        self.assertEqual(self.page("GET", "/organizations").status, 520)
        self.simulator.configure(data="throttled", data_times=1, retry_after="25")
        answer = self.page("GET", "/organizations")
        self.assertEqual((answer.status, answer.json()), (429, {
            "errors": [{"type": "transport", "code": 429, "retryAfter": 25}]}))
        self.assertIsNone(answer.header("Retry-After"))
        self.assertEqual(self.page("GET", "/organizations").status, 200)

    def test_login_calls_are_noted_with_their_forms(self):
        self.token(grant_type="refresh_token", refresh_token="x")
        entries = self.simulator.login_calls()
        self.assertEqual([entry["status"] for entry in entries], [200, 400])
        self.assertEqual(entries[1]["form"], {"grant_type": "refresh_token", "refresh_token": "x"})


if __name__ == "__main__":
    unittest.main()
