"""What Debian's scanners of TLS servers say about a listener, with its default settings."""

import json
import subprocess
import unittest
import xml.etree.ElementTree

from http_tools import SLOWNESS
from support import Authority, SystemTest

# RFC 9325, 4.2: authenticated encryption with forward secrecy.
SUITES = {
    "TLSv1.3": {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                "TLS_CHACHA20_POLY1305_SHA256"},
    "TLSv1.2": {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                "ECDHE-ECDSA-CHACHA20-POLY1305"},
}


class TlsListener(SystemTest):
    def setUp(self):
        self.authority = Authority(self.directory)
        self.authority.issue("proxy")
        self.proxy = self.start_proxy(self.config(
            "http://127.0.0.1:1", auth="none", listeners=[{
                "name": "tls", "address": "127.0.0.1:0",
                "tls": {"certificate": {"file": "proxy.crt"}, "key": {"file": "proxy.key"}}}]))
        self.server = f"localhost:{self.proxy.port}"

    def scan(self, *command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=100 * SLOWNESS, cwd=self.directory)
        return done.stdout

    def test_sslscan_finds_only_what_is_strong(self):
        scan = xml.etree.ElementTree.fromstring(self.scan("sslscan", "--xml=-", self.server))
        versions = {(p.get("type"), p.get("version")) for p in scan.iter("protocol")
                    if p.get("enabled") == "1"}
        self.assertEqual(versions, {("tls", "1.2"), ("tls", "1.3")})
        found = {version: {cipher.get("cipher") for cipher in scan.iter("cipher")
                           if cipher.get("sslversion") == version} for version in SUITES}
        self.assertEqual(found, SUITES)
        self.assertEqual({cipher.get("strength") for cipher in scan.iter("cipher")} -
                         {"strong", "acceptable"}, set())
        groups = {group.get("name") for group in scan.iter("group")}
        self.assertEqual([name for name in groups if name.startswith("ffdhe")], [])
        self.assertEqual({check.get("vulnerable") for check in scan.iter("heartbleed")}, {"0"})
        self.assertEqual({check.get("supported") for check in scan.iter("renegotiation")}, {"0"})
        self.assertEqual({check.get("supported") for check in scan.iter("compression")} - {"0"},
                         set())

    def test_testssl_has_no_finding_above_low(self):
        self.scan("testssl", "--quiet", "--color", "0", "--nodns", "none", "--ip", "127.0.0.1",
                  "--add-ca", self.authority.ca.certificate, "--warnings", "off",
                  "--jsonfile", "found.json", "--protocols", "--std", "--server-preference",
                  "--fs", "--renegotiation", "--compression", self.server)
        findings = json.loads((self.directory / "found.json").read_text())
        # One is about the scanner's own OpenSSL, where that has no GOST.
        self.assertEqual([f for f in findings if f["id"] != "engine_problem"
                          and f["severity"] not in ("OK", "INFO", "LOW")], [])
        by_id = {finding["id"]: finding["finding"] for finding in findings}
        for check in ("TLS1", "TLS1_1", "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_LOW"):
            self.assertIn("not offered", by_id[check])
        self.assertIn("offered", by_id["TLS1_3"])


if __name__ == "__main__":
    unittest.main()
