"""The vendors' examples through the proxy, each command as it stands in its text with only the host
replaced: answered as the API would answer the right secrets."""

import base64
import json
import shlex
import subprocess
import unittest

from login_tools import VSPC_VECTORS, decrypt_challenge
from support import PASSWORD, TIMEOUT, TOKEN, USERNAME, SystemTest
from vendor_examples import HOSTS, VSA9, VSPC1, VSPC3

PUBLIC_XML = VSPC_VECTORS["key"]["public_xml"]


class VendorExamples(SystemTest):
    def start(self, auth, **upstream):
        self.simulator = self.start_simulator()
        self.proxy = self.start_proxy(self.config(self.simulator.url, auth=auth, **upstream))
        self.proxy.wait_ready()
        self.code = self.token = ""

    def tearDown(self):
        stats = self.simulator.stats()
        self.assertEqual((stats["logins"]["ok"], stats["logins"]["rejected"]), (1, 0))
        self.assertEqual((stats["data"]["refused"], stats["bad_requests"]), (0, 0))
        super().tearDown()

    def run_command(self, command):
        """(status, body, whether the proxy made the answer)"""
        for host in HOSTS:
            command = command.replace(host, f"http://127.0.0.1:{self.proxy.port}")
        for name, value in (("KEY64", base64.b64encode(PUBLIC_XML.encode()).decode()),
                            ("KEY", PUBLIC_XML), ("CODE", self.code), ("TOKEN", self.token)):
            command = command.replace(name, value)
        done = subprocess.run(
            [*shlex.split(command), "-sS", "--noproxy", "*", "-D", self.directory / "head"],
            capture_output=True, timeout=TIMEOUT, check=True)
        head = (self.directory / "head").read_text()
        return int(head.split()[1]), done.stdout, "x-proxy-error:" in head.lower()

    def check(self, examples):
        for example in examples:
            with self.subTest(example.text):
                before = len(self.simulator.requests())
                status, body, is_ours = self.run_command(example.command)
                self.assertFalse(is_ours, body)
                seen = self.simulator.requests()[before:]
                getattr(self, "check_" + example.answer.replace(" ", "_"))(status, body, seen)

    def check_login(self, status, body, seen):
        answer = json.loads(body)
        self.assertEqual((status, seen), (200, []))
        self.assertEqual([answer[key] for key in ("ResponseCode", "Status", "Error")],
                         [0, "OK", "None"])
        self.assertRegex(answer["Result"]["Token"], r"^\d+$")

    def check_list(self, status, body, seen):
        self.assertEqual((status, len(json.loads(body)["Result"])), (200, 100))
        self.assertEqual([entry["session"] for entry in seen], ["live"])

    def check_page(self, _, body, seen):
        """Whatever the server has there: it was asked, with our session."""
        self.assertEqual([entry["session"] for entry in seen], ["live"], body)

    def check_challenge(self, status, body, seen):
        answer = json.loads(body)
        self.assertEqual((status, seen, answer["access_token"]), (200, [], None))
        self.code = decrypt_challenge(self.directory, answer["encrypted_code"]).decode()

    def check_tokens(self, status, body, seen):
        answer = json.loads(body)
        self.assertEqual((status, seen, answer["token_type"]), (200, [], "bearer"))
        self.token = answer["access_token"]
        self.assertTrue(self.token)

    def check_old_challenge(self, status, body, seen):
        self.assertEqual((status, seen), (200, []))
        challenge = json.loads(body)["data"]["challenge"]
        self.code = decrypt_challenge(self.directory, challenge).decode()

    def check_old_token(self, status, body, seen):
        self.assertEqual((status, seen), (200, []))
        self.token = json.loads(body)["data"]["token"]
        self.assertTrue(self.token)

    def check_companies(self, status, body, seen):
        self.assertEqual((status, len(json.loads(body)["data"])), (200, 100))
        self.assertEqual([entry["session"] for entry in seen], ["live"])

    def test_those_for_vsa_9(self):
        self.start({"type": "kaseya-vsa9", "username": USERNAME,
                    "token": {"file": self.write_secret("vsa.pat", TOKEN)}})
        self.check(VSA9)

    def test_those_for_vspc(self):
        self.start({"type": "veeam-vspc", "username": USERNAME,
                    "password": {"file": self.write_secret("vspc.pass", PASSWORD)}})
        self.check(VSPC3)

    def test_that_for_the_oldest_vspc(self):
        key = self.write_secret("vspc.xml", VSPC_VECTORS["key"]["private_xml"])
        self.start({"type": "veeam-vspc", "api": "v1", "private_key": {"file": key}})
        self.check(VSPC1)


if __name__ == "__main__":
    unittest.main()
