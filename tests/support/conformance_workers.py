"""A servicer that worker processes make for themselves."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from support.conformance_pb2 import Request, Response
from support.conformance_pb2_grpc import ConformanceServicer


class Working(ConformanceServicer):
    """Tells its process; ends it if it is asked to."""

    def __init__(self, greeting: str = "", fails_with: Path | None = None) -> None:
        self._greeting = greeting
        if fails_with is not None and fails_with.exists():
            raise ValueError(fails_with.read_text())

    def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
        if request.wish == "end":
            os.kill(os.getpid(), signal.SIGKILL)
        if request.wish == "abort":
            context.set_trailing_metadata([("x-a", "b")])
            context.abort(grpc.StatusCode.ABORTED, request.text)
        if request.wish == "size":
            return Response(number=len(self._greeting))
        if request.wish == "peer":
            return Response(text=context.peer())
        metadata = dict(context.invocation_metadata())
        return Response(text=self._greeting + metadata.get("x-name", ""), number=os.getpid())

    def Chat(self, request_iterator: Iterator[Request], context: Any) -> Iterator[Response]:  # noqa: N802
        for each in request_iterator:
            yield Response(text=each.text, number=os.getpid())


class AsyncWorking(ConformanceServicer):
    async def Unary(self, request: Request, context: Any) -> Response:  # noqa: N802
        return Response(number=os.getpid())


class Hanging(ConformanceServicer):
    """Is not made as long as there is this file."""

    def __init__(self, while_there: Path) -> None:
        while while_there.exists():
            time.sleep(0.005)
