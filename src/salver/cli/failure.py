"""What a command says when the server that it asks does not do as it is asked."""

import sys

from salver.client.errors import SalverError, Unavailable


def tell(address: str, error: SalverError) -> int:
    """Print the error, with what to look at where there is no connection; gives the exit status."""
    print(f"salver: {error}", file=sys.stderr)
    if isinstance(error, Unavailable):
        plain = address.removeprefix("tls:").removeprefix("mtls:")
        print(
            f"  remedy: see that a server runs at {plain}; write tls:{plain} if it has a certificate, with --ca for "
            "the authority of that, and with --certificate and --key if it demands yours",
            file=sys.stderr,
        )
    return 1
