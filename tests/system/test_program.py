"""The program as its operator sees it: commands, exit codes, signals, reload, logs."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import unittest

from http_tools import TIMEOUT, in_background, parse_responses
from support import BASE, TOKEN, SystemTest, eventually, request


def run(*arguments, env=None, cwd=None):
    return subprocess.run([os.environ["VSAPROXY"], *map(str, arguments)], text=True, cwd=cwd,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT,
                          env={**os.environ, **(env or {})})


class Commands(SystemTest):
    def write(self, text, name="file.yaml"):
        path = self.directory / name
        path.write_text(text if isinstance(text, str) else json.dumps(text, indent=1))
        path.chmod(0o600)
        return path

    def good(self, **changes):
        return self.config("http://127.0.0.1:1", **changes)

    def test_check_says_that_a_good_file_is_fine(self):
        path = self.write(self.good())
        for arguments in (("check", "-c", path), ("-t", "-c", path)):
            done = run(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        done = run("check", "--json", "-c", path)
        self.assertEqual((done.returncode, json.loads(done.stdout)),
                         (0, {"ok": True, "problems": []}))
        self.assertFalse((self.directory / "state").exists(), "check changes nothing")

    BAD = """\
version: 1
listen: 127.0.0.1:0
upstreams:
  vsa:
    url: http://127.0.0.1:1
    auth:
      type: kaseya-vsa9
      user_name: svc
      username: svc
      token: {file: missing.pat}
routes:
  - upstream: vsb
limits: {header_bytes: 32}
"""

    def test_check_tells_all_errors_with_place_line_caret_and_the_nearest_key(self):
        path = self.write(self.BAD)
        for arguments in (("check", "-c", path), ("-t", "-c", path)):
            done = run(*arguments)
            self.assertEqual((done.returncode, done.stdout), (3, ""))
            self.assertIn(f'{path}:8:7: unknown key "user_name"', done.stderr)
            self.assertIn('did you mean "username"?', done.stderr)
            self.assertRegex(done.stderr, r"(?m)^ +8 \|       user_name: svc\n +\| +\^~{8}$")
            self.assertRegex(done.stderr, r'(?m)^\S+:12:\d+: .*"vsb"')
            self.assertRegex(done.stderr, r"(?m)^\S+:13:\d+: ")

    def test_check_as_json_has_the_same_problems(self):
        done = run("check", "--json", "-c", self.write(self.BAD))
        self.assertEqual(done.returncode, 3)
        answer = json.loads(done.stdout)
        self.assertFalse(answer["ok"])
        self.assertEqual([p["line"] for p in answer["problems"]], [8, 12, 13])
        self.assertEqual(set(answer["problems"][0]), {"file", "line", "column", "message"})

    def test_check_resolves_references(self):
        config = self.good()
        (self.directory / "vsa.pat").unlink()
        done = run("check", "-c", self.write(config))
        self.assertEqual(done.returncode, 3)
        self.assertIn("vsa.pat", done.stderr)
        config = self.good()
        (self.directory / "vsa.pat").chmod(0o644)
        done = run("check", "-c", self.write(config))
        self.assertEqual(done.returncode, 3)
        self.assertIn("vsa.pat", done.stderr)

    def test_a_secret_written_by_value_is_refused_and_not_repeated(self):
        config = self.good()
        config["upstreams"]["vsa"]["auth"]["token"] = TOKEN
        done = run("check", "-c", self.write(config))
        self.assertEqual(done.returncode, 3)
        self.assertNotIn(TOKEN, done.stderr)
        self.assertIn("***", done.stderr)

    def test_a_file_that_is_missing_is_an_error_of_its_own(self):
        self.assertEqual(run("check", "-c", self.directory / "none.yaml").returncode, 3)
        done = run("run", "-c", self.directory / "none.yaml")
        self.assertEqual(done.returncode, 78)
        self.assertIn("none.yaml", done.stderr)

    def test_a_configuration_error_at_the_start_is_78(self):
        done = run("run", "-c", self.write(self.BAD))
        self.assertEqual(done.returncode, 78)
        self.assertIn("user_name", done.stderr)
        config = self.good()
        (self.directory / "vsa.pat").unlink()
        done = run("-c", self.write(config))
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("vsa.pat", done.stderr)

    def test_usage_errors_are_2(self):
        for arguments in (["--no-such-flag"], ["no-such-command"], ["unlock"], ["run", "extra"],
                          ["check", "--log-level", "loud"]):
            with self.subTest(arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertTrue(done.stderr)
        self.assertEqual(run("--help").returncode, 0)

    def test_version_is_told_as_text_and_as_json(self):
        done = run("version")
        self.assertEqual(done.returncode, 0)
        version = json.loads(run("version", "--json").stdout)["version"]
        self.assertRegex(done.stdout, rf"^vsaproxy {re.escape(version)} ")

    def test_the_environment_names_the_file_and_how_to_log_and_flags_win(self):
        path = self.write(self.BAD)
        self.assertIn("user_name", run("check", env={"VSAPROXY_CONFIG": str(path)}).stderr)
        good = self.write(self.good(), "good.yaml")
        done = run("check", "-c", good, env={"VSAPROXY_CONFIG": str(path)})
        self.assertEqual(done.returncode, 0)
        self.assertEqual(run("check", "-c", good, env={"VSAPROXY_LOG_LEVEL": "loud"}).returncode, 2)

    def test_an_address_that_is_not_ours_or_in_use_is_a_runtime_failure(self):
        config = self.good()
        config["listeners"][0]["address"] = "127.0.0.1:1" if os.geteuid() != 0 else \
            "unix:/proc/no-such-place/proxy.sock"
        done = run("run", "-c", self.write(config))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(done.stderr)
        config["listeners"][0]["address"] = "192.0.2.1:3128"
        self.assertEqual(run("run", "-c", self.write(config)).returncode, 78)

    def test_two_processes_do_not_share_a_port(self):
        for workers in (1, 2):
            with self.subTest(workers=workers):
                first = self.start_proxy(self.good(workers=workers))
                config = self.good(workers=workers)
                config["listeners"][0]["address"] = f"127.0.0.1:{first.port}"
                self.check_in_use(config, first.port)
                config = self.good(workers=workers)
                config["admin"] = {"address": f"127.0.0.1:{first.admin_port}"}
                self.check_in_use(config, first.admin_port)
                self.assertEqual(first.admin("/livez").status, 200)

    def check_in_use(self, config, port):
        second = self.make_proxy(config)
        second.expected_exit = None
        second.spawn([os.environ["VSAPROXY"], "run", "-c", second.config_path])
        try:
            self.assertEqual(second.wait_exit(), 1, second.output())
        except subprocess.TimeoutExpired:
            self.fail("the second one stays")
        self.assertIn(str(port), second.output())
        self.assertIn("in use", second.output())


class LoginCommand(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()
        self.proxy = self.make_proxy(self.config(self.simulator.url))

    def test_it_tells_the_outcome_and_never_the_token(self):
        done = self.proxy.command("login", "vsa")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for text in ("vsa", "ok", "expires in", "server clock"):
            self.assertIn(text, done.stdout)
        for secret in [*self.simulator.tokens(), TOKEN]:
            self.assertNotIn(secret, done.stdout)
        self.assertEqual(self.proxy.command("login").returncode, 0)

    def test_a_login_that_fails_is_1_and_an_unknown_name_2(self):
        self.simulator.configure(login="failing")
        done = self.proxy.command("login", "vsa")
        self.assertEqual(done.returncode, 1)
        self.assertIn("login_unavailable", done.stdout)
        self.assertEqual(self.proxy.command("login", "other").returncode, 2)

    def test_it_shares_the_count_of_rejections(self):
        self.simulator.configure(token="another")
        for _ in range(3):
            done = self.proxy.command("login", "vsa")
            self.assertEqual(done.returncode, 1)
            self.assertIn("login_rejected", done.stdout)
        self.proxy.start()
        self.assertEqual(self.proxy.get("/echoauth").header("X-Proxy-Error"), "login_rejected")
        self.assertEqual(self.simulator.logins["rejected"], 1)


class Signals(SystemTest):
    def start(self, **top_level):
        self.simulator = self.start_simulator()
        self.proxy = self.start_proxy(self.config(self.simulator.url, **top_level)).wait_ready()

    def begin_slow(self, milliseconds):
        slow = in_background(self.proxy.get, f"/slow?ms={milliseconds}")
        eventually(lambda: self.simulator.stats()["concurrent"]["now"] >= 1)
        return slow

    def refuses_connections(self):
        try:
            socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT).close()
            return False
        except ConnectionError:
            return True

    def test_term_finishes_what_is_under_way_and_takes_nothing_new(self):
        self.start()
        idle = socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT)
        port, admin = self.proxy.port, self.proxy.admin_port
        slow = self.begin_slow(2000)
        self.proxy.send_signal(signal.SIGTERM)
        eventually(self.refuses_connections)
        self.assertEqual(idle.recv(1), b"")
        idle.close()
        ready = request(admin, "GET", "/readyz")
        self.assertEqual((ready.status, ready.body), (503, b"draining\n"))
        answer = slow.result(TIMEOUT)
        self.assertEqual((answer.status, answer.header("Connection")), (200, "close"))
        self.assertEqual(self.proxy.wait_exit(), 0)
        with self.assertRaises(ConnectionError):
            request(port, "GET", "/")

    def test_a_second_term_ends_at_once(self):
        self.start()
        slow = self.begin_slow(20000)
        self.proxy.send_signal(signal.SIGTERM)
        self.proxy.wait_for_log("draining")
        self.proxy.send_signal(signal.SIGINT)
        self.assertEqual(self.proxy.wait_exit(), 0)
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            slow.result(TIMEOUT)

    def test_draining_ends_at_its_limit(self):
        self.start(limits={"drain_timeout": "300ms"})
        slow = self.begin_slow(20000)
        self.proxy.send_signal(signal.SIGINT)
        self.assertEqual(self.proxy.wait_exit(), 0)
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            slow.result(TIMEOUT)

    def test_usr1_reopens_the_log_file(self):
        log = self.directory / "access.log"
        self.start(log={"output": {"file": str(log)}, "format": "json"})
        self.proxy.get("/echoauth?one")
        eventually(lambda: b'"method":"GET"' in log.read_bytes())
        log.rename(self.directory / "access.log.1")
        self.proxy.send_signal(signal.SIGUSR1)
        eventually(log.exists)
        self.proxy.get("/echoauth")
        lines = eventually(lambda: [json.loads(line) for line in log.read_text().splitlines()])
        self.assertEqual([line["path"] for line in lines if "path" in line], [BASE + "/echoauth"])
        self.assertEqual((log.stat().st_mode & 0o007), 0)

    def test_every_line_of_the_json_log_is_json(self):
        self.start(log={"format": "json"})
        for path in ("/echoauth", "/status/404", "/auth", '/a"b%22%0'):
            self.proxy.get(path)
        self.proxy.stop()
        lines = [line for line in self.proxy.log() if not line.startswith("listening on ")]
        self.assertGreaterEqual(len([json.loads(line) for line in lines]), 6)

    def test_the_level_comes_from_flag_environment_and_file_in_this_order(self):
        for env, arguments, shown in (({}, [], True), ({"VSAPROXY_LOG_LEVEL": "error"}, [], False),
                                      ({"VSAPROXY_LOG_LEVEL": "error"}, ["--log-level", "info"],
                                       True)):
            simulator = self.start_simulator()
            proxy = self.start_proxy(self.config(simulator.url), env=env, arguments=arguments)
            proxy.wait_ready()
            proxy.stop()
            self.assertEqual("login succeeded" in proxy.output(), shown)

    def test_access_lines_can_be_switched_off(self):
        self.start(log={"access": "off"})
        self.assertEqual(self.proxy.get("/echoauth").status, 200)
        self.proxy.stop()
        self.assertNotIn("echoauth", self.proxy.output())

    def test_a_request_in_the_pipeline_of_a_draining_connection_is_still_answered(self):
        self.start()
        with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as sock:
            sock.sendall(f"GET {BASE}/slow?ms=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            eventually(lambda: self.simulator.stats()["concurrent"]["now"] >= 1)
            self.proxy.send_signal(signal.SIGTERM)
            data = b""
            while piece := sock.recv(65536):
                data += piece
        answers = parse_responses(data)
        self.assertEqual([(a.status, a.header("Connection")) for a in answers], [(200, "close")])
        self.assertEqual(self.proxy.wait_exit(), 0)


if __name__ == "__main__":
    unittest.main()
