"""Certificates for system tests, made with the openssl command: a CA and what it signs."""

import dataclasses
import pathlib
import ssl
import subprocess


@dataclasses.dataclass
class Certificate:
    certificate: pathlib.Path  # PEM
    key: pathlib.Path

    def server_context(self):
        """An ssl.SSLContext for a server with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Authority:
    """A private CA in a folder. `ca.certificate` is what a client has to trust."""

    def __init__(self, directory, name="test-ca"):
        self.directory = pathlib.Path(directory)
        self.ca = self._make(name, ["-addext", "basicConstraints=critical,CA:TRUE",
                                    "-addext", "keyUsage=critical,keyCertSign"])

    def issue(self, name, addresses=("DNS:localhost", "IP:127.0.0.1", "IP:::1")):
        """A server certificate for these subject alternative names."""
        return self._make(name, ["-CA", self.ca.certificate, "-CAkey", self.ca.key,
                                 "-addext", "basicConstraints=critical,CA:FALSE",
                                 "-addext", "extendedKeyUsage=serverAuth",
                                 "-addext", "subjectAltName=" + ",".join(addresses)])

    def client_context(self):
        """An ssl.SSLContext for a client that trusts this CA alone."""
        return ssl.create_default_context(cafile=self.ca.certificate)

    def _make(self, name, options):
        made = Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                   "-out", made.certificate, "-keyout", made.key, *options]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        made.key.chmod(0o600)
        return made
