"""Certificates for system tests, made with the openssl command: a CA and what it signs."""

import base64
import dataclasses
import hashlib
import pathlib
import ssl
import subprocess


def run_openssl(*arguments):
    """Its standard output."""
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True,
                          timeout=60).stdout


@dataclasses.dataclass
class Certificate:
    certificate: pathlib.Path  # PEM
    key: pathlib.Path

    def server_context(self):
        """An ssl.SSLContext for a server with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def pin(self):
        """The SHA-256 of its public key in base64, as pin_sha256 wants it."""
        key = run_openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        return base64.b64encode(hashlib.sha256(key).digest()).decode()


class Authority:
    """A private CA in a folder. `ca.certificate` is what a client has to trust."""

    def __init__(self, directory, name="test-ca"):
        self.directory = pathlib.Path(directory)
        self.ca = self._make(name, ["-addext", "basicConstraints=critical,CA:TRUE",
                                    "-addext", "keyUsage=critical,keyCertSign"])

    def issue(self, name, addresses=("DNS:localhost", "IP:127.0.0.1", "IP:::1")):
        """A server certificate for these subject alternative names."""
        return self._issue(name, addresses, "serverAuth")

    def issue_client(self, name, names):
        """A client certificate for these subject alternative names."""
        return self._issue(name, names, "clientAuth")

    def _issue(self, name, names, usage):
        return self._make(name, ["-CA", self.ca.certificate, "-CAkey", self.ca.key,
                                 "-addext", "basicConstraints=critical,CA:FALSE",
                                 "-addext", f"extendedKeyUsage={usage}",
                                 "-addext", "subjectAltName=" + ",".join(names)])

    def issue_self_signed(self, name):
        """A server certificate for this machine that no authority has signed."""
        return self._make(name, ["-addext", "basicConstraints=critical,CA:FALSE",
                                 "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])

    def renew(self, certificate, name):
        """Another server certificate for this machine with the key of one that was issued."""
        made = Certificate(self.directory / f"{name}.crt", certificate.key)
        run_openssl("req", "-x509", "-key", certificate.key, "-days", "2", "-subj", f"/CN={name}",
                    "-CA", self.ca.certificate, "-CAkey", self.ca.key, "-out", made.certificate,
                    "-addext", "basicConstraints=critical,CA:FALSE",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        return made

    def issue_expired(self, name):
        """A server certificate for this machine that was good in the first half of 2020 only."""
        return self.issue_between(name, "20200101000000Z", "20200701000000Z")

    def issue_between(self, name, start, end):
        """A server certificate for this machine that is good in that time only (YYYYMMDDhhmmssZ)."""
        made = Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        request, settings = self.directory / f"{name}.csr", self.directory / f"{name}.cnf"
        (self.directory / f"{name}.db").touch()
        (self.directory / f"{name}.serial").write_text("01\n")
        settings.write_text(
            "[ca]\ndefault_ca=it\n[it]\npolicy=names\nx509_extensions=more\n"
            f"database={self.directory}/{name}.db\nserial={self.directory}/{name}.serial\n"
            f"new_certs_dir={self.directory}\n"
            "default_md=sha256\n[names]\ncommonName=supplied\n[more]\n"
            "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
        run_openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", f"/CN={name}", "-out", request, "-keyout", made.key)
        run_openssl("ca", "-batch", "-notext", "-config", settings,
                    "-cert", self.ca.certificate, "-keyfile", self.ca.key, "-in", request,
                    "-out", made.certificate, "-startdate", start, "-enddate", end)
        return made

    def client_context(self):
        """An ssl.SSLContext for a client that trusts this CA alone."""
        return ssl.create_default_context(cafile=self.ca.certificate)

    def _make(self, name, options):
        made = Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        run_openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", f"/CN={name}", "-out", made.certificate,
                    "-keyout", made.key, *options)
        made.key.chmod(0o600)
        return made
