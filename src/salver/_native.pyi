"""The native data plane: listeners, protocols, engine and executors, without a word of policy.

Documents cross this edge as JSON text, whose forms `salver.config` and `salver.authoring` declare.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Self, final

from typing_extensions import Buffer

__all__ = [
    "Calls",
    "Link",
    "LinkLane",
    "OnnxModel",
    "Reload",
    "Server",
    "ServiceCall",
    "Version",
    "View",
    "Workers",
    "check_services",
    "compile_proto",
    "run_model_lane",
    "unhurried",
    "version",
]

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
# tell it, a list of text or of bytes, one a row, or (shape, list) where a row has more of them.
_Given = Buffer | tuple[str, Buffer] | list[str] | list[bytes] | tuple[tuple[int, ...], list[str] | list[bytes]]

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
class Calls:
    """Calls of users' own services on their way to Python: network threads put them in, other threads take them out.

    At most `limit` calls wait or are being answered at once; more are refused with RESOURCE_EXHAUSTED. Either any
    number of threads `take` calls, or one event loop watches `fileno` and asks for `events`. Whoever has taken a call
    must `finish` it; one that is dropped is answered UNKNOWN. Calls whose callers leave while they wait are never
    seen, and count no more; one that was taken counts until it is finished or dropped.
    """

    def __new__(cls, limit: int | None = None, behind_front: bool = False) -> Self:
        """`behind_front` is for the process of a worker: the server that hands calls on, the only one who can, is
        believed who made them."""

    def fileno(self) -> int:
        """What becomes readable when there are `events`."""

    def take(self, timeout_s: float | None = None) -> ServiceCall | None:
        """Wait for the next call, without the interpreter's lock. None once closed, or when the time is up.

        One thread is woken at a time; when it takes a call while more wait, it wakes the next. A wait is not
        interrupted by signals, so it is not for the main thread. Raises ValueError for a negative time.
        """

    def events(self) -> list[tuple[ServiceCall, str]]:
        """What has happened since the last time, in order.

        "begun": a call that is taken hereby. "readable": there is a message, or the end of them, where `receive` found
        nothing. "writable": there is room where `send` found none. "ended": the call is over, and not by its handler's
        `finish`. The last three mention a call that has begun: they are equal to what began it, and need no answer.
        """

    def in_flight(self) -> int:
        """Calls that wait or are being answered."""

    def close(self) -> None:
        """Refuse what waits and what still comes, as UNAVAILABLE; `take` gives None. Calls that were taken go on."""

    def run_endings(self) -> None:
        """Run callbacks of `on_end` until closed and all calls are done.

        The first `on_end` starts a daemon thread that does so.
        """

@final
class Workers:
    """Worker processes that answer some services: each serves them, with a server like this one, on a Unix socket.

    A call goes to the worker with the fewest calls. Everything passes through: metadata both ways, deadlines,
    cancellation, back-pressure, statuses; also who called, if a worker's `Calls` are `behind_front`. When a worker's
    connection ends its callers get UNAVAILABLE at once; if nobody is at its socket any more it is asked no more until
    it is added again. Without workers calls are UNAVAILABLE.
    """

    def __new__(cls) -> Self: ...
    def add(self, socket: str) -> None:
        """The process that serves on the Unix socket at this path is ready. What served there before is forgotten."""

    def remove(self, socket: str) -> None:
        """Ask this worker no more; calls that it has go on."""

    def sockets(self) -> list[str]:
        """The paths of those that are asked: added, and neither removed nor lost."""

@final
class ServiceCall:
    """One call, for its handler. Equal and hashed by the call. Any thread may use it."""

    @property
    def path(self) -> str:
        """`/package.Service/Method`"""

    @property
    def metadata(self) -> list[tuple[str, str | bytes]]:
        """The caller's metadata; values are bytes where the key ends with `-bin`."""

    @property
    def peer(self) -> str:
        """As gRPC writes it: `ipv4:127.0.0.1:123`, `ipv6:%5B::1%5D:123`, `unix:`."""

    @property
    def auth_context(self) -> dict[str, list[bytes]]:
        """What TLS tells of the caller, by gRPC's names."""

    def time_remaining(self) -> float | None:
        """Seconds until the deadline, at least 0; None without one."""

    def is_active(self) -> bool:
        """Whether it is neither finished nor left by its caller, nor past its deadline."""

    def receive(self, wait: bool) -> bytes | None:
        """The next message; None at their end. `wait` is without the interpreter's lock.

        Raises BlockingIOError if there is none now and it may not wait, ConnectionError once the call is over.
        """

    def send_metadata(self, metadata: Sequence[tuple[str, str | bytes]], compression: int | None = None) -> bool:
        """Send initial metadata, once, before any message; `compression` is a number of `grpc.Compression`.

        Messages are compressed only if the caller takes that. False if the call is over. Raises ValueError if it comes
        too late or holds what metadata may not.
        """

    def send(self, message: bytes, wait: bool, compress: bool = True) -> bool:
        """Send a message; `wait` while the caller does not read. False if the call is over or, without `wait`, if
        there is no room, of which an event loop is then told by "writable"."""

    def finish(
        self,
        code: int,
        details: str,
        trailers: Sequence[tuple[str, str | bytes]],
        message: bytes | None = None,
        compress: bool = True,
    ) -> bool:
        """End the call, after a last message if there is one. False if it was over.

        Raises ValueError for trailers that hold what metadata may not; the call is not finished then.
        """

    def cancel(self) -> None:
        """End the call as CANCELLED."""

    def on_end(self, callback: Callable[[], object]) -> bool:
        """Have `callback` run, once, when the call is over: by the thread that finishes it, or else by one of
        salver's own. False, and it is never run, if the call is over already."""

    def __hash__(self) -> int: ...

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

    def serve_admin(self, connection: int) -> None:
        """Serve a connection of a Unix socket whose caller may change what is served.

        The descriptor is given away. Raises RuntimeError if the server has been stopped.
        """

    def next_reload(self) -> Reload | None:
        """Wait for the next request to change what is served; None once the server is stopped."""

    def adopt(self, socket: int, tls: tuple[str, str, str | None] | None) -> str:
        """Serve on a socket that listens already; gives its address.

        The descriptor is given away; a Unix socket's file stays its maker's to remove. Raises as `listen` does.
        """

    def serve_services(
        self,
        services: Sequence[tuple[str, Sequence[tuple[str, bool, bool]], bytes | None]],
        calls: Calls,
        others: bool = ...,
        workers: Mapping[str, Workers] = ...,
    ) -> None:
        """Replace, atomically, users' own services, whose calls go to `calls`, or to `workers` by a service's name.

        Of each service its full name, its methods (name, whether callers stream, whether handlers do), and an encoded
        FileDescriptorSet that describes it, if there is one: without it there is no JSON for it, and reflection knows
        its name only. With `others`, `calls` also gets the calls of all other paths, taken for streams both ways;
        whoever takes them answers UNIMPLEMENTED where there is no such method. A set that does not hold together is
        told on standard error, and is as none.
        """

    def drain(self) -> None:
        """Turn health to NOT_SERVING and refuse new calls; those in flight go on."""

    def retire(self) -> None:
        """End listeners, and connections once their calls are answered, whose peers are told to call elsewhere.

        Health turns to NOT_SERVING, but no call is refused: what still comes from callers who have not heard is
        answered.
        """

    def calls_in_flight(self) -> int: ...
    def connections(self) -> int:
        """How many are open, but for those of an admin."""

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

def check_services(servable: str) -> None:
    """Check that the services of a servable fit their descriptors and its methods, as `Version` does.

    Raises ValueError with a whole sentence if one does not.
    """

def compile_proto(path: str, include: Sequence[str]) -> bytes:
    """Compile a `.proto` file with all that it imports into an encoded FileDescriptorSet, imports first.

    Imports are looked for in `include`, then beside the file, then among what is built in: google/protobuf,
    google/api/annotations and google/rpc. Raises ValueError with "file:line:column: text" for whatever is wrong.
    """

def unhurried() -> None:
    """From now on the calling thread takes its turns on the processor after threads that answer callers.

    That is so on Linux 6.12 and newer. Threads and processes that it starts are not concerned.
    """

def version() -> str:
    """The version of the native part; it must equal the package's."""
