"""A call from its first message to its status, as a task of an event loop."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any

from salver.grpc.async_context import AsyncContext, Requests
from salver.grpc.blocking_calls import answer
from salver.grpc.context import LOGGER
from salver.grpc.handlers import Method, Style
from salver.grpc.statuses import CANCELLED, UNIMPLEMENTED


async def guarded(context: AsyncContext, answering: Coroutine[Any, Any, None]) -> None:
    """Run what answers a call; whatever it raises, the call is ended."""
    try:
        await answering
        if context.aborted:
            LOGGER.error("the abort of a call of %s was caught by its handler", context.path)
    except asyncio.CancelledError:
        LOGGER.debug("a call of %s was cancelled", context.path)
        if not context.finished:
            context.finish(CANCELLED, "the call was cancelled by its handler")
    except Exception as error:
        if not context.was_aborted_by(error):
            _report(context, error)
    finally:
        context.call_back()


def _report(context: AsyncContext, error: Exception) -> None:
    kind = type(error)
    LOGGER.error("Unexpected [%s] raised by servicer method [%s]", kind.__name__, context.path, exc_info=error)
    if not context.finished:
        try:
            details = f"Unexpected {kind}: {error}"
        except Exception:
            details = f"Unexpected {kind}, which is unprintable"
        context.fail(details)


async def answered(method: Method, context: AsyncContext, pool: Executor | None) -> None:
    """Run the method's handler, and end the call."""
    context.method = method
    if method.style is Style.PLAIN:
        await _in_thread(method, context, pool)
        return
    if method.client_streams:
        request: Any = Requests(context)
    else:
        message = await context.message()
        if message is None:
            context.finish(UNIMPLEMENTED, f'"{method.path}" requires exactly one request message.')
            return
        request = message if method.deserialize is None else method.deserialize(message)
    if method.server_streams:
        await _stream(method, context, request)
    else:
        await _unary(method, context, request)


async def _in_thread(method: Method, context: AsyncContext, pool: Executor | None) -> None:
    """A handler that is no coroutine may wait, and so its whole call is answered in a thread."""
    own = copy_context()
    await asyncio.get_running_loop().run_in_executor(pool, own.run, answer, method, context.call, context.compression)
    context.finished = True


async def _unary(method: Method, context: AsyncContext, request: Any) -> None:
    response = await method.behaviour(request, context)
    context.check()
    if context.is_ok:
        context.end(response if method.serialize is None else method.serialize(response))
    else:
        # Beside another status a response says nothing, whatever it is.
        context.end()


async def _stream(method: Method, context: AsyncContext, request: Any) -> None:
    """The handler yields its responses, or writes them itself."""
    if method.style is Style.GENERATOR:
        async for response in method.behaviour(request, context):
            context.check()
            await context.write(response)
    else:
        await method.behaviour(request, context)
    context.check()
    context.end()
