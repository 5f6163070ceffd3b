"""What the rules of routes let through, in the real program, and what explain and routes say of it."""

import unittest

from strict_http import RecordingUpstream
from support import BASE, SystemTest

SCRIPTS = f"{BASE}/automation/agentprocs"
RULES = {"allow": [{"methods": ["GET"], "paths": [f"{BASE}/**"]},
                   {"methods": ["POST"], "paths": [f"{BASE}/notes"]}],
         "deny": [{"paths": [f"{SCRIPTS}/**"]}]}

REQUESTS = [  # method, path, is it let through?
    ("GET", f"{BASE}/agents", True), ("GET", f"{BASE}/agents?path={SCRIPTS}", True),
    ("POST", f"{BASE}/notes", True), ("POST", f"{BASE}/agents", False),
    ("HEAD", f"{BASE}/agents", False), ("GET", SCRIPTS, False), ("GET", f"{SCRIPTS}/1", False),
    ("GET", SCRIPTS.upper(), False), ("GET", f"{BASE}//automation//agentprocs/1", False),
    ("GET", f"{BASE}/automation/%61gentprocs", False), ("GET", "/", False)]


class RouteRules(SystemTest):
    def start(self, route, **top_level):
        self.upstream = RecordingUpstream()
        self.addCleanup(self.upstream.close)
        config = self.config(self.upstream.url, auth="none", **top_level)
        config["routes"] = [{"name": "vsa", "upstream": "vsa", **route}]
        self.proxy = self.start_proxy(config)

    def test_only_what_is_allowed_and_not_denied_reaches_the_server(self):
        self.start(RULES)
        for method, path, passes in REQUESTS:
            with self.subTest(f"{method} {path}"):
                answer = self.proxy.request(method, path)
                if passes:
                    self.assertEqual(answer.status, 200)
                    self.assertEqual(len(self.upstream.take()), 1)
                else:
                    self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                                     (403, "route_denied"))
                    self.assertEqual(self.upstream.take(), [])
        answer = self.proxy.request("GET", SCRIPTS)
        self.assertEqual(answer.json()["detail"], f"route vsa: a deny rule has {SCRIPTS}/**")

    def test_a_route_for_reading_refuses_writes_and_fields_that_make_a_read_one(self):
        self.start({"methods": "read"})
        for method in ("GET", "HEAD"):
            self.assertEqual(self.proxy.request(method, "/x").status, 200)
        self.upstream.take()
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"):
            answer = self.proxy.request(method, "/x")
            self.assertEqual((answer.status, answer.header("X-Proxy-Error")),
                             (403, "route_denied"), method)
        for name in ("X-HTTP-Method-Override", "X-Original-URL"):
            self.assertEqual(self.proxy.request("GET", "/x", headers={name: "DELETE"}).status, 403)
        self.assertEqual(self.upstream.take(), [])

    def test_a_reload_changes_the_rules(self):
        self.start(RULES)
        self.assertEqual(self.proxy.request("GET", "/x").status, 403)
        config = self.config(self.upstream.url, auth="none")
        self.proxy.write_config(config)
        mark = self.proxy.log_mark()
        self.proxy.reload()
        self.proxy.wait_for_log("configuration reloaded", since=mark)
        self.assertEqual(self.proxy.request("GET", "/x").status, 200)

    def test_observe_mode_forwards_and_says_so(self):
        self.start(RULES, mode="observe")
        answer = self.proxy.request("GET", SCRIPTS)
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.upstream.take_last().target, SCRIPTS)
        line = self.proxy.wait_for_log("route rules would refuse this request.*$")[0]
        self.assertIn(f"method=GET path={SCRIPTS}", line)
        self.assertEqual(self.proxy.metric("vsaproxy_observed_refusals_total", route="vsa"), 1)
        self.assertEqual(self.proxy.metric("vsaproxy_refused_total"), 0)

    def test_rules_that_contradict_each_other_are_refused_with_their_place(self):
        self.start({})
        config = self.config(self.upstream.url, auth="none")
        config["routes"] = [{"upstream": "vsa", "allow": [{"paths": ["/a/b"]}],
                             "deny": [{"paths": ["/a/**"]}]}]
        self.proxy.write_config(config)
        checked = self.proxy.command("check")
        self.assertEqual(checked.returncode, 3)
        self.assertIn("this pattern never allows anything", checked.stderr)


if __name__ == "__main__":
    unittest.main()
