"""Services of every kind: typed methods, batched functions, handlers of whole messages."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, TypedDict

import grpc
import numpy as np
from jaxtyping import Float32, Float64

import salver
from salver.client.messages import Status

faces = salver.proto("faces.proto")


@faces.service("Inference", ignore=["_meta_data"])
class Detector:
    """Fields of requests are inputs, a document is the reply."""

    def predict(self, raw_data: bytes, image_id: str, context: salver.Context) -> salver.Json:
        if not raw_data:
            raise salver.InvalidInput("there is no picture")
        points = [{"x": len(raw_data), "y": int(context.metadata.get("x-y", 0))}]
        return {"image_id": image_id, "points": points}


class Scaled(TypedDict):
    values: Float32[np.ndarray, "n"]
    rows: np.int32


@salver.function(max_wait_ms=2000, max_batch_size=2)
def scale(values: Float32[np.ndarray, "n"], factor: float = 2.0) -> Scaled:
    """Says how many rows its batch had."""
    scaled = values * np.reshape(factor, (-1, 1))
    return {"values": scaled.astype(np.float32), "rows": np.full(len(values), len(values), np.int32)}


@salver.stage
def transpose(tensor: Float64[np.ndarray, "m n"]) -> Float64[np.ndarray, "n m"]:
    return np.ascontiguousarray(tensor.T)


def count(text: str, count: int) -> Iterator[str]:
    for number in range(count):
        yield f"{text} {number}"


faces.service("Maths", ignore=["shape"], Scale=scale, Transpose=transpose, Count=count)


@faces.service("Handlers")
class Handlers:
    """Whole messages, as servicers have them."""

    def Ask(self, request: Any, context: Any) -> Any:  # noqa: N802
        context.send_initial_metadata([("x-first", "hello")])
        context.set_trailing_metadata([("x-last", request.text), ("x-last-bin", b"\x00\xff")])
        answer = getattr(self, f"_{request.text.replace(' ', '_')}", lambda _: f"{request.text}!")
        told = answer(context)
        return faces.Answer(text=told) if isinstance(told, str) else told

    def _abort(self, context: Any) -> None:
        context.abort(grpc.StatusCode.NOT_FOUND, "nothing: ä\n%")

    def _rich(self, context: Any) -> None:
        rich = Status(code=5, message="no face", details=[{"type_url": "t/faces.Answer", "value": b"x"}])
        trailer = ("grpc-status-details-bin", rich.SerializeToString())
        context.abort_with_status(SimpleNamespace(code=5, details="no face", trailing_metadata=[trailer]))

    def _text_for_bytes(self, context: Any) -> str:
        context.set_trailing_metadata([("x-bin", "text")])
        return ""

    def _a_line_break(self, context: Any) -> str:
        context.set_trailing_metadata([("x-a", "line\nbreak")])
        return ""

    def _a_key_of_grpc(self, context: Any) -> str:
        context.send_initial_metadata([("grpc-status", "0")])
        return ""

    def _no_pairs(self, context: Any) -> str:
        context.set_trailing_metadata(["x-a"])
        return ""

    def _half_a_character(self, context: Any) -> None:
        context.abort(grpc.StatusCode.NOT_FOUND, "no file \udcff")

    def _bytes(self, context: Any) -> str:
        context.set_details(b"not like this")
        context.set_code(9)
        return ""

    def _no_details(self, context: Any) -> None:
        context.set_details(7)

    def _no_code(self, context: Any) -> None:
        context.abort(-5, "nothing")

    def _no_code_either(self, context: Any) -> None:
        context.set_code("NOT_FOUND")

    def _code(self, context: Any) -> str:
        context.set_code(grpc.StatusCode.FAILED_PRECONDITION)
        context.set_details("not like this")
        return ""

    def _raise(self, _context: Any) -> None:
        raise RuntimeError("it broke")

    def _wrong(self, _context: Any) -> dict[str, str]:
        return {"text": "no message"}

    def _metadata(self, context: Any) -> str:
        told = {each.key: each.value for each in context.invocation_metadata()}
        return repr([told["x-own"], told["x-own-bin"]])

    def _crash(self, _context: Any) -> None:
        os._exit(7)

    def _deadline(self, context: Any) -> str:
        return str(0 < context.time_remaining() <= 60 and context.is_active())

    async def ask_later(self, request: Any, context: Any) -> Any:
        await asyncio.sleep(0)
        if request.text == "abort":
            context.abort(grpc.StatusCode.NOT_FOUND, "nothing")
        return faces.Answer(text=f"{request.text}, later")

    def tell(self, request: faces.Question, context: salver.Context) -> Iterator[Any]:
        context.send_initial_metadata([("x-first", "hello")])
        for number in range(request.count):
            yield faces.Answer(text=f"{request.text} {number}")
        context.set_trailing_metadata([("x-last", "bye")])
        if request.text == "abort":
            context.abort(grpc.StatusCode.OUT_OF_RANGE, "no more")

    async def tell_later(self, request: faces.Question) -> AsyncIterator[Any]:
        for number in range(request.count):
            await asyncio.sleep(0)
            yield faces.Answer(text=f"{request.text} {number}")
