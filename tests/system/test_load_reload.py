"""Changes under load: new files, good and bad, and an upstream that dies and comes back."""

import contextlib
import hashlib
import http.client
import json
import threading
import time
import unittest

from load_tools import IS_SANITIZED, IS_SHORT, MIB, LoadTest, allowing, small_call
from support import (BASE, TIMEOUT, eventually, in_background, pattern_sha256, request,
                     run_load)

CONNECTIONS = 8 if IS_SANITIZED else 32
RELOADS = 20 if IS_SANITIZED else 50
KILLS = 2 if IS_SHORT else 5
LOAD_TIMEOUT = 600


class UnderLoad(LoadTest):
    @contextlib.contextmanager
    def load(self, port, make_call):
        """Load for as long as the block runs; the future has the report once it ended."""
        stop = threading.Event()
        future = in_background(run_load, port, CONNECTIONS, make_call, until=stop.is_set)
        try:
            yield future
        finally:
            stop.set()
            future.exception(LOAD_TIMEOUT)


class Reload(UnderLoad):
    def setUp(self):
        self.simulator = self.start_simulator()

    def good_config(self, number, **changes):
        """Each differs from the one before in route, pool, timeouts and a second listener."""
        config = self.config(
            self.simulator.url,
            upstream={"timeouts": {"idle": f"{60 + number}s"},
                      "pool": {"max_connections": 100 + number}},
            routes=[{"name": f"good-{number}", "upstream": "vsa"}], **changes)
        config["listeners"][0]["address"] = self.address
        if number % 4 == 2:
            config["listeners"].append({"name": f"extra-{number}", "address": "127.0.0.1:0"})
        return config

    def bad_files(self, number):
        """Name and text of files that must be refused, each for a reason of its own. All would
        send requests by a route of another name."""
        def changed(**changes):
            config = self.good_config(number)
            config["routes"][0]["name"] = f"bad-{number}"
            return {**config, **changes}

        unknown_key = changed()
        unknown_key["upstreams"]["vsa"]["urll"] = "http://127.0.0.1:1"
        taken_port = changed()
        taken_port["listeners"].append(
            {"name": "taken", "address": f"127.0.0.1:{self.simulator.port}"})
        no_upstream = changed(routes=[{"name": f"bad-{number}", "upstream": "nothing"}])
        return [("unknown key", json.dumps(unknown_key)), ("taken port", json.dumps(taken_port)),
                ("no upstream", json.dumps(no_upstream)),
                ("cut short", json.dumps(changed())[:-20]), ("empty", "")]

    def reload_with(self, text, expected):
        """Waits for the log line that says what became of it; returns that entry."""
        since = self.proxy.log_mark()
        self.proxy.write_config(text)
        self.proxy.reload()
        self.proxy.wait_for_log(r'"message":"(configuration reloaded|reload refused)', TIMEOUT,
                                since)
        entries = [entry for entry in self.log_entries(self.proxy, since)
                   if entry.get("message", "").startswith(("configuration", "reload refused"))]
        self.assertEqual([entry["message"].split(",")[0] for entry in entries], [expected])
        return entries[0]

    def start_on_fixed_port(self):
        self.address = "127.0.0.1:0"
        proxy = self.start_proxy(self.good_config(0)).wait_ready()
        self.proxy = proxy
        return proxy

    def test_reloads_good_and_bad_in_turn_fail_no_request(self):
        proxy = self.start_on_fixed_port()
        bad_reasons, routes_after = [], []
        with self.load(proxy.port, small_call) as load:
            for number in range(1, RELOADS + 1):
                if number % 2:
                    entry = self.reload_with(self.good_config(number), "configuration reloaded")
                    current = f"good-{number}"
                else:
                    bad = self.bad_files(number)
                    name, text = bad[number // 2 % len(bad)]
                    entry = self.reload_with(text, "reload refused")
                    self.assertGreater(len(entry["detail"]), 10, entry)
                    bad_reasons.append(name)
                since = proxy.log_mark()
                self.assertEqual(proxy.get(f"/echoauth?after={number}").status, 200)
                self.assertEqual(proxy.metric("vsaproxy_config_last_reload_successful"), number % 2)
                eventually(lambda: len(self.accesses(proxy, since)) > CONNECTIONS, TIMEOUT)
                routes_after.append((current, {e["route"] for e in self.accesses(proxy, since)}))
        report = load.result()
        entries = self.accesses(proxy)
        self.measured(f"{RELOADS} reloads under load, {len(bad_reasons)} of them refused "
                      f"({', '.join(sorted(set(bad_reasons)))}): {report}, "
                      f"{len({e['route'] for e in entries})} routes seen, logins "
                      f"{self.simulator.logins['ok']}")
        self.assert_all_right(report)
        self.assertFalse([e for e in entries if e["route"].startswith("bad")])
        self.assertEqual(len(self.messages(proxy, "configuration reloaded")), RELOADS // 2)
        for current, seen in routes_after:
            # Requests that were under way at the reload finish by the former route.
            self.assertIn(current, seen)
        self.assert_login_counts(self.simulator.logins, ok=1)

    def test_a_file_whose_references_lead_nowhere_is_refused(self):
        proxy = self.start_on_fixed_port()
        config = self.good_config(1)
        nowhere = {"file": "there-is-none"}
        upstream = config["upstreams"]["vsa"]
        no_secret = {**upstream, "auth": {**self.credential(), "token": nowhere}}
        no_ca = {**upstream, "url": "https://127.0.0.1:1", "tls": {"ca": nowhere}}
        for name, changed in (("secret", no_secret), ("ca", no_ca)):
            with self.subTest(name):
                entry = self.reload_with({**config, "upstreams": {"vsa": changed}},
                                         "reload refused")
                self.assertIn("there-is-none", entry["detail"])
                self.assertEqual(proxy.get("/echoauth").status, 200)
        self.assert_login_counts(self.simulator.logins, ok=1)

    def test_a_second_listener_comes_and_goes_with_the_file(self):
        proxy = self.start_on_fixed_port()
        since = proxy.log_mark()
        self.reload_with(self.good_config(2), "configuration reloaded")
        port = int(proxy.wait_for_log(r"listening on 127.0.0.1:(\d+) \(extra-2\)", TIMEOUT,
                                      since)[1])
        self.assertEqual(request(port, "GET", BASE + "/echoauth").status, 200)
        self.reload_with(self.good_config(3), "configuration reloaded")

        def is_refused():
            try:
                request(port, "GET", BASE + "/echoauth")
            except ConnectionRefusedError:
                return True
            except (ConnectionError, http.client.HTTPException):
                return False
            return False

        eventually(is_refused, TIMEOUT, "the listener that left the file still answers")
        self.assertEqual(proxy.get("/echoauth").status, 200)

    def test_a_changed_credential_ends_the_old_session_and_fails_no_request(self):
        proxy = self.start_on_fixed_port()
        count = 10
        with self.load(proxy.port, small_call) as load:
            for number in range(1, count + 1):
                auth = self.credential(max_age=f"{20 + number}m")
                config = self.good_config(number)
                config["upstreams"]["vsa"]["auth"] = auth
                self.reload_with(config, "configuration reloaded")
                eventually(lambda n=number: self.simulator.logins["ok"] == n + 1, TIMEOUT)
        report = load.result()
        self.measured(f"{count} reloads with another credential under load: "
                      f"{self.simulator.logins['ok']} logins, {report}")
        self.assert_all_right(report)
        self.assert_login_counts(self.simulator.logins, ok=count + 1)

    def test_a_signal_storm_ends_in_the_last_file(self):
        proxy = self.start_on_fixed_port()
        with self.load(proxy.port, small_call) as load:
            for number in range(1, RELOADS + 1):
                proxy.write_config(self.good_config(number))
                proxy.reload()

            def is_in_use():
                since = proxy.log_mark()
                proxy.get("/echoauth?storm")
                eventually(lambda: [e for e in self.accesses(proxy, since)
                                    if e["path"].endswith("/echoauth")])
                return f"good-{RELOADS}" in {e["route"] for e in self.accesses(proxy, since)
                                             if e["path"].endswith("/echoauth")}

            eventually(is_in_use, TIMEOUT, "the last file is not in use")
        self.measured(f"{RELOADS} signals at once: {load.result()}")
        self.assert_all_right(load.result())


class KilledUpstream(UnderLoad):
    def test_a_killed_and_restarted_upstream_mixes_no_answers_up(self):
        simulator = self.start_simulator()
        proxy = self.start_proxy(self.config(simulator.url)).wait_ready()
        errors_seen, recoveries = [], []

        def make_call(number):
            # The session dies with the server: after it came back a login is needed.
            return allowing(small_call(number), "upstream_connect", "upstream_closed",
                            "login_unavailable")

        with self.load(proxy.port, make_call) as load:
            for _ in range(KILLS):
                eventually(lambda: simulator.stats()["data"]["ok"] > 20 * CONNECTIONS)
                since = proxy.log_mark()
                simulator.kill()
                eventually(lambda: sum(e["status"] == 502 for e in self.accesses(proxy, since)) >
                           2 * CONNECTIONS)
                simulator.start()
                started = time.monotonic()
                eventually(lambda: proxy.get("/echoauth").status == 200)
                recoveries.append(time.monotonic() - started)
                self.assertEqual(simulator.logins["ok"], 1)
        report = load.result()
        errors_seen = {e["error"] for e in self.accesses(proxy) if e["error"]}
        self.measured(f"upstream killed {KILLS} times under load: {report}, errors of the proxy "
                      f"{sorted(errors_seen)}, first 200 after {max(recoveries):.3f} s")
        self.assert_all_right(report, allowed=(200, 502, 503))
        self.assertGreater(report.statuses[502], KILLS)
        self.assertLessEqual(report.statuses[503], report.statuses[502])
        # All that the pool had is gone; what it has now serves without an error.
        after = run_load(proxy.port, CONNECTIONS, small_call, requests=1000)
        self.assert_all_right(after)
        self.assertEqual(simulator.stats()["bad_requests"], 0)

    def test_a_download_that_is_cut_by_the_kill_is_never_taken_for_whole(self):
        simulator = self.start_simulator()
        proxy = self.start_proxy(self.config(simulator.url)).wait_ready()
        size = 64 * MIB
        for framing in ("", "&chunked"):
            with self.subTest(framing or "with its length"):
                begun = threading.Semaphore(0)
                release = threading.Event()

                def download(framing=framing, begun=begun, release=release):
                    connection = http.client.HTTPConnection("127.0.0.1", proxy.port,
                                                            timeout=TIMEOUT)
                    connection.request("GET", f"{BASE}/large?bytes={size}{framing}")
                    answer = connection.getresponse()
                    self.assertEqual(answer.status, 200)
                    data = [answer.read(100000)]
                    begun.release()
                    release.wait(TIMEOUT)
                    try:
                        data.append(answer.read())
                    except (http.client.IncompleteRead, ConnectionError) as error:
                        return type(error).__name__
                    finally:
                        connection.close()
                    return hashlib.sha256(b"".join(data)).hexdigest()

                downloads = [in_background(download) for _ in range(8)]
                for _ in downloads:
                    self.assertTrue(begun.acquire(timeout=TIMEOUT))
                simulator.kill()
                release.set()
                outcomes = [future.result(4 * TIMEOUT) for future in downloads]
                self.measured(f"8 downloads cut by SIGKILL of the upstream {framing}: "
                              f"{sorted(set(outcomes))}")
                self.assertNotIn(pattern_sha256(size), outcomes, "nothing was cut")
                self.assertLessEqual(set(outcomes), {"IncompleteRead", "ConnectionResetError"})
                simulator.start()
                eventually(lambda: proxy.get("/echoauth").status == 200)


if __name__ == "__main__":
    unittest.main()
