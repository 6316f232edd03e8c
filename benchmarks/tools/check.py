"""A client that checks a server's answers: thoroughly before the load, and now and then during it.

Usage: python -m benchmarks.tools.check WORKLOAD FORM=PORT...

Writes one JSON line when the server answered everything rightly: the size of the answer to the load's request,
by form. Then it goes on asking, with other inputs each time, until its standard input closes, and writes a
last JSON line: how often it asked. The first wrong answer or failed call ends it, with the reason in that line.
"""

from __future__ import annotations

import http.client
import json
import select
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count, cycle

import grpc

from benchmarks.tools.forms import FORMS, Inputs, Request, framed, unframed
from benchmarks.tools.reference import LOAD_SEED, agree, random_inputs, reference
from benchmarks.workloads import WORKLOADS, Workload

READY_SECONDS = 60
CALL_SECONDS = 30
QUESTIONS_BEFORE = 20
PAUSE_SECONDS = 0.2

Send = Callable[[Request], tuple[Mapping[str, str], bytes]]


class Asker:
    """Asks one server in one form and compares its answers with numpy's."""

    def __init__(self, workload: Workload, form: str, port: int) -> None:
        self._workload = workload
        self._form = FORMS[form]
        self._answer = reference(workload)
        self._send = _grpc_sender(port) if self._form.grpc else _http_sender(port)

    def ask(self, seed: int) -> int:
        """The number of body bytes of a right answer; raises on a wrong one."""
        inputs: Inputs = random_inputs(self._workload, seed)
        headers, body = self._send(self._form.write(self._workload, inputs))
        got = self._form.read(self._workload, headers, body)
        agree(got, self._answer(inputs))
        return len(body)

    def ask_until_ready(self) -> None:
        """Asks until the first right answer; a server that is still loading may refuse or fail before it."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.ask(LOAD_SEED)
                return
            except (OSError, RuntimeError, grpc.RpcError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE_SECONDS)


def _grpc_sender(port: int) -> Send:
    limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=limits)

    def send(request: Request) -> tuple[Mapping[str, str], bytes]:
        method: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(request.path)
        messages = method(iter(unframed(request.body)), timeout=CALL_SECONDS)
        return {}, b"".join(map(framed, messages))

    return send


def _http_sender(port: int) -> Send:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CALL_SECONDS)

    def send(request: Request) -> tuple[Mapping[str, str], bytes]:
        try:
            connection.request("POST", request.path, request.body, dict(request.headers))
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        if answer.status != 200:
            raise RuntimeError(f"status {answer.status}: {body[:300].decode(errors='replace')}")
        return {name.lower(): value for name, value in answer.getheaders()}, body

    return send


def main() -> None:
    workload = WORKLOADS[sys.argv[1]]
    targets = dict(argument.split("=") for argument in sys.argv[2:])
    askers = {form: Asker(workload, form, int(port)) for form, port in targets.items()}
    asked = count()
    try:
        _report({"answer_bytes": {form: _ask_before(asker, asked) for form, asker in askers.items()}})
        _ask_during(list(askers.values()), asked)
        _report({"asked": next(asked)})
    except Exception as problem:  # whatever went wrong is this program's result
        _report({"problem": f"{type(problem).__name__}: {problem}"})
        sys.exit(1)


def _ask_before(asker: Asker, asked: Iterator[int]) -> int:
    asker.ask_until_ready()
    for _ in range(QUESTIONS_BEFORE):
        asker.ask(next(asked))
    return asker.ask(LOAD_SEED)


def _ask_during(askers: list[Asker], asked: Iterator[int]) -> None:
    for asker in cycle(askers):
        if select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            return
        asker.ask(next(asked))


def _report(facts: Mapping[str, object]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
