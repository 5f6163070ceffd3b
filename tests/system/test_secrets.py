"""No output has a secret: everything that the program writes, says and keeps is searched for the
secrets of each credential type and for every session, in any coding, after all that can happen to a
login. The search itself is SystemTest's, at the end of every test."""

import base64
import json
import os
import re
import resource
import secrets
import signal
import unittest

from client_tools import make_hash
from credential_cases import all_cases, at, make_secret
from leaks import leaks
from support import BASE, SystemTest, eventually

BROKEN_LOGINS = ("failing", "resetting", "html", "cut-json", "empty-token")


class Everywhere(SystemTest):
    def setUp(self):
        self.answers = []

    def start(self, case, log_format):
        self.simulator = self.start_simulator(**case.account)
        self.case = case = at(case, self.simulator)
        self.secrets |= {*case.secrets.values(), *case.derived}
        auth = case.credential(self.write_secret, **case.wrong)
        if not case.is_static:
            auth |= {"login_timeout": "4s", "cache": {"file": "kept.session", "key": {
                "file": self.write_secret("cache.key", secrets.token_urlsafe(24))}},
                "backoff": {"min_backoff": "100ms", "max_backoff": "200ms"},
                "login_budget": {"rejected": 5}}
        self.proxy = self.start_proxy(self.config(
            self.simulator.url, auth=auth, **case.more,
            log={"level": "debug", "format": log_format, "access": {"query": "full"},
                 **({"output": {"file": str(self.directory / "proxy.log")}}
                    if log_format == "json" else {})}))

    def ask(self):
        """What a tool sees of it; both what the proxy says and what it hands on are searched."""
        method, body, fields = self.case.send
        answer = self.proxy.request(method, self.case.path, body,
                                    {**fields, "Authorization": "Bearer of-the-tool"})
        self.answers.append(f"{answer.headers}\n".encode() + answer.body)
        return answer

    def is_served(self):
        return self.ask().status in (200, 302)

    def new_half_minute(self):
        """By the server's clock, for accounts with one-time codes: each is good once."""
        if "totp" in self.case.secrets and self.simulator.is_running:
            self.skew += 60
            self.simulator.configure(clock_skew=self.skew)

    def is_served_anew(self):
        self.new_half_minute()
        return self.is_served()

    def look_everywhere(self):
        for path in ("/livez", "/readyz", "/metrics", "/status", "/"):
            self.proxy.admin(path)
        for arguments in (["check"], ["check", "--json"], ["login", "vsa"]):
            self.new_half_minute()
            self.proxy.command(*arguments)
        if self.case.stub:
            path, method, body, fields = self.case.stub
            stub = self.proxy.request(method, path, body, fields)
            self.answers.append(f"{stub.headers}\n".encode() + stub.body)

    def play_the_wrong_secret(self):
        if self.case.is_static:
            answer = self.ask()
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (401, None))
        else:
            eventually(lambda: self.ask().header("X-Proxy-Error") == "login_rejected")
        self.look_everywhere()

    def play_the_right_secret(self):
        self.simulator.unlock()
        for key, text in self.case.secrets.items():
            self.write_secret("new.secret", text)
            os.replace(self.directory / "new.secret", self.directory / f"{key}.secret")
        eventually(self.is_served)
        self.look_everywhere()
        eventually(self.is_served)

    def play_ends(self):
        """Refused, with and without its grants; over; replaced while its login fails in each way."""
        self.new_half_minute()
        self.simulator.revoke()
        eventually(self.is_served)
        if "page_paths" not in self.case.settings:  # a page does not say that its session ended
            self.simulator.configure(session_lifetime=1, session_slides=False)
            wanted = self.simulator.logins["ok"] + 2
            self.simulator.revoke()
            eventually(lambda: self.is_served_anew() and self.simulator.logins["ok"] >= wanted)
        if self.case.settings.get("grant") != "refresh_token":
            self.simulator.revoke(grants=True)
            eventually(self.is_served_anew)
        self.simulator.configure(session_lifetime=1800)
        for behaviour in BROKEN_LOGINS:
            self.simulator.configure(login=behaviour)
            self.simulator.revoke(grants=True)
            self.ask()
        self.look_everywhere()
        self.simulator.configure(login="ok")

    def play_the_servers_end(self):
        self.simulator.kill()
        self.ask()
        self.proxy.restart()
        self.ask()
        self.look_everywhere()

    def play_broken_files(self):
        """The configuration's own lines come with its errors: never a secret in them."""
        good = self.proxy.config_path.read_text()
        for key, secret in self.case.secrets.items():
            value = json.dumps(secret)
            for number, line in enumerate((
                    f'"{key}": {value}', f'"{key}": [{value}]', f'"{key}": {{"file": {value}',
                    f'"{key}": {{"value": {value}}}', f'"{key}" {value}', f'"{key}": {secret}',
                    f'"{key}": \'{secret}', f'"{key}x": {value}')):
                with self.subTest(key=key, line=number):
                    self.proxy.write_config(self.with_line(good, key, line))
                    for arguments in (["check"], ["check", "--json"], ["run"]):
                        self.assertNotEqual(self.proxy.command(*arguments).returncode, 0)
                    since = self.proxy.log_mark()
                    self.proxy.reload()
                    self.proxy.wait_for_log("reload refused", since=since)
        self.proxy.write_config(good)

    @staticmethod
    def with_line(good, key, line):
        """The configuration with another text in place of one secret's reference."""
        config = json.loads(good)
        config["upstreams"]["vsa"]["auth"][key] = "HERE"
        return json.dumps(config, indent=1).replace(f'"{key}": "HERE"', line)

    def look_at_the_process(self):
        """What others may see of it: its arguments, its environment, its core."""
        place = f"/proc/{self.proxy.pid}"
        for name in ("cmdline", "environ"):
            with open(f"{place}/{name}", "rb") as file:
                self.answers.append(file.read())
        with open(f"{place}/limits", encoding="ascii") as file:
            core = next(line for line in file if line.startswith("Max core file size"))
        self.assertEqual(core.split()[4:6], ["0", "0"])

    def play(self, case, log_format):
        self.answers.clear()
        self.skew = 0
        self.start(case, log_format)
        self.play_the_wrong_secret()
        self.play_the_right_secret()
        self.look_at_the_process()
        if not case.is_static:
            self.play_ends()
        if log_format == "text":  # what a reload says is read from standard error
            self.play_broken_files()
        self.play_the_servers_end()
        self.proxy.stop()
        self.secrets |= self.simulator.given_tokens
        if not case.is_static:
            self.assertTrue((self.directory / "state" / "kept.session").exists())
            self.assertTrue(self.simulator.given_tokens)
        self.assertEqual(leaks(self.secrets, {"an answer to the tool": b"\n".join(self.answers),
                                              **self.proxy.outputs()}), [])


def play_by_name(name, log_format):
    def test(self):
        self.play(next(case for case in all_cases() if case.name == name), log_format)
    return test


# Each case is a test of its own, so that one can be run alone; each other one logs as JSON.
for number, case_name in enumerate(case.name for case in all_cases()):
    format_name = ("text", "json")[number % 2]
    title = re.sub(r"\W", "_", f"test_no_secret_of_{case_name}_shows_with_a_log_as_{format_name}")
    setattr(Everywhere, title, play_by_name(case_name, format_name))


class LocalKeys(SystemTest):
    """Keys that tools show to the proxy: as bad to find in a log as those of the server."""

    def check(self, **listener):
        key, wrong = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.secrets |= {key, wrong}
        simulator = self.start_simulator()
        api_keys = {"keys": [{"name": "tool", "hash": make_hash(key)}], **listener}
        proxy = self.start_proxy(self.config(
            simulator.url, log={"level": "debug", "access": {"query": "full"}}, listeners=[
                {"name": "local", "address": "127.0.0.1:0", "clients": {"api_keys": api_keys}}]))
        for shown, status in ((key, 200), (wrong, 403), (f"{key}x", 403), (key[:-1], 403)):
            pair = base64.b64encode(f"tool:{shown}".encode()).decode()
            direct = proxy.get("/echoauth", headers={"X-Vsaproxy-Key": shown})
            forward = proxy.request("GET", f"{simulator.url}{BASE}/echoauth",
                                    headers={"Proxy-Authorization": f"Basic {pair}"})
            self.assertEqual((direct.status, forward.status), (status, 407 if status != 200 else 200))
            echo = proxy.get("/headers", headers={"X-Vsaproxy-Key": shown}).body
            self.assertEqual(leaks({shown}, {"what the server got": echo}), [])
        for path in ("/readyz", "/metrics"):
            proxy.admin(path)
        for arguments in (["check"], ["login"]):
            self.assertEqual(proxy.command(*arguments).returncode, 0)

    def test_keys_of_tools_right_or_wrong_stay_between_tool_and_proxy(self):
        self.check()

    def test_a_key_in_place_of_its_hash_is_not_shown(self):
        key = make_secret()
        self.secrets.add(key)
        config = self.config("http://127.0.0.1:1", listeners=[{
            "name": "local", "address": "127.0.0.1:0",
            "clients": {"api_keys": {"keys": [{"name": "tool", "hash": key}]}}}])
        proxy = self.make_proxy(config)
        for arguments in (["check"], ["check", "--json"], ["run"]):
            self.assertNotEqual(proxy.command(*arguments).returncode, 0)


class Core(SystemTest):
    def test_a_crash_leaves_no_core(self):
        simulator = self.start_simulator()
        proxy = self.make_proxy(self.config(simulator.url))
        proxy.expected_exit = None
        former = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (former[1], former[1]))
        try:
            proxy.start()
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, former)
        self.assertEqual(proxy.get("/echoauth").status, 200)
        proxy.send_signal(signal.SIGABRT)
        _, status = os.waitpid(proxy.pid, 0)
        self.assertEqual((os.WTERMSIG(status), os.WCOREDUMP(status)), (signal.SIGABRT, False))
        self.assertEqual([path for path in self.directory.rglob("*core*")], [])
        proxy.process.returncode = -signal.SIGABRT  # waited for above
        proxy.process = None


if __name__ == "__main__":
    unittest.main()
