"""Whether a secret shows in what a program wrote: as it is, or in a coding that gives it away."""

import base64
import html
import json
import re
import urllib.parse

WORD = re.compile(rb"[A-Za-z0-9+/_%-]{4,}")
# Shorter ones would be found by chance in coded form.
LEAST_CODED = 8


def parts_of(secret):
    """What alone is a secret already: each long line of a PEM or text, and the private elements of
    an RSAKeyValue. The secret itself, where it is one line."""
    if "<RSAKeyValue>" in secret:
        return set(re.findall(r"<(?:D|P|Q|DP|DQ|InverseQ)>([^<]+)</", secret))
    lines = {line.strip() for line in secret.strip().splitlines()}
    if len(lines) == 1:
        return lines
    return {line for line in lines if len(line) >= 16 and not line.startswith("-----")}


def base64_cores(data):
    """What base64 of anything around these bytes contains, whatever stands before and after."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        end = len(coded) - ((before + len(data)) % 3 != 0)
        yield coded[(0, 2, 3)[before]:end]


def forms_of(secret):
    """{form: what it is} of one secret, as bytes."""
    forms = {}

    def add(name, *texts):
        for text in texts:
            forms.setdefault(text.encode(), name)

    add("as it is", secret)
    forms.setdefault(secret.encode("latin-1", "replace"), "in latin-1")
    if len(secret) < LEAST_CODED:
        return forms
    data = secret.encode()
    for core in base64_cores(data):
        add("in base64", core, core.replace("+", "-").replace("/", "_"))
    for coded in (urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret),
                  urllib.parse.quote_plus(secret)):
        add("URL-encoded", coded, re.sub("%..", lambda match: match[0].lower(), coded))
    add("in hex", data.hex(), data.hex().upper())
    add("as JSON", json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    add("as XML", html.escape(secret), html.escape(secret, False))
    return forms


class Output:
    """Hundreds of sessions are looked for in megabytes of log: most forms are one word, and the
    different words of a log are much less than the log."""

    def __init__(self, text):
        self.text = text
        self.words = b" ".join(set(WORD.findall(text)))

    def has(self, form):
        return form in (self.words if WORD.fullmatch(form) else self.text)


def leaks(secrets, outputs):
    """Lines that say which secret shows where, without telling it. `outputs`: {where: bytes}."""
    outputs = {where: Output(text) for where, text in outputs.items()}
    found = []
    for secret in sorted(part for whole in secrets for part in parts_of(whole) if part):
        for form, name in forms_of(secret).items():
            found += [f"{where} has a secret {name}: {secret[:4]}..., {len(secret)} characters"
                      for where, output in outputs.items() if output.has(form)]
    return found
