"""What a client of the other systems needs: forms, one-time codes, RSA challenges."""

import base64
import hashlib
import hmac
import json
import pathlib
import struct
import subprocess
import time
import urllib.parse

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
VSPC_VECTORS = json.loads(
    (pathlib.Path(__file__).parent.parent / "vectors" / "veeam_vspc.json").read_text())


def form(**fields):
    return urllib.parse.urlencode(fields).encode()


def multipart(**fields):
    """(body, header fields) of a multipart form."""
    parts = [f'--b0undary\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             for name, value in fields.items()]
    return ("".join(parts) + "--b0undary--\r\n").encode(), {
        "Content-Type": "multipart/form-data; boundary=b0undary"}


def one_time_code(seed, now=None):
    """RFC 6238, six digits."""
    step = int(time.time() if now is None else now) // 30
    mac = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    at = mac[19] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1_000_000:06}"


def decrypt_challenge(directory, text):
    """With openssl and the vendor's sample key, as a client with that key would."""
    key, coded = directory / "sample.pem", directory / "challenge"
    key.write_text(VSPC_VECTORS["key"]["private_pem_pkcs8"])
    coded.write_bytes(base64.b64decode(text))
    return subprocess.run(
        ["openssl", "pkeyutl", "-decrypt", "-inkey", key, "-in", coded,
         "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha1",
         "-pkeyopt", "rsa_mgf1_md:sha1"], check=True, capture_output=True).stdout
