"""What contexts of both kinds of servers know of their call."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from salver.grpc.handlers import Metadatum

if TYPE_CHECKING:
    from salver import _native

Metadata = Iterable[tuple[str, str | bytes]]

_ALTERNATIVE_NAME, _COMMON_NAME = "x509_subject_alternative_name", "x509_common_name"


def metadata_of(call: "_native.ServiceCall") -> tuple[Metadatum, ...]:
    return tuple(Metadatum(key, value) for key, value in call.metadata)


class CallContext:
    """A handler's view of its call. What it sets is sent with the status."""

    _code: Any = None
    _trailing: Any = None
    _opened = False
    _compress_next = True
    compression: Any = None
    """How messages are compressed, if the caller takes that."""

    def __init__(self, call: "_native.ServiceCall", compression: Any) -> None:
        self.call = call
        if compression is not None:
            self.compression = compression

    def invocation_metadata(self) -> Any:
        return metadata_of(self.call)

    def peer(self) -> str:
        return self.call.peer

    def auth_context(self) -> Mapping[str, Any]:
        return self.call.auth_context

    def peer_identity_key(self) -> str | None:
        known = self.call.auth_context
        return next((key for key in (_ALTERNATIVE_NAME, _COMMON_NAME) if key in known), None)

    def peer_identities(self) -> Sequence[bytes] | None:
        key = self.peer_identity_key()
        return None if key is None else self.call.auth_context[key]

    def set_code(self, code: Any) -> None:
        self._code = code

    def code(self) -> Any:
        return self._code

    def trailing_metadata(self) -> Any:
        return self._trailing

    def set_compression(self, compression: Any) -> None:
        self.compression = compression

    def disable_next_message_compression(self) -> None:
        self._compress_next = False

    def _open_if_needed(self) -> None:
        if self.compression is not None and not self._opened:
            self._open(())

    def _open(self, metadata: Metadata) -> None:
        self._opened = True
        self.call.send_metadata(tuple(metadata), self.compression)
