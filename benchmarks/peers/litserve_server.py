"""A LitServe server. Its worker processes get the API object by pickling."""

# mypy: disable-error-code="import-not-found,import-untyped", disallow-subclassing-any=False, allow-untyped-defs

from __future__ import annotations

import base64
from pathlib import Path

import litserve
import numpy as np

from benchmarks.peers.models import Model, load, parse_start, split
from benchmarks.raw import Array, objects
from benchmarks.workloads import Workload


class Inference(litserve.LitAPI):
    """JSON lists of floats; a large tensor travels as base64, as JSON has no bytes."""

    def __init__(self, workload: Workload, model: Path) -> None:
        super().__init__()
        self._workload = workload
        self._path = model
        self._model: Model | None = None

    def setup(self, device: str) -> None:
        self._model = load(self._workload.name, self._path)

    # LitServe takes annotations of the next two methods, where there are any, as instructions to validate.
    def decode_request(self, request):
        if self._workload.batched:
            return np.asarray(request, np.float32)
        return np.frombuffer(base64.b64decode(request["data"]), np.float32)

    def encode_response(self, output):
        if self._workload.batched:
            return output.ravel().tolist()
        return {"data": base64.b64encode(output.tobytes()).decode()}

    def predict(self, floats: Array) -> Array:
        assert self._model is not None, "setup runs before the first request"
        return self._model(split(self._workload, floats[np.newaxis]))


class Classification(Inference):
    """A file in, as base64; a name out."""

    def decode_request(self, request):
        return base64.b64decode(request["data"])

    def encode_response(self, output):
        return output[0].decode()

    def predict(self, file: bytes) -> Array:  # type: ignore[override]
        assert self._model is not None, "setup runs before the first request"
        return self._model([objects([file])])


def main() -> None:
    start = parse_start()
    api = (Classification if start.workload.name == "image" else Inference)(start.workload, start.model)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(
        host="127.0.0.1", port=start.http_port, num_api_servers=1, log_level="warning", generate_client_file=False
    )


if __name__ == "__main__":
    main()
