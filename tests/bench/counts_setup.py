"""What every count needs: a folder, the simulator as origin, and vsaproxy before it, perhaps under
another program. All of it ends with the `Bench`."""

import contextlib
import dataclasses
import pathlib
import socket
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

import support  # noqa: E402

support.TIMEOUT = 120  # seconds; under valgrind a start takes many

AUTHS = ("none", "header", "kaseya-vsa9")
HEADER_VALUE = "Bearer 0123456789"


@dataclasses.dataclass
class Row:
    """One line of the table."""
    figure: str
    case: str
    value: float
    unit: str
    detail: str = ""


class WrappedProxy(support.Proxy):
    """vsaproxy started by the program and options of `prefix`."""

    def __init__(self, directory, config, name, prefix=()):
        super().__init__(directory, config, name)
        self.prefix = list(prefix)

    def spawn(self, arguments, env=None):
        super().spawn([*self.prefix, *arguments], env)


class Bench(contextlib.ExitStack):
    """Starts programs in a folder of its own; leaving it ends them, the last one first, and
    deletes the folder."""

    def __enter__(self):
        super().__enter__()
        self.directory = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory(prefix="vsaproxy-counts-")))
        self._count = 0
        return self

    def simulator(self, **options):
        """By default one that any request may ask."""
        options = {"requires_token": False, **options}
        simulator = support.Simulator(self.directory, self._name("simulator"), **options)
        self.callback(simulator.stop, 60)
        return simulator

    def proxy(self, url, auth, *, prefix=(), access_log=False, **changes):
        """Started and, if it logs in, logged in."""
        proxy = WrappedProxy(self.directory, self.config(url, auth, access_log, **changes),
                             self._name("proxy"), prefix)
        self.callback(proxy.stop, 60)
        proxy.start()
        if auth == "kaseya-vsa9":
            proxy.wait_for_log("login succeeded", support.TIMEOUT)
        return proxy

    def config(self, url, auth, access_log=False, *, upstream=None, address="127.0.0.1:0",
               **top_level):
        state = self.directory / self._name("state")
        log = {"access": {"query": "drop"} if access_log else "off"}
        return {"version": 1, "workers": 1, "state_dir": str(state),
                "runtime_dir": str(state / "run"),
                "listeners": [{"name": "local", "address": address}],
                "upstreams": {"vsa": {"url": url, "auth": self._auth(auth), **(upstream or {})}},
                "admin": "off", "log": log, **top_level}

    def _auth(self, kind):
        if kind == "none":
            return "none"
        if kind == "header":
            return {"type": "header", "name": "Authorization",
                    "value": self._secret("value", HEADER_VALUE)}
        return {"type": "kaseya-vsa9", "username": support.USERNAME,
                "token": self._secret("token", support.TOKEN)}

    def _secret(self, name, value):
        path = self.directory / name
        path.write_text(value + "\n")
        path.chmod(0o600)
        return {"file": name}

    def _name(self, kind):
        self._count += 1
        return f"{kind}{self._count}"


def free_port():
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
