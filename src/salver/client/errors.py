"""Everything the client raises, one family.

    SalverError
    ├── InvalidCall          the request is at fault: a name, a type, a shape, a value
    ├── NotFound             no such version or method
    ├── Unavailable          no connection, or the server is loading, draining or gone: try again
    ├── DeadlineExceeded     the time-out passed before the answer came
    ├── CallCancelled        the call was cancelled
    ├── ResourceExhausted    a limit of the server was reached; the text names the option that sets it
    ├── Unsupported          the server does not do this
    └── ServerFailed         the model failed, or the server did

`code` is the name of the gRPC status, None where the client itself refused. `metadata` is what the server sent with it,
`details` the messages of its rich status.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salver.client.rich import Detail


class SalverError(Exception):
    """The base of the family."""

    def __init__(self, text: str, code: str | None = None, metadata: Iterable[Any] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.metadata = tuple(metadata or ())

    @property
    def details(self) -> "tuple[Detail, ...]":
        """The messages of a rich status, which most errors do not have."""
        from salver.client.rich import details_of

        return details_of(self.metadata)


class InvalidCall(SalverError):
    """The request is at fault."""


class NotFound(SalverError):
    """There is no such version or method."""


class Unavailable(SalverError):
    """There is no connection, or the server cannot answer now."""


class DeadlineExceeded(SalverError):
    """The time-out passed before the answer came."""


class CallCancelled(SalverError):
    """The call was cancelled."""


class ResourceExhausted(SalverError):
    """A limit of the server was reached."""


class Unsupported(SalverError):
    """The server does not do this."""


class ServerFailed(SalverError):
    """The model failed, or the server did."""


_BY_CODE: dict[str, type[SalverError]] = {
    "INVALID_ARGUMENT": InvalidCall,
    "NOT_FOUND": NotFound,
    "UNAVAILABLE": Unavailable,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "CANCELLED": CallCancelled,
    "RESOURCE_EXHAUSTED": ResourceExhausted,
    "UNIMPLEMENTED": Unsupported,
}


def from_status(code: str, text: str, metadata: Iterable[Any] | None = None) -> SalverError:
    """The error for a gRPC status, by its name."""
    return _BY_CODE.get(code, ServerFailed)(text or code, code, metadata)
