"""A rejected login must not lock the account: it is counted on disk, tried again only with another
secret, and an operator can say when."""

import json
import os
import unittest

from http_tools import parallel
from support import TOKEN, SystemTest, eventually

WRONG = "11111111-1111-1111-1111-111111111111"
ALSO_WRONG = "22222222-2222-2222-2222-222222222222"
THIRD_WRONG = "33333333-3333-3333-3333-333333333333"


class RejectionTest(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator()

    def start(self, secret, **credential):
        config = self.config(self.simulator.url, auth=self.credential(**credential))
        self.set_secret(secret)
        self.proxy = self.start_proxy(config)

    def set_secret(self, secret):
        """As a careful operator does: a new file in the place of the old one."""
        self.write_secret("new.pat", secret)
        os.replace(self.directory / "new.pat", self.directory / "vsa.pat")

    @property
    def rejected(self):
        return self.simulator.logins["rejected"]

    def check_stopped(self, reason="login_rejected"):
        answer = self.proxy.get("/echoauth")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (503, reason))
        # Not "in a second": nothing changes by itself within the time of the budget.
        self.assertTrue(60 < int(answer.header("Retry-After")) <= 3600, answer.headers)
        self.assertEqual(self.simulator.requests(), [])

    def wait_reason(self, reason):
        eventually(lambda: self.proxy.get("/echoauth").header("X-Proxy-Error") == reason)

    def wait_served(self):
        eventually(lambda: self.proxy.get("/echoauth").status == 200)


class SameSecret(RejectionTest):
    def test_one_login_however_many_requests_and_restarts(self):
        self.start(WRONG)
        for run in range(4):
            if run > 0:
                self.proxy.restart()
            statuses = parallel(10, lambda _: [
                (answer.status, answer.header("X-Proxy-Error"))
                for answer in (self.proxy.get("/echoauth") for _ in range(5))])
            self.assertEqual({s for each in statuses for s in each}, {(503, "login_rejected")})
            self.check_stopped()
        self.assertEqual(sum(self.simulator.logins.values()), 1)
        self.assertEqual(self.rejected, 1)

    def test_the_proxy_says_so_everywhere(self):
        self.start(WRONG)
        self.proxy.wait_for_log("login stopped")
        ready = self.proxy.admin("/readyz")
        self.assertEqual(ready.status, 503)
        self.assertIn(b"login_rejected", ready.body)
        self.assertEqual(self.proxy.admin("/livez").status, 200)
        self.assertEqual(self.proxy.metric("vsaproxy_logins_total", result="rejected"), 1)
        self.assertEqual(self.proxy.metric("vsaproxy_login_budget_remaining"), 1)

    def test_every_kind_of_rejection_counts(self):
        for options in ({"rejected_as": "http-401"}, {"rejected_as": "code-4000002"},
                        {"login": "empty-token"}, {"login": "failing", "login_status": 403}):
            with self.subTest(options=options):
                self.simulator.reset()
                self.simulator.configure(**options)
                self.start(WRONG if "login" not in options else TOKEN, username="demo")
                self.check_stopped()
                self.proxy.restart()
                self.check_stopped()
                self.assertEqual(sum(self.simulator.logins.values()), 1)
                self.proxy.stop()
                self.proxy.command("unlock", "vsa")

    def test_a_failure_that_is_no_rejection_costs_nothing(self):
        self.simulator.configure(login="failing")
        self.start(TOKEN, backoff={"min_backoff": "50ms", "max_backoff": "50ms"})
        eventually(lambda: self.simulator.logins["failed"] >= 4)
        self.assertEqual(self.proxy.metric("vsaproxy_login_budget_remaining"), 2)
        self.simulator.configure(login="ok")
        self.wait_served()

    def test_no_file_tells_the_secret(self):
        self.start(WRONG)
        self.check_stopped()
        for folder, _, files in os.walk(self.directory / "state"):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    self.assertNotIn(WRONG.encode(), file.read())
                self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)


class Correction(RejectionTest):
    def test_a_corrected_secret_is_tried_at_once(self):
        self.start(WRONG)
        self.check_stopped()
        self.set_secret(TOKEN)
        self.wait_served()
        self.assertEqual((self.rejected, self.simulator.logins["ok"]), (1, 1))
        self.proxy.wait_ready()
        self.assertEqual(self.proxy.metric("vsaproxy_login_budget_remaining"), 2)

    def test_a_secret_that_was_corrected_while_the_proxy_was_stopped_too(self):
        self.start(WRONG)
        self.check_stopped()
        self.proxy.stop()
        self.set_secret(TOKEN)
        self.proxy.start().wait_ready()
        self.assertEqual(self.rejected, 1)

    def test_two_wrong_secrets_spend_the_budget_and_a_third_is_not_tried(self):
        self.start(WRONG)
        self.check_stopped()
        self.set_secret(ALSO_WRONG)
        eventually(lambda: self.rejected == 2)
        self.set_secret(THIRD_WRONG)
        self.wait_reason("login_budget_spent")
        self.check_stopped("login_budget_spent")
        self.proxy.restart()
        self.check_stopped("login_budget_spent")
        # Not even the right one: the account may be locked by now.
        self.set_secret(TOKEN)
        self.proxy.restart()
        self.check_stopped("login_budget_spent")
        self.assertEqual((self.rejected, self.simulator.logins["ok"]), (2, 0))

    def test_a_secret_that_was_rejected_before_is_not_tried_again(self):
        self.start(WRONG, login_budget={"rejected": 5, "per": "1h"})
        self.check_stopped()
        self.set_secret(ALSO_WRONG)
        eventually(lambda: self.rejected == 2)
        mark = self.proxy.log_mark()
        self.set_secret(WRONG)
        self.proxy.wait_for_log("login stopped", since=mark)
        self.check_stopped()
        self.assertEqual(self.rejected, 2)

    def test_after_its_time_a_rejection_is_forgotten(self):
        self.start(WRONG, login_budget={"rejected": 1, "per": "2s"})
        eventually(lambda: self.rejected >= 1)
        self.simulator.configure(token=WRONG)
        self.wait_served()

    def test_a_session_that_ended_and_can_not_be_renewed_gets_the_servers_own_answer_first(self):
        self.start(TOKEN)
        self.assertEqual(self.proxy.get("/echoauth").status, 200)
        self.simulator.configure(token=WRONG)
        self.secrets.add(WRONG)
        self.simulator.revoke()
        answer = self.proxy.get("/echoauth")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")), (401, None))
        self.assertEqual(answer.json()["ResponseCode"], 401)
        for _ in range(5):
            self.assertIn(self.proxy.get("/echoauth").status, (401, 503))
        self.assertEqual(self.rejected, 1)


class Unlock(RejectionTest):
    def unlock(self):
        done = self.proxy.command("unlock", "vsa")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("forgotten", done.stdout)

    def test_unlock_lets_a_running_proxy_try_again(self):
        self.start(WRONG)
        self.check_stopped()
        self.simulator.configure(token=WRONG)
        self.check_stopped()
        self.assertEqual(self.rejected, 1)
        self.unlock()
        self.wait_served()
        self.assertEqual(self.simulator.logins["ok"], 1)

    def test_unlock_works_on_a_stopped_proxy(self):
        self.start(WRONG)
        self.check_stopped()
        self.proxy.stop()
        self.simulator.configure(token=WRONG)
        self.unlock()
        self.proxy.start().wait_ready()

    def test_unlock_forgets_a_spent_budget(self):
        self.start(WRONG, login_budget={"rejected": 1, "per": "1h"})
        self.check_stopped()
        self.set_secret(TOKEN)
        self.wait_reason("login_budget_spent")
        self.check_stopped("login_budget_spent")
        self.unlock()
        self.wait_served()

    def test_unlock_says_when_there_is_nothing_to_do_and_when_nobody_has_that_name(self):
        self.start(TOKEN)
        self.proxy.wait_ready()
        done = self.proxy.command("unlock", "vsa")
        self.assertEqual(done.returncode, 0)
        self.assertIn("nothing to forget", done.stdout)
        done = self.proxy.command("unlock", "other")
        self.assertEqual(done.returncode, 2)
        self.assertIn("other", done.stderr)


class NoRecord(RejectionTest):
    def test_without_a_place_for_the_record_no_login_is_sent(self):
        (self.directory / "file").write_text("in the way")
        config = self.config(self.simulator.url, auth=self.credential(login_timeout="500ms"))
        config["state_dir"] = str(self.directory / "file" / "state")
        self.proxy = self.start_proxy(config)
        answer = self.proxy.get("/echoauth")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                         (503, "login_unavailable"))
        self.assertEqual(self.proxy.admin("/readyz").status, 503)
        self.assertEqual(sum(self.simulator.logins.values()), 0)
        self.assertEqual(self.simulator.requests(), [])

    def test_a_damaged_record_stops_logins_until_unlocked(self):
        self.start(WRONG, login_timeout="500ms")
        self.check_stopped()
        self.proxy.stop()
        self.set_secret(TOKEN)
        records = [path for path in (self.directory / "state").rglob("*")
                   if path.is_file() and b'"attempts"' in path.read_bytes()]
        self.assertEqual(len(records), 1, records)
        self.assertEqual(len(json.loads(records[0].read_bytes())["attempts"]), 1)
        records[0].write_text("{}")
        self.proxy.start()
        answer = self.proxy.get("/echoauth")
        self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                         (503, "login_unavailable"))
        self.assertEqual(self.simulator.logins["ok"], 0)
        self.assertEqual(self.proxy.command("unlock", "vsa").returncode, 0)
        self.wait_served()


if __name__ == "__main__":
    unittest.main()
