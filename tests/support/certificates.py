"""Certificates by the commands of the MindSpore Serving tutorial, and by those of the examples."""

import shlex
import subprocess
from pathlib import Path

from support.paths import ROOT

# The tutorial's commands: certificates with a common name and nothing else (X.509 v1 with OpenSSL 3.0).
_OPENSSL = [
    'req -x509 -nodes -days 365 -newkey rsa:2048 -keyout ca.key -out ca.crt -subj "/C=CN/ST=xx/L=xx/OU=gRPC/CN=Root"',
    "genrsa -out server.key 2048",
    'req -new -key server.key -out server.csr -subj "/C=XX/ST=MyST/L=XX/O=HW/OU=gRPC/CN=localhost"',
    "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 365 -sha256",
    "genrsa -out client.key 2048",
    'req -new -key client.key -out client.csr -subj "/C=XX/ST=MyST/L=XX/O=HW/OU=gRPC/CN=client"',
    "x509 -req -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out client.crt -days 365 -sha256",
]


def make_certificates(folder: Path) -> Path:
    """Puts ca.crt, server.crt, server.key, client.crt and client.key into the folder."""
    for command in _OPENSSL:
        subprocess.run(["openssl", *shlex.split(command)], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


def make_example_certificates(folder: Path) -> Path:
    """Puts `ca`, `server` for localhost, and `client` into the folder, and the same of another authority in `other`."""
    for each in (folder, folder / "other"):
        script = ["sh", str(ROOT / "examples" / "certificates.sh"), str(each)]
        subprocess.run(script, check=True, capture_output=True, timeout=50)
    return folder
