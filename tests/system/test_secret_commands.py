"""Secrets that a program prints: when it runs, and that nothing waits for it or shows what it says.
The programs are shell scripts; like the proxy itself they may write to the state directory only."""

import os
import signal
import time
import unittest

from support import BASE, TIMEOUT, TOKEN, Authority, SystemTest, eventually, request

NEW_TOKEN = "11111111-2222-3333-4444-555555555555"


class CommandTest(SystemTest):
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


class SecretCommands(CommandTest):
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


class TlsCommands(CommandTest):
    """An upstream whose client key is printed, and a listener whose certificate and key are."""

    def setUp(self):
        super().setUp()
        self.authority = Authority(self.directory)
        self.simulator = self.start_simulator(certificate=self.authority.issue("server"))
        self.client = self.authority.issue_client("reports", ["DNS:reports.internal"])
        self.secrets.add(self.client.key.read_text().splitlines()[1])
        self.gate = self.directory / "gate"
        os.mkfifo(self.gate)

    def printing(self, key=None):
        return self.program(f"cat {key or self.client.key}")

    def printing_once_told(self):
        """It waits for a line in the gate."""
        return self.program(f"read line < {self.gate}; cat {self.client.key}")

    def tls_config(self, program, **options):
        key = {"command": [program], "timeout": "1m", **options}
        return self.config(f"https://localhost:{self.simulator.port}", upstream={"tls": {
            "ca": {"file": "test-ca.crt"}, "client_certificate": {"file": "reports.crt"},
            "client_key": key}})

    def start_serving(self, config):
        proxy = self.start_proxy(config)
        self.assertEqual(proxy.get("/echoauth").status, 200)
        return proxy

    def reload(self, proxy, outcome):
        mark = proxy.log_mark()
        proxy.reload()
        return proxy.wait_for_log(outcome, since=mark)

    def hang(self, proxy, program):
        """Reloads, and returns once the program is running; its process."""
        pids = self.state / "pids"
        known = len(pids.read_text().split()) if pids.exists() else 0
        self.assertEqual(self.program(f"echo $$ >> {pids}\nexec sleep 1000"), program)
        proxy.reload()
        return eventually(lambda: pids.exists() and pids.read_text().split()[known:])[0]

    def test_a_program_runs_once_for_each_start_and_reload_whoever_needs_its_text(self):
        both = self.directory / "both.pem"
        server = self.authority.issue("proxy")
        both.write_text(server.certificate.read_text() + server.key.read_text())
        program = self.printing(both)
        printed = {"command": [program]}
        config = self.tls_config(program)
        tls = {"ca": {"file": "test-ca.crt"}, "client_certificate": printed, "client_key": printed}
        config["upstreams"]["vsa"]["tls"] = tls
        config["upstreams"]["other"] = {**config["upstreams"]["vsa"], "url":
                                        f"https://127.0.0.1:{self.simulator.port}"}
        config["routes"] = [{"match": {"path_prefix": "/other"}, "strip_prefix": "/other",
                             "upstream": "other"}, {"upstream": "vsa"}]
        config["listeners"][0]["tls"] = {"certificate": printed, "key": printed}
        self.simulator.configure(one_session=False)
        proxy = self.start_proxy(config)
        for runs in (1, 2):
            for path in ("", "/other"):
                answer = request(proxy.port, "GET", path + BASE + "/echoauth", host="localhost",
                                 tls=self.authority.client_context())
                self.assertEqual(answer.status, 200)
            self.assertEqual(self.count(), runs)
            self.reload(proxy, "configuration reloaded")
        self.assertEqual(self.count(), 3)

    def test_while_a_program_takes_its_time_for_a_reload_everything_goes_on(self):
        proxy = self.start_serving(self.tls_config(self.printing(), timeout="5m"))
        self.printing_once_told()
        mark = proxy.log_mark()
        proxy.reload()
        eventually(lambda: self.count() == 2)
        self.simulator.revoke()  # a login needs the thread that reloads
        self.assertEqual(proxy.get("/echoauth").status, 200)
        self.assertEqual(proxy.admin("/livez").status, 200)
        self.assertNotIn("reload", "".join(proxy.log(mark)))
        self.gate.write_text("go\n")
        proxy.wait_for_log("configuration reloaded", since=mark)
        self.assertEqual((proxy.get("/echoauth").status, self.count()), (200, 2))

    def test_a_reload_that_is_asked_for_meanwhile_follows(self):
        config = self.tls_config(self.printing(), timeout="5m")
        proxy = self.start_serving(config)
        self.printing_once_told()
        mark = proxy.log_mark()
        proxy.reload()
        eventually(lambda: self.count() == 2)
        config["listeners"].append({"name": "second", "address": "127.0.0.1:0"})
        proxy.write_config(config)
        proxy.reload()
        self.gate.write_text("go\n")
        eventually(lambda: self.count() == 3)
        self.gate.write_text("go\n")
        proxy.wait_for_log(r"listening on \S+ \(second\)", since=mark)
        proxy.wait_for_log("(?s)configuration reloaded.*configuration reloaded", since=mark)

    def test_a_program_that_fails_or_hangs_keeps_the_running_configuration(self):
        program = self.printing()
        proxy = self.start_serving(self.tls_config(program))
        command = rf"\d+:\d+ command {program}"
        for text, timeout, fault in (
                ("exit 7", "1m", f"{command} failed with exit status 7"),
                ("echo hunter2 >&2; exec sleep 1000", "200ms",
                 f"{command} took longer than 200ms and was ended"),
                ("echo hunter2", "1m", "upstream vsa: client_certificate: the key is not usable "
                                       "with the certificate")):
            self.program(text)
            proxy.write_config(self.tls_config(program, timeout=timeout))
            self.assertRegex(self.reload(proxy, "reload refused.*")[0], fault)
            self.assertEqual(proxy.metric("vsaproxy_config_last_reload_successful"), 0)
            self.assertEqual(proxy.get("/echoauth").status, 200)
        self.assertNotIn("hunter2", proxy.output())
        self.printing()
        proxy.write_config(self.tls_config(program))
        self.reload(proxy, "configuration reloaded")
        self.assertEqual(proxy.metric("vsaproxy_config_last_reload_successful"), 1)

    def test_the_end_of_the_proxy_waits_for_no_reload(self):
        program = self.printing()
        proxy = self.start_serving(self.tls_config(program, timeout="5m"))
        pid = self.hang(proxy, program)
        begun = time.monotonic()
        self.assertEqual(proxy.stop(), 0)
        self.assertLess(time.monotonic() - begun, 60)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_a_start_that_waits_for_a_program_can_be_ended(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            runs = self.count()
            proxy = self.make_proxy(self.tls_config(self.printing_once_told(), timeout="5m"))
            proxy.start(listeners=[])
            eventually(lambda: self.count() > runs)
            begun = time.monotonic()
            proxy.send_signal(number)
            self.assertEqual(proxy.wait_exit(), 0)
            self.assertLess(time.monotonic() - begun, 60)
            self.assertIn("stopped before it has served", proxy.output())

    def test_a_start_whose_program_fails_tells_the_place(self):
        program = self.program("exit 7")
        proxy = self.make_proxy(self.tls_config(program))
        proxy.expected_exit = 78
        proxy.start(listeners=[])
        self.assertEqual(proxy.wait_exit(), 78)
        self.assertRegex(proxy.output(), rf"vsaproxy: \S+/{proxy.name}\.yaml:\d+:\d+ "
                                         rf"command {program} failed with exit status 7")
        self.assertEqual(self.count(), 1)

    def test_a_login_by_hand_runs_the_program_once(self):
        proxy = self.make_proxy(self.tls_config(self.printing()))
        done = proxy.command("login")
        self.assertEqual((done.returncode, self.count()), (0, 1), done.stdout)

    def start_with_printed_listener_key(self, server):
        config = self.tls_config(self.printing())
        config["listeners"].append({"name": "tls", "address": "127.0.0.1:0", "tls": {
            "certificate": {"file": "proxy.crt"},
            "key": {"command": [self.program(f"cat {server.key}", "listener-key")],
                    "timeout": "5m"}}})
        return self.start_serving(config)

    def test_a_changed_certificate_waits_for_the_program_that_prints_its_key_alone(self):
        server = self.authority.issue("proxy")
        proxy = self.start_with_printed_listener_key(server)
        runs = self.count()
        self.program(f"read line < {self.gate}; cat {server.key}", "listener-key")
        mark = proxy.log_mark()
        self.authority.renew(server, "proxy-2").certificate.replace(server.certificate)
        eventually(lambda: self.count() > runs)
        self.assertEqual(proxy.admin("/livez").status, 200)
        self.assertEqual(request(proxy.ports["tls"], "GET", BASE + "/echoauth", host="localhost",
                                 tls=self.authority.client_context()).status, 200)
        self.gate.write_text("go\n")
        proxy.wait_for_log("the certificate of a listener has changed: in use now", since=mark)
        self.assertEqual(self.count(), runs + 1)

    def test_a_changed_certificate_is_tried_again_if_the_program_failed(self):
        server = self.authority.issue("proxy")
        proxy = self.start_with_printed_listener_key(server)
        self.program("exit 7", "listener-key")
        self.authority.renew(server, "proxy-2").certificate.replace(server.certificate)
        proxy.wait_for_log("not usable: the former one stays.*failed with exit status 7")
        self.program(f"cat {server.key}", "listener-key")
        proxy.wait_for_log("the certificate of a listener has changed: in use now", 2 * TIMEOUT)


if __name__ == "__main__":
    unittest.main()
