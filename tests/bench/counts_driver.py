"""Asks one request after the other on one kept-alive connection and checks every answer's status
and length. A module, and a program that perf can run beside the proxy:

    python3 counts_driver.py PORT CASE REQUESTS
"""

import re
import socket
import sys

TIMEOUT = 60  # seconds for one answer; valgrind is slow
BODY = 64 * 1024

_FIELDS = "Host: 127.0.0.1\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"

TARGETS = {
    "get": "/api/v1.0/echo",
    "get-64k": f"/api/v1.0/large?bytes={BODY}",
    "post-64k": "/api/v1.0/sink",
}


def request_bytes(case):
    """The whole request of one of the TARGETS."""
    if case == "post-64k":
        head = f"POST {TARGETS[case]} HTTP/1.1\r\n{_FIELDS}" \
               f"Content-Type: application/octet-stream\r\nContent-Length: {BODY}\r\n\r\n"
        return head.encode() + bytes(range(256)) * (BODY // 256)
    return f"GET {TARGETS[case]} HTTP/1.1\r\n{_FIELDS}\r\n".encode()


class Client:
    """One connection that stays open."""

    def __init__(self, port, timeout=TIMEOUT):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, data):
        """Sends a request, reads its answer to the end; RuntimeError unless that is a 200."""
        self.socket.sendall(data)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive(65536)
        head = received[:end + 2]
        length = re.search(rb"\r\ncontent-length: *(\d+)\r\n", head, re.IGNORECASE)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise RuntimeError(f"not the answer that was expected: {received[:300]!r}")
        missing = int(length[1]) - (len(received) - end - 4)
        while missing > 0:
            missing -= len(self._receive(missing))
        if missing:
            raise RuntimeError("more bytes than the answer has")

    def _receive(self, size):
        data = self.socket.recv(size)
        if not data:
            raise RuntimeError("the connection was closed within an answer")
        return data


def drive(port, case, count):
    """`count` requests on a new connection."""
    data = request_bytes(case)
    with Client(port) as client:
        for _ in range(count):
            client.ask(data)


if __name__ == "__main__":
    drive(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
