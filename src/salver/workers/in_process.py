"""Workers in the server's own process: the same code and the same link, in threads."""

import asyncio
import threading
from contextlib import suppress

from salver.workers.control import Control, pair
from salver.workers.handle import WorkerHandle

_ORDERLY_S = 5.0


class WorkerThread(WorkerHandle):
    """Spares the way to another process, and the safety: a thread cannot be ended, only asked to end."""

    def __init__(self, label: str) -> None:
        own, its = pair()
        super().__init__(own)
        threading.Thread(target=self._work, args=(its,), name=label, daemon=True).start()

    async def _end(self, orderly: bool) -> None:
        self.say("bye")
        await asyncio.wait([self.ended], timeout=_ORDERLY_S)
        if not self.ended.done():
            self._part("does not end")

    def _work(self, control: Control) -> None:
        # It brings numpy, which servers without such workers do without.
        from salver.workers.worker import work

        how = "ended by an error of its own"
        try:
            how = f"ended with status {work(control, _nothing, _nothing)}"
        finally:
            control.close()
            # A server that did not wait for this thread has no loop any more.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ended, how)

    def _ended(self, how: str) -> None:
        if not self.ended.done():
            self._part(how)


def _nothing(*_: object) -> None:
    """A thread shares its descriptors with the server, and notices its end by itself."""
