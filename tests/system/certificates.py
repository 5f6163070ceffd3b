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
        return self._issue(name, addresses, "serverAuth")

    def issue_client(self, name, names):
        """A client certificate for these subject alternative names."""
        return self._issue(name, names, "clientAuth")

    def _issue(self, name, names, usage):
        return self._make(name, ["-CA", self.ca.certificate, "-CAkey", self.ca.key,
                                 "-addext", "basicConstraints=critical,CA:FALSE",
                                 "-addext", f"extendedKeyUsage={usage}",
                                 "-addext", "subjectAltName=" + ",".join(names)])

    def issue_expired(self, name):
        """A server certificate for this machine that was good in the first half of 2020 only."""
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
        self._run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-subj", f"/CN={name}", "-out", request, "-keyout", made.key)
        self._run("ca", "-batch", "-notext", "-config", settings,
                  "-cert", self.ca.certificate, "-keyfile", self.ca.key, "-in", request,
                  "-out", made.certificate, "-startdate", "20200101000000Z",
                  "-enddate", "20200701000000Z")
        return made

    def client_context(self):
        """An ssl.SSLContext for a client that trusts this CA alone."""
        return ssl.create_default_context(cafile=self.ca.certificate)

    def _make(self, name, options):
        made = Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-days", "2", "-subj", f"/CN={name}", "-out", made.certificate, "-keyout",
                  made.key, *options)
        made.key.chmod(0o600)
        return made

    @staticmethod
    def _run(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
