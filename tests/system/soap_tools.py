"""SOAP messages for the system tests, written byte by byte: a library would hide what is sent."""

import hashlib
import html
import xml.etree.ElementTree as ElementTree

PATH = "/vsaWS/KaseyaWS.asmx"
NAMESPACE = "KaseyaWS"
ENVELOPES = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/",
             "1.2": "http://www.w3.org/2003/05/soap-envelope"}


def envelope(body, version="1.1"):
    return f'<soap:Envelope xmlns:soap="{ENVELOPES[version]}"><soap:Body>{body}' \
           "</soap:Body></soap:Envelope>"


def elements(fields):
    """Fields are a dict or pairs; texts are escaped."""
    pairs = fields.items() if isinstance(fields, dict) else fields
    return "".join(f"<{name}>{html.escape(str(text))}</{name}>" for name, text in pairs)


def call(operation, fields, namespace=NAMESPACE):
    return f'<{operation} xmlns="{namespace}"><req>{elements(fields)}</req></{operation}>'


def primitive(operation, xml):
    return f'<Primitive{operation} xmlns="{NAMESPACE}"><XmlRequest>{html.escape(xml)}' \
           f"</XmlRequest></Primitive{operation}>"


def head(operation, version="1.1", namespace=NAMESPACE):
    action = f"{namespace}/{operation}"
    if version == "1.1":
        return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
    return {"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"'}


def covered(password, user, random_number, algorithm):
    def digest(text):
        return hashlib.new(algorithm, text.encode()).hexdigest()
    return digest(digest(password + user) + random_number)


def login_fields(user, password, algorithm="SHA-256"):
    """`algorithm` is what HashingAlgorithm says; blank means SHA-1."""
    name = "sha256" if algorithm == "SHA-256" else "sha1"
    return {"UserName": user, "CoveredPassword": covered(password, user, "998877", name),
            "RandomNumber": "998877", "BrowserIP": "127.0.0.1", "HashingAlgorithm": algorithm}


class Result:
    """An answer, taken apart: texts by local name, wherever they are in it."""

    def __init__(self, response):
        self.response = response
        self.status = response.status
        self.root = ElementTree.fromstring(response.body)

    def texts(self, name):
        return [element.text or "" for element in self.root.iter()
                if element.tag.rpartition("}")[2] == name]

    def text(self, name):
        """None if there is none."""
        return next(iter(self.texts(name)), None)

    @property
    def inner(self):
        """The root of the XML in a Primitive call's answer."""
        return ElementTree.fromstring(next(
            e.text for e in self.root.iter() if e.text and e.text.startswith("<")))
