"""A program for Veeam Service Provider Console that knows nothing of a proxy: logs in, pages through
the companies, renews its session, adds a company, logs out.

    /usr/bin/python3 vspc_client.py BASE_URL USER PASSWORD urllib|requests [empty]

With `empty` it sends the form's other fields empty, as programs with one form for all grants do.
Prints one line NAME=VALUE for each thing it got; ends with 1 and the reason if the server says no.
"""
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OTHER_FIELDS = ("refresh_token", "mfa_token", "mfa_code", "public_key", "code", "userUid")


def by_urllib(method, url, body, headers):
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def by_requests(method, url, body, headers):
    import requests
    answer = requests.request(method, url, data=body, headers=headers, timeout=20)
    return answer.status_code, answer.headers, answer.content


class Console:
    def __init__(self, base, send, fields):
        self.base = base
        self.send = send
        self.fields = fields
        self.tokens = {}

    def log_in(self, **fields):
        body = urllib.parse.urlencode({**self.fields, **fields}).encode()
        status, _, text = self.send("POST", f"{self.base}/api/v3/token", body, FORM)
        if status != 200:
            sys.exit(f"token: HTTP {status} {text.decode()}")
        self.tokens = json.loads(text)
        return self.tokens["access_token"]

    def call(self, method, url, body=None):
        status, headers, text = self.send(method, url, body, {
            "Authorization": f"Bearer {self.tokens['access_token']}",
            "Content-Type": "application/json"})
        if status >= 400:
            sys.exit(f"{method} {url}: HTTP {status}")
        return headers, json.loads(text) if text else None

    def companies(self):
        """Of all pages."""
        found, total = [], 1
        while len(found) < total:
            _, page = self.call("GET", f"{self.base}/api/v3/organizations/companies"
                                       f"?limit=50&offset={len(found)}")
            found += page["data"]
            total = page["meta"]["pagingInfo"]["total"]
        return {company["instanceUid"] for company in found}


def main(base, user, password, library, fields=""):
    console = Console(base, {"urllib": by_urllib, "requests": by_requests}[library],
                      dict.fromkeys(OTHER_FIELDS, "") if fields == "empty" else {})
    first = console.log_in(grant_type="password", username=user, password=password)
    print(f"session={first}")
    _, me = console.call("GET", f"{base}/api/v3/users/me")
    print(f"companies={len(console.companies())}")
    print("renewed=" + console.log_in(grant_type="refresh_token",
                                      refresh_token=console.tokens["refresh_token"]))
    headers, _ = console.call("POST", f"{base}/api/v3/organizations/companies", b'{"name":"New"}')
    print(f"action={headers['Location']}")
    _, action = console.call("GET", headers["Location"])
    print(f"status={action['data']['status']}")
    console.call("DELETE", f"{base}/api/v3/users/{me['data']['instanceUid']}/tokens")
    print("logout=done")


if __name__ == "__main__":
    main(*sys.argv[1:])
