"""HandleReloadConfigRequest over gRPC: from the native part to whoever carries it out, and back."""

import threading
import traceback
from collections.abc import Callable

from salver import _native
from salver.server.reload import Refusal, Reload


class ReloadDesk:
    """One request after the other, in a thread of its own. The server must have been stopped before `stop`."""

    def __init__(self, take: Callable[[], _native.Reload | None], reload: Reload) -> None:
        """`take` waits for a request, and gives None when there will be no more."""
        self._take = take
        self._reload = reload
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Wait until what was begun is done. Idempotent."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while (asked := self._take()) is not None:
            self._answer(asked)

    def _answer(self, asked: _native.Reload) -> None:
        """Whatever happens to one request, those that follow are to be answered."""
        try:
            self._reload.message(asked.config)
        except Refusal as error:
            asked.refuse(error.code, str(error))
        except Exception:
            traceback.print_exc()
            asked.refuse("INTERNAL", "the list could not be followed, for a reason of salver's own; see its log")
        else:
            asked.done()
