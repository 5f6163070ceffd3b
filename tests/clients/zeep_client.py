"""A program on zeep that knows nothing of a proxy: reads the WSDL, logs in, lists machines.

    /usr/bin/python3 zeep_client.py BASE_URL USER PASSWORD [soap11|soap12]

Prints one line NAME=VALUE for each thing it got; ends with 1 and the reason if the server says no.
"""
import html
import hashlib
import sys
import xml.etree.ElementTree as ElementTree

import requests
import zeep

NAMESPACE = "KaseyaWS"


def covered(password, user, random_number, name):
    def digest(text):
        return hashlib.new(name, text.encode()).hexdigest()
    return digest(digest(password + user) + random_number)


def login_fields(user, password):
    return {"UserName": user, "CoveredPassword": covered(password, user, "12345678", "sha256"),
            "RandomNumber": "12345678", "BrowserIP": "127.0.0.1", "HashingAlgorithm": "SHA-256"}


def checked(answer):
    if answer.ErrorMessage:
        sys.exit(f"{answer.Method}: {answer.ErrorMessage}")
    return answer


def as_xml(operation, fields):
    inner = "".join(f"<{name}>{html.escape(str(text))}</{name}>" for name, text in fields.items())
    return f'<{operation} xmlns="{NAMESPACE}"><req>{inner}</req></{operation}>'


def texts(xml, name):
    return [e.text or "" for e in ElementTree.fromstring(xml).iter(f"{{{NAMESPACE}}}{name}")]


def list_by_primitive(service, base, session):
    """By SOAP and by GET; both answers are XML in a string."""
    xml = as_xml("GetMachineList", {"MachineGroup": "root.acme", "SessionID": session})
    print(f"primitive={len(texts(service.PrimitiveGetMachineList(xml), 'Machine'))}")
    answer = requests.get(f"{base}/vsaWS/KaseyaWS.asmx/PrimitiveGetMachineList",
                          params={"XmlRequest": xml}, timeout=20)
    answer.raise_for_status()
    inner = ElementTree.fromstring(answer.content).text
    print(f"primitive_get={len(texts(inner, 'Machine'))}")


def main(base, user, password, version="soap11"):
    client = zeep.Client(f"{base}/vsaWS/KaseyaWS.asmx?WSDL")
    service = client.bind(NAMESPACE, NAMESPACE + {"soap11": "Soap", "soap12": "Soap12"}[version])
    print(f"address={service._binding_options['address']}")
    session = checked(service.Authenticate(req=login_fields(user, password))).SessionID
    print(f"session={session}")
    machines = checked(service.GetMachineList(
        req={"MachineGroup": "root.acme", "SessionID": session})).Machines.Machine
    print(f"machines={len(machines)}")
    print(f"agent={machines[-1].agentGuid}")
    print(f"echo={checked(service.EchoMt(req={'Payload': 'a<b&ü', 'SessionID': session})).Payload}")
    checked(service.AddScope(req={"ScopeName": "zeep", "SessionID": session}))
    scopes = checked(service.GetScopes(req={"SessionID": session})).Scopes.Scope
    print("scopes=" + ",".join(scope.ScopeID for scope in scopes))
    list_by_primitive(service, base, session)


if __name__ == "__main__":
    main(*sys.argv[1:])
