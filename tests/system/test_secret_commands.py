"""Secrets that a program prints: when it runs, and that nothing waits for it or shows what it says.
The programs are shell scripts; like the proxy itself they may write to the state directory only."""

import os
import signal
import time
import unittest

from support import BASE, TOKEN, Authority, SystemTest, eventually

NEW_TOKEN = "11111111-2222-3333-4444-555555555555"


class SecretCommands(SystemTest):
    def setUp(self):
        self.state = self.directory / "state"
        self.state.mkdir(mode=0o700)
        self.runs = self.state / "runs"

    def program(self, text, name="vault"):
        """A program whose runs are counted."""
        path = self.directory / name
        path.write_text(f"#!/bin/sh\necho run >> {self.runs}\n{text}\n")
        path.chmod(0o700)
        return str(path)

    def count(self):
        return self.runs.read_text().count("run") if self.runs.exists() else 0

    def vsa(self, *command, **options):
        return {"type": "kaseya-vsa9", "username": "demo",
                "token": {"command": list(command), **options}}

    def keep(self, value):
        """What the programs print; rewritten at once."""
        new = self.directory / "value.new"
        new.write_text(value + "\n")
        new.replace(self.directory / "value")
        self.secrets.add(value)
        return f"cat {self.directory}/value"

    def test_a_login_takes_what_the_program_prints_and_logins_share_one_run(self):
        simulator = self.start_simulator(session_lifetime=1.5)
        program = self.program(self.keep(TOKEN) + "\necho noise >&2")
        proxy = self.start_proxy(self.config(simulator.url, auth=self.vsa(program, "show", "vsa")))
        for _ in range(2):
            before = simulator.logins["ok"]
            eventually(lambda: proxy.get("/echoauth").status == 200 and
                       simulator.logins["ok"] > before)
        self.assertEqual(self.count(), 1)
        self.assertNotIn("noise", proxy.output())
        done = proxy.command("login")
        self.assertEqual((done.returncode, self.count()), (0, 2), done.stdout)

    def test_a_value_that_is_too_old_is_asked_for_again(self):
        simulator = self.start_simulator(session_lifetime=1.5)
        program = self.program(self.keep(TOKEN))
        proxy = self.start_proxy(self.config(simulator.url, auth=self.vsa(program, max_age="1s")))
        eventually(lambda: proxy.get("/echoauth").status == 200 and self.count() >= 3)
        self.assertGreaterEqual(simulator.logins["ok"], 3)

    def test_a_rejected_value_is_asked_for_again_at_once(self):
        simulator = self.start_simulator()
        program = self.program(self.keep(TOKEN))
        proxy = self.start_proxy(self.config(simulator.url, auth=self.vsa(program)))
        self.assertEqual(proxy.get("/echoauth").status, 200)
        # Changed on both sides; the proxy does not know.
        self.keep(NEW_TOKEN)
        simulator.configure(token=NEW_TOKEN)
        simulator.revoke()
        eventually(lambda: proxy.get("/echoauth").status == 200)
        self.assertEqual(simulator.logins["rejected"], 1)
        self.assertEqual(self.count(), 2)

    def test_a_static_value_is_asked_for_again_after_its_time(self):
        simulator = self.start_simulator()
        program = self.program(self.keep("demo-wrong-key"))
        proxy = self.start_proxy(self.config(simulator.url, auth={
            "type": "header", "name": "X-Api-Key",
            "value": {"command": [program], "max_age": "1s"}}))
        self.assertEqual(proxy.request("GET", "/keyed").status, 401)
        self.keep("demo-api-key")
        eventually(lambda: proxy.request("GET", "/keyed").status == 200)

    def test_nothing_waits_for_a_slow_program(self):
        simulator = self.start_simulator()
        gate = self.directory / "gate"
        os.mkfifo(gate)
        slow = self.program(f"read line < {gate}; {self.keep(TOKEN)}", "slow")
        config = self.config(simulator.url)
        config["upstreams"]["slow"] = {"url": simulator.url.replace("127.0.0.1", "localhost"),
                                       "auth": {**self.vsa(slow, timeout="5m"),
                                                "login_timeout": "30s"}}
        config["routes"] = [{"match": {"path_prefix": "/slow"}, "strip_prefix": "/slow",
                             "upstream": "slow"}, {"upstream": "vsa"}]
        simulator.configure(one_session=False)
        proxy = self.start_proxy(config)
        eventually(lambda: self.count() == 1)
        self.assertEqual(proxy.get("/echoauth").status, 200)
        self.assertIn(b"slow", proxy.admin("/readyz").body)
        # The manager thread reloads meanwhile.
        proxy.send_signal(signal.SIGHUP)
        proxy.wait_for_log("configuration reloaded")
        gate.write_text("go\n")
        self.assertEqual(proxy.request("GET", f"/slow{BASE}/echoauth").status, 200)
        self.assertEqual(self.count(), 1)

    def test_a_program_that_fails_is_named_without_what_it_said_and_tried_again(self):
        simulator = self.start_simulator()
        self.keep(TOKEN)
        program = self.program(f"{self.keep(TOKEN)}\necho hunter2 >&2\nexit 7")
        proxy = self.start_proxy(self.config(simulator.url, auth={
            **self.vsa(program, "hunter2"),
            "backoff": {"min_backoff": "2s", "max_backoff": "2s"}, "login_timeout": "500ms"}))
        answer = proxy.get("/echoauth")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                         (503, "login_unavailable"))
        self.assertEqual(answer.json()["detail"],
                         f"command {program} failed with exit status 7")
        self.assertNotIn("hunter2", proxy.output())
        self.program(self.keep(TOKEN))
        eventually(lambda: proxy.get("/echoauth").status == 200)
        self.assertEqual(simulator.logins["ok"], 1)

    def test_a_program_that_hangs_is_ended_after_its_time_and_with_the_proxy(self):
        simulator = self.start_simulator()
        pids = self.state / "pids"
        program = self.program(f"echo $$ >> {pids}\nexec sleep 1000")
        proxy = self.start_proxy(self.config(simulator.url, auth={
            **self.vsa(program, timeout="200ms"),
            "backoff": {"min_backoff": "50ms", "max_backoff": "100ms"}}))
        proxy.wait_for_log(f"command {program} took longer than 200ms and was ended")
        eventually(lambda: len(pids.read_text().split()) > 1)
        proxy.stop()
        known = len(pids.read_text().split())
        other = self.start_proxy(self.config(simulator.url, auth=self.vsa(program, timeout="5m")))
        eventually(lambda: len(pids.read_text().split()) > known)
        begun = time.monotonic()
        other.stop()
        self.assertLess(time.monotonic() - begun, 60)
        for pid in pids.read_text().split():
            self.assertFalse(os.path.exists(f"/proc/{pid}"), pid)

    def test_a_check_runs_nothing(self):
        program = self.program(self.keep(TOKEN))
        proxy = self.make_proxy(self.config("http://127.0.0.1:1", auth=self.vsa(program)))
        self.assertEqual(proxy.command("check").returncode, 0)
        self.assertEqual(self.count(), 0)
        os.chmod(program, 0o722)
        done = proxy.command("check")
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"proxy0\.yaml:\d+:\d+: command \S+/vault can be changed by "
                                      "every user of this machine: chmod o-w ")

    def test_the_key_of_a_session_cache_may_be_printed(self):
        simulator = self.start_simulator()
        program = self.program("echo demo-key-of-the-session-cache")
        self.secrets.add("demo-key-of-the-session-cache")
        proxy = self.start_proxy(self.config(simulator.url, auth=self.credential(
            cache={"file": "vsa.session", "key": {"command": [program]}})))
        for _ in range(2):
            self.assertEqual(proxy.get("/echoauth").status, 200)
            self.assertEqual(simulator.logins["ok"], 1)
            proxy.restart()

    def test_the_key_of_a_certificate_may_be_printed(self):
        authority = Authority(self.directory)
        certificate = authority.issue("server")
        simulator = self.start_simulator(certificate=certificate)
        client = authority.issue_client("reports", ["DNS:reports.internal"])
        program = self.program(f"cat {client.key}")
        proxy = self.start_proxy(self.config(
            f"https://localhost:{simulator.port}",
            upstream={"tls": {"ca": {"file": "test-ca.crt"},
                              "client_certificate": {"file": "reports.crt"},
                              "client_key": {"command": [program]}}}))
        self.assertEqual(proxy.get("/echoauth").status, 200)


if __name__ == "__main__":
    unittest.main()
