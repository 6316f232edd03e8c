"""The worker processes of a server: started, started again with back-off when they end, and ended with it."""

import asyncio
import pickle
import shutil
import tempfile
from base64 import b64encode
from pathlib import Path

from salver import _native
from salver.grpc.recipes import Recipe
from salver.problems import Problem, Unusable
from salver.workers.handle import WorkerEnded
from salver.workers.keeping import Seat, keep
from salver.workers.orders import Patience
from salver.workers.process import WorkerProcess
from salver.workers.relay import Relay, Several
from salver.workers.supervisor import Equipment, Supervisor

_PROGRAM = ("salver.grpc.servicer_worker",)


class Crew:
    """To be started once and stopped. Every worker serves all services of the recipe on a Unix socket of its own."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self.services = recipe.services()
        self.workers = _native.Workers()
        self._supervisor: Supervisor | None = None

    def start(self) -> None:
        """Return when all of them serve. Raises RuntimeError if one does not, ValueError for a useless recipe."""
        packed, main = self._recipe.packed(), pickle.dumps(self._recipe.main())
        told = {"main": b64encode(main).decode(), "recipe": b64encode(packed).decode()}
        self._supervisor = Supervisor()
        posts = self._supervisor.hold(lambda own: _Posts(told, self._recipe.plan.workers or 1, self.workers, own))
        try:
            self._supervisor.run(posts.open())
        except Unusable as error:
            self.stop()
            raise RuntimeError(str(error.problem)) from None

    def stop(self) -> None:
        """End all workers. Idempotent."""
        if self._supervisor is not None:
            self._supervisor.stop()


class _Posts:
    """The workers of one crew. All methods belong to the supervisor's loop."""

    def __init__(self, told: dict[str, str], count: int, workers: _native.Workers, own: Equipment) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="salver-"))
        self._posts = [_Post(index, told, self._folder, workers, **own) for index in range(count)]
        self._keeping: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        await asyncio.gather(*(post.fill() for post in self._posts))
        self._keeping = [asyncio.create_task(post.keep()) for post in self._posts]

    async def close(self) -> None:
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await asyncio.gather(*(post.end() for post in self._posts))
        shutil.rmtree(self._folder, ignore_errors=True)


class _Post:
    """One worker's place, filled again and again."""

    def __init__(
        self,
        index: int,
        told: dict[str, str],
        folder: Path,
        workers: _native.Workers,
        relay: Relay,
        patience: Patience,
    ) -> None:
        self._label = f"worker {index}"
        self._told = told
        self._socket = folder / str(index)
        self._workers = workers
        self._relay = relay
        self._backoff = patience.backoff
        self._own = relay.source("", "stderr")
        self._handle: WorkerProcess | None = None

    async def fill(self) -> None:
        """Start a worker, which serves then. Raises Unusable; there is no worker then."""
        self._socket.unlink(missing_ok=True)
        try:
            handle = self._handle = WorkerProcess({}, self._output("stdout"), self._output("stderr"), _PROGRAM)
        except OSError as error:
            what = f"cannot be started: {error.strerror or error}"
            raise Unusable(self._label, what, "see that processes, memory and open files are left") from None
        handle.say("recipe", (), socket=str(self._socket), **self._told)
        try:
            message = await handle.next()
        except WorkerEnded as error:
            remedy = "see what it printed; the servicer's own code or a library that it uses ended the process"
            raise Unusable(self._label, f"{error} before it served", remedy) from None
        if message.say != "ready":
            await self.end()
            raise Unusable(**message.fields)
        self._workers.add(str(self._socket))

    async def keep(self) -> None:
        """Fill the post again, for ever, whenever its worker ends. It has just been filled."""
        seat = Seat(self._label, self._lost, self.fill, "could not be started again")
        await keep(seat, self._backoff, self._own.say)

    async def end(self) -> None:
        self._workers.remove(str(self._socket))
        if self._handle is not None:
            await self._handle.end(orderly=True)
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
