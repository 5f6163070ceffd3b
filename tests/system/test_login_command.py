"""vsaproxy login NAME, for each credential type: outcome, expiry, the server's clock and the check,
never the token (for which every test's output is searched)."""

import unittest

from credential_cases import all_cases, at
from support import SystemTest

SKEW = 1000


class LoginCommand(SystemTest):
    def start(self, case):
        self.simulator = self.start_simulator(clock_skew=SKEW, **case.account)
        case = at(case, self.simulator)
        self.secrets |= {*case.secrets.values(), *case.wrong.values()}
        self.proxy = self.make_proxy(self.config(
            self.simulator.url, auth=case.credential(self.write_secret), **case.more))
        return case

    def log_in(self, status):
        done = self.proxy.command("login", "vsa")
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertTrue(done.stdout.startswith(f"credential vsa at {self.simulator.url}\n"))
        return done

    def check_clock(self, done):
        self.assertRegex(done.stdout, r"(?m)^  server clock  \w{3}, \d\d .* GMT "
                                      r"\((999|1000|1001) s ahead of ours\)$")

    def check_the_right_secret(self, case):
        done = self.log_in(0)
        self.assertEqual(done.stderr, "")
        if case.is_static:
            self.assertIn("  outcome       nothing to try: ", done.stdout)
            self.assertEqual(sum(self.simulator.logins.values()), 0)
            self.check_the_check(case, done)
            return
        self.assertIn("\n  outcome       ok\n", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^  expires in    (2[459]m 5\ds|(25|30)m 0s)$")
        self.check_clock(done)
        self.check_the_check(case, done)

    def check_the_check(self, case, done):
        """Of the types that have one."""
        if case.settings["type"] in ("kaseya-vsa9", "veeam-vspc"):
            self.assertRegex(done.stdout, r"(?m)^  check         GET /api/\S+: status 200$")

    def check_the_wrong_secret(self, case):
        key, wrong = next(iter(case.wrong.items()))
        self.write_secret(f"{key}.secret", wrong)
        rejected = self.simulator.logins["rejected"]
        done = self.log_in(1)
        self.assertIn("\n  outcome       login_rejected: ", done.stdout)
        self.check_clock(done)
        sent = self.simulator.logins["rejected"] - rejected
        self.assertEqual(sent, 2 if case.settings.get("hash") == "sha-256-then-sha-1" else 1)
        again = self.log_in(1)
        self.assertRegex(again.stdout, "outcome       login_(rejected|budget_spent): ")
        if "refresh_token" not in case.secrets:  # whose rejection locks nothing
            self.assertEqual(self.simulator.logins["rejected"], rejected + sent)

    def test_every_type_says_what_became_of_its_login(self):
        for case in all_cases():
            with self.subTest(case.name):
                case = self.start(case)
                self.check_the_right_secret(case)
                if not case.is_static:
                    self.check_the_wrong_secret(case)

    def test_a_key_that_needs_no_login_is_tried_by_the_check(self):
        self.start(next(case for case in all_cases() if case.name == "veeam-vspc api key"))
        self.write_secret("api_key.secret", "somebody-elses-key-4711")
        done = self.log_in(1)
        self.assertIn("  outcome       nothing to try: ", done.stdout)
        self.assertRegex(done.stdout, r"check +GET /api/v3/users/me: .* refused \(status 401\)")

    def test_a_secret_that_cannot_be_sent_is_said_although_there_is_no_login(self):
        for case in all_cases():
            if not case.is_static:
                continue
            with self.subTest(case.name):
                case = self.start(case)
                key = next(iter(case.secrets))
                self.write_secret(f"{key}.secret", "two\nlines")
                self.assertIn("outcome       login_unavailable: ", self.log_in(1).stdout)

    def test_a_server_that_does_not_answer_is_no_rejection(self):
        for case in all_cases():
            if case.is_static:
                continue
            with self.subTest(case.name):
                self.start(case)
                self.simulator.kill()
                self.assertIn("outcome       login_unavailable: ", self.log_in(1).stdout)


if __name__ == "__main__":
    unittest.main()
