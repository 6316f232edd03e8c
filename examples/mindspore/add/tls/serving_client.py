"""Calls `add` over gRPC, and then over HTTP, with certificates on both sides."""

import json
import ssl
from pathlib import Path
from urllib.request import urlopen

import numpy as np

from mindspore_serving.client import Client, SSLConfig

CERTIFICATES = Path(__file__).resolve().parent / "certificates"
AUTHORITY, CERTIFICATE, KEY = (str(CERTIFICATES / name) for name in ("ca.crt", "client.crt", "client.key"))
ONES = np.ones((2, 2), np.float32)


def run_grpc():
    # The name must be the certificate's: localhost, not 127.0.0.1.
    ssl_config = SSLConfig(certificate=CERTIFICATE, private_key=KEY, custom_ca=AUTHORITY)
    client = Client("localhost:5500", "add", "add_common", ssl_config=ssl_config)
    print(client.infer([{"x1": ONES, "x2": ONES}]))


def run_restful():
    context = ssl.create_default_context(cafile=AUTHORITY)
    context.load_cert_chain(CERTIFICATE, KEY)
    body = json.dumps({"instances": [{"x1": ONES.tolist(), "x2": ONES.tolist()}]}).encode()
    with urlopen("https://localhost:1500/model/add:add_common", body, context=context) as response:
        print(json.load(response))


if __name__ == "__main__":
    run_grpc()
    run_restful()
