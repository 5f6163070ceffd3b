"""A program for the REST API of VSA 9 that knows nothing of a proxy: logs in, pages through the
agents, writes once, logs out. Standard library only.

    python3 vsa9_client.py BASE_URL USER SECRET swagger|short|documented|token|unencoded [AUTH_PATH]

How it logs in: `swagger` as the page of the server itself, `short` likewise without twofapass,
`documented` as the vendor's text has it, `token` with an access token; `unencoded` forgets base64.
Prints one line NAME=VALUE for each thing it got; ends with 1 and the reason if the server says no.
"""
import base64
import hashlib
import json
import random
import sys
import urllib.error
import urllib.request


def digest(name, text):
    return hashlib.new(name, text.encode()).hexdigest()


def login_text(user, secret, form):
    if form == "token":
        return f"{user}:{secret}"
    number = str(random.randrange(10_000_000, 100_000_000))
    covered256, covered1 = (digest(name, digest(name, secret + user) + number)
                            for name in ("sha256", "sha1"))
    if form == "documented":
        return (f"user={user},pass2={covered256},pass1={covered1},rpass2={digest('sha256', secret)},"
                f"rpass1={digest('sha1', secret)},rand2={number}")
    text = (f"user={user},pass2={covered256},pass1={covered1},rand2={number},rpass2={covered256},"
            f"rpass1={covered1}")
    return text if form == "short" else text + ",twofapass=:undefined"


def call(method, url, authorization, body=None):
    """The answer's envelope."""
    request = urllib.request.Request(url, body, {
        "Authorization": authorization, "Accept": "application/json",
        "Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            envelope = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {url}: HTTP {error.code} {error.read().decode()}")
    if envelope["ResponseCode"] != 0:
        sys.exit(f"{method} {url}: ResponseCode {envelope['ResponseCode']}")
    return envelope


def agents(api, session):
    """Of all pages."""
    found, total = [], 1
    while len(found) < total:
        page = call("GET", f"{api}/assetmgmt/agents?$skip={len(found)}&$top=50", session)
        found += page["Result"]
        total = int(page["TotalRecords"])
    return {agent["AgentId"] for agent in found}


def main(base, user, secret, form, auth_path="/api/v1.0/auth"):
    text = login_text(user, secret, form)
    if form != "unencoded":
        text = base64.b64encode(text.encode()).decode()
    result = call("GET", base + auth_path, f"Basic {text}")["Result"]
    print(f"session={result['Token']}")
    api, session = base + "/api/v1.0", f"Bearer {result['Token']}"
    print(f"agents={len(agents(api, session))}")
    written = call("POST", f"{api}/sink", session, b'{"note":"checked"}')
    print(f"written={written['Result']['bytes']}")
    call("DELETE", f"{api}/system/users/session", session)
    print("logout=done")


if __name__ == "__main__":
    main(*sys.argv[1:])
