"""A disk that is full and folders that can't be written to: a session is used to its end, no login
leaves that is not on record, and traffic goes on whatever becomes of the log."""

import os
import resource
import signal
import socket
import unittest

from support import TIMEOUT, SystemTest, eventually, parse_responses

NOBODY = 65534
SESSION_SECONDS = 3


class DiskTest(SystemTest):
    def setUp(self):
        self.simulator = self.start_simulator(session_lifetime=SESSION_SECONDS)

    def settings(self):
        return self.config(self.simulator.url, workers=1, auth=self.credential(
            login_timeout="500ms", backoff={"min_backoff": "100ms", "max_backoff": "200ms"}))

    def check_no_login_leaves(self):
        before = self.simulator.logins
        statuses = set()

        def refusal():
            answer = self.proxy.get("/echoauth")
            statuses.add(answer.status)
            return answer.header("X-Proxy-Error")

        self.assertEqual(eventually(refusal), "login_unavailable")
        self.assertEqual(statuses, {200, 503}, "the session serves to its end")
        self.assertEqual(self.simulator.logins, before)


class FullDisk(DiskTest):
    """No file of the running proxy grows: the kernel refuses it with EFBIG as a full disk does with
    ENOSPC, and needs no root for it."""

    def setUp(self):
        super().setUp()
        self.proxy = self.start_proxy(self.settings()).wait_ready()

    def fill_disk(self, is_full=True):
        hard = resource.prlimit(self.proxy.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.proxy.pid, resource.RLIMIT_FSIZE, (0 if is_full else hard, hard))

    def test_requests_are_served_and_the_log_goes_on_when_there_is_room(self):
        self.simulator.configure(session_lifetime=1800)
        self.proxy.restart().wait_ready()
        self.fill_disk()
        mark = self.proxy.log_mark()
        for _ in range(100):
            self.assertEqual(self.proxy.get("/echoauth").status, 200)
        self.assertEqual(self.proxy.log_mark(), mark, "the disk is full")
        self.fill_disk(False)
        self.assertEqual(self.proxy.get("/echoauth").status, 200)
        self.proxy.wait_for_log(r"access .*status=200", since=mark)

    def test_a_login_that_can_not_be_recorded_is_not_sent_until_it_can_be(self):
        self.fill_disk()
        self.check_no_login_leaves()
        self.fill_disk(False)
        eventually(lambda: self.proxy.get("/echoauth").status == 200)


class FullLog(SystemTest):
    def test_a_log_file_that_takes_nothing_stops_nobody(self):
        simulator = self.start_simulator()
        config = self.config(simulator.url, log={"output": {"file": "/dev/full"}}, admin="off",
                             listeners=[{"name": "unix", "address": "unix:disk.sock"}])
        proxy = self.make_proxy(config).start(listeners=[])
        path = self.directory / "run" / "disk.sock"
        eventually(path.exists)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(TIMEOUT)
            client.connect(str(path))
            for _ in range(100):
                client.sendall(b"GET /api/v1.0/echoauth HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertEqual(parse_responses(client.recv(65536))[0].status, 200)
            proxy.send_signal(signal.SIGUSR1)  # reopens the file
            client.sendall(b"GET /api/v1.0/echoauth HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(parse_responses(client.recv(65536))[0].status, 200)
        self.assertEqual(proxy.stop(), 0)


class ReadOnlyState(DiskTest):
    """Root may write everywhere, so that the proxy is then started as another user."""

    def test_no_login_leaves_while_the_state_folder_is_read_only(self):
        is_root = os.geteuid() == 0
        self.proxy = self.make_proxy(self.settings(), launcher=[
            "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            if is_root else [])
        if is_root:
            for path in [self.directory, *self.directory.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
        self.proxy.start().wait_ready()
        for path in [self.directory / "state", *(self.directory / "state").rglob("*")]:
            self.addCleanup(path.chmod, path.stat().st_mode)
            path.chmod(path.stat().st_mode & ~0o222)
        self.check_no_login_leaves()


if __name__ == "__main__":
    unittest.main()
