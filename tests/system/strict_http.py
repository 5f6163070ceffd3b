"""A second opinion on HTTP/1.1 framing: reads requests as the strictest server would, so that what
an upstream received can be compared with what was sent to the proxy. Shares no code with it."""

import dataclasses
import pathlib
import re
import socket
import threading

from http_tools import parse_responses
from raw_upstream import RawUpstream

CONFORMANCE = pathlib.Path(__file__).parent.parent / "conformance"

_TOKEN = rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)"
_VALUE = rb"([!-~\x80-\xff \t]*?)"
_REQUEST_LINE = re.compile(_TOKEN + rb" (/[!-~]*) HTTP/1\.1")
_FIELD_LINE = re.compile(_TOKEN + rb": ?" + _VALUE)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})")
# What a server has to take as well, though a careful sender avoids it.
_ODD_REQUEST_LINE = re.compile(_TOKEN + rb" (/[!-~]*) HTTP/1\.[01]")
_ODD_FIELD_LINE = re.compile(_TOKEN + rb":[ \t]*" + _VALUE + rb"[ \t]*")
_ODD_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;.*)?")


class NotStrict(ValueError):
    """The bytes are not what a careful sender sends."""


@dataclasses.dataclass
class Received:
    method: str
    target: str
    fields: list  # of (name, value)
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    connection: int = 0  # its number at the upstream, from 1

    def values(self, name):
        return [value for known, value in self.fields if known.lower() == name.lower()]


class StrictReader:
    """Requests from a function that gives the next bytes, empty at the end. With `takes_odd_forms`
    also those forms that RFC 9112 lets a server take."""

    def __init__(self, read_some, *, takes_odd_forms=False):
        self._read_some = read_some
        self._data = b""
        self._is_odd = takes_odd_forms
        self._request_line = _ODD_REQUEST_LINE if takes_odd_forms else _REQUEST_LINE
        self._field_line = _ODD_FIELD_LINE if takes_odd_forms else _FIELD_LINE
        self._chunk_line = _ODD_CHUNK_LINE if takes_odd_forms else _CHUNK_LINE

    def _more(self):
        piece = self._read_some()
        if not piece:
            raise EOFError
        self._data += piece

    def _line(self):
        while b"\r\n" not in self._data:
            self._more()
        line, _, self._data = self._data.partition(b"\r\n")
        if b"\r" in line or b"\n" in line:
            raise NotStrict(f"a bare CR or LF in {line!r}")
        return line

    def _exactly(self, count):
        while len(self._data) < count:
            self._more()
        data, self._data = self._data[:count], self._data[count:]
        return data

    def _fields(self):
        fields = []
        while line := self._line():
            match = self._field_line.fullmatch(line)
            if match is None:
                raise NotStrict(f"not a field line: {line!r}")
            fields.append((match[1].decode(), match[2].decode("latin-1")))
        return fields

    def _chunks(self):
        body = b""
        while True:
            line = self._line()
            match = self._chunk_line.fullmatch(line)
            if match is None:
                raise NotStrict(f"not a chunk size: {line!r}")
            size = int(match[1], 16)
            if size == 0:
                return body
            body += self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise NotStrict("a chunk does not end in CRLF")

    def next(self):
        """The next whole request; None at an end between requests, EOFError at one within."""
        try:
            if not self._data:
                self._more()
        except EOFError:
            return None
        line = self._line()
        while self._is_odd and not line:
            line = self._line()
        match = self._request_line.fullmatch(line)
        if match is None:
            raise NotStrict(f"not a request line: {line!r}")
        request = Received(match[1].decode(), match[2].decode(), self._fields())
        lengths = request.values("Content-Length")
        codings = request.values("Transfer-Encoding")
        hosts = len(request.values("Host"))
        if len(lengths) + len(codings) > 1 or (hosts != 1 and not self._is_odd):
            raise NotStrict(f"ambiguous: {request.fields}")
        if codings:
            if codings != ["chunked"] and not (self._is_odd and codings[0].lower() == "chunked"):
                raise NotStrict(f"coding {codings}")
            request.body = self._chunks()
            request.trailers = self._fields()
        elif lengths:
            if not re.fullmatch(r"\d{1,18}", lengths[0]):
                raise NotStrict(f"length {lengths}")
            request.body = self._exactly(int(lengths[0]))
        return request


class RecordingUpstream(RawUpstream):
    """Records every whole request; answer(peer, request) answers it, and returns True if the
    connection shall close. What is not strict ends up in `errors`."""

    def __init__(self, answer=None, **options):
        self._answer = answer or (lambda peer, _: peer.answer())
        self._guard = threading.Lock()
        self._requests = []
        super().__init__(self._serve_strictly, **options)

    def answer_with(self, answer):
        self._answer = answer

    def take(self):
        """The requests since the last call."""
        with self._guard:
            taken, self._requests = self._requests, []
            return taken

    def take_last(self):
        with self._guard:
            return self._requests.pop()

    def _serve_strictly(self, peer):
        reader = StrictReader(peer.read_some)
        while request := reader.next():
            request.connection = peer.number
            with self._guard:
                self._requests.append(request)
            if self._answer(peer, request):
                return


@dataclasses.dataclass
class Case:
    """One file of tests/conformance."""
    name: str
    status: int   # 0: accepted
    reason: str
    notes: dict
    message: bytes

    @property
    def is_accepted(self):
        return self.status == 0

    @property
    def count(self):
        """How many answers come: one for each request, or one that refuses."""
        return self.number("messages", 1) if self.is_accepted else 1

    def number(self, note, otherwise=None):
        return int(self.notes[note].split()[0]) if note in self.notes else otherwise


def read_cases(folder):
    cases = []
    for path in sorted((CONFORMANCE / folder).iterdir()):
        head, message = path.read_bytes().split(b"\n---\n", 1)
        first, *rest = head.decode().split("\n")
        verdict = first.split()
        notes = dict(re.findall(r"^# ([a-z]+): (.*)$", "\n".join(rest), re.MULTILINE))
        status, reason = (0, "") if verdict[0] == "accept" else (int(verdict[1]), verdict[2])
        cases.append(Case(path.name, status, reason, notes, message))
    return cases


def expected_requests(message):
    """An accepted message taken apart by the second opinion."""
    pieces = [message]
    reader = StrictReader(lambda: pieces.pop() if pieces else b"", takes_odd_forms=True)
    return list(iter(reader.next, None))


def methods_in(message):
    """Of whatever looks like a request line."""
    lines = re.findall(rb"(?m)^(?:hello)?([^ \r\n]+) [^ ]+ HTTP/", message)
    return [method.decode("latin-1") for method in lines]


def read_answers(sock, methods, count):
    """Answers until `count` are complete or the other side closed."""
    data = b""
    while True:
        answers = parse_responses(data, methods) if data else []
        if count is not None and len([a for a in answers if a.complete]) >= count:
            return answers
        try:
            piece = sock.recv(65536)
        except ConnectionError:
            piece = b""
        if not piece:
            return answers
        data += piece


def send_pieces(sock, data, piece):
    """Sends so many bytes at a time, without waiting."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for begin in range(0, len(data), piece):
            sock.send(data[begin:begin + piece])
    except ConnectionError:
        pass  # refused before its end
