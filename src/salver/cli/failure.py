"""What a command says when the server that it asks does not do as it is asked."""

import sys

from salver.client.endpoint import Endpoint, endpoint
from salver.client.errors import DeadlineExceeded, NotFound, SalverError, Unavailable
from salver.client.http import connect

_CONNECT_S = 2.0
# How servers begin to say that there is no such servable, version or method, or that it is not ready.
_UNKNOWN = "Request for unknown model"


def tell(address: str, error: SalverError) -> int:
    """Print the error, with a remedy where the error cannot know one; gives the exit status."""
    what, remedy = str(error), ""
    if isinstance(error, DeadlineExceeded):
        remedy = "give it more time with --timeout"
    elif isinstance(error, NotFound) or what.startswith(_UNKNOWN):
        remedy = f"`salver status {address}` lists what is served"
    elif isinstance(error, Unavailable):
        what, remedy = _unavailable(address, what)
    print(f"salver: {what}", file=sys.stderr)
    if remedy:
        print(f"  remedy: {remedy}", file=sys.stderr)
    return 1


def _unavailable(address: str, what: str) -> tuple[str, str]:
    """What is wrong and the remedy, which is another where nobody listens than where somebody does not answer."""
    plain = address.removeprefix("tls:").removeprefix("mtls:")
    refused = _refused(endpoint(plain))
    if refused is not None:
        remedy = f"start a server there, `salver serve DIR --listen {plain}`, or give the address that yours prints"
        return f"{address} does not answer: nobody listens there ({refused})", remedy
    return what, (
        f"see that a server runs at {plain}; write tls:{plain} if it has a certificate, with --ca for the authority "
        "of that, and with --certificate and --key if it demands yours"
    )


def _refused(server: Endpoint) -> str | None:
    """Why nobody can connect; None if one can, or has waited in vain."""
    try:
        connect(server, _CONNECT_S).close()
    except TimeoutError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    return None
