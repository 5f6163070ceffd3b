"""The clients of the soak: each asks, judges the answer, and asks again, on a kept connection."""

import asyncio
import itertools
import time

from content import Request
from http_tools import Call, call_head, read_response

PATIENCE = 30  # seconds for one answer


class Client:
    """`open` is a coroutine function that connects. `depth` requests are sent before the first
    answer is read; `prefix` makes the absolute form of targets."""

    def __init__(self, name, seed, journal, open, *, depth=1, prefix=""):
        self._name = name
        self._seed = seed
        self._journal = journal
        self._open = open
        self._depth = depth
        self._prefix = prefix
        self._numbers = itertools.count(1)
        self._reader = self._writer = None

    async def run(self, is_over):
        while not is_over():
            batch = [Request.make(self._seed, f"{self._name}-{next(self._numbers)}")
                     for _ in range(self._depth)]
            begun = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._exchange(batch, begun)
            except TimeoutError:
                self._journal.wrong.append(f"{batch[0].identity}: no answer in {PATIENCE} s")
                await self._disconnect()
        await self._disconnect()

    async def _exchange(self, batch, begun):
        if self._writer is None:
            self._reader, self._writer = await self._open()
        sending = asyncio.ensure_future(self._send(batch))
        is_whole = True
        for request in batch:
            outcome = "left"
            if is_whole:
                outcome, is_whole = await self._receive(request)
            self._journal.close(request, begun, outcome)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        if not is_whole:
            await self._disconnect()

    async def _send(self, batch):
        for request in batch:
            call = Call(request.method, self._prefix + request.target, request.body,
                        request.headers)
            data = call_head(call, "localhost") + request.body
            self._writer.write(data[:len(data) // 2] if request.is_abandoned else data)
            await self._writer.drain()
            if request.is_abandoned:
                return

    async def _receive(self, request):
        """What came for it, and whether the connection is good for the next one."""
        if request.is_abandoned:
            await asyncio.sleep(0.01)
            return "left", False
        try:
            response, closes = await read_response(self._reader, request.method)
            return response, not closes
        except (OSError, EOFError):
            return "cut", False

    async def _disconnect(self):
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

