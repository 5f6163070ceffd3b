"""What the process gives up before it serves anybody."""

import os
import pathlib
import re
import subprocess
import unittest

import support


class Process(support.SystemTest):
    def setUp(self):
        super().setUp()
        self.simulator = self.start_simulator()
        self.proxy = self.start_proxy(self.config(self.simulator.url))

    def status(self, name):
        text = pathlib.Path(f"/proc/{self.proxy.pid}/status").read_text()
        return re.search(rf"^{name}:\s+(\S+)", text, re.MULTILINE)[1]

    def test_no_program_that_it_starts_can_get_more_rights(self):
        self.assertEqual(self.status("NoNewPrivs"), "1")

    def test_root_keeps_only_what_the_proxy_needs(self):
        chown, override, fowner, bind, ptrace = 0, 1, 3, 10, 19
        most = sum(1 << right for right in (chown, override, fowner, bind))
        if "address" in os.environ.get("SANITIZE", ""):
            most |= 1 << ptrace  # LeakSanitizer needs it
        for kind in ("CapEff", "CapPrm"):
            self.assertEqual(int(self.status(kind), 16) & ~most, 0, kind)

    def test_every_thread_gave_it_up(self):
        for thread in pathlib.Path(f"/proc/{self.proxy.pid}/task").iterdir():
            status = (thread / "status").read_text()
            self.assertIn("NoNewPrivs:\t1", status, thread.name)

    def test_it_locks_the_memory_of_secrets(self):
        self.assertGreater(int(self.status("VmLck")), 0)

    def test_it_can_not_write_where_its_settings_at_the_start_did_not_say(self):
        if any("no Landlock" in line for line in self.proxy.log()):
            self.skipTest("this kernel has no Landlock")
        elsewhere = self.directory / "elsewhere"
        elsewhere.mkdir()
        config = self.config(self.simulator.url)
        config["log"] = {"output": {"file": str(elsewhere / "proxy.log")}}
        self.proxy.write_config(config)
        self.proxy.reload()
        self.proxy.wait_for_log("reload refused.*restart it")
        self.assertEqual(list(elsewhere.iterdir()), [])
        self.assertEqual(self.proxy.get("/echoauth").status, 200)

    def test_the_program_is_built_against_faults_in_memory(self):
        program = os.environ["VSAPROXY"]
        headers = subprocess.run(["readelf", "-lW", program], capture_output=True, text=True).stdout
        dynamic = subprocess.run(["readelf", "-dW", program], capture_output=True, text=True).stdout
        self.assertIn("GNU_RELRO", headers)
        self.assertRegex(headers, r"GNU_STACK\s.*\sRW\s")
        self.assertRegex(dynamic, r"FLAGS_1.*NOW.*PIE")


if __name__ == "__main__":
    unittest.main()
