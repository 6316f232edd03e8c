"""The native data plane: listeners, protocols, engine and executors, without a word of policy.

Documents cross this edge as JSON text, whose forms `salver.config` and `salver.authoring` declare.
"""

from collections.abc import Sequence
from typing import Self, final

__all__ = ["OnnxModel", "Server", "Version", "version"]

# (element type by its numpy name, shape, data): little-endian bytes in C order, or one value per element for
# "str" and "bytes".
_Tensor = tuple[str, list[int], bytes | list[bytes]]

# (name, element type, dims): a dim is a length, or a symbol that may be empty.
_Port = tuple[str, str, list[int | str]]

@final
class OnnxModel:
    """A model file in ONNX form, loaded into one session.

    `library` is the path of ONNX Runtime's shared library; the first one that is loaded serves the whole process.
    `options` is JSON: {"threads": int, "providers": [str], "optimization": "all" | "extended" | "basic" | "off"}.

    Raises ValueError for a file that is no usable model, ImportError for a missing or unfit library, OSError for
    a file that cannot be read.
    """

    def __new__(cls, library: str, path: str, options: str) -> Self: ...
    @property
    def inputs(self) -> list[_Port]: ...
    @property
    def outputs(self) -> list[_Port]: ...
    def run(self, inputs: Sequence[_Tensor]) -> list[_Tensor]:
        """Run the model once on whole tensors. Raises ValueError with the runtime's text if it refuses."""

@final
class Version:
    """One version of a servable: its engine, ready for lanes and for being published.

    `servable` is JSON: see `salver.authoring.spec`. Raises ValueError if it does not hold together.
    """

    def __new__(cls, servable: str) -> Self: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    def add_onnx_lanes(self, stage: int, model: OnnxModel, batched: bool, lanes: int) -> None:
        """Start `lanes` threads with a session each that run this stage.

        `batched` says that a batch's leading dimension is the model's; otherwise each row is run by itself.
        The first lane takes over the model's own session, which cannot be `run` from Python afterwards.
        """

    def statistics(self) -> str:
        """Counters and histograms per stage, as JSON."""

    def close(self) -> None:
        """Accept nothing new; lanes end when what was accepted is answered."""

    def end(self) -> None:
        """Close, cut short what still runs, and wait until the lanes have ended.

        Without it a process may end under a running model, whose runtime is then torn down around it.
        """

    def drained(self) -> bool: ...

@final
class Server:
    """Listeners and what they route to.

    `settings` is JSON: see `salver.config.native_settings`.
    """

    def __new__(cls, settings: str) -> Self: ...
    def listen(self, address: str, tls: tuple[str, str, str | None] | None) -> str:
        """Bind `host:port` or `unix:path` and serve on it; gives the address with its real port.

        `tls` names PEM files: certificate, private key and, to demand client certificates, their authority.
        Raises OSError if the address cannot be bound, ValueError for a bad address or bad PEM files.
        """

    def publish(self, versions: Sequence[Version], unavailable: Sequence[tuple[str, int, str]]) -> None:
        """Replace, atomically, what requests are routed to.

        `unavailable` are (servable, version, reason) of what should be served but cannot be.
        """

    def drain(self) -> None:
        """Turn health to NOT_SERVING and refuse new calls; those in flight go on."""

    def calls_in_flight(self) -> int: ...
    def stop(self) -> None:
        """Close listeners and connections and end the network threads. Idempotent."""

def version() -> str:
    """The version of the native part; it must equal the package's."""
