"""Where workers of other processes join a server: one thread with an event loop, which nobody else has to wait for."""

import asyncio
import socket
import ssl
import threading
from collections import OrderedDict
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from salver.cluster.greeting import Refused, refuse
from salver.cluster.keys import Keys, server_keys
from salver.cluster.line import BUFFER, Line, LineClosed
from salver.cluster.pulse import Beat
from salver.cluster.reception import Limits, Once, Reception
from salver.cluster.roster import Board, Roster
from salver.config.addresses import Address
from salver.config.settings import Config
from salver.workers.control import BrokenControl
from salver.workers.relay import Relay

T = TypeVar("T")

_BACKLOG = 128
_PAUSE_S = 0.1
_PARTING_S = 1.0
_FLUSH_S = 1.0
_USUAL, _STEADY = Limits(), Beat()


@dataclass
class _Visitor:
    """A connection, and where it is from. A transport that has taken it over closes it."""

    connected: socket.socket
    host: str
    taken_over: bool = False


class Gate:
    """To be closed. What happens there is told on standard error."""

    def __init__(self, board: Board, keys: Keys, limits: Limits = _USUAL, beat: Beat = _STEADY) -> None:
        self._keys = keys
        self._relay = Relay()
        own = self._relay.source("", "stderr")
        self._tell = Once(own.say)
        self._limits = limits
        self._roster = Roster(board)
        self._reception = Reception(self._roster, keys.token, own.say, limits, beat)
        self._strangers: OrderedDict[asyncio.Task[None], _Visitor] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._thread.start()

    def listen(self, host: str, port: int) -> int:
        """Let workers join at this address; gives the real port. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        listener.setblocking(False)
        bound: int = listener.getsockname()[1]
        self._run(self._open(listener))
        return bound

    def shut(self) -> None:
        """Let nobody join any more, and accept no more calls for those who have. Idempotent."""
        if self._thread.is_alive():
            self._run(self._shut())

    def close(self) -> None:
        """End what workers have brought, and their connections. Idempotent."""
        if not self._thread.is_alive():
            return
        self._run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._relay.stop(_FLUSH_S)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self, listener: socket.socket) -> None:
        self._begin(self._accept(listener))

    async def _shut(self) -> None:
        self._reception.is_closed = True
        self._roster.close()

    async def _finish(self) -> None:
        self._reception.is_closed = True
        self._roster.end()
        begun = asyncio.all_tasks() - {asyncio.current_task()}
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        # Transports that were aborted close their sockets in the next turn.
        await asyncio.sleep(0)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        # The loop itself holds tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    connected, peer = await self._loop.sock_accept(listener)
                except OSError as error:
                    self._tell(f"salver: workers cannot be let in: {error.strerror or error}")
                    await asyncio.sleep(_PAUSE_S)
                    continue
                self._receive(_Visitor(connected, peer[0]))

    def _receive(self, visitor: _Visitor) -> None:
        """Where there are too many who have proved nothing, the one that came first has to go."""
        if len(self._strangers) >= self._limits.strangers:
            oldest, _ = self._strangers.popitem(last=False)
            oldest.cancel()
        task = self._begin(self._see(visitor))
        self._strangers[task] = visitor
        task.add_done_callback(partial(self._gone, visitor))

    def _gone(self, visitor: _Visitor, task: asyncio.Task[None]) -> None:
        self._strangers.pop(task, None)
        if not visitor.taken_over:
            visitor.connected.close()

    async def _see(self, visitor: _Visitor) -> None:
        """A connection from its beginning to its end, or until it is a link, whatever it is."""
        line: Line | None = None
        is_link = False
        try:
            async with asyncio.timeout(self._limits.greeting_s):
                line = await self._line(visitor)
                purpose = await self._reception.greet(line)
            self._known()
            await self._reception.serve(line, purpose, visitor.host)
            is_link = purpose.kind == "lane"
        except Refused as refusal:
            self._tell(f"salver: a worker of {visitor.host} is refused: {refusal.what}\n  remedy: {refusal.remedy}")
            if line is not None:
                await _tell_it(line, refusal)
        except (LineClosed, BrokenControl, OSError, TimeoutError) as error:
            self._tell(f"salver: {visitor.host} connected, but not as a worker does: {_what(error)}")
        finally:
            if line is not None and not is_link:
                line.abort()

    def _known(self) -> None:
        """The current task's visitor is no stranger any more."""
        task = asyncio.current_task()
        assert task is not None
        self._strangers.pop(task, None)

    async def _line(self, visitor: _Visitor) -> Line:
        """Raises OSError if TLS was wanted and not spoken."""
        certificates = self._keys.certificates
        context = None if certificates is None else certificates.context()
        reader = asyncio.StreamReader(limit=BUFFER)
        protocol = asyncio.StreamReaderProtocol(reader)
        patience = None if context is None else self._limits.greeting_s
        visitor.taken_over = True
        transport, _ = await self._loop.connect_accepted_socket(
            lambda: protocol, visitor.connected, ssl=context, ssl_handshake_timeout=patience
        )
        return Line(reader, asyncio.StreamWriter(transport, protocol, reader, self._loop))


def open_gate(board: Board, config: Config) -> tuple[Gate, Address]:
    """Let workers join as `config` says; gives the gate, and its address with the real port.

    Raises OSError if that cannot be bound, and Unusable for TLS files that are of no use.
    """
    asked = config.accept_workers
    assert asked is not None
    gate = Gate(board, server_keys(config))
    try:
        port = gate.listen(asked.host, asked.port)
    except BaseException:
        gate.close()
        raise
    return gate, Address(f"{asked.target.rpartition(':')[0]}:{port}", asked.security)


async def _tell_it(line: Line, refusal: Refused) -> None:
    with suppress(LineClosed, TimeoutError):
        async with asyncio.timeout(_PARTING_S):
            await refuse(line, refusal)
            await line.close()


def _what(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return str(error) or "it closed the connection"
