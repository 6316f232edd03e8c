"""Calls on their way into the threads of a pool that is the user's own."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import Context
from typing import TYPE_CHECKING

from salver.grpc.context import LOGGER
from salver.grpc.statuses import UNAVAILABLE

if TYPE_CHECKING:
    from salver import _native

_LINGER_S = 0.1


class PoolFeeder:
    """Gives calls to threads of a pool, which take one after the other as long as more come.

    While a thread of the pool is at work another one waits for the next call, if the pool may have that many. While
    none is, a thread of the feeder's own waits, so that a pool without calls is idle. A thread of the pool goes as soon
    as something else waits for it.
    """

    def __init__(self, pool: Executor, calls: "_native.Calls", answer: "Callable[[_native.ServiceCall], None]") -> None:
        self._pool = pool
        self._calls = calls
        self._answer = answer
        # Other executors, and pools that look at what they are given, get call by call.
        plain = isinstance(pool, ThreadPoolExecutor) and type(pool).submit is ThreadPoolExecutor.submit
        self._most: int = pool._max_workers if plain else 0  # type: ignore[attr-defined]
        self._lock = threading.Lock()
        self._takers = 0
        self._waiting_takers = 0
        self._waits_itself = True
        self._its_turn = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._feed, name="salver-feeder", daemon=True)

    def start(self) -> None:
        """Ends with the calls."""
        self._thread.start()

    def _feed(self) -> None:
        while (call := self._calls.take()) is not None:
            if self._most == 0:
                self._submit(self._one, call)
                continue
            with self._lock:
                self._waits_itself = False
                self._takers += 1
            if not self._submit(self._many, call):
                self._leave()
            del call
            self._its_turn.acquire()

    def _submit(self, run: "Callable[[_native.ServiceCall], None]", call: "_native.ServiceCall") -> bool:
        try:
            self._pool.submit(run, call)
        except RuntimeError as error:
            LOGGER.error("a call of %s was refused: %s", call.path, error)
            call.finish(UNAVAILABLE, f"the server's thread pool has ended: {error}", ())
            return False
        return True

    def _one(self, call: "_native.ServiceCall") -> None:
        Context().run(self._answer, call)

    def _many(self, call: "_native.ServiceCall | None") -> None:
        """Answer this call, if any, and others, until none come for a while."""
        try:
            self._answer_all(call)
        finally:
            self._leave()

    def _answer_all(self, call: "_native.ServiceCall | None") -> None:
        pending = self._pool._work_queue  # type: ignore[attr-defined]
        variables = Context()
        call = call or self._wait()
        while call is not None:
            if not (self._waiting_takers or self._waits_itself or self._takers >= self._most):
                self._have_another_wait()
            variables.run(self._answer, call)
            if len(variables):
                # Each call has context variables of its own, none of them set.
                variables = Context()
            call = None if pending.qsize() else self._wait()

    def _wait(self) -> "_native.ServiceCall | None":
        with self._lock:
            self._waiting_takers += 1
        try:
            return self._calls.take(_LINGER_S)
        finally:
            with self._lock:
                self._waiting_takers -= 1

    def _have_another_wait(self) -> None:
        with self._lock:
            if self._waiting_takers or self._waits_itself or self._takers >= self._most:
                return
            self._takers += 1
        try:
            self._pool.submit(self._many, None)
        except RuntimeError:
            # The pool ends; there is nobody else to wait.
            with self._lock:
                self._takers -= 1

    def _leave(self) -> None:
        with self._lock:
            self._takers -= 1
            if self._waiting_takers or self._waits_itself:
                return
            self._waits_itself = True
        self._its_turn.release()
