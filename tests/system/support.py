"""What every system test needs: the real programs as processes in a folder of their own, and the
base class that starts them, ends them and looks through their output. Run under ctest, or with
the programs' paths in the environment variables VSAPROXY and SIMULATOR."""

import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

from certificates import Authority, Certificate  # noqa: F401 (tests import all from here)
from held_port import HeldPort
from http_tools import (  # noqa: F401
    SLOWNESS, TIMEOUT, Call, LoadReport, Response, echo_call, in_background, parallel,
    parse_responses, pattern, pattern_sha256, request, request_on, reset_on_close, run_load,
    send_raw, upload_call)
from leaks import leaks
from raw_upstream import Peer, RawUpstream  # noqa: F401

BASE = "/api/v1.0"
USERNAME = "demo"
TOKEN = "00000000-0000-0000-0000-000000000000"
PASSWORD = "demo-password"


def eventually(condition, timeout=TIMEOUT, message="the condition never held"):
    """Polls until condition() is true and returns its value; AssertionError after `timeout`
    seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"{message} (waited {timeout:g} s)")
        time.sleep(0.02)


class Process:
    """A program whose output goes to files, so that nothing ever waits for a reader."""

    def __init__(self, directory, name):
        self.directory = pathlib.Path(directory)
        self.stdout_path = self.directory / f"{name}.stdout"
        self.stderr_path = self.directory / f"{name}.stderr"
        self.name = name
        self.process = None
        self.expected_exit = 0  # at the end of the test; None: any
        self.exit_codes = []    # of every run that was not ended by kill()

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def spawn(self, arguments, env=None):
        with open(self.stdout_path, "ab") as out, open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(
                [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                cwd=self.directory, env={**os.environ, **(env or {})})

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, timeout=TIMEOUT):
        """The exit code, negative for a signal's number."""
        code = self.process.wait(timeout)
        self.exit_codes.append(code)
        self.process = None
        return code

    def stop(self, timeout=TIMEOUT):
        """Asks it to end (SIGTERM) and waits; kills it after `timeout` seconds. Returns the exit
        code, or None if it was not running."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.wait_exit(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.wait_exit()

    def kill(self):
        """Ends it by SIGKILL."""
        self.process.kill()
        self.process.wait(TIMEOUT)
        self.process = None

    def output(self, since=0):
        """What it wrote to both streams, standard error from that offset on."""
        with open(self.stderr_path, "rb") as file:
            file.seek(since)
            return self.stdout_path.read_text(errors="replace") + \
                file.read().decode(errors="replace")

    def _wait_line(self, path, pattern_text, timeout, since=0):
        regex = re.compile(pattern_text, re.MULTILINE)

        def found():
            with open(path, "rb") as file:
                file.seek(since)
                text = file.read().decode(errors="replace")
            whole = text[:text.rfind("\n") + 1]
            match = regex.search(whole)
            if match is None and not self.is_running:
                raise AssertionError(f"{self.name} ended early:\n{self.output()}")
            return match

        return eventually(found, timeout, f"{self.name} never wrote /{pattern_text}/")


class Simulator(Process):
    """The simulated servers. Options are those of vsaproxy-simulator --help, with _ for -."""

    def __init__(self, directory, name="simulator", *, certificate=None, **options):
        super().__init__(directory, name)
        self.certificate = certificate
        self.options = options
        self._held = HeldPort("127.0.0.1")
        self.port = self._held.port
        self.given_tokens = set()  # of runs that have ended, as far as we ended them
        self.start()

    @property
    def url(self):
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def start(self):
        """Also after kill() or stop(): on the same port as before."""
        arguments = [os.environ["SIMULATOR"], "--listen", f"127.0.0.1:{self.port}"]
        if self.certificate:
            arguments += ["--tls-cert", self.certificate.certificate,
                          "--tls-key", self.certificate.key]
        for key, value in self.options.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            arguments.append(f"--{key.replace('_', '-')}={text}")
        since = self.stdout_path.stat().st_size if self.stdout_path.exists() else 0
        self.spawn(arguments)
        self._wait_line(self.stdout_path, rf"listening on \S+:{self.port}$", TIMEOUT, since)

    def stop(self, timeout=TIMEOUT):
        self._keep_tokens()
        return super().stop(timeout)

    def kill(self):
        self._keep_tokens()
        super().kill()

    def _keep_tokens(self):
        if self.is_running:
            self.given_tokens.update(self.tokens())

    def control(self, method, action, body=None):
        tls = None
        if self.certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        answer = request(self.port, method, f"/_sim/{action}", tls=tls,
                         body=None if body is None else json.dumps(body).encode())
        if answer.status != 200:
            raise AssertionError(f"/_sim/{action}: {answer.status} {answer.body!r}")
        return answer.json()

    def configure(self, **options):
        return self.control("POST", "config", options)

    def stats(self):
        """{"logins": {"ok": …}, "data": {"ok": …, "refused": …}, "connections": …, …}"""
        return self.control("GET", "stats")

    @property
    def logins(self):
        return self.stats()["logins"]

    def requests(self):
        """The last 1000 data requests, oldest first."""
        return self.control("GET", "requests")["requests"]

    def login_calls(self):
        """The last 1000 login calls, with their bodies, and those that are forms taken apart."""
        calls = self.control("GET", "logins")["logins"]
        for call in calls:
            if call["content_type"].startswith("application/x-www-form-urlencoded"):
                call["form"] = dict(urllib.parse.parse_qsl(call["body"], keep_blank_values=True))
        return calls

    def tokens(self):
        """The last 1000 session tokens, ended ones too."""
        return self.control("GET", "tokens")["tokens"]

    def revoke(self, *, grants=False):
        """Ends all sessions; with `grants` refresh tokens, too."""
        self.control("POST", "revoke?all" if grants else "revoke")

    def unlock(self):
        self.control("POST", "unlock")

    def reset(self):
        """Options, sessions, lock and counters as at the start."""
        self._keep_tokens()
        self.control("POST", "reset")


class Proxy(Process):
    """vsaproxy run, with its configuration, state and sockets in the test's folder. A
    configuration is a dict (JSON is YAML) or YAML text."""

    def __init__(self, directory, config, name="proxy", *, env=None, arguments=(), launcher=()):
        super().__init__(directory, name)
        self.config_path = self.directory / f"{name}.yaml"
        self.env = env
        self.arguments = list(arguments)
        self.launcher = list(launcher)  # a program that executes the proxy in its own place
        self.ports = {}         # by listener name; "admin" too
        self.said = {}          # to commands, clients and administrators: {what: [bytes]}
        self.write_config(config)

    def write_config(self, config):
        """Replaces the file at once, as an operator's editor does."""
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        new = self.config_path.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        new.replace(self.config_path)

    def config_value(self, *keys):
        """Of a configuration that is JSON."""
        value = json.loads(self.config_path.read_text())
        for key in keys:
            value = value[key]
        return value

    def command(self, *arguments, timeout=TIMEOUT, env=None):
        """Runs another command of vsaproxy on the same file; a subprocess.CompletedProcess."""
        done = subprocess.run(
            [os.environ["VSAPROXY"], *map(str, arguments), "-c", self.config_path], text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, cwd=self.directory,
            env={**os.environ, **(self.env or {}), **(env or {})})
        self._note(f"vsaproxy {' '.join(map(str, arguments))}", done.stdout + done.stderr)
        return done

    def start(self, listeners=None):
        """Returns once every listener has said its address. `listeners` are their names; by
        default those of the configuration, if it is JSON."""
        since = self.log_mark()
        self.spawn([*self.launcher, os.environ["VSAPROXY"], "run", "-c", self.config_path,
                    *self.arguments], self.env)
        for listener in self._listener_names() if listeners is None else listeners:
            match = self._wait_line(
                self.stderr_path, rf"listening on (\S+) \({re.escape(listener)}\)", TIMEOUT, since)
            self.ports[listener] = int(match[1].rpartition(":")[2]) if ":" in match[1] and \
                not match[1].startswith("unix:") else 0
        return self

    def restart(self):
        """Ends it as an operator would (SIGTERM) and starts it again, perhaps on other ports."""
        self.stop()
        return self.start()

    def reload(self):
        """SIGHUP; what became of it is in the log and in the metrics."""
        self.send_signal(signal.SIGHUP)

    @property
    def port(self):
        """Of the only, or the first, listener."""
        return next(port for name, port in self.ports.items() if name != "admin")

    @property
    def admin_port(self):
        return self.ports["admin"]

    def request(self, method, target, body=None, headers=None, **options):
        answer = request(self.port, method, target, body, headers, **options)
        if answer.header("X-Proxy-Error"):  # what the upstream says is the upstream's
            self._note("an answer of its own", f"{answer.headers}\n{answer.body.decode()}")
        return answer

    def get(self, path, **options):
        """GET of a path under the API's base."""
        return self.request("GET", BASE + path, **options)

    def admin(self, path):
        answer = request(self.admin_port, "GET", path)
        self._note(f"the admin page {path}", answer.body.decode())
        return answer

    def _note(self, what, text):
        self.said.setdefault(what, []).append(text.encode())

    def outputs(self):
        """{where: bytes} of all that it wrote, said and kept, without its configuration."""
        paths = [self.stdout_path, self.stderr_path, *self.directory.glob("*.log")]
        for folder in ("state", "run"):
            paths += (self.directory / folder).rglob("*")
        return {**{what: b"\n".join(texts) for what, texts in self.said.items()},
                **{str(path.relative_to(self.directory)): path.read_bytes()
                   for path in paths if path.is_file()}}

    def wait_ready(self, timeout=TIMEOUT):
        eventually(lambda: self.admin("/readyz").status == 200, timeout, "/readyz never said 200")
        return self

    def metrics(self):
        """{"name{label=\\"value\\"}": number}, labels as they stand in the exposition."""
        values = {}
        for line in self.admin("/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def metric(self, name, **labels):
        """The sum of all samples of that name with these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(value for sample, value in self.metrics().items()
                   if sample.partition("{")[0] == name and all(w in sample for w in wanted))

    def log_mark(self):
        """An offset to give to log and wait_for_log as `since`."""
        return self.stderr_path.stat().st_size if self.stderr_path.exists() else 0

    def log(self, since=0):
        """Lines of standard error."""
        with open(self.stderr_path, "rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace").splitlines()

    def wait_for_log(self, pattern_text, timeout=TIMEOUT, since=0):
        """The re.Match of the first match on standard error."""
        return self._wait_line(self.stderr_path, pattern_text, timeout, since)

    def memory(self):
        """{"pss": …, "rss": …, "peak_rss": …} in bytes."""
        def field(path, name):
            text = pathlib.Path(f"/proc/{self.pid}/{path}").read_text()
            return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024
        return {"pss": field("smaps_rollup", "Pss"), "rss": field("status", "VmRSS"),
                "peak_rss": field("status", "VmHWM")}

    def descriptors(self):
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def _listener_names(self):
        config = json.loads(self.config_path.read_text())
        names = [listener["name"] for listener in config.get("listeners", [])]
        admin = config.get("admin", "on")
        return names + (["admin"] if admin != "off" else [])


class SystemTest(unittest.TestCase):
    """Gives each test a folder (`self.directory`), ends what the test started, and fails it if a
    proxy did not end with its expected exit code or wrote a secret anywhere. On failure the logs
    are printed."""

    maxDiff = None

    def run(self, result=None):
        if result is None:
            result = self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        with tempfile.TemporaryDirectory(prefix="vsaproxy-test-") as directory:
            self.directory = pathlib.Path(directory)
            self.processes = []
            self.secrets = {TOKEN, PASSWORD}
            super().run(result)
            if len(result.failures) + len(result.errors) > before:
                self._print_logs()
        return result

    def start_simulator(self, **options):
        simulator = Simulator(self.directory, f"simulator{len(self.processes)}", **options)
        self.processes.append(simulator)
        self.secrets.update(options[k] for k in ("token", "password") if options.get(k))
        return simulator

    def make_proxy(self, config, **options):
        """A proxy that is not started yet."""
        proxy = Proxy(self.directory, config, f"proxy{len(self.processes)}", **options)
        self.processes.append(proxy)
        return proxy

    def start_proxy(self, config, **options):
        return self.make_proxy(config, **options).start()

    def write_secret(self, name, value):
        """A file that only we may read, in the folder of the configuration; returns its name."""
        path = self.directory / name
        path.write_text(value + "\n")
        path.chmod(0o600)
        self.secrets.add(value)
        return name

    def credential(self, **changes):
        """A kaseya-vsa9 credential for the simulator's default account, by token."""
        return {"type": "kaseya-vsa9", "username": USERNAME,
                "token": {"file": self.write_secret("vsa.pat", TOKEN)}, **changes}

    def config(self, url, *, auth=None, upstream=None, **top_level):
        """A configuration with one listener ("local") and one upstream ("vsa"). `auth` replaces
        the credential, `upstream` adds keys to the upstream, the rest to the top level. The
        environment variable VSAPROXY_WORKERS runs any test with more workers."""
        return {"version": 1, "workers": int(os.environ.get("VSAPROXY_WORKERS", "1")),
                "state_dir": str(self.directory / "state"),
                "runtime_dir": str(self.directory / "run"),
                "listeners": [{"name": "local", "address": "127.0.0.1:0"}],
                "upstreams": {"vsa": {"url": url,
                                      "auth": self.credential() if auth is None else auth,
                                      **(upstream or {})}},
                "admin": {"address": "127.0.0.1:0"}, **top_level}

    def tearDown(self):
        for process in reversed(self.processes):
            process.stop()
        for process in self.processes:
            if isinstance(process, Simulator):
                self.secrets.update(process.given_tokens)
        for process in self.processes:
            if isinstance(process, Proxy):
                self.assertEqual(leaks(self.secrets, process.outputs()), [])
            expected = process.expected_exit
            if expected is not None:
                self.assertEqual(process.exit_codes, [expected] * len(process.exit_codes),
                                 f"{process.name} did not end well")

    def _print_logs(self):
        for process in self.processes:
            for path in (process.stdout_path, process.stderr_path):
                text = path.read_text(errors="replace") if path.exists() else ""
                if text:
                    print(f"--- {self.id()}: {path.name}\n{text[-20000:]}", file=sys.stderr)
