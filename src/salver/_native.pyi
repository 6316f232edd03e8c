"""The native data plane: listeners, protocols, engine and executors, without a word of policy.

Documents cross this edge as JSON text, whose forms `salver.config` and `salver.authoring` declare.
"""

from collections.abc import Mapping, Sequence
from typing import Self, final

from typing_extensions import Buffer

__all__ = ["Link", "LinkLane", "OnnxModel", "Reload", "Server", "Version", "View", "run_model_lane", "version"]

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
    def add_onnx_lanes(
        self, stage: int, model: OnnxModel, rows: bool, lanes: int, whole_inputs: Sequence[int] = ...
    ) -> None:
        """Start `lanes` threads with a session each that run this stage.

        `rows` says that the leading dimension of the model's inputs and outputs is the rows'; where the model fixes
        its length, batches are filled up to it, else to the next of the stage's allowed sizes. `whole_inputs` are
        inputs without it, which a batch takes from its first row. Otherwise a row is the model's whole input. The
        first lane takes over the model's own session, which cannot be `run` from Python afterwards; the others are run
        once with what it was last run with, because first runs are slow.
        """

    def add_link_lane(
        self,
        stages: Sequence[int],
        slots: int,
        files: tuple[int, int | None, int | None],
        process: int | None,
        run_timeout_s: float,
        concurrent: bool,
    ) -> LinkLane:
        """Let a lane of a worker run these stages, with up to `slots` batches at a time.

        `files` are descriptors that are given away: the server's end of a stream connection, the memory of the
        direction to the worker, that of the direction from it; None for a worker of another host. `process` is a
        pidfd, also given away: the worker is killed when a batch shows no sign of life for `run_timeout_s`; time in
        which a sequence waits for its caller does not count. `concurrent` says that the lane runs all that it holds at
        once, not one batch after the other. Raises OSError for files that are not what they should be.
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
class LinkLane:
    """The server's end of a link: it lasts until the worker goes, the version is closed and done, or `end`."""

    @property
    def ended(self) -> str | None:
        """Why the link has ended, once it has."""

    def end(self) -> None:
        """End the link; what the lane has is lost. Idempotent."""

@final
class View:
    """Memory that may be looked at by the buffer protocol; it stays as it is as long as anybody looks."""

    def __len__(self) -> int: ...

# A column as the worker gives it: an array in C order, (element type, array) where the array's own format does not
# tell it, or a list of text or of bytes.
_Given = Buffer | tuple[str, Buffer] | list[str] | list[bytes]

# (element type, shape, data)
_Shown = tuple[str, tuple[int, ...], View | list[str] | list[bytes]]

# (kind, what, method, index, message): see salver.workers.stage.Failure
_Failed = tuple[str, str, str, int, str]

# (rows, seconds left, JSON of metadata and parameters, or empty)
_Caller = tuple[int, float | None, str]

@final
class Link:
    """The worker's end of a lane's link, for one thread. Its descriptors are given away to it.

    Every method raises OSError if the connection breaks; its end is not an error.
    """

    def __new__(cls, socket: int, to_worker: int | None = None, from_worker: int | None = None) -> Self: ...
    def fileno(self) -> int:
        """What becomes readable when there may be something to take."""

    @property
    def ended(self) -> bool:
        """Whether the server has ended the link."""

    def take(self, wait: bool) -> tuple[int, int, int, list[_Shown], list[_Caller]] | None:
        """The next batch: its number, stage, rows, columns and callers. It counts as started.

        None at the end of the link or, without `wait`, if there is none now.
        """

    def answer(self, batch: int, rows: int, columns: Sequence[_Given]) -> None:
        """All rows of a batch succeeded."""

    def answer_pieces(self, batch: int, pieces: Sequence[tuple[int, Sequence[_Given] | None, _Failed | None]]) -> None:
        """What became of a batch: pieces that cover its rows in order. A single failure is the batch's as a whole."""

    def item(self, batch: int, columns: Sequence[_Given]) -> None:
        """One item of the sequence that answers a batch's only row; `answer` or `answer_pieces` ends it."""

    def credit(self, batch: int) -> int:
        """How many items of its sequence may be sent now."""

    def wait(self) -> None:
        """Wait until something has come from the server since the last time."""

    def has_left(self, batch: int, row: int) -> bool:
        """Whether the caller of this row is known to have left. Any thread may ask."""

    def call(
        self, batch: int, method: int, rows: int, columns: Sequence[_Given]
    ) -> list[tuple[int, list[_Shown] | None, _Failed | None]]:
        """Call a hidden method for rows of this batch, and wait: pieces that cover the rows in order."""

@final
class Reload:
    """A request to change what is served, whose caller waits until one of the two is said; the first counts."""

    @property
    def config(self) -> bytes:
        """A serialized ModelServerConfig of TensorFlow Serving; empty once it is answered."""

    def done(self) -> None:
        """What it asks for is so."""

    def refuse(self, code: str, text: str) -> None:
        """It is not; `code` is gRPC's name of a status."""

# (servable, version, state by the name that `salver.lifecycle` gives it, wanted, problem or empty)
_Absent = tuple[str, int, str, bool, str]

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

    def publish(
        self,
        versions: Sequence[Version],
        absent: Sequence[_Absent],
        labels: Mapping[str, Mapping[str, int]] = ...,
    ) -> None:
        """Replace, atomically, what requests are routed to.

        `absent` are versions that do not answer: those that should, and others as far as there is something to
        tell of them; `labels` are names for versions, by servable. Raises ValueError for a state that there is not.
        """

    def adopt(self, connection: int) -> None:
        """Serve a connection of a Unix socket whose caller may change what is served.

        The descriptor is given away. Raises RuntimeError if the server has been stopped.
        """

    def next_reload(self) -> Reload | None:
        """Wait for the next request to change what is served; None once the server is stopped."""

    def drain(self) -> None:
        """Turn health to NOT_SERVING and refuse new calls; those in flight go on."""

    def calls_in_flight(self) -> int: ...
    def stop(self) -> None:
        """Close listeners and connections and end the network threads. Idempotent."""

def run_model_lane(
    model: OnnxModel,
    socket: int,
    rows: bool,
    name: str,
    whole_inputs: Sequence[int] = ...,
    sizes: Sequence[int] = ...,
) -> None:
    """Be a lane of a worker that runs this model, natively, until the link over `socket` ends.

    The descriptor is given away, and the model's session with it; `rows` and `whole_inputs` are those of
    `Version.add_onnx_lanes`, and `sizes` the numbers of rows that batches are filled up to. `name` is the stage's,
    for error texts. Raises OSError if the connection breaks.
    """

def version() -> str:
    """The version of the native part; it must equal the package's."""
