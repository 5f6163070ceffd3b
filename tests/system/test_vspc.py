"""Credentials of type veeam-vspc before a scripted server that speaks as the console does: OAuth
forms, challenges for real RSA keys, refresh tokens that are good once, 520 and waits in bodies."""

import base64
import hashlib
import hmac
import json
import pathlib
import re
import secrets
import struct
import subprocess
import threading
import time
import unittest
import urllib.parse

from raw_upstream import RawUpstream
from support import PASSWORD, USERNAME, SystemTest, eventually

USER, SECRET = "vspc\\svc-reports", "Pa ss+w&rd=4711"
SEED = b"placeholder-seed-471"  # 20 bytes
VECTORS = pathlib.Path(__file__).parent.parent / "vectors" / "veeam_vspc.json"
REFUSED = {"error": "invalid_request", "error_description": "Cannot complete login.",
           "error_uri": None}


def totp(step):
    digest = hmac.new(SEED, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


class Console:
    """One account. Each login ends the older session."""

    def __init__(self, public_pem, public_xml, *, second_factor=False, known_grant="public_key"):
        self.public_pem = public_pem
        self.public_xml = public_xml
        self.second_factor = second_factor
        self.known_grant = known_grant
        self.calls = []      # "POST /token password" ...
        self.tokens = set()  # access tokens that are good
        self.given = set()   # every secret that was handed out
        self.refresh_token = None
        self.challenge = None
        self.mfa_token = None
        self.solved_by = b""
        self.used_steps = set()
        self.behaviour = None  # (status line, body, field lines) in place of a login's answer
        self.requests = []
        self._lock = threading.Lock()
        self.server = RawUpstream(self._serve)

    def _serve(self, peer):
        while request := peer.read_request():
            head, body = request[0].decode("latin-1"), request[1]
            method, target, _ = head.split(" ", 2)
            with self._lock:
                status, answer, fields = self._answer(method, target, head, body)
            peer.answer(answer, status, ["Content-Type: application/json", *fields])

    def _answer(self, method, target, head, body):
        path = target.removeprefix("/vspc").removeprefix("/api/v3")
        if path == "/token" or "asymmetricalgorithm" in path or "/authentication/" in path:
            return self._login(method, path, body)
        self.requests.append((method, target))
        token = re.search(r"Authorization: Bearer (\S+)\r\n", head)
        if token is None or token[1] not in self.tokens:
            return "401 Unauthorized", b'{"errors":[{"type":"security","code":401}]}', []
        return "200 OK", b'{"data":{}}', []

    def _login(self, method, path, body):
        form = dict(urllib.parse.parse_qsl(body.decode("latin-1"))) if path == "/token" else {}
        self.calls.append(" ".join([method, path, form.get("grant_type", "")]).strip())
        if self.behaviour:
            status, text, fields = self.behaviour
            return status, text, fields
        if path == "/token":
            answer = self._grant(form)
        else:
            answer = self._older(method, path, body)
        if "error" in answer:
            return "400 Bad Request", json.dumps(answer).encode(), []
        return "200 OK", json.dumps(answer).encode(), []

    def _grant(self, form):
        grant = form["grant_type"]
        if grant == "password":
            if (form["username"], form["password"]) != (USER, SECRET):
                return REFUSED
            return self._mfa() if self.second_factor else self._session()
        if grant == "mfa":
            now = int(time.time()) // 30
            step = next((s for s in (now - 1, now, now + 1) if totp(s) == form["mfa_code"]), None)
            if form["mfa_token"] != self.mfa_token or step is None or step in self.used_steps:
                return REFUSED
            self.used_steps.add(step)
            return self._session()
        if grant == "refresh_token":
            good = form["refresh_token"] == self.refresh_token
            return self._session() if good else {"error": "invalid_grant"}
        if grant == self.known_grant:
            if base64.b64decode(form["public_key"], validate=True).decode() != self.public_xml:
                return REFUSED
            return self._whole(encrypted_code=self._encrypt(b"challenge \xc3\xa4 4711"))
        if grant == "authorization_code":
            good = form["code"].encode() == self.challenge
            self.solved_by = form["code"].encode()
            return self._session() if good else REFUSED
        return {"error": "unsupported_grant_type"}

    def _older(self, method, path, body):
        if method == "PATCH":
            session = self._session() if body == self.challenge else REFUSED
            if "error" in session:
                return session
            if path.startswith("/tokens/"):
                return {"data": {"token": session["access_token"]}}
            return {"data": self._renamed(session)}
        if "asymmetricalgorithm" in path:
            if body.decode() != self.public_xml:
                return REFUSED
            return {"data": {"challenge": self._encrypt(b"\0\xff binary 4711")}}
        fields = dict(re.findall(r'name="(\w+)"\r\n\r\n(.*?)\r\n--', body.decode("latin-1")))
        good = fields in ({"username": USER, "password": SECRET},
                          {"refreshToken": self.refresh_token})
        return {"data": [self._renamed(self._session())]} if good else REFUSED

    @staticmethod
    def _renamed(session):
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        return {"accessToken": session["access_token"], "refreshToken": session["refresh_token"],
                "mfaToken": None, "expirationTime": end}

    @staticmethod
    def _whole(**members):
        return {"access_token": None, "token_type": None, "refresh_token": None, "mfa_token": None,
                "encrypted_code": None, "expires_in": 0, **members}

    def _mfa(self):
        self.mfa_token = secrets.token_hex(16)
        return self._whole(mfa_token=self.mfa_token)

    def _encrypt(self, plain):
        self.challenge = plain
        command = ["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", self.public_pem,
                   "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha1"]
        out = subprocess.run(command, input=plain, capture_output=True, check=True, timeout=30)
        return base64.b64encode(out.stdout).decode()

    def _session(self):
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        self.tokens.clear()
        self.tokens.add(access)
        self.refresh_token = refresh
        self.given |= {access, refresh}
        return self._whole(access_token=access, token_type="bearer", refresh_token=refresh,
                           expires_in=3600)

    def end_sessions(self, *, refresh_too=False):
        with self._lock:
            self.tokens.clear()
            if refresh_too:
                self.refresh_token = None


class Vspc(SystemTest):
    def setUp(self):
        self.key = json.loads(VECTORS.read_text())["key"]

    def by_password(self, password=SECRET, **changes):
        return {"username": USER, "password": {"file": self.write_secret("vspc.pass", password)},
                **changes}

    def by_key(self, form="private_xml", **changes):
        return {"private_key": {"file": self.write_secret("vspc.key", self.key[form])}, **changes}

    def start(self, credential, **console):
        public_pem = self.directory / "public.pem"
        public_pem.write_text(self.key["public_pem_spki"])
        self.console = Console(public_pem, self.key["public_xml"], **console)
        self.addCleanup(self.console.server.close)
        self.proxy = self.start_proxy(self.config(self.console.server.url, auth={
            "type": "veeam-vspc", "backoff": {"min_backoff": "100ms", "max_backoff": "400ms"},
            **credential}))

    def tearDown(self):
        self.secrets.update(self.console.given)
        self.assertEqual(self.console.server.errors, [])
        super().tearDown()

    def get(self):
        return self.proxy.request("GET", "/api/v3/organizations")

    def check_ok(self):
        answer = self.get()
        self.assertEqual((answer.status, answer.body), (200, b'{"data":{}}'))

    def take_calls(self):
        calls, self.console.calls = self.console.calls, []
        return calls


class Logins(Vspc):
    def test_an_api_key_goes_with_every_request_and_a_401_passes(self):
        self.start({"api_key": {"file": self.write_secret("vspc.key", "placeholder-key-4711")}})
        self.console.tokens.add("placeholder-key-4711")
        self.check_ok()
        self.console.end_sessions()
        for _ in range(2):
            answer = self.get()
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (401, None))
        self.assertEqual(self.console.calls, [])

    def test_a_password_logs_in_once_and_then_refresh_tokens_rotate(self):
        self.start(self.by_password())
        for _ in range(3):
            self.check_ok()
            self.console.end_sessions()
        self.assertEqual(self.take_calls(), ["POST /token password", "POST /token refresh_token",
                                             "POST /token refresh_token"])
        self.console.end_sessions(refresh_too=True)
        self.check_ok()
        self.assertEqual(self.take_calls(), ["POST /token refresh_token", "POST /token password"])
        self.proxy.wait_for_log(r"login succeeded .*expires_in=(3600|3599\.\d)")

    def test_the_second_factor_is_answered(self):
        seed = base64.b32encode(SEED).decode().lower()
        self.start(self.by_password(totp={"file": self.write_secret("vspc.totp", seed)}),
                   second_factor=True)
        self.check_ok()
        self.assertEqual(self.take_calls(), ["POST /token password", "POST /token mfa"])
        # The code of this half minute is spent: the next is waited for, not sent again.
        self.console.end_sessions(refresh_too=True)
        self.get()
        self.assertEqual(self.take_calls()[:2],
                         ["POST /token refresh_token", "POST /token password"])
        self.assertEqual(self.proxy.metric("vsaproxy_logins_total", result="rejected"), 0)

    def test_a_second_factor_without_totp_says_what_to_do(self):
        self.start(self.by_password(), second_factor=True)
        for _ in range(2):
            answer = self.get()
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (503, "login_rejected"))
            self.assertIn("give its key as totp", answer.json()["detail"])
        self.assertEqual(self.take_calls(), ["POST /token password"])

    def test_a_key_solves_the_challenge_in_each_form(self):
        for form in ("private_xml", "private_pem_pkcs8"):
            with self.subTest(form):
                self.start(self.by_key(form))
                self.check_ok()
                self.assertEqual(self.take_calls(), ["POST /token public_key",
                                                     "POST /token authorization_code"])

    def test_the_grant_that_the_server_knows_is_remembered(self):
        self.start(self.by_key(), known_grant="private_key")
        self.check_ok()
        whole = ["POST /token private_key", "POST /token authorization_code"]
        self.assertEqual(self.take_calls(), ["POST /token public_key", *whole])
        self.console.end_sessions(refresh_too=True)
        self.check_ok()
        self.assertEqual(self.take_calls(), ["POST /token refresh_token", *whole])

    def test_the_calls_of_older_servers(self):
        path = "/authentication/asymmetricalgorithm"
        self.start(self.by_key(api="v2"))
        self.check_ok()
        self.console.end_sessions()
        self.check_ok()
        self.assertEqual(self.take_calls(), [f"POST {path}", f"PATCH {path}",
                                             "POST /authentication/refresh"])
        self.start(self.by_password(api="v2"))
        self.check_ok()
        self.assertEqual(self.take_calls(), ["POST /authentication/usernamepassword"])
        self.start(self.by_key(api="v1"))
        self.check_ok()
        path = "/tokens/asymmetricalgorithm"
        self.assertEqual(self.take_calls(), [f"POST {path}", f"PATCH {path}"])

    def test_the_login_command_tries_it_and_the_check(self):
        self.start(self.by_key())
        outcome = self.proxy.command("login", "vsa")
        self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))
        self.assertRegex(outcome.stdout, r"(?m)^  outcome +ok$")
        self.assertIn(("GET", "/api/v3/users/me"), self.console.requests)
        self.assertFalse(any(secret in outcome.stdout for secret in self.console.given))


class OneTimeCodes(SystemTest):
    def start(self, seconds_left):
        """The server's clock has so much left of its half minute."""
        seed = base64.b32encode(SEED).decode()
        self.simulator = self.start_simulator(
            totp=seed, clock_skew=(30 - seconds_left - time.time()) % 30)
        self.proxy = self.make_proxy(self.config(self.simulator.url, auth={
            "type": "veeam-vspc", "username": USERNAME, "login_timeout": "1m",
            "password": {"file": self.write_secret("vspc.pass", PASSWORD)},
            "totp": {"file": self.write_secret("vspc.totp", seed)}}))

    def codes(self):
        return [call["form"]["mfa_code"] for call in self.simulator.login_calls()
                if call["form"]["grant_type"] == "mfa"]

    def test_a_start_within_the_half_minute_of_a_login_waits_for_the_next_code(self):
        self.start(seconds_left=12)
        login = self.proxy.command("login", "vsa")
        self.assertEqual(login.returncode, 0, login.stdout + login.stderr)
        self.proxy.start()
        self.proxy.wait_for_log(r"one-time code of this half minute was used already: waiting for "
                                r"the next credential=vsa wait=\d")
        self.assertEqual(self.proxy.request("GET", "/api/v3/organizations").status, 200)
        self.assertEqual(len(set(self.codes())), 2)
        self.assertEqual(len(self.codes()), 2)
        self.assertEqual((self.simulator.logins["ok"], self.simulator.logins["rejected"]), (2, 0))


class Failures(Vspc):
    def check_rejected(self, calls):
        for _ in range(3):
            answer = self.get()
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (503, "login_rejected"))
        self.assertEqual(self.console.calls, calls)
        self.proxy.restart()
        self.assertEqual(self.get().header("X-Proxy-Error"), "login_rejected")
        self.assertEqual(self.console.calls, calls)
        self.assertEqual(self.console.requests, [])

    def test_a_wrong_password_is_sent_once_even_over_a_restart(self):
        self.start(self.by_password("wrong-one-4711"))
        self.check_rejected(["POST /token password"])

    def test_a_key_that_nobody_has_is_sent_once_even_over_a_restart(self):
        self.key["public_xml"] = "<RSAKeyValue/>"
        self.start(self.by_key())
        self.check_rejected(["POST /token public_key"])

    def test_server_errors_come_as_520_and_are_no_rejection(self):
        self.start(self.by_password())
        self.check_ok()
        self.console.behaviour = ("520 Unknown", b'{"errors":[{"code":500}]}', [])
        self.console.end_sessions()
        self.assertEqual(self.get().status, 401)  # the API's own answer
        self.console.behaviour = None
        eventually(lambda: self.get().status == 200)
        self.assertEqual(self.proxy.metric("vsaproxy_logins_total", result="rejected"), 0)

    def test_the_wait_of_a_throttled_login_is_kept_wherever_it_stands(self):
        for body, fields in ((b'{"errors":[{"type":"transport","code":429,"retryAfter":25}]}', []),
                             (b"{}", ["Retry-After: 25"])):
            with self.subTest(body):
                self.start(self.by_password())
                self.check_ok()
                self.take_calls()
                self.console.behaviour = ("429 Too Many Requests", body, fields)
                self.console.end_sessions()
                self.get()
                self.proxy.wait_for_log(r"login failed, backing off .*retry_in=2[45]\.\d")
                self.assertEqual(self.take_calls(), ["POST /token refresh_token"])

    def test_a_faulty_combination_is_refused_with_its_place(self):
        self.start(self.by_password())
        for changes, text in (({"private_key": {"env": "K"}}, "more than one of"),
                              ({"api": "v1"}, "api: v1 does not log in with"),
                              ({"grant": "public_key"}, "remove it")):
            self.proxy.write_config(self.config(self.console.server.url, auth={
                "type": "veeam-vspc", **self.by_password(), **changes}))
            outcome = self.proxy.command("check")
            self.assertEqual(outcome.returncode, 3)
            self.assertIn(text, outcome.stderr)


class Stub(Vspc):
    FORM = {"Content-Type": "application/x-www-form-urlencoded"}

    def test_a_tools_own_login_gets_a_placeholder_that_opens_nothing(self):
        self.start(self.by_password())
        self.check_ok()
        self.take_calls()
        for body in (b"grant_type=password&username=a&password=b",
                     b"grant_type=refresh_token&refresh_token=x"):
            answer = self.proxy.request("POST", "/api/v3/token", body, self.FORM)
            self.assertEqual(answer.status, 200)
            token = answer.json()
            self.assertEqual(list(token), ["access_token", "token_type", "refresh_token",
                                           "mfa_token", "encrypted_code", "expires_in"])
            self.assertNotIn(token["access_token"], self.console.given)
            self.assertGreater(token["expires_in"], 3000)
        for path in ("usernamepassword", "Refresh/"):
            answer = self.proxy.request("POST", f"/API/v3/authentication/{path}", b"x")
            self.assertEqual(answer.status, 200)
            self.assertIn("accessToken", answer.json()["data"][0])
        answer = self.proxy.request("PATCH", "/api/v3/authentication/asymmetricalgorithm", b"x")
        self.assertEqual(answer.status, 200)
        self.assertIn("accessToken", answer.json()["data"])
        self.assertEqual(self.take_calls(), [])
        self.check_ok()

    def test_a_login_of_any_version_is_answered_wherever_that_version_has_it(self):
        key = self.key["public_xml"].encode()
        old = "/tokens/asymmetricalgorithm"
        for api, base in (("v3", "/api/v3"), ("v2", "/api/v3"), ("v1", ""),
                          ("v3", "/vspc/api/v3")):
            with self.subTest(api=api, base=base):
                self.start(self.by_key(api=api, base=base))
                self.proxy.wait_ready()
                self.take_calls()
                for root in ("", base):
                    answer = self.proxy.request("POST", root + old, key)
                    self.assertEqual((root, answer.status), (root, 200))
                    self.assertIn("challenge", answer.json()["data"])
                    token = self.proxy.request("PATCH", root + old, b"x").json()["data"]["token"]
                    self.assertNotIn(token, self.console.given)
                for root in ("/api/v3", base):
                    token = self.proxy.request("POST", root + "/token",
                                               b"grant_type=password&username=a&password=b",
                                               self.FORM).json()["access_token"]
                    self.assertNotIn(token, self.console.given)
                    answer = self.proxy.request("DELETE", root + "/users/4711/tokens")
                    self.assertEqual(answer.json(), {"data": True})
                self.assertEqual((self.take_calls(), self.console.requests), ([], []))

    def test_a_logout_is_answered_and_ends_nothing(self):
        self.start(self.by_password())
        self.check_ok()
        answer = self.proxy.request(
            "DELETE", "/api/v3/users/5d69c254-ec2b-4ecf-86a8-02d4e0c146f4/tokens?userLoginId=1")
        self.assertEqual((answer.status, answer.json()), (200, {"data": True}))
        self.check_ok()
        self.assertEqual([method for method, _ in self.console.requests], ["GET", "GET"])

    def test_a_tools_own_login_fails_in_the_apis_shape_while_ours_is_rejected(self):
        self.start(self.by_password("wrong-one-4711"))
        answer = self.proxy.request("POST", "/api/v3/token", b"grant_type=password", self.FORM)
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (400, "login_rejected"))
        failure = answer.json()
        self.assertEqual((failure["error"], failure["error_uri"]), ("invalid_request", None))
        self.assertIn("rejected", failure["error_description"])
        older = self.proxy.request("POST", "/api/v3/authentication/refresh", b"x")
        self.assertEqual((older.status, older.json()["errors"][0]["code"]), (400, 400))
        self.assertEqual(self.console.calls, ["POST /token password"])


if __name__ == "__main__":
    unittest.main()
