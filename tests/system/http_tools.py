"""Clients for the system tests: whole requests on http.client, raw bytes on sockets, a parser for
what came back, and a load generator that checks every answer against its request."""

import asyncio
import collections
import concurrent.futures
import dataclasses
import hashlib
import http.client
import json
import os
import socket
import struct
import time

# Sanitizers slow everything down; bounds grow with them, figures that a test asserts do not.
SLOWNESS = 5 if os.environ.get("SANITIZE") else 1
TIMEOUT = 15 * SLOWNESS


@dataclasses.dataclass
class Response:
    status: int
    headers: list  # of (name, value), as received
    body: bytes
    trailers: list = dataclasses.field(default_factory=list)
    complete: bool = True

    def header(self, name, default=None):
        """The first value of that name in any case."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), default)

    def header_values(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def json(self):
        return json.loads(self.body)


def pattern(size):
    """Yields the bytes of the simulator's /large, block by block."""
    block = bytes((167 * i + 59 * (i // 256) + 13) % 256 for i in range(65536))
    for number in range((size + 65535) // 65536):
        data = number.to_bytes(8, "big") + block[8:]
        yield data[:min(65536, size - number * 65536)]


def pattern_sha256(size):
    digest = hashlib.sha256()
    for data in pattern(size):
        digest.update(data)
    return digest.hexdigest()


def request(port, method, target, body=None, headers=None, *, host="127.0.0.1", tls=None,
            timeout=TIMEOUT):
    """One request on a connection of its own. `body` may be bytes or an iterable of bytes (sent
    chunked unless `headers` has a Content-Length); `tls` is an ssl.SSLContext. A truncated answer
    raises http.client.IncompleteRead."""
    if tls is None:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)
    try:
        return request_on(connection, method, target, body, headers)
    finally:
        connection.close()


def request_on(connection, method, target, body=None, headers=None):
    """One request on an http.client connection that stays open."""
    connection.request(method, target, body=body, headers=headers or {})
    answer = connection.getresponse()
    return Response(answer.status, answer.getheaders(), answer.read())


def reset_on_close(sock):
    """Makes closing this socket send RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def send_raw(port, data, *, host="127.0.0.1", timeout=2 * SLOWNESS, half_close=False,
             until=None, tls=None):
    """Sends bytes and returns all that comes back until the other side closes, `until` (bytes) has
    come, or nothing came for `timeout` seconds. A reset ends it like a close."""
    received = b""
    with socket.create_connection((host, port), timeout=TIMEOUT) as sock:
        if tls is not None:
            sock = tls.wrap_socket(sock, server_hostname=host)
        sock.settimeout(timeout)
        try:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            while until is None or until not in received:
                piece = sock.recv(65536)
                if not piece:
                    break
                received += piece
        except (TimeoutError, ConnectionError):
            pass
        finally:
            sock.close()
    return received


def parse_responses(data, methods=("GET",)):
    """Takes raw bytes apart into the final answers to requests of these methods (the last one
    repeats), interim answers left out. What is cut short has complete=False. Bytes after the last
    whole answer that are none raise ValueError."""
    responses = []
    while data:
        method = methods[min(len(responses), len(methods) - 1)]
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            responses.append(Response(0, [], data, complete=False))
            break
        status, headers = _parse_head(head)
        if 100 <= status < 200:
            data = rest
            continue
        response = Response(status, headers, b"")
        data = _take_body(response, method, rest)
        responses.append(response)
    return responses


def _parse_head(head):
    lines = head.decode("latin-1").split("\r\n")
    version, status = lines[0].split(" ", 2)[:2]
    if not version.startswith("HTTP/1.") or len(status) != 3:
        raise ValueError(f"not a status line: {lines[0]!r}")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise ValueError(f"not a field line: {line!r}")
        headers.append((name, value.strip()))
    return int(status), headers


def _take_body(response, method, data):
    """Moves the body from `data` into the response; returns the rest."""
    if method == "HEAD" or response.status in (204, 304):
        return data
    if (response.header("Transfer-Encoding") or "").lower() == "chunked":
        return _take_chunks(response, data)
    length = response.header("Content-Length")
    size = len(data) if length is None else int(length)
    response.body = data[:size]
    response.complete = len(response.body) == size
    return data[size:]


def _take_chunks(response, data):
    while True:
        line, found, rest = data.partition(b"\r\n")
        if not found:
            response.complete = False
            return b""
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        if len(rest) < size + 2:
            response.body += rest[:size]
            response.complete = False
            return b""
        if rest[size:size + 2] != b"\r\n":
            raise ValueError("a chunk does not end in CRLF")
        response.body += rest[:size]
        data = rest[size + 2:]
    while True:
        line, found, rest = rest.partition(b"\r\n")
        if not found:
            response.complete = False
            return b""
        if not line:
            return rest
        name, _, value = line.decode("latin-1").partition(":")
        response.trailers.append((name, value.strip()))


def parallel(count, function):
    """Runs function(0) to function(count - 1) at the same time, each in a thread; returns their
    results in order and raises the first exception."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(function, i) for i in range(count)]]


def in_background(function, *arguments, **keywords):
    """Starts function in a thread; returns a concurrent.futures.Future."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    future = pool.submit(function, *arguments, **keywords)
    pool.shutdown(wait=False)
    return future


@dataclasses.dataclass
class Call:
    """One request of the load generator. `check` gets the Response and returns None or what is
    wrong with it."""
    method: str
    target: str
    body: bytes = b""
    headers: dict = dataclasses.field(default_factory=dict)
    check: object = None


def echo_call(base, number):
    """GET of the simulator's /headers with a number of its own, so that a mixed-up answer shows."""
    target = f"{base}/headers?number={number}"

    def check(response):
        if response.status != 200:
            return f"status {response.status}: {response.body[:200]!r}"
        seen = response.json()["Result"]["target"]
        return None if seen == target or seen.endswith(f"/headers?number={number}") else \
            f"asked for {target}, answered for {seen}"

    return Call("GET", target, check=check)


def upload_call(base, number, size):
    """POST of `size` bytes, different for each number, to the simulator's /sink."""
    body = (b"%020d" % number + bytes(range(256)) * (size // 256 + 1))[:size]
    digest = hashlib.sha256(body).hexdigest()

    def check(response):
        if response.status != 200:
            return f"status {response.status}: {response.body[:200]!r}"
        result = response.json()["Result"]
        return None if result == {"bytes": size, "sha256": digest} else \
            f"sent {size} bytes {digest}, received {result}"

    return Call("POST", f"{base}/sink?number={number}", body, check=check)


@dataclasses.dataclass
class LoadReport:
    statuses: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    latencies: list = dataclasses.field(default_factory=list)  # seconds
    errors: list = dataclasses.field(default_factory=list)     # texts, the first 100
    error_count: int = 0
    seconds: float = 0

    @property
    def count(self):
        return sum(self.statuses.values())

    def percentile(self, share):
        """Latency in seconds that `share` (0 to 1) of the requests stayed under."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def fail(self, text):
        self.error_count += 1
        if len(self.errors) < 100:
            self.errors.append(text)

    def __str__(self):
        text = f"{self.count} answers in {self.seconds:.1f} s {dict(self.statuses)}, " \
               f"{self.error_count} errors"
        if self.latencies:
            text += f", median {self.percentile(.5) * 1000:.1f} ms, " \
                    f"99 % {self.percentile(.99) * 1000:.1f} ms"
        return "\n  ".join([text] + self.errors[:10])


def run_load(port, connections, make_call, *, seconds=None, requests=None, until=None,
             host="127.0.0.1", keep_alive=True, timeout=30 * SLOWNESS):
    """Sends calls from `connections` connections at once, for `seconds`, until `requests` are done
    or until until() is true, each connection its next as soon as it has its answer.
    make_call(number) gives the Call. A failed exchange is an error of the report, and the
    connection is opened anew."""
    report = LoadReport()
    started = time.monotonic()
    deadline = float("inf") if seconds is None else started + seconds

    def is_over():
        return time.monotonic() >= deadline or (until is not None and until())

    numbers = iter(range(1 << 62) if requests is None else range(requests))

    async def run():
        await asyncio.gather(*(_work(report, numbers, is_over, make_call, host, port, keep_alive,
                                     timeout) for _ in range(connections)))

    asyncio.run(run())
    report.seconds = time.monotonic() - started
    return report


async def _work(report, numbers, is_over, make_call, host, port, keep_alive, timeout):
    """One connection of the load, opened anew where need be."""
    reader = writer = None
    for number in numbers:
        if is_over():
            break
        call = make_call(number)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                if writer is None:
                    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
                response, closes = await _exchange(reader, writer, call, host, port)
            report.statuses[response.status] += 1
            report.latencies.append(time.monotonic() - begun)
            if problem := call.check(response) if call.check else None:
                report.fail(f"{call.method} {call.target}: {problem}")
        except (OSError, EOFError, ValueError, KeyError, TimeoutError) as error:
            report.fail(f"{call.method} {call.target}: {error!r}")
            closes = True
        if (closes or not keep_alive) and writer is not None:
            writer.close()
            reader = writer = None
    if writer is not None:
        writer.close()


async def _exchange(reader, writer, call, host, port):
    writer.write(call_head(call, f"{host}:{port}"))
    if call.body:
        writer.write(call.body)
        await writer.drain()
    return await read_response(reader, call.method)


def call_head(call, authority):
    """The bytes of a call's head."""
    fields = {"Host": authority, **call.headers}
    if call.body or call.method in ("POST", "PUT"):
        fields["Content-Length"] = str(len(call.body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{call.method} {call.target} HTTP/1.1\r\n{head}\r\n".encode("latin-1")


async def read_response(reader, method):
    """(Response, whether the connection ends with it) of the next final answer. What is cut short
    raises EOFError or OSError, what is no HTTP ValueError."""
    status = 100
    while 100 <= status < 200:
        head = await reader.readuntil(b"\r\n\r\n")
        status, headers = _parse_head(head[:-4])
    response = Response(status, headers, b"")
    closes = "close" in (response.header("Connection") or "").lower()
    if method == "HEAD" or status in (204, 304):
        return response, closes
    if (response.header("Transfer-Encoding") or "").lower() == "chunked":
        response.body = await read_chunks(reader)
    elif (length := response.header("Content-Length")) is not None:
        response.body = await reader.readexactly(int(length))
    else:
        response.body = await reader.read()
        closes = True
    return response, closes


async def read_chunks(reader):
    """A chunk-coded body, its trailers left out."""
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise ValueError("a chunk does not end in CRLF")
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return body
