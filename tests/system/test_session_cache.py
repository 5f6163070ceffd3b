"""Sessions that outlive the process and are shared between processes: the key cache of a
credential."""

import base64
import json
import os
import random
import time
import unittest

from http_tools import parallel
from support import TOKEN, SystemTest, eventually

KEY_TEXT = "a-text-to-seal-with"


def warnings_of(proxy, since=0):
    """But for that of a kernel that lacks something."""
    return [line for line in proxy.log(since) if " warn " in line and "Landlock" not in line]


class CacheTest(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()

    def settings(self, key=KEY_TEXT, file="vsa.session", **credential):
        cache = {"file": file, "key": {"file": self.write_secret("cache.key", key)}}
        return self.config(self.simulator.url, auth=self.credential(cache=cache, **credential))

    @property
    def logins(self):
        return self.simulator.logins["ok"]

    @property
    def refused(self):
        return self.simulator.stats()["data"]["refused"]

    @property
    def cache(self):
        return self.directory / "state" / "vsa.session"

    def check_served(self, *proxies):
        for proxy in proxies:
            self.assertEqual(proxy.get("/echoauth").status, 200)

    def tearDown(self):
        self.assertEqual(self.simulator.stats()["bad_requests"], 0)
        super().tearDown()


class Restart(CacheTest):
    def test_a_restart_needs_no_login(self):
        proxy = self.start_proxy(self.settings())
        self.check_served(proxy)
        for _ in range(3):
            proxy.restart().wait_ready()
            self.check_served(proxy)
        self.assertEqual(self.logins, 1)
        self.assertEqual(proxy.metric("vsaproxy_logins_total"), 0)

    def test_it_is_ready_though_the_login_server_fails(self):
        proxy = self.start_proxy(self.settings())
        self.check_served(proxy)
        proxy.stop()
        self.simulator.configure(login="failing")
        proxy.start().wait_ready()
        self.check_served(proxy)
        self.assertEqual(self.simulator.logins["failed"], 0)

    def test_a_session_that_ended_meanwhile_costs_one_login_and_no_error(self):
        proxy = self.start_proxy(self.settings())
        self.check_served(proxy)
        proxy.stop()
        self.simulator.revoke()
        proxy.start().wait_ready()
        self.assertEqual(self.logins, 1)
        self.check_served(proxy)
        self.assertEqual((self.logins, self.refused), (2, 1))
        proxy.restart()
        self.check_served(proxy)
        self.assertEqual(self.logins, 2)

    def test_an_expired_session_costs_one_login(self):
        self.simulator.configure(session_lifetime=1)
        proxy = self.start_proxy(self.settings())
        self.check_served(proxy)
        proxy.stop()
        eventually(lambda: self.simulator.stats()["account"]["live_sessions"] == 0)
        time.sleep(1)  # the proxy's clock too must be beyond the end, which the answer rounds
        self.simulator.configure(session_lifetime=60)
        # One login, or two if the first session was renewed before the stop.
        logins, refused = self.logins, self.refused
        proxy.start().wait_ready()
        self.assertEqual((self.logins, self.refused), (logins + 1, refused))

    def test_a_login_by_command_is_taken_over_by_the_running_proxy(self):
        proxy = self.start_proxy(self.settings())
        self.check_served(proxy)
        result = proxy.command("login", "vsa")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        proxy.wait_for_log("session taken from the cache")
        self.check_served(proxy)
        self.assertEqual((self.logins, self.refused), (2, 0))

    def test_another_configuration_of_the_credential_logs_in_anew(self):
        proxy = self.start_proxy(self.settings())
        self.check_served(proxy)
        proxy.stop()
        proxy.write_config(self.settings(two_factor=""))
        proxy.start()
        proxy.wait_for_log("belongs to another login server, account or configuration")


class Sharing(CacheTest):
    def test_processes_that_start_together_make_one_login(self):
        first, second = (self.make_proxy(self.settings()) for _ in range(2))
        for count in range(1, 21):
            parallel(2, lambda i: (first, second)[i].start().wait_ready())
            self.check_served(first, second)
            self.assertEqual(self.logins, count)
            parallel(2, lambda i: (first, second)[i].stop())
            self.cache.unlink()

    def test_processes_whose_session_is_refused_make_one_login(self):
        proxies = [self.start_proxy(self.settings()) for _ in range(2)]
        self.check_served(*proxies)
        for count in range(2, 12):
            self.simulator.revoke()
            statuses = parallel(2, lambda i: proxies[i].get("/echoauth").status)
            self.assertEqual(statuses, [200, 200])
            self.assertEqual(self.logins, count)

    def test_a_login_by_one_process_costs_the_other_no_login(self):
        first, second = (self.start_proxy(self.settings()) for _ in range(2))
        self.check_served(first, second)
        since = second.log_mark()
        self.simulator.revoke()
        self.check_served(first)
        second.wait_for_log("session taken from the cache", since=since)
        self.check_served(second)
        self.assertEqual(self.logins, 2)

    def test_a_process_killed_while_it_logs_in_leaves_no_lock(self):
        self.simulator.configure(login="hanging", login_times=1)
        first = self.start_proxy(self.settings())
        first.expected_exit = None
        eventually(lambda: self.simulator.stats()["connections"] and
                   (self.cache.parent / "vsa.session.lock").exists())
        second = self.start_proxy(self.settings())
        first.kill()
        second.wait_ready()
        self.check_served(second)


class Crashes(CacheTest):
    def test_a_kill_at_any_moment_leaves_a_cache_that_is_usable_or_ignored(self):
        choose = random.Random(20260101)
        proxy = self.make_proxy(self.settings(login_budget={"rejected": 100, "per": "1h"}))
        for _ in range(30):
            proxy.start()
            until = time.monotonic() + choose.uniform(0, 0.15)
            while time.monotonic() < until:
                self.simulator.revoke()
                proxy.get("/echoauth")
            proxy.kill()
        proxy.start().wait_ready()
        self.check_served(proxy)
        logins = self.logins
        proxy.restart().wait_ready()
        self.check_served(proxy)
        self.assertEqual(self.logins, logins)
        self.assertEqual(sorted(path.name for path in self.cache.parent.glob("vsa.session*")),
                         ["vsa.session", "vsa.session.lock"])


class Trouble(CacheTest):
    def check_ignored(self, proxy, reason):
        """One warning, a login, and a cache that is good again."""
        since = proxy.log_mark()
        logins = self.logins
        proxy.start().wait_ready()
        self.check_served(proxy)
        proxy.wait_for_log(rf"warn +the session cache is ignored.* credential=vsa .*{reason}",
                           since=since)
        self.assertEqual(len(warnings_of(proxy, since)), 1)
        proxy.restart().wait_ready()
        self.check_served(proxy)
        self.assertEqual(self.logins, logins + 1)
        proxy.stop()

    def test_a_file_that_can_not_be_used_is_ignored(self):
        proxy = self.start_proxy(self.settings())
        self.check_served(proxy)
        proxy.stop()
        good = self.cache.read_bytes()
        for reason, text in (("no session cache of vsaproxy", b"nonsense"),
                             ("cut short", good[:40]), ("damaged", good[:-1]),
                             ("another version", good[:7] + b"\x09" + good[8:]),
                             ("longer than", good * 10000)):
            with self.subTest(reason):
                self.cache.write_bytes(text)
                self.check_ignored(proxy, reason)
        with self.subTest("open to others"):
            self.cache.chmod(0o644)
            self.check_ignored(proxy, "chmod 600")
        with self.subTest("another key"):
            proxy.write_config(self.settings(key="another-text-to-seal-with"))
            self.check_ignored(proxy, "sealed with another key")

    def test_a_file_that_can_not_be_written_costs_a_warning(self):
        (self.directory / "no-directory").write_text("")
        places = [str(self.directory / "no-directory" / "vsa.session")]
        if os.geteuid() != 0:
            (self.directory / "read-only").mkdir(mode=0o500)
            places.append(str(self.directory / "read-only" / "vsa.session"))
        for place in places:
            with self.subTest(place):
                proxy = self.start_proxy(self.settings(file=place))
                self.check_served(proxy)
                self.simulator.revoke()
                self.check_served(proxy)
                self.assertEqual(len(warnings_of(proxy)), 1)
                proxy.wait_for_log("warn +the session is neither kept on disk nor shared")

    def test_a_short_key_is_a_problem_before_the_start(self):
        proxy = self.make_proxy(self.settings(key="too short"))
        result = proxy.command("check", "--json")
        self.assertEqual(result.returncode, 3)
        self.assertIn("fewer than 16 characters",
                      json.loads(result.stdout)["problems"][0]["message"])

    def test_nothing_on_disk_shows_a_secret(self):
        proxy = self.start_proxy(self.settings())
        self.check_served(proxy)
        self.simulator.revoke()
        self.check_served(proxy)
        proxy.stop()
        self.assertEqual(self.cache.stat().st_mode & 0o7777, 0o600)
        needles = [TOKEN, KEY_TEXT, "Bearer", *self.simulator.tokens()]
        self.assertGreaterEqual(len(needles), 5)
        needles += [base64.b64encode(needle.encode()).decode().rstrip("=") for needle in needles]
        for path in (self.directory / "state").rglob("*"):
            if path.is_file():
                text = path.read_bytes()
                for needle in needles:
                    self.assertNotIn(needle.encode(), text, path.name)


class Speed(CacheTest):
    def test_the_first_answer_after_a_start_waits_for_no_login(self):
        self.simulator.configure(login_delay_ms=3000)
        proxy = self.start_proxy(self.settings())
        self.check_served(proxy)
        proxy.stop()
        began = time.monotonic()
        proxy.start()
        self.check_served(proxy)
        took = time.monotonic() - began
        print(f"start to first answer: {took * 1000:.0f} ms", flush=True)
        self.assertLess(took, 3)
        self.assertEqual(self.logins, 1)


if __name__ == "__main__":
    unittest.main()
