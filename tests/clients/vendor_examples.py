"""The requests that the vendors' documents and the users of their forum show, as curl commands with
the texts' own hosts, placeholders and public sample keys."""

import dataclasses

# The vendor's text: an answer to GET /auth made of a user "kadmin".
KADMIN = (
    "dXNlcj1rYWRtaW4scGFzczI9ZjE5ZWFmYzY3ZWY5MzJjMjBkMTlmZGQ1ZmIyZTY1NjBkY2U5YTk1YWFhYjEwNjczMjQ5"
    "YTU3YTkzODY2ZTQxZCxwYXNzMT0wZGMwZmY5YzBkNGVkMDRlODJiYzZmYTk0ZTY3NTQzMjFhMDgyMzc1LHJhbmQyPTk5"
    "NDY1NixycGFzczI9ZjE5ZWFmYzY3ZWY5MzJjMjBkMTlmZGQ1ZmIyZTY1NjBkY2U5YTk1YWFhYjEwNjczMjQ5YTU3YTkz"
    "ODY2ZTQxZCxycGFzczE9MGRjMGZmOWMwZDRlZDA0ZTgyYmM2ZmE5NGU2NzU0MzIxYTA4MjM3NSx0d29mYXBhc3M9OnVu"
    "ZGVmaW5lZA==")
# A user of the forum, step by step for a user "testuser".
TESTUSER = (
    "dXNlcj10ZXN0dXNlcixwYXNzMj02ODdlNWEwMjEzODY2MzlmODZiYTQ4YWVjZmFkYmMxNjJkZTNmMjgxMjhlNmU2Nzcy"
    "ODA3ZDgwY2RmMzg2MTViLHBhc3MxPWE5NGU1ZjdjMTJkMTU5OWU1MzhjZmZiNjFiYzE1YWI4YzdhYjdjZWQscmFuZDI9"
    "OTk4ODc3LHJwYXNzMj02ODdlNWEwMjEzODY2MzlmODZiYTQ4YWVjZmFkYmMxNjJkZTNmMjgxMjhlNmU2NzcyODA3ZDgw"
    "Y2RmMzg2MTViLHJwYXNzMT1hOTRlNWY3YzEyZDE1OTllNTM4Y2ZmYjYxYmMxNWFiOGM3YWI3Y2VkLHR3b2ZhcGFzcz06"
    "dW5kZWZpbmVk")

VSA = "https://YOUR_VSA_URL_HERE"
FORUM_VSA = "http://<yourkaseyaserver>"
VSPC = "https://<hostname>:1280"
OLD_VSPC = "https://localhost:5001"
HOSTS = (VSA, FORUM_VSA, VSPC, OLD_VSPC)


@dataclasses.dataclass
class Example:
    """`answer`: what is to come; page: whatever the server has there. In a command KEY stands for
    the vendor's public key, KEY64 for its base64, CODE for the decrypted challenge, TOKEN for the
    token that came last."""
    text: str
    command: str
    answer: str


VSA9 = (
    Example("the vendor's login with a password",
            f"curl -H 'Authorization: Basic {KADMIN}' {VSA}/api/v1.0/auth", "login"),
    Example("the vendor's login with an access token",
            # base64 of {username}:{token}
            f"curl -H 'Authorization: Basic e3VzZXJuYW1lfTp7dG9rZW59' {VSA}/api/v1.0/auth", "login"),
    Example("step 6 of the forum",
            f"curl -H 'Authorization: Basic {TESTUSER}' --url {VSA}/api/v1.0/auth", "login"),
    Example("name and password as fields, which a server calls a missing Authorization",
            "curl -H 'username: <vsa admin username>' -H 'password: <sha256 hashed vsa admin "
            f"password>' {VSA}/api/v1.0/auth", "login"),
    Example("Basic as everywhere else, which a server answers with 4000002",
            f"curl -u user:pass {VSA}/api/v1.0/auth", "login"),
    Example("a list with the token as it was in the login's answer",
            f"curl -H 'Authorization: 7605xxxx' {VSA}/api/v1.0/assetmgmt/agents", "list"),
    Example("a list with a Bearer token",
            f"curl -H 'Authorization: Bearer 7605xxxx' {VSA}/api/v1.0/assetmgmt/agents", "list"),
    Example("the page for trying the API", f"curl '{FORUM_VSA}/api/v1.0/swagger'", "page"),
    Example("the script of that page",
            f"curl '{FORUM_VSA}/api/v1.0/swagger/ui/ext/Kaseya-API-Core-Swagger-SwaggerUITweaks-js'",
            "page"),
)
VSPC3 = (
    Example("a pair of keys", f"curl '{VSPC}/api/v3/authentication/keys/rsa'", "page"),
    Example("a public key for a user",
            "curl -H 'Content-Type: application/octet-stream' --data-binary 'KEY' "
            f"'{VSPC}/api/v3/users/{{userId}}/logins/asymmetricalgorithm'",
            "page"),
    Example("a challenge for a key",
            "curl -d grant_type=private_key --data-urlencode 'public_key=KEY64' "
            f"'{VSPC}/api/v3/token'", "challenge"),
    Example("its answer",
            "curl -d grant_type=authorization_code --data-urlencode 'code=CODE' "
            f"'{VSPC}/api/v3/token'", "tokens"),
    Example("a list with the access token",
            "curl -H 'Authorization: Bearer TOKEN' "
            f"'{VSPC}/api/v3/organizations/companies'", "companies"),
)
VSPC1 = (
    Example("the challenge of the sample program, which is for the oldest version",
            "curl -X POST -H 'Content-Type:' --data-binary 'KEY' "
            f"{OLD_VSPC}/tokens/asymmetricalgorithm", "old challenge"),
    Example("the answer of that program",
            "curl -X PATCH -H 'Content-Type:' --data-binary 'CODE' "
            f"{OLD_VSPC}/tokens/asymmetricalgorithm", "old token"),
    Example("a list with its token",
            "curl -H 'Authorization: Bearer TOKEN' "
            f"'{VSPC}/api/v3/organizations/companies'", "companies"),
)
