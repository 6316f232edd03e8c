"""A way between worker and server that can be cut, slow, narrow, or silent."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_CHUNK = 16 * 1024


class Proxy:
    """Belongs to its loop, but for `tell`."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._loop = asyncio.new_event_loop()
        self._connections: list[list[asyncio.StreamWriter]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.delay_s = 0.0
        self.bytes_per_s = float("inf")
        self.carried = 0
        self.address = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """End all connections; there may be new ones."""
        for connection in self._connections:
            self._cut(connection)
        self._connections.clear()

    def cut_last(self) -> None:
        """End the connection that was made last."""
        self._cut(self._connections.pop())

    def silence(self) -> None:
        """Let nothing through any more, while connections stay as they are."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def tell(self, do: Callable[[], None]) -> None:
        """Have the loop do this, and wait for it."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(do)
        self._loop.call_soon_threadsafe(done.set)
        assert done.wait(10)

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._finish())
        self._loop.close()

    async def _finish(self) -> None:
        self._server.close()
        self.cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def begin(self) -> None:
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result(10)

    def _cut(self, connection: list[asyncio.StreamWriter]) -> None:
        for writer in connection:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, int(self._port))
        except OSError:
            writer.transport.abort()
            return
        connection.append(far_writer)
        self._connections.append(connection)
        for one, other in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(one, other))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                await asyncio.sleep(self.delay_s + len(data) / self.bytes_per_s)
                writer.write(data)
                await writer.drain()
                self.carried += len(data)
        writer.close()


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A way to this address."""
    made = Proxy(target)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        made.begin()
        yield made
    finally:
        made.stop()
        thread.join(20)
        assert not thread.is_alive()
