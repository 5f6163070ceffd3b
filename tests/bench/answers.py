"""Looks, before anything is measured, whether a proxy answers rightly and which TLS is spoken."""

import http.client
import re
import ssl
import subprocess

from origin import FIELD, VALUE, digest
from place import CIPHER, TLS_VERSION
from processes import Failed

TIMEOUT = 30


def connection(place, proxy, listener):
    port = proxy.ports[listener]
    if listener == "tls":
        trust = ssl.create_default_context(cafile=place.authority)
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT, context=trust)
    return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)


def ask(place, proxy, case, fields, path=None):
    """(status, content) of two requests after each other, which have to be the same."""
    client = connection(place, proxy, case.listener)
    answers = set()
    try:
        for _ in range(2):
            body = b"x" * case.upload
            client.request("POST" if body else "GET", path or case.path, body or None,
                           {**fields, **({"Connection": "close"} if case.close else {})})
            answer = client.getresponse()
            answers.add((answer.status, answer.read()))
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{case.name}: {proxy.name} gave no answer: {error!r}") from None
    finally:
        client.close()
    if len(answers) != 1:
        raise Failed(f"{case.name}: {proxy.name} gave two different answers to the same request")
    return answers.pop()


def check(place, proxy, case, origin):
    """The answer is the origin's, and the origin received the field that the proxy has to set."""
    fields = {} if proxy.brings_the_field else {FIELD: VALUE}
    status, content = ask(place, proxy, case, fields)
    if status != 200 or digest(content) != origin.digests[case.path]:
        raise Failed(f"{case.name}: {proxy.name} gave a wrong answer: status {status}, "
                     f"{len(content)} bytes, {content[:100]!r}")
    if not proxy.brings_the_field and ask(place, proxy, case, {})[0] != 401:
        raise Failed(f"{case.name}: the origin does not look at {FIELD}")


def spoken_tls(place, proxy, case):
    """Version and cipher on the side of the case that has TLS, or None; all must speak the same."""
    if case.listener == "plain":
        return None
    if case.listener == "tls":
        spoken = listener_tls(place, proxy)
    else:
        fields = {} if proxy.brings_the_field else {FIELD: VALUE}
        spoken = ask(place, proxy, case, fields, "/tls")[1].decode()
    if spoken != f"{TLS_VERSION} {CIPHER}":
        raise Failed(f"{case.name}: {proxy.name} speaks {spoken}, not {TLS_VERSION} {CIPHER}")
    return spoken


def listener_tls(place, proxy):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.ports['tls']}", "-CAfile",
         place.authority, "-verify_return_error"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT)
    found = re.search(r"^New, (\S+), Cipher is (\S+)$", done.stdout, re.M)
    if not found:
        raise Failed(f"{proxy.name}: no TLS on its listener:\n{done.stderr}")
    return f"{found[1]} {found[2]}"
