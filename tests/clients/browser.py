"""Debian's Chromium without a window on a page of ours, which asks addresses of the test's choice
in every way that a page has and reports what became of it."""

import http.server
import json
import pathlib
import subprocess
import threading
import urllib.parse

from support import TIMEOUT

WAYS = ("get", "silent-get", "text-post", "form", "websocket", "put", "image", "silent-image")
# Names that only this browser knows; no page there is one of the machine's own.
PAGES, REBOUND, NETWORK = "pages.example", "rebound.example", "vsaproxy.example"
# So that it asks nobody but the test's own servers, and starts as root.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--disable-features=LocalNetworkAccessChecks,HttpsUpgrades",
         "--host-resolver-rules=" + ", ".join(f"MAP {name} 127.0.0.1"
                                              for name in (PAGES, REBOUND, NETWORK))]


class PageServer:
    """Serves attempts.html and takes its report."""

    def __init__(self):
        page = pathlib.Path(__file__).with_name("attempts.html").read_bytes()
        self._report = None
        self._came = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def do_POST(self):
                server._report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()
                server._came.set()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def wait_report(self):
        """{"WAY-NUMBER": what the page saw}, or None if it came to no end."""
        return self._report if self._came.wait(3 * TIMEOUT) else None


def visit(directory, bases, *, host, pages=None, flags=()):
    """Opens the page, at that host name, in a browser of its own. Returns what it reports about
    these addresses, by way and the address's number. Closes the page server."""
    pages = pages or PageServer()
    query = urllib.parse.urlencode([("base", base) for base in bases])
    url = f"http://{host}:{pages.port}/?{query}"
    log = pathlib.Path(directory) / "chromium.log"
    with open(log, "ab") as output:
        browser = subprocess.Popen(
            ["chromium", *FLAGS, f"--user-data-dir={directory}/chromium", *flags,
             "--remote-debugging-port=0", url],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        report = pages.wait_report()
    finally:
        browser.terminate()
        try:
            browser.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait(TIMEOUT)
        pages.close()
    if report is None:
        raise AssertionError(f"the page came to no end:\n{log.read_text(errors='replace')[-3000:]}")
    return report
