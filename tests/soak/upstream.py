"""The upstream of the soak: a VSA 9 server that misbehaves as the seed says, logs in strictly, and
can be killed and come back on its port."""

import asyncio
import base64
import hashlib
import json
import random
import time
import urllib.parse

from content import DELAYS, STALL, Request, fault_of
from held_port import HeldPort
from http_tools import read_chunks
from journal import expected_body
from support import BASE, USERNAME

LIFETIME = 20  # of a session, seconds


class Upstream:
    def __init__(self, seed, journal):
        self.journal = journal
        self.login_mode = "ok"  # or failing, reset, stall
        self.secret = ""
        self.logins = {"ok": 0, "failed": 0, "rejected": 0}
        self.tokens = []
        self._held = HeldPort("127.0.0.1")
        self.port = self._held.port
        self.is_faulty = True
        self._seed = seed
        self._dice = random.Random(f"{seed}/upstream")
        self._ends = 0.0  # of the last token
        self._server = None
        self._writers = set()
        self._deliveries = {}

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port,
                                                  limit=1 << 20)

    async def kill(self):
        """No listener, every connection reset, sessions forgotten."""
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        self.revoke()

    def revoke(self):
        self._ends = 0.0

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        try:
            while await self._answer_next(reader, writer):
                pass
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer_next(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in head[1:] if line)}
        if target.startswith(BASE + "/auth"):
            return await self._log_in(fields, writer)
        identity = fields.get("x-soak-id", "")
        if not identity:  # the proxy's own question whether its session lives
            return self._send(writer, 200 if self._is_live(fields) else 401, b"{}", {})
        delivery = self._deliveries.get(identity, 0) + 1
        self._deliveries[identity] = delivery
        fault = fault_of(self._seed, identity, delivery) if self.is_faulty else None
        if fault == "reset-at-head":
            self.journal.note(identity, fault)
            writer.transport.abort()
            return False
        body = await (read_chunks(reader) if "transfer-encoding" in fields else
                      reader.readexactly(int(fields.get("content-length", "0"))))
        if not self._is_live(fields):
            fault = "status-401"
        return await self._answer(writer, identity, method, target, body, fault)

    def _is_live(self, fields):
        return time.monotonic() < self._ends and \
            fields.get("authorization") == f"Bearer {self.tokens[-1]}"

    async def _answer(self, writer, identity, method, target, body, fault):
        query = dict(urllib.parse.parse_qsl(target.partition("?")[2]))
        request = Request(identity, method, body, int(query["size"]), query["framing"])
        if fault:
            self.journal.note(identity, fault)
        if fault and fault.startswith("status-"):
            return self._send(writer, int(fault[7:]), b"no", {"X-Soak-Id": identity})
        self.journal.applied[identity] += 1
        if fault == "delay":
            await asyncio.sleep(self._dice.uniform(*DELAYS))
        elif fault == "stall":
            await asyncio.sleep(STALL)
            return False
        fields = {"X-Soak-Id": identity, "X-Soak-Sha256": hashlib.sha256(body).hexdigest()}
        return await self._send_answer(writer, request, fields, fault)

    async def _send_answer(self, writer, request, fields, fault):
        body = expected_body(request)
        if fault in ("reset-before-answer", "close-before-answer", "nonsense", "cut-head"):
            if fault == "reset-before-answer":
                writer.transport.abort()
            elif fault == "nonsense":
                writer.write(b"\x00\x01 no HTTP\r\n\r\n")
            elif fault == "cut-head":
                writer.write(b"HTTP/1.1 200 OK\r\nX-Soak-Id: ")
            return False
        head, data = encode(body, request.framing, fields)
        if fault == "too-long" and len(data) < 3000:
            data += b"HTTP/1.1 200 OK\r\nX-Soak-Id: another\r\nContent-Length: 0\r\n\r\n"
        if fault in ("cut-body", "reset-body", "no-last-chunk"):
            # Without a body the head lacks its last byte, so that something is missing.
            data = data[:-5] if fault == "no-last-chunk" and request.framing == "chunked" else \
                data[:len(data) // 2]
            writer.write((head + data) if data else head[:-1])
            if fault == "reset-body":
                writer.transport.abort()
            return False
        writer.write(head + data)
        await writer.drain()
        return fault != "close-after"

    async def _log_in(self, fields, writer):
        mode = self.login_mode
        if mode != "ok":
            self.logins["failed"] += 1
            if mode == "stall":
                await asyncio.sleep(STALL)
            return mode == "failing" and self._send(writer, 503, b"down", {})
        expected = base64.b64encode(f"{USERNAME}:{self.secret}".encode()).decode()
        if fields.get("authorization") != f"Basic {expected}":
            self.logins["rejected"] += 1
            return self._send(writer, 401, b'{"ResponseCode":401,"Error":"Unauthorized"}', {})
        self.logins["ok"] += 1
        self.tokens.append("".join(self._dice.choices("0123456789", k=26)))
        self._ends = time.monotonic() + LIFETIME
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LIFETIME))
        answer = {"Result": {"Token": self.tokens[-1], "UserName": USERNAME,
                             "SessionExpiration": ends, "OffSetInMinutes": 0},
                  "ResponseCode": 0, "Status": "OK", "Error": "None"}
        return self._send(writer, 200, json.dumps(answer).encode(),
                          {"Content-Type": "application/json"})

    def _send(self, writer, status, body, fields):
        writer.write(b"".join(encode(body, "length", fields, status)))
        return True


def encode(body, framing, fields, status=200):
    """(head, body as it goes over the wire)."""
    fields = dict(fields)
    if framing == "json":
        fields["Content-Type"] = "application/json"
    if framing == "chunked":
        fields["Transfer-Encoding"] = "chunked"
        pieces = [body[at:at + 7000] for at in range(0, len(body), 7000)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
    else:
        fields["Content-Length"] = len(body)
    lines = [f"HTTP/1.1 {status} Soak", *(f"{n}: {v}" for n, v in fields.items()), "", ""]
    return "\r\n".join(lines).encode(), body
