"""Serves `add`, the folder above this file, to clients that show a certificate: python serving_server.py."""

import sys
from pathlib import Path

from mindspore_serving import server

HERE = Path(sys.argv[0]).resolve().parent


def start():
    server.start_servables(server.ServableStartConfig(str(HERE.parent), "add", device_ids=(0, 1)))
    certificates = HERE / "certificates"
    # Without the last two, clients need not show a certificate; without ssl_config there is no TLS at all.
    ssl_config = server.SSLConfig(
        certificate=str(certificates / "server.crt"),
        private_key=str(certificates / "server.key"),
        custom_ca=str(certificates / "ca.crt"),
        verify_client=True,
    )
    server.start_grpc_server("127.0.0.1:5500", ssl_config=ssl_config)
    server.start_restful_server("127.0.0.1:1500", ssl_config=ssl_config)


if __name__ == "__main__":
    start()
