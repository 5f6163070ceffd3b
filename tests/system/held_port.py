"""A port that nobody else gets between two servers of a test that use it in turn."""

import socket


class HeldPort:
    """A free port, bound on each of the hosts but not listened on: connections are refused, no other
    program is given it, and whoever sets SO_REUSEADDR may listen on it. Held until the object goes."""

    def __init__(self, *hosts):
        for attempt in range(100):
            self._sockets = []
            self.port = 0
            try:
                for host in hosts:
                    self._bind(host)
                return
            except OSError:
                self.close()
                if attempt == 99:
                    raise

    def _bind(self, host):
        sock = socket.socket()
        self._sockets.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, self.port))
        self.port = sock.getsockname()[1]

    def close(self):
        for sock in self._sockets:
            sock.close()

    def __del__(self):
        self.close()
