"""Who a client is, as its connection tells: users of this machine, sockets of systemd, client
certificates and their renewal, and how many connections each may have."""

import http.client
import json
import os
import pwd
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import unittest

from client_tools import KEY, ClientsTest, make_hash, read_all
from http_tools import TIMEOUT, parse_responses, request_on
from support import BASE, Authority, eventually, request

NOBODY = pwd.getpwnam("nobody").pw_uid
# A client of its own process, so that it can be another user.
CLIENT = """
import encodings.idna, os, socket, sys
kind, place, uid, gid = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.setgroups([int(g) for g in sys.argv[5:]])
os.setgid(gid)
os.setuid(uid)
if kind == "unix":
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(place)
elif kind == "mapped":
    sock = socket.socket(socket.AF_INET6)
    sock.connect(("::ffff:127.0.0.1", int(place)))
else:
    sock = socket.create_connection((kind, int(place)))
sock.settimeout(15)
sock.sendall(b"GET /api/v1.0/x HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
while piece := sock.recv(65536):
    sys.stdout.buffer.write(piece)
"""


def ask_as(uid, kind, place, gid=65534, groups=()):
    """The answer that a process of that user gets; an OSError of its connect is raised."""
    done = subprocess.run([sys.executable, "-c", CLIENT, kind, str(place), str(uid), str(gid),
                           *map(str, groups)], capture_output=True, timeout=TIMEOUT)
    if done.returncode != 0:
        raise OSError(done.stderr.decode().strip().splitlines()[-1])
    return parse_responses(done.stdout)[0]


@unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
class LocalUsers(ClientsTest):
    def test_users_on_loopback_are_told_by_the_kernel(self):
        self.start({"clients": {"local_users": ["nobody"]}}, {"clients": {"local_users": ["root"]}})
        for port, uid, status in ((self.proxy.ports["l0"], NOBODY, 200),
                                  (self.proxy.ports["l0"], 0, 403),
                                  (self.proxy.ports["l1"], NOBODY, 403),
                                  (self.proxy.ports["l1"], 0, 200),
                                  (self.proxy.ports["l0"], 4242, 403)):
            for kind in ("127.0.0.1", "mapped"):
                with self.subTest(uid=uid, kind=kind, status=status):
                    answer = ask_as(uid, kind, port)
                    self.assertEqual(answer.status, status, answer.body)
                    if status == 403:
                        self.check_refused(answer, 403, "client_denied")
        self.proxy.wait_for_log(rf"key=uid:{NOBODY} .*status=200")

    def test_groups_count_on_loopback_and_on_unix_sockets(self):
        group = "nogroup" if os.path.exists("/etc/debian_version") else "nobody"
        self.start({"clients": {"local_groups": [group]}},
                   {"address": "unix:group.sock", "socket": {"mode": "0666"},
                    "clients": {"local_groups": [group, "12345"]}})
        path = self.directory / "run" / "group.sock"
        self.directory.chmod(0o755)
        (self.directory / "run").chmod(0o755)
        self.assertEqual(ask_as(NOBODY, "127.0.0.1", self.proxy.port).status, 200)
        self.check_refused(ask_as(0, "127.0.0.1", self.proxy.port), 403, "client_denied")
        self.assertEqual(ask_as(NOBODY, "unix", path).status, 200)
        self.assertEqual(ask_as(4242, "unix", path, 1, [12345]).status, 200)
        self.check_refused(ask_as(4242, "unix", path, 1, [2]), 403, "client_denied")

    def test_a_unix_socket_has_its_mode_owner_and_group_and_its_users(self):
        self.start({"address": "unix:proxy.sock",
                    "socket": {"mode": "0660", "owner": "root", "group": "4343"}},
                   {"address": "unix:users.sock", "socket": {"mode": "0666"},
                    "clients": {"local_users": ["4242"]}})
        self.directory.chmod(0o755)
        (self.directory / "run").chmod(0o755)
        path = self.directory / "run" / "proxy.sock"
        status = path.stat()
        self.assertEqual((status.st_mode & 0o777, status.st_uid, status.st_gid), (0o660, 0, 4343))
        self.assertEqual(ask_as(4242, "unix", path, 4343).status, 200)
        with self.assertRaisesRegex(OSError, "Permission"):
            ask_as(4242, "unix", path, 4344)
        users = self.directory / "run" / "users.sock"
        self.assertEqual(ask_as(4242, "unix", users).status, 200)
        self.check_refused(ask_as(0, "unix", users), 403, "client_denied")
        # A reload changes the socket that is open.
        config = json.loads(self.proxy.config_path.read_text())
        config["listeners"][0]["socket"] = {"mode": "0600"}
        self.proxy.write_config(config)
        self.proxy.reload()
        eventually(lambda: path.stat().st_mode & 0o777 == 0o600)


class Accounts(ClientsTest):
    def test_a_name_that_nobody_has_is_a_configuration_error_with_its_place(self):
        config = self.config("http://127.0.0.1:1", auth="none")
        text = json.dumps({**config, "listeners": "@@"}).replace('"@@"', """[
 {"name": "a", "address": "127.0.0.1:0", "clients": {
  "local_users": ["root", "no-such-user"],
  "local_groups": ["no-such-group"]}},
 {"name": "b", "address": "unix:x", "socket": {"owner": "no-such-owner"}}]""")
        proxy = self.make_proxy(text)
        for command, code in (("check", 3), ("run", 78)):
            done = proxy.command(command)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertRegex(done.stderr, r":3:27: this machine has no user \"no-such-user\"")
            self.assertRegex(done.stderr, r":4:20: this machine has no group \"no-such-group\"")
            self.assertRegex(done.stderr, r":5:\d+: this machine has no user \"no-such-owner\"")


# Takes sockets over as systemd hands them: from descriptor 3 on, to this very process.
ACTIVATE = """
import fcntl, os, sys
given = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for i, fd in enumerate(given):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(given))
os.environ["LISTEN_FDNAMES"] = sys.argv[2]
os.execv(sys.argv[3], sys.argv[3:])
"""


class SystemdSockets(ClientsTest):
    def activate(self, proxy, sockets):
        """Starts the proxy with these sockets, by name."""
        numbers = [s.fileno() for s in sockets.values()]
        with open(proxy.stdout_path, "ab") as out, open(proxy.stderr_path, "ab") as err:
            proxy.process = subprocess.Popen(
                [sys.executable, "-c", ACTIVATE, ",".join(map(str, numbers)), ":".join(sockets),
                 os.environ["VSAPROXY"], "run", "-c", str(proxy.config_path)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=proxy.directory,
                pass_fds=numbers)

    def config_for(self, address, **keys):
        self.start({})
        return self.config(self.upstream.url, auth="none", workers=2, admin="off",
                           listeners=[{"name": "given", "address": address, **keys}])

    def test_a_socket_of_systemd_is_served_by_all_workers_and_survives_a_reload(self):
        proxy = self.make_proxy(self.config_for("systemd:web"))
        with socket.create_server(("127.0.0.1", 0)) as other, \
                socket.create_server(("127.0.0.1", 0)) as web:
            self.activate(proxy, {"other": other, "web": web})
            port = web.getsockname()[1]
            proxy.wait_for_log(rf"listening on 127\.0\.0\.1:{port} \(given\)")
            self.assertEqual(request(port, "GET", f"{BASE}/x").status, 200)
            config = json.loads(proxy.config_path.read_text())
            config["listeners"][0]["name"] = "renamed"
            proxy.write_config(config)
            proxy.reload()
            proxy.wait_for_log("configuration reloaded")
            for _ in range(8):
                self.assertEqual(request(port, "GET", f"{BASE}/x").status, 200)
            proxy.wait_for_log("listener=renamed")

    def test_a_name_that_was_not_given_and_a_reachable_socket_are_configuration_errors(self):
        config = self.config_for("systemd:web")
        proxy = self.make_proxy(config)
        proxy.expected_exit = 78
        done = proxy.command("run")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("FileDescriptorName=web", done.stderr)
        with socket.create_server(("0.0.0.0", 0)) as web:
            self.activate(proxy, {"web": web})
            self.assertEqual(proxy.wait_exit(), 78)
        self.assertIn("write expose: true", proxy.output())
        proxy = self.make_proxy(config)
        proxy.expected_exit = 78
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as web:
            self.activate(proxy, {"web": web})
            self.assertEqual(proxy.wait_exit(), 78)
        self.assertIn("no listening stream socket", proxy.output())


class Certificates(ClientsTest):
    def setUp(self):
        self.authority = Authority(self.directory)
        self.authority.issue("proxy")
        self.tls = {"certificate": {"file": "proxy.crt"}, "key": {"file": "proxy.key"}}

    def issue_client(self, name, san):
        made = self.authority.issue_client(name, [f"DNS:{san}"])
        context = self.authority.client_context()
        context.load_cert_chain(made.certificate, made.key)
        return context

    def get(self, context):
        return request(self.proxy.port, "GET", f"{BASE}/x", host="localhost", tls=context)

    def test_a_client_certificate_is_required_and_its_name_decides(self):
        tls = {**self.tls, "client_ca": {"file": self.authority.ca.certificate.name}}
        self.start({"tls": tls, "clients": {"certificates": [
            {"name": "noc", "san_dns": "noc.internal"}]}})
        self.check_served(self.get(self.issue_client("noc", "noc.internal")))
        self.proxy.wait_for_log(r"key=noc .*status=200")
        self.check_refused(self.get(self.issue_client("other", "other.internal")), 403,
                           "client_denied")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.get(self.authority.client_context())
        (self.directory / "foreign").mkdir()
        foreign = Authority(self.directory / "foreign")
        stranger = foreign._make("noc", ["-CA", foreign.ca.certificate, "-CAkey", foreign.ca.key,
                                         "-addext", "subjectAltName=DNS:noc.internal"])
        context = self.authority.client_context()
        context.load_cert_chain(stranger.certificate, stranger.key)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.get(context)

    def serial(self):
        with socket.create_connection(("127.0.0.1", self.proxy.port), TIMEOUT) as sock:
            with self.authority.client_context().wrap_socket(sock, server_hostname="localhost") \
                    as wrapped:
                return wrapped.getpeercert()["serialNumber"]

    def test_a_changed_certificate_is_used_and_a_bad_one_is_not(self):
        self.start({"tls": self.tls})
        context = self.authority.client_context()
        connection = http.client.HTTPSConnection("localhost", self.proxy.port, context=context,
                                                 timeout=TIMEOUT)
        self.assertEqual(request_on(connection, "GET", f"{BASE}/x").status, 200)
        first = self.serial()
        (self.directory / "proxy.crt").write_text("no certificate\n")
        self.proxy.wait_for_log("is not usable: the former one stays listener=l0")
        self.assertEqual(self.serial(), first)
        new = self.authority.issue("new")
        shutil.copy(new.key, self.directory / "proxy.key")
        shutil.copy(new.certificate, self.directory / "proxy.crt")
        eventually(lambda: self.serial() != first)
        # Nobody was cut off.
        self.assertEqual(request_on(connection, "GET", f"{BASE}/x").status, 200)
        connection.close()

    def connect(self, context=None):
        """A connection that has been served once, and stays open."""
        connection = http.client.HTTPConnection("localhost", self.proxy.port, timeout=TIMEOUT) \
            if context is None else \
            http.client.HTTPSConnection("localhost", self.proxy.port, timeout=TIMEOUT,
                                        context=context)
        self.addCleanup(connection.close)
        self.check_served(request_on(connection, "GET", f"{BASE}/x"))
        return connection

    def reload(self, **listener):
        config = json.loads(self.proxy.config_path.read_text())
        config["listeners"] = [{"name": "l0", "address": "127.0.0.1:0", **listener}]
        mark = self.proxy.log_mark()
        self.proxy.write_config(config)
        self.proxy.reload()
        self.proxy.wait_for_log("configuration reloaded", since=mark)

    def check_cut_off(self, connection):
        answer = request_on(connection, "GET", f"{BASE}/x")
        self.check_refused(answer, 403, "client_denied")
        self.assertEqual(answer.header("Connection"), "close")

    def test_a_plain_connection_ends_when_a_reload_brings_tls_and_the_other_way_round(self):
        self.start({})
        plain = self.connect()
        self.reload(tls=self.tls)
        self.check_cut_off(plain)
        encrypted = self.connect(self.authority.client_context())
        self.reload()
        self.check_cut_off(encrypted)
        self.connect()

    def test_who_showed_no_certificate_is_out_when_a_reload_asks_for_one(self):
        self.start({"tls": self.tls})
        connection = self.connect(self.authority.client_context())
        self.reload(tls={**self.tls, "min_version": "1.3"})
        self.check_served(request_on(connection, "GET", f"{BASE}/x"))
        self.reload(tls={**self.tls, "client_ca": {"file": self.authority.ca.certificate.name}})
        self.check_cut_off(connection)
        self.connect(self.issue_client("noc", "noc.internal"))

    def test_who_has_a_certificate_of_the_former_authority_is_out_when_its_file_is_replaced(self):
        trusted = self.directory / "clients.crt"
        shutil.copy(self.authority.ca.certificate, trusted)
        self.start({"tls": {**self.tls, "client_ca": {"file": trusted.name}}})
        connection = self.connect(self.issue_client("noc", "noc.internal"))
        following = Authority(self.directory, "following-ca")
        made = following.issue_client("next", ["DNS:noc.internal"])
        mark = self.proxy.log_mark()
        shutil.copy(following.ca.certificate, trusted)
        self.proxy.wait_for_log("certificate of a listener has changed: in use now", since=mark)
        self.check_cut_off(connection)
        context = self.authority.client_context()
        context.load_cert_chain(made.certificate, made.key)
        self.connect(context)

    def test_who_shows_a_certificate_and_a_key_is_counted_for_the_key_alone(self):
        self.secrets.add(KEY)
        self.start({"tls": {**self.tls, "client_ca": {"file": self.authority.ca.certificate.name}},
                    "clients": {
                        "certificates": [{"name": "noc", "san_dns": "noc.internal"}],
                        "api_keys": {"keys": [{"name": "one", "hash": make_hash(KEY)}]}}},
                   limits={"connections_per_client": 1})
        context = self.issue_client("noc", "noc.internal")
        connections = [http.client.HTTPSConnection("localhost", self.proxy.port, timeout=TIMEOUT,
                                                   context=context) for _ in range(3)]
        for connection in connections:
            self.addCleanup(connection.close)
        right, without, surplus = connections
        key = {"X-Vsaproxy-Key": KEY}
        self.check_served(request_on(right, "GET", f"{BASE}/x", headers=key))
        self.check_refused(request_on(without, "GET", f"{BASE}/x"), 403, "client_key_required")
        self.check_served(request_on(right, "GET", f"{BASE}/x", headers=key))
        self.check_refused(request_on(surplus, "GET", f"{BASE}/x", headers=key), 503, "overloaded")


class Connections(ClientsTest):
    def connect(self, port=None):
        sock = socket.create_connection(("127.0.0.1", port or self.proxy.port), TIMEOUT)
        self.addCleanup(sock.close)
        return sock

    def ask_on(self, sock, *fields):
        lines = [f"GET {BASE}/x HTTP/1.1", "Host: localhost", *fields, "", ""]
        sock.sendall("\r\n".join(lines).encode())
        data = b""
        while not data or not parse_responses(data)[0].complete:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
        return parse_responses(data)[0]

    def test_bare_loopback_clients_are_not_counted(self):
        self.start({}, limits={"connections_per_client": 1})
        for sock in [self.connect() for _ in range(5)]:
            self.assertEqual(self.ask_on(sock).status, 200)

    def test_a_key_has_so_many_connections_whatever_the_worker(self):
        self.secrets.add(KEY)
        keys = [{"name": "one", "hash": make_hash(KEY)}]
        self.start({"clients": {"api_keys": {"keys": keys}}}, workers=2,
                   limits={"connections_per_client": 3})
        field = f"X-Vsaproxy-Key: {KEY}"
        held = [self.connect() for _ in range(3)]
        for sock in held:
            self.assertEqual(self.ask_on(sock, field).status, 200)
        surplus = self.connect()
        answer = self.ask_on(surplus, field)
        self.check_refused(answer, 503, "overloaded")
        self.assertEqual((answer.header("Connection"), surplus.recv(1)), ("close", b""))
        held[0].close()
        eventually(lambda: self.ask_on(self.connect(), field).status == 200)

    def test_a_user_of_a_unix_socket_has_so_many_connections(self):
        self.start({"address": "unix:proxy.sock"}, limits={"connections_per_client": 2})
        path = str(self.directory / "run" / "proxy.sock")

        def connect():
            sock = socket.socket(socket.AF_UNIX)
            self.addCleanup(sock.close)
            sock.settimeout(TIMEOUT)
            sock.connect(path)
            return sock
        held = [connect() for _ in range(2)]
        for sock in held:
            self.assertEqual(self.ask_on(sock).status, 200)
        self.check_refused(parse_responses(read_all(connect()))[0], 503, "overloaded")

    def test_a_client_of_tls_over_the_limit_is_told_so(self):
        authority = Authority(self.directory)
        authority.issue("proxy")
        self.start({"tls": {"certificate": {"file": "proxy.crt"}, "key": {"file": "proxy.key"}}},
                   limits={"connections": 1}, workers=1)
        context = authority.client_context()
        first = http.client.HTTPSConnection("localhost", self.proxy.port, context=context,
                                            timeout=TIMEOUT)
        self.assertEqual(request_on(first, "GET", f"{BASE}/x").status, 200)
        answer = request(self.proxy.port, "GET", f"{BASE}/x", host="localhost", tls=context)
        self.check_refused(answer, 503, "overloaded")
        self.assertEqual(answer.header("Connection"), "close")
        self.assertEqual(request_on(first, "GET", f"{BASE}/x").status, 200)
        first.close()

    def test_the_limit_is_lowered_to_what_the_descriptors_allow(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
        self.start({})
        config = self.config(self.upstream.url, auth="none", admin="off",
                             upstream={"pool": {"max_connections": 32}})
        proxy = self.make_proxy(config)
        with open(proxy.stdout_path, "ab") as out, open(proxy.stderr_path, "ab") as err:
            proxy.process = subprocess.Popen(
                [os.environ["VSAPROXY"], "run", "-c", str(proxy.config_path)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=proxy.directory,
                preexec_fn=few)
        proxy.wait_for_log(r"limits\.connections is lowered.*configured=10000 used=291 "
                           r"descriptors=400")


if __name__ == "__main__":
    unittest.main()
