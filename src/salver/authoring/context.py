"""What an author's code may ask about a call, and what it may say of one."""

from collections.abc import Mapping, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, SupportsIndex


class Context:
    """What a call said beside its inputs: a parameter of this type, or called `context`, is no input.

    A function over a batch gets a list with one for each row. A test makes one with what it needs to say.
    """

    def __init__(
        self,
        metadata: Mapping[str, str] | None = None,
        parameters: Mapping[str, str | int | float | bool] | None = None,
        deadline: float | None = None,
        device: str = "cpu",
    ) -> None:
        self._metadata = dict(metadata or {})
        self._parameters = dict(parameters or {})
        self._deadline = deadline
        self.device = device

    @property
    def metadata(self) -> Mapping[str, str]:
        """gRPC metadata or HTTP headers by their names in lower case; what came several times is joined by commas."""
        return self._metadata

    @property
    def metadata_pairs(self) -> Sequence[tuple[str, str]]:
        """The same one by one, as it was sent: values of names in `-bin` are base64."""
        return list(self._metadata.items())

    @property
    def parameters(self) -> Mapping[str, str | int | float | bool]:
        """The request's parameters, in protocols that have them."""
        return self._parameters

    @property
    def deadline(self) -> float | None:
        """For how many more seconds the caller waits, never less than 0; None if it said nothing."""
        return self._deadline

    @property
    def cancelled(self) -> bool:
        """Whether the caller has left, so that nobody will read an answer."""
        return False


class InvalidInput(Exception):
    """Raise it where a caller's input cannot be used: its rows fail as the caller's fault, and are not tried again.

    A function over a batch may name the one row that is at fault; it is then run again without it. Raises TypeError for
    a row that is no whole number.
    """

    row: int | None = None

    def __init__(self, message: str, *, row: SupportsIndex | None = None) -> None:
        if row is not None:
            self.row = _whole(row)
        super().__init__(message)


def _whole(row: SupportsIndex) -> int:
    try:
        return index(row)
    except TypeError:
        what = f"InvalidInput names row={row!r}, which is no whole number"
        raise TypeError(f"{what}: name the one row that is at fault, counted from 0") from None


class ModelFailed(RuntimeError):
    """A model that was called from inside a function has no answer for it."""


if TYPE_CHECKING:
    Json = Any
else:

    class Json:
        """The annotation of a value that travels as a JSON document: functions get and give Python objects."""
