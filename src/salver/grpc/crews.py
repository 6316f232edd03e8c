"""The worker processes of a server: started, started again with back-off when they end, and ended with it."""

import asyncio
import os
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import IO

from salver import _native
from salver.grpc.recipes import Recipe
from salver.problems import Problem, Unusable
from salver.workers.handle import WorkerEnded
from salver.workers.keeping import Seat, keep
from salver.workers.orders import Patience
from salver.workers.patiently import TooSlow, patiently
from salver.workers.process import WorkerProcess
from salver.workers.relay import Relay, Several
from salver.workers.supervisor import Equipment, Supervisor

_PROGRAM = ("salver.grpc.servicer_worker",)


class Crew:
    """To be started once and stopped. Every worker serves all services of the recipe on a Unix socket of its own."""

    def __init__(self, recipe: Recipe, patience: Patience | None = None) -> None:
        self._recipe = recipe
        self.services = recipe.services()
        self.workers = _native.Workers()
        self._supervisor = Supervisor(patience)

    def start(self) -> None:
        """Return when all of them serve.

        Raises RuntimeError if one does not, or if the crew is stopped before, ValueError for a useless recipe. The crew
        is stopped then.
        """
        try:
            packed = _file_of(self._recipe)
            count = self._recipe.plan.workers or 1
            posts = self._supervisor.hold(lambda own: _Posts(packed, count, self.workers, own))
            self._supervisor.run(posts.open())
        except BaseException as error:
            self.stop()
            if isinstance(error, Unusable):
                raise RuntimeError(str(error.problem)) from None
            raise

    def stop(self) -> None:
        """End all workers, also while they start. Idempotent."""
        self._supervisor.stop()


def _file_of(recipe: Recipe) -> IO[bytes]:
    """The recipe in memory that workers are shown: it may be of any size. Raises ValueError."""
    packed = recipe.packed()
    file = open(os.memfd_create("salver-recipe"), "wb")  # noqa: PTH123, SIM115
    pickle.dump(recipe.main(), file)
    file.write(packed)
    file.flush()
    return file


class _Posts:
    """The workers of one crew. All methods belong to the supervisor's loop."""

    def __init__(self, packed: IO[bytes], count: int, workers: _native.Workers, own: Equipment) -> None:
        self._packed = packed
        self._folder = Path(tempfile.mkdtemp(prefix="salver-"))
        sockets = (self._folder / str(index) for index in range(count))
        self._posts = [_Post(index, packed, socket, workers, **own) for index, socket in enumerate(sockets)]
        self._keeping: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        await asyncio.gather(*(post.fill() for post in self._posts))
        self._keeping = [asyncio.create_task(post.keep()) for post in self._posts]

    async def close(self) -> None:
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await asyncio.gather(*(post.end() for post in self._posts))
        self._packed.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class _Post:
    """One worker's place, filled again and again."""

    def __init__(
        self,
        index: int,
        packed: IO[bytes],
        socket: Path,
        workers: _native.Workers,
        relay: Relay,
        patience: Patience,
    ) -> None:
        self._label = f"worker {index}"
        self._packed = packed
        self._socket = socket
        self._workers = workers
        self._relay = relay
        self._patience = patience
        self._own = relay.source("", "stderr")
        self._handle: WorkerProcess | None = None

    async def fill(self) -> None:
        """Start a worker, which serves then. Raises Unusable; there is no worker then."""
        self._socket.unlink(missing_ok=True)
        handle = self._handle = self._started()
        handle.say("recipe", [self._packed.fileno()], socket=str(self._socket))
        try:
            await patiently(self._ready(handle), "starting", self._label, self._patience, self._own.say)
        except TooSlow as error:
            await self.end(orderly=False)
            remedy = "see what it printed, and what the making of its servicers waits for"
            raise Unusable(self._label, str(error), remedy) from None
        except BaseException:
            await self.end(orderly=False)
            raise
        self._workers.add(str(self._socket))

    def _started(self) -> WorkerProcess:
        try:
            return WorkerProcess({}, self._output("stdout"), self._output("stderr"), _PROGRAM)
        except OSError as error:
            what = f"cannot be started: {error.strerror or error}"
            raise Unusable(self._label, what, "see that processes, memory and open files are left") from None

    async def _ready(self, handle: WorkerProcess) -> None:
        try:
            message = await handle.next()
        except WorkerEnded as error:
            remedy = "see what it printed; the servicer's own code or a library that it uses ended the process"
            raise Unusable(self._label, f"{error} before it served", remedy) from None
        if message.say != "ready":
            raise Unusable(**message.fields)

    async def keep(self) -> None:
        """Fill the post again, for ever, whenever its worker ends. It has just been filled."""
        seat = Seat(self._label, self._lost, self.fill, "could not be started again")
        await keep(seat, self._patience.backoff, self._own.say)

    async def end(self, orderly: bool = True) -> None:
        self._workers.remove(str(self._socket))
        if self._handle is not None:
            await self._handle.end(orderly)
            self._handle = None

    async def _lost(self) -> str:
        """How the worker came to its end."""
        assert self._handle is not None, "nobody holds the post"
        try:
            message = await self._handle.next()
            how = str(Problem(**message.fields))
        except WorkerEnded as error:
            how = str(error)
        await self.end()
        return how

    def _output(self, stream: str) -> Several:
        return Several([self._relay.source(self._label, "stdout" if stream == "stdout" else "stderr")])
