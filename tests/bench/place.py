"""The place where a benchmark runs: a temporary folder with certificates, CPUs, limits."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from processes import Failed, choose_cpus, raise_file_limit

TLS_VERSION, CIPHER = "TLSv1.3", "TLS_AES_256_GCM_SHA384"  # what all have to negotiate
MOST_CONNECTIONS = 8500
SPARE_FILES = 1000


class Place:
    def __init__(self):
        self.proxy_cpus, self.other_cpus = choose_cpus()
        self.files = raise_file_limit()
        # A proxy needs two files for each client.
        self.connections = min(MOST_CONNECTIONS, (self.files - SPARE_FILES) // 2)
        self.cipher = CIPHER
        # nginx started by root would give its worker another user, who can't read the folder.
        self.nginx_user = "user root;" if os.geteuid() == 0 else ""
        self.folder = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vsaproxy-bench-"))
        try:
            self._make_certificates()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_certificates(self):
        self.authority, authority_key = self.folder / "ca.crt", self.folder / "ca.key"
        self.certificate, self.key = self.folder / "server.crt", self.folder / "server.key"
        make_certificate("example-ca", self.authority, authority_key,
                         "-addext", "basicConstraints=critical,CA:TRUE",
                         "-addext", "keyUsage=critical,keyCertSign")
        make_certificate("localhost", self.certificate, self.key,
                         "-CA", self.authority, "-CAkey", authority_key,
                         "-addext", "basicConstraints=critical,CA:FALSE",
                         "-addext", "extendedKeyUsage=serverAuth",
                         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        both = self.folder / "server.pem"  # HAProxy wants one file
        both.write_text(self.certificate.read_text() + self.key.read_text())
        both.chmod(0o600)


def make_certificate(name, certificate, key, *options):
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", key, "-out", certificate,
         *options], capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"openssl could not make a certificate:\n{done.stderr}")
