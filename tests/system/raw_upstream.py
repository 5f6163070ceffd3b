"""A scripted TCP server: one Python function per connection decides every byte and every reset."""

import socket
import threading

from http_tools import TIMEOUT, reset_on_close


class Peer:
    """One accepted connection. What was received stays in `received`."""

    def __init__(self, sock, number):
        self.sock = sock
        self.number = number  # of the connection, from 1
        self.received = b""
        self._unread = b""

    def read_some(self):
        """The next bytes, whatever they are; empty at the end."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        data = self.sock.recv(65536)
        self.received += data
        return data

    def read_head(self):
        """The next head with its empty line; empty if the other side closed before it."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.read_some()
            if not piece:
                return b""
            data += piece
        head, mark, self._unread = data.partition(b"\r\n\r\n")
        return head + mark

    def read_request(self):
        """The next request as (head, body), the body by Content-Length or still chunk-coded; None
        if the other side closed before it was whole."""
        head = self.read_head()
        if not head:
            return None
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if line)
        length = int(fields.get(b"content-length", b"0"))
        is_chunked = b"chunked" in fields.get(b"transfer-encoding", b"")
        body = b""
        while len(body) < length or (is_chunked and not body.endswith(b"0\r\n\r\n")):
            piece = self.read_some()
            if not piece:
                return None
            body += piece
        if not is_chunked:
            body, self._unread = body[:length], body[length:] + self._unread
        return head, body

    def send(self, data):
        self.sock.sendall(data)

    def answer(self, body=b"ok", status="200 OK", fields=()):
        """A plain answer with Content-Length. `fields` are whole lines."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
        self.send("\r\n".join(lines).encode("latin-1") + body)

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST."""
        reset_on_close(self.sock)
        self.sock.close()

    def wait_closed(self):
        """Reads until the other side closes or resets."""
        try:
            while self.read_some():
                pass
        except ConnectionError:
            pass


class RawUpstream:
    """Calls handle(peer) in a thread for each connection; the connection is closed after it.
    A context manager. Exceptions of handle other than connection errors are in `errors`."""

    def __init__(self, handle, *, tls=None, host="127.0.0.1", port=0):
        self._handle = handle
        self._tls = tls
        self._lock = threading.Lock()
        self._peers = []
        self._threads = []
        self.errors = []
        self._listener = socket.create_server((host, port), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def connections(self):
        with self._lock:
            return len(self._peers)

    @property
    def received(self):
        """What each connection brought so far, in the order of their arrival."""
        with self._lock:
            return [peer.received for peer in self._peers]

    def close(self):
        """Also a second time."""
        if self._listener.fileno() < 0:
            return
        # shutdown wakes the accept that close alone would leave waiting.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(TIMEOUT)
        with self._lock:
            peers, threads = list(self._peers), list(self._threads)
        for peer in peers:
            try:
                peer.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in threads:
            thread.join(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                peer = Peer(sock, len(self._peers) + 1)
                thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
                self._peers.append(peer)
                self._threads.append(thread)
            thread.start()

    def _serve(self, peer):
        try:
            peer.sock.settimeout(TIMEOUT)
            if self._tls is not None:
                peer.sock = self._tls.wrap_socket(peer.sock, server_side=True)
            self._handle(peer)
        except (OSError, EOFError):
            pass
        except Exception as error:  # shown by the test, which a thread cannot fail itself
            self.errors.append(error)
        finally:
            peer.sock.close()
