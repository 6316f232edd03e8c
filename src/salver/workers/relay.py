"""What workers print, passed on line by line with their names, within bounded memory and by threads of their own."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, Literal, TextIO

from salver.workers.log_file import LogFile

Stream = Literal["stdout", "stderr"]

_READ = 64 * 1024


class Lines:
    """Bytes to lines. What is longer than `longest` bytes is cut, with a note; the rest of that line is dropped.

    Of a line that was written over, as progress bars are, the last state counts.
    """

    def __init__(self, longest: int = 8192) -> None:
        self._longest = longest
        self._open = b""
        self._cut = 0

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that these bytes complete."""
        *complete, rest = data.split(b"\n")
        for piece in complete:
            yield self._finished(piece)
        self._append(rest)

    def flush(self) -> Iterator[str]:
        """The line that was never ended, if there is one."""
        if self._open or self._cut:
            yield self._finished(b"")

    def _append(self, piece: bytes) -> None:
        line = self._open + piece
        if len(line) > self._longest:
            start = _start_of_last_state(line)
            line, self._cut = line[start:], 0 if start else self._cut
        self._open = line[: self._longest]
        self._cut += len(line) - len(self._open)

    def _finished(self, piece: bytes) -> str:
        self._append(piece)
        line, cut = self._open[_start_of_last_state(self._open) :].rstrip(b"\r"), self._cut
        self._open, self._cut = b"", 0
        note = f" ... ({cut} bytes more)" if cut else ""
        return line.decode(errors="replace") + note


def _start_of_last_state(line: bytes) -> int:
    return line.rstrip(b"\r").rfind(b"\r") + 1


class Relay:
    """Writes lines to this process's own streams and to files; a stream that nobody reads keeps no file waiting.

    Whoever hands it a line waits for neither. Each source may have `quota` characters waiting to be written; what is
    more is dropped and counted.
    """

    def __init__(self, quota: int = 1024**2) -> None:
        self._streams, self._files = _Writer(quota), _Writer(quota)

    def source(self, label: str, stream: Stream) -> "Source":
        """Something that has lines for a stream; an empty label marks the server's own."""
        return Source(self._streams, partial(_print, stream), f"[{label}] " if label else "")

    def file(self, file: LogFile) -> "Source":
        """Something that has lines for a file."""
        return Source(self._files, file.write)

    def stop(self, timeout: float) -> None:
        """Write what waits, as far as that is possible in this time, and nothing after it."""
        self._files.stop(timeout)
        self._streams.stop(timeout)


class _Writer:
    """Writes the lines of its sources, one after the other."""

    def __init__(self, quota: int) -> None:
        self._quota = quota
        self._waiting: deque[tuple[Source, str]] = deque()
        self._changed = threading.Condition()
        self._writer: threading.Thread | None = None
        self._stopped = False

    def put(self, source: "Source", line: str) -> None:
        """Have a line written, unless too many of this source wait already."""
        with self._changed:
            if self._stopped:
                return
            if source.waiting > self._quota:
                source.dropped += 1
                return
            source.waiting += len(line)
            self._waiting.append((source, line))
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="worker output", daemon=True)
                self._writer.start()
            self._changed.notify()

    def stop(self, timeout: float) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
            writer = self._writer
        if writer is not None:
            writer.join(timeout)

    def _write(self) -> None:
        while (taken := self._next()) is not None:
            source, lines = taken
            for line in lines:
                source.write(line)

    def _next(self) -> "tuple[Source, list[str]] | None":
        """Whose line is next, that line, and a note if some were dropped before it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped)
            if not self._waiting:
                return None
            source, line = self._waiting.popleft()
            source.waiting -= len(line)
            lines = [source.prefix + line]
            if source.dropped and source.waiting <= self._quota // 2:
                lines.append(f"{source.prefix}({source.dropped} lines dropped: they came too fast)")
                source.dropped = 0
            return source, lines


def _print(name: Stream, line: str) -> None:
    stream: TextIO | None = getattr(sys, name)
    if stream is None:
        return
    try:
        encoding = stream.encoding or "utf-8"
        # One piece, so that no other thread's text comes between the line and its end.
        stream.write(f"{line}\n".encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError):
        # The stream is closed or its reader has gone; there is nobody left to tell, and workers must go on.
        return


class Source:
    """Lines for one place, with the same text before each of them."""

    def __init__(self, writer: _Writer, write: Callable[[str], None], prefix: str = "") -> None:
        self._writer = writer
        self.write = write
        self.prefix = prefix
        self.waiting = 0
        self.dropped = 0

    def say(self, line: str) -> None:
        """Have a line written."""
        self._writer.put(self, line)


class Several:
    """Has each line written to several places."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = list(sources)

    def say(self, line: str) -> None:
        for source in self._sources:
            source.say(line)

    def add(self, source: Source) -> None:
        """From now on to this place, too."""
        self._sources.append(source)


class Pipe:
    """The reading end of a worker's output, which it takes over; never blocks."""

    def __init__(self, output: IO[bytes], source: Several) -> None:
        os.set_blocking(output.fileno(), False)
        self._output = output
        self._source = source
        self._lines = Lines()

    def fileno(self) -> int:
        return self._output.fileno()

    def pass_on(self) -> bool:
        """Pass on some of what is there; False if nothing is, and nothing will come."""
        try:
            data = os.read(self._output.fileno(), _READ)
        except BlockingIOError:
            return True
        for line in self._lines.feed(data):
            self._source.say(line)
        return bool(data)

    def finish(self) -> None:
        """Pass on what is left of a writer that has ended, and close; somebody else may still hold its end."""
        for _ in range(2):  # a pipe holds no more
            self.pass_on()
        for line in self._lines.flush():
            self._source.say(line)
        self._output.close()
