"""Workers that are processes of their own, by exec, each the leader of a session and a process group."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from salver.config.settings import TOKEN_VARIABLE
from salver.workers.control import pair
from salver.workers.handle import WorkerHandle
from salver.workers.relay import Pipe, Several

_PROGRAM = Path(__file__).with_name("start_worker.py")
# What the author's code has no use for, and might print.
_SECRETS = {TOKEN_VARIABLE: ""}
_ORDERLY_S, _TERMINATE_S = 10.0, 2.0


class WorkerProcess(WorkerHandle):
    """Made in a thread that lives as long as the server, for the kernel ends the worker with that thread.

    `stdout` and `stderr` are told what it prints. `work` may name the module whose
    function `work` it runs.
    """

    def __init__(
        self, environment: Mapping[str, str], stdout: Several, stderr: Several, work: Sequence[str] = ()
    ) -> None:
        own, its = pair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, str(_PROGRAM), "--control", str(its.fileno()), *work],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=[its.fileno()],
                start_new_session=True,
                env={**os.environ, **environment, **_SECRETS},
            )
        except OSError:
            own.close()
            raise
        finally:
            its.close()
        super().__init__(own)
        try:
            self._pidfd = self.pidfd = os.pidfd_open(self._process.pid)
        except OSError:
            self._process.kill()
            self._part(_how(self._process.wait()))
            raise
        self._pipes = [
            self._follow(self._process.stdout, stdout),
            self._follow(self._process.stderr, stderr),
        ]
        self._loop.add_reader(self._pidfd, self._reap)

    async def _end(self, orderly: bool) -> None:
        """Ask it, then tell it, then make it; its process group ends with it."""
        if orderly:
            self.say("bye")
            await self._ended_within(_ORDERLY_S)
        for number, grace in ((signal.SIGTERM, _TERMINATE_S), (signal.SIGKILL, None)):
            if not self.ended.done():
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, number)
                await self._ended_within(grace)

    async def _ended_within(self, grace: float | None) -> None:
        await asyncio.wait([self.ended], timeout=grace)

    def _follow(self, output: IO[bytes] | None, source: Several) -> Pipe:
        assert output is not None
        pipe = Pipe(output, source)
        self._loop.add_reader(pipe, self._pass_on, pipe)
        return pipe

    def _pass_on(self, pipe: Pipe) -> None:
        if not pipe.pass_on():
            self._loop.remove_reader(pipe)

    def _reap(self) -> None:
        """It has ended. Its group is ended before its number may become another's."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        for pipe in self._pipes:
            self._loop.remove_reader(pipe)
            pipe.finish()
        self._part(_how(status))


def _how(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
