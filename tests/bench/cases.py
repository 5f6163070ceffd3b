"""What is measured: each case is one kind of request, sent in the same way through each proxy."""

import dataclasses

KIB, MIB = 1024, 1024 * 1024

# The names of proxies. Of nginx and HAProxy, the better of the two counts as the peer.
PEERS = {"nginx": ("nginx-default", "nginx-tuned"),
         "HAProxy": ("haproxy-default", "haproxy-tuned")}
ALL = (*PEERS["nginx"], *PEERS["HAProxy"], "floor", "vsaproxy", "beside")
WITH_TLS = tuple(name for name in ALL if name != "floor")  # the floor speaks no TLS
GROWING = ("nginx-tuned", "haproxy-tuned", "vsaproxy", "beside")


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    path: str = "/small"
    size: int = 0            # of the file behind the path; 0: the small JSON
    connections: int = 64
    listener: str = "plain"  # or tls (TLS from the client), tls-upstream (TLS to the origin)
    upload: int = 0          # bytes of the request's body; 0: a GET
    close: bool = False      # a new connection for each request
    proxies: tuple = ALL
    point: int = 0           # where on the horizontal axis of a growth plot


def download(name, size, connections=64, **more):
    return Case(name, f"GET of {readable(size)}", f"/files/{size}", size, connections, **more)


def readable(size):
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


CASES = [
    Case("small-get", "GET of 200 bytes, 64 kept-alive connections"),
    Case("small-get-tls-upstream", "the same, TLS to the origin", listener="tls-upstream",
         proxies=WITH_TLS),
    Case("small-get-tls-listener", "the same, TLS from the client", listener="tls",
         proxies=WITH_TLS),
    download("get-64k", 64 * KIB),
    download("get-1m", MIB),
    Case("post-64k", "POST of 64 KiB, answer of 200 bytes", "/post", upload=64 * KIB),
    Case("new-connection", "small GET, a new connection for each", close=True),
    Case("2000-connections", "small GET, 2000 kept-alive connections", connections=2000),
    Case("one-connection", "small GET, one after the other on one connection", connections=1),
    Case("access-log", "small GET, access log to a file",
         proxies=("nginx-tuned", "nginx-log", "vsaproxy", "vsaproxy-log")),
]

GROWTH = {
    "growth-connections": [
        Case(f"connections-{count}", f"small GET, {count} connections", connections=count,
             proxies=GROWING, point=count)
        for count in (1, 8, 64, 512, 2000, 8000)],
    "growth-size": [
        download(f"size-{size}", size, 8, proxies=GROWING, point=size)
        for size in (KIB * 4**power for power in range(9))],
}

FILE_SIZES = sorted({case.size for case in [*CASES, *sum(GROWTH.values(), [])] if case.size})


def select(names):
    """The cases and the growths of these names; ValueError names the first unknown one."""
    known = [case.name for case in CASES] + list(GROWTH)
    for name in names:
        if name not in known:
            raise ValueError(f"There is no case {name}, but these: {', '.join(known)}")
    return ([case for case in CASES if case.name in names],
            {name: cases for name, cases in GROWTH.items() if name in names})
