"""A program as those on node-soap are: it reads the SessionID as a floating point number, which has
room for 15 digits, and sends what is left of it.

    python3 rounding_client.py BASE_URL USER PASSWORD

Prints one line NAME=VALUE for each thing it got; ends with 1 and the reason if the server says no.
"""
import hashlib
import sys
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree

NAMESPACE = "KaseyaWS"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


def covered(password, user, random_number):
    inner = hashlib.sha1((password + user).encode()).hexdigest()
    return hashlib.sha1((inner + random_number).encode()).hexdigest()


def call(base, operation, fields):
    inner = "".join(f"<tns:{name}>{text}</tns:{name}>" for name, text in fields.items())
    body = (f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{ENVELOPE}" '
            f'xmlns:tns="{NAMESPACE}"><soap:Body><tns:{operation} xmlns:tns="{NAMESPACE}" '
            f'xmlns="{NAMESPACE}"><tns:req>{inner}</tns:req></tns:{operation}></soap:Body>'
            "</soap:Envelope>")
    request = urllib.request.Request(
        f"{base}/vsaWS/KaseyaWS.asmx", body.encode(),
        {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{NAMESPACE}/{operation}"'})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            root = ElementTree.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        sys.exit(f"{operation}: HTTP {error.code}")
    message = root.findtext(f".//{{{NAMESPACE}}}ErrorMessage")
    if message:
        sys.exit(f"{operation}: {message}")
    return root


def main(base, user, password):
    # No HashingAlgorithm: SHA-1, as programs before VSA 6.2 had it.
    root = call(base, "Authenticate", {"UserName": user, "RandomNumber": "4711",
                                       "CoveredPassword": covered(password, user, "4711")})
    session = float(root.findtext(f".//{{{NAMESPACE}}}SessionID"))
    print(f"session={session!r}", flush=True)
    root = call(base, "GetMachineList", {"SessionID": session})
    print(f"machines={len(list(root.iter(f'{{{NAMESPACE}}}Machine')))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
