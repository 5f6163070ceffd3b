"""Runs the programs of this folder as their users would, and reads what they print."""

import pathlib
import subprocess
import sys

from support import TIMEOUT

HERE = pathlib.Path(__file__).parent
PYTHON_VSPC = [sys.executable, "-B", HERE / "vspc_client.py"]
PYTHON_VSA9 = [sys.executable, "-B", HERE / "vsa9_client.py"]

# By name: what goes before and after BASE_URL USER PASSWORD on the command line.
CLIENTS = {
    "zeep, SOAP 1.1": ([sys.executable, "-B", HERE / "zeep_client.py"], ["soap11"]),
    "zeep, SOAP 1.2": ([sys.executable, "-B", HERE / "zeep_client.py"], ["soap12"]),
    "PHP by WSDL, SOAP 1.1": (["php", HERE / "soap_client.php"], ["wsdl", "1.1"]),
    "PHP by WSDL, SOAP 1.2": (["php", HERE / "soap_client.php"], ["wsdl", "1.2"]),
    "PHP without WSDL, SOAP 1.1": (["php", HERE / "soap_client.php"], ["plain", "1.1"]),
    "PHP without WSDL, SOAP 1.2": (["php", HERE / "soap_client.php"], ["plain", "1.2"]),
}
VSPC_CLIENTS = {
    "VSPC, urllib": (PYTHON_VSPC, ["urllib"]),
    "VSPC, urllib, empty fields": (PYTHON_VSPC, ["urllib", "empty"]),
    "VSPC, requests": (PYTHON_VSPC, ["requests"]),
    "VSPC, PHP": (["php", HERE / "vspc_client.php"], []),
}
# With the password, and with the access token.
VSA9_PASSWORD_CLIENTS = {
    "VSA 9, Python, as the server's page": (PYTHON_VSA9, ["swagger"]),
    "VSA 9, Python, slash at the end": (PYTHON_VSA9, ["short", "/api/v1.0/auth/"]),
    "VSA 9, Python, as documented": (PYTHON_VSA9, ["documented", "/API/v1.0/Auth"]),
    "VSA 9, PHP": (["php", HERE / "vsa9_client.php"], ["swagger"]),
}
VSA9_TOKEN_CLIENTS = {
    "VSA 9, Python, token": (PYTHON_VSA9, ["token", "/api/v1.0/AUTH/"]),
    "VSA 9, PHP, token": (["php", HERE / "vsa9_client.php"], ["token", "/Api/V1.0/auth/"]),
}
UNENCODED = (PYTHON_VSA9, ["unencoded"])
ROUNDING = ([sys.executable, "-B", HERE / "rounding_client.py"], [])


def run_client(client, base, user, password):
    """A subprocess.CompletedProcess; proxies of the environment are not used."""
    before, after = client
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "NO_PROXY": "*", "LC_ALL": "C.UTF-8"}
    return subprocess.run([*map(str, before), base, user, password, *after], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=4 * TIMEOUT,
                          env=environment)


def values(process):
    """What a client that ended well has printed, by name."""
    if process.returncode != 0:
        raise AssertionError(f"the client ended with {process.returncode}:\n{process.stdout}"
                             f"{process.stderr}")
    return dict(line.split("=", 1) for line in process.stdout.splitlines())
