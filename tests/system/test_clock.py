"""The wall clock jumps while the proxy runs and between two runs. Debian's libfaketime tells the
proxy another time of day; its monotonic clock stays as it is, as with a clock that somebody sets."""

import glob
import os
import unittest

from support import TOKEN, SystemTest, eventually

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), "libfaketimeMT.so.1")
JUMPS = ("+1d", "-1d", "+3650d", "-3650d", "+0")
WRONG = "11111111-1111-1111-1111-111111111111"


@unittest.skipIf(os.environ.get("SANITIZE"), "sanitizers want to be the first library themselves")
class ClockTest(SystemTest):
    def start(self, token=TOKEN, lifetime=1800, **credential):
        self.simulator = self.start_simulator(session_lifetime=lifetime)
        self.jump("+0")
        self.proxy = self.make_proxy(
            self.config(self.simulator.url, auth=self.credential(
                token={"file": self.write_secret("jump.pat", token)}, login_timeout="500ms",
                backoff={"min_backoff": "100ms", "max_backoff": "200ms"}, **credential)),
            env={"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(self.directory / "time"),
                 "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}).start()

    def jump(self, offset):
        """From now on the proxy's wall clock is ahead of ours by that."""
        new = self.directory / "time.new"
        new.write_text(offset + "\n")
        new.replace(self.directory / "time")

    def today(self):
        """As the proxy sees it: the date of its next line."""
        mark = self.proxy.log_mark()
        self.proxy.get("/echoauth")
        return self.proxy.wait_for_log(r"^(\S+)T\S+ access ", since=mark)[1]

    def ask(self):
        answer = self.proxy.get("/echoauth")
        return answer.header("X-Proxy-Error") or answer.status


class RunningSession(ClockTest):
    def test_a_session_outlives_every_jump(self):
        self.start()
        self.proxy.wait_ready()
        days = set()
        for offset in JUMPS:
            self.jump(offset)
            self.assertEqual([self.ask() for _ in range(10)], [200] * 10, offset)
            days.add(self.today())
        self.assertEqual(len(days), len(JUMPS), "the clock did jump")
        self.assertEqual(self.simulator.logins["ok"], 1)

    def test_a_session_that_ends_is_renewed_once_whatever_the_clock_says(self):
        self.start(lifetime=2)
        self.proxy.wait_ready()
        for offset in JUMPS:
            self.jump(offset)
            before = self.simulator.logins["ok"]
            statuses = set()

            def is_renewed():
                statuses.add(self.ask())
                return self.simulator.logins["ok"] > before

            eventually(is_renewed)
            self.assertEqual(statuses, {200}, offset)
            self.assertLessEqual(self.simulator.logins["ok"], before + 2, offset)

    def test_the_next_process_takes_a_kept_session_or_logs_in_and_does_not_use_a_dead_one(self):
        (self.directory / "cache.key").write_text("sixteen letters or more\n")
        (self.directory / "cache.key").chmod(0o600)
        self.start(cache={"file": "vsa.session", "key": {"file": "cache.key"}})
        self.proxy.wait_ready()
        for offset in JUMPS:
            self.jump(offset)
            before = self.simulator.logins["ok"]
            self.proxy.restart().wait_ready()
            self.assertEqual([self.ask() for _ in range(3)], [200] * 3, offset)
            self.assertLessEqual(self.simulator.logins["ok"], before + 1, offset)


class Rejections(ClockTest):
    def test_a_clock_that_is_set_back_lets_no_rejected_secret_out_again(self):
        self.start(WRONG)
        eventually(lambda: self.ask() == "login_rejected")
        for offset in ("-1h", "-1d", "-3650d"):
            self.jump(offset)
            self.assertEqual(self.ask(), "login_rejected", offset)
            self.proxy.restart()
            eventually(lambda: self.ask() == "login_rejected", message=offset)
        self.assertEqual(self.simulator.logins["rejected"], 1)

    def test_a_clock_that_is_set_forward_ends_the_wait_once(self):
        self.start(WRONG, login_budget={"rejected": 2, "per": "1h"})
        eventually(lambda: self.ask() == "login_rejected")
        self.jump("+2h")
        self.proxy.restart()
        eventually(lambda: self.ask() == "login_rejected")
        self.jump("+0")
        self.proxy.restart()
        eventually(lambda: self.ask() == "login_rejected")
        self.assertEqual(self.simulator.logins["rejected"], 2)


if __name__ == "__main__":
    unittest.main()
