"""Several upstreams behind one proxy: which request goes where, as whom, and what is mapped on the
way back."""

import unittest

from strict_http import RecordingUpstream
from support import BASE, SystemTest, eventually, request


class RouteTest(SystemTest):
    def serve(self, fields=(), status="200 OK"):
        """An upstream that answers with its own port and these field lines; PORT in them is it."""
        def answer(peer, _):
            lines = [line.replace("PORT", str(upstream.port)) for line in fields]
            peer.answer(str(upstream.port).encode(), status, lines)
        upstream = RecordingUpstream(answer)
        self.addCleanup(upstream.close)
        return upstream

    def key(self, name, value):
        return {"type": "header", "name": "X-Api-Key", "value": {"file": self.write_secret(
            name, value)}}

    def start(self, upstreams, routes, **top_level):
        config = self.config("http://127.0.0.1:1")
        config["upstreams"] = upstreams
        config["routes"] = routes
        self.proxy = self.start_proxy({**config, **top_level})
        return self.proxy


class Choice(RouteTest):
    def test_the_first_match_on_whole_segments_decides_and_each_upstream_gets_its_own_key(self):
        a, b, c = self.serve(), self.serve(), self.serve()
        self.start({"a": {"url": a.url, "auth": self.key("a.key", "key-of-a")},
                    "b": {"url": b.url, "auth": self.key("b.key", "key-of-b")},
                    "c": {"url": c.url, "auth": "none"}},
                   [{"name": "one", "match": {"path_prefix": "/vsa/b"}, "upstream": "b"},
                    {"name": "two", "match": {"path_prefix": "/vsa"}, "upstream": "a"},
                    {"name": "rest", "upstream": "c"}])
        for path, upstream, key in (
                ("/vsa", a, ["key-of-a"]), ("/vsa/x", a, ["key-of-a"]), ("/VSA/x", a, ["key-of-a"]),
                ("/vsa/b", b, ["key-of-b"]), ("/vsa//b/x", b, ["key-of-b"]),
                ("/vsa/%62/x", b, ["key-of-b"]), ("/vsa/bb", a, ["key-of-a"]), ("/vsax", c, []),
                ("/", c, []), ("/x/vsa", c, [])):
            with self.subTest(path):
                answer = self.proxy.request("GET", path)
                self.assertEqual(answer.body, str(upstream.port).encode())
                seen = upstream.take_last()
                self.assertEqual(seen.target, path.replace("//", "/"))
                self.assertEqual(seen.values("X-Api-Key"), key)
        self.assertEqual([len(u.take()) for u in (a, b, c)], [0, 0, 0])

    def test_a_client_cannot_choose_where_a_key_goes(self):
        a, b = self.serve(), self.serve()
        self.start({"a": {"url": a.url, "auth": self.key("a.key", "key-of-a")},
                    "b": {"url": b.url, "auth": "none"}},
                   [{"match": {"path_prefix": "/a"}, "upstream": "a"},
                    {"match": {"path_prefix": "/b"}, "upstream": "b"}])
        for target, headers in ((f"{b.url}/a", {}), (f"{b.url}/b", {"Host": f"127.0.0.1:{a.port}"}),
                                ("/b", {"Host": "127.0.0.1", "X-Api-Key": "mine"})):
            self.proxy.request("GET", target, headers=headers)
        self.assertNotIn("key-of-a", str(b.take()))
        self.assertEqual(a.take(), [])

    def test_the_clients_own_value_of_the_injected_field_is_replaced(self):
        a = self.serve()
        self.start({"a": {"url": a.url, "auth": self.key("a.key", "the-key")}}, [
            {"upstream": "a"}])
        for headers in ({"X-Api-Key": "mine"}, {"x-api-key": "mine"}, {"X_Api_Key": "mine"},
                        {"Connection": "X-Api-Key"}):
            self.proxy.request("GET", "/x", headers=headers)
            seen = a.take_last()
            self.assertEqual(seen.values("X-Api-Key"), ["the-key"])
            self.assertNotIn("mine", str(seen.fields))

    def test_host_and_listener_decide_too(self):
        a, b, c = self.serve(), self.serve(), self.serve()
        self.start({"a": {"url": a.url, "auth": "none"}, "b": {"url": b.url, "auth": "none"},
                    "c": {"url": c.url, "auth": "none"}},
                   [{"match": {"listener": "two"}, "upstream": "a"},
                    {"match": {"host": "b.internal"}, "upstream": "b"}, {"upstream": "c"}],
                   listeners=[{"name": "one", "address": "127.0.0.1:0",
                               "allowed_hosts": ["localhost", "127.0.0.1", "b.internal"]},
                              {"name": "two", "address": "127.0.0.1:0"}])
        one, two = self.proxy.ports["one"], self.proxy.ports["two"]
        for port, host, upstream in ((one, "localhost", c), (one, "B.internal:80", b),
                                     (two, "localhost", a)):
            answer = request(port, "GET", "/x", headers={"Host": host})
            self.assertEqual(answer.body, str(upstream.port).encode())

    def test_in_forward_mode_the_named_upstream_is_asked(self):
        a, b = self.serve(), self.serve()
        self.start({"a": {"url": a.url, "auth": self.key("a.key", "key-of-a")},
                    "b": {"url": b.url, "auth": "none"}},
                   [{"match": {"path_prefix": "/a"}, "upstream": "a", "strip_prefix": "/a"},
                    {"match": {"path_prefix": "/b"}, "upstream": "b", "strip_prefix": "/b"}])
        answer = self.proxy.request("GET", f"{a.url}{BASE}/x?q")
        self.assertEqual((answer.status, answer.body), (200, str(a.port).encode()))
        self.assertEqual(a.take_last().target, f"{BASE}/x?q")
        self.assertEqual(self.proxy.request("GET", f"{b.url}/b").body, str(b.port).encode())


class Prefix(RouteTest):
    def start_stripped(self, fields=(), **route):
        self.upstream = self.serve(fields, "302 Found")
        self.start({"a": {"url": self.upstream.url, "auth": "none"}},
                   [{"match": {"path_prefix": "/vsa"}, "strip_prefix": "/vsa", "upstream": "a",
                     **route}])

    def test_the_prefix_is_cut_from_the_path(self):
        self.start_stripped()
        for path, sent in (("/vsa/api/x?q=/vsa", "/api/x?q=/vsa"), ("/vsa", "/"), ("/vsa/", "/"),
                           ("/VSA/Api", "/Api"), ("/vsa?q", "/?q"), ("/vs%61/x", "/x"),
                           ("/vsa/vsa/x", "/vsa/x")):
            with self.subTest(path):
                self.assertEqual(self.proxy.request("GET", path).status, 302)
                self.assertEqual(self.upstream.take_last().target, sent)

    def test_locations_at_the_upstream_are_mapped_and_others_stay(self):
        here = "http://localhost:99"
        for location, mapped in (
                ("http://127.0.0.1:PORT/next?q", f"{here}/vsa/next?q"),
                ("/next", "/vsa/next"), ("next", "next"), ("../next", "../next"),
                ("http://127.0.0.1:PORT", f"{here}/vsa"),
                ("//127.0.0.1:PORT/next", f"{here}/vsa/next"),
                ("https://127.0.0.1:PORT/next", None), ("http://127.0.0.1:1/next", None),
                ("http://other.example/next", None)):
            with self.subTest(location):
                self.start_stripped([f"Location: {location}", f"Content-Location: {location}"])
                answer = self.proxy.request("GET", "/vsa/x", headers={"Host": "localhost:99"})
                wanted = mapped or location.replace("PORT", str(self.upstream.port))
                self.assertEqual(answer.header("Location"), wanted)
                self.assertEqual(answer.header("Content-Location"), wanted)
                self.proxy.stop()

    def test_in_forward_mode_a_location_at_the_upstream_stays_reachable(self):
        self.start_stripped(["Location: http://127.0.0.1:PORT/next"])
        answer = self.proxy.request("GET", f"{self.upstream.url}/vsa/x")
        self.assertEqual(answer.header("Location"), f"{self.upstream.url}/next")

    def test_cookies_pass_where_told_and_their_paths_are_mapped(self):
        cookies = ["Set-Cookie: a=1; Path=/; HttpOnly", "Set-Cookie: b=2; path=/api",
                   "Set-Cookie: c=3"]
        self.start_stripped(cookies, cookies="pass")
        answer = self.proxy.request("GET", "/vsa/x", headers={"Cookie": "a=1; b=2"})
        self.assertEqual(answer.header_values("Set-Cookie"),
                         ["a=1; Path=/vsa; HttpOnly", "b=2; path=/vsa/api", "c=3"])
        self.assertEqual(self.upstream.take_last().values("Cookie"), ["a=1; b=2"])

    def test_cookies_and_cors_fields_are_stripped_by_default(self):
        fields = ["Set-Cookie: a=1", "Set-Cookie2: b=2", "Access-Control-Allow-Origin: *",
                  "access-control-allow-credentials: true", "X-Other: stays"]
        self.start_stripped(fields)
        answer = self.proxy.request("GET", "/vsa/x", headers={"Cookie": "a=1"})
        names = {name.lower() for name, _ in answer.headers}
        self.assertIn("x-other", names)
        self.assertFalse({name for name in names if "cookie" in name or "access-control" in name})
        self.assertEqual(self.upstream.take_last().values("Cookie"), [])
        self.proxy.stop()
        self.start_stripped(fields, cors="pass")
        answer = self.proxy.request("GET", "/vsa/x")
        self.assertEqual(answer.header("Access-Control-Allow-Origin"), "*")

    def test_the_login_path_behind_a_prefix_is_answered_here_too(self):
        simulator = self.start_simulator()
        self.start({"vsa": {"url": simulator.url, "auth": self.credential()}},
                   [{"match": {"path_prefix": "/vsa"}, "strip_prefix": "/vsa", "upstream": "vsa"}])
        self.assertEqual(self.proxy.request("GET", f"/vsa{BASE}/echoauth").status, 200)
        answer = self.proxy.request("GET", f"/vsa{BASE}/auth")
        self.assertEqual((answer.status, answer.json()["ResponseCode"]), (200, 0))
        self.assertEqual(simulator.logins["ok"], 1)


class StaticKey(RouteTest):
    def test_a_changed_secret_file_is_picked_up_without_a_restart(self):
        a = self.serve()
        self.start({"a": {"url": a.url, "auth": self.key("a.key", "first-key")}},
                   [{"upstream": "a"}])

        def sent_key():
            self.assertEqual(self.proxy.request("GET", "/x").status, 200)
            return a.take_last().values("X-Api-Key")
        self.assertEqual(sent_key(), ["first-key"])
        new = self.directory / "new.key"
        new.touch(0o600)
        new.write_text("second-key\n")
        self.secrets.add("second-key")
        new.rename(self.directory / "a.key")
        eventually(lambda: sent_key() == ["second-key"])
        # In place, too.
        self.write_secret("a.key", "third-key-longer")
        eventually(lambda: sent_key() == ["third-key-longer"])

    def test_a_401_does_not_make_a_static_key_log_in(self):
        def answer(peer, _):
            peer.answer(b"no", "401 Unauthorized", ["WWW-Authenticate: Key"])
        with RecordingUpstream(answer) as upstream:
            self.start({"a": {"url": upstream.url, "auth": self.key("a.key", "some-key")}},
                       [{"upstream": "a"}])
            got = self.proxy.request("GET", "/x")
            self.assertEqual((got.status, got.body), (401, b"no"))
            # It would make the client ask its user for the proxy's credential.
            self.assertIsNone(got.header("WWW-Authenticate"))
            self.assertEqual(len(upstream.take()), 1)

    def test_two_upstreams_of_one_origin_share_one_session(self):
        simulator = self.start_simulator()
        self.start({"a": {"url": simulator.url, "auth": "vsa"},
                    "b": {"url": simulator.url, "auth": "vsa", "case": "sensitive"}},
                   [{"match": {"path_prefix": "/a"}, "strip_prefix": "/a", "upstream": "a"},
                    {"match": {"path_prefix": "/b"}, "strip_prefix": "/b", "upstream": "b"}],
                   credentials={"vsa": self.credential()})
        for _ in range(2):
            for prefix in ("/a", "/b"):
                answer = self.proxy.request("GET", f"{prefix}{BASE}/echoauth")
                self.assertEqual(answer.status, 200)
        self.assertEqual(simulator.logins["ok"], 1)


if __name__ == "__main__":
    unittest.main()
