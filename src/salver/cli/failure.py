"""What a command says when the server that it asks does not do as it is asked."""

import sys

from salver.client.errors import DeadlineExceeded, SalverError, Unavailable


def tell(address: str, error: SalverError) -> int:
    """Print the error, with a remedy where the error cannot know one; gives the exit status."""
    print(f"salver: {error}", file=sys.stderr)
    remedy = _remedy(address, error)
    if remedy:
        print(f"  remedy: {remedy}", file=sys.stderr)
    return 1


def _remedy(address: str, error: SalverError) -> str:
    if isinstance(error, DeadlineExceeded):
        return "give it more time with --timeout"
    if not isinstance(error, Unavailable):
        return ""
    plain = address.removeprefix("tls:").removeprefix("mtls:")
    return (
        f"see that a server runs at {plain}; write tls:{plain} if it has a certificate, with --ca for the authority "
        "of that, and with --certificate and --key if it demands yours"
    )
