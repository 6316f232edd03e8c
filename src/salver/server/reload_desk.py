"""HandleReloadConfigRequest over gRPC: from the native part to whoever carries it out, and back."""

import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from salver import _native
from salver.server.reload import Refusal, Reload


class ReloadDesk:
    """Lists are taken over in the order in which they come; one whose models take long to load keeps no other waiting.

    The server must have been stopped before `stop`.
    """

    def __init__(self, take: Callable[[], _native.Reload | None], reload: Reload) -> None:
        """`take` waits for a request, and gives None when there will be no more."""
        self._take = take
        self._reload = reload
        self._waiting: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Wait until what was begun is done. Idempotent."""
        if self._thread.ident is not None:
            self._thread.join()
        for each in self._waiting:
            each.join()

    def _run(self) -> None:
        while (asked := self._take()) is not None:
            with _answering(asked):
                self._follow(asked)

    def _follow(self, asked: _native.Reload) -> None:
        new = self._reload.message(asked.config)
        if not new:
            asked.done()
            return
        # There are as many as models that are waited for: a later list waits only for those that are new on it.
        thread = threading.Thread(target=self._finish, args=(asked, new), name="reload", daemon=True)
        thread.start()
        self._waiting = [*(each for each in self._waiting if each.is_alive()), thread]

    def _finish(self, asked: _native.Reload, new: Sequence[str]) -> None:
        with _answering(asked):
            self._reload.wait_for(new)
            asked.done()


@contextmanager
def _answering(asked: _native.Reload) -> Iterator[None]:
    """Whatever happens to one request, it is answered, and those that follow are."""
    try:
        yield
    except Refusal as error:
        asked.refuse(error.code, str(error))
    except Exception:
        traceback.print_exc()
        asked.refuse("INTERNAL", "the list could not be followed, for a reason of salver's own; see its log")
