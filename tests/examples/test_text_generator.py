import json
import queue
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
from support.http import post
from support.paths import ROOT
from support.waiting import until

from salver.testing.server import Server, running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(ROOT / "examples" / "text_generator" / "servable.py") as server:
        yield server


def generated(address: str, **row: Any) -> list[str]:
    """The pieces of a text, as curl shows them."""
    url = f"http://{address}/servables/text_generator"
    command = ["curl", "-sN", "-H", "accept: text/event-stream", "-d", json.dumps(row), url]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    *items, done, rest = ran.stdout.split("\n\n")
    assert (done, rest) == ("event: done\ndata: {}", "")
    return [json.loads(item.removeprefix("data: "))["output"] for item in items]


def test_text_comes_by_sentences_and_the_seed_decides_which(server: Server) -> None:
    text = generated(server.address, prompt="the", seed=7, length=8)
    assert len(text) == 8
    assert all(sentence.endswith(".") for sentence in text)
    assert generated(server.address, prompt="the", seed=7, length=8) == text
    assert generated(server.address, prompt="the", seed=8, length=8) != text


def test_a_prompt_that_nobody_has_ever_seen_begins_anywhere(server: Server) -> None:
    assert len(generated(server.address, prompt="zzzyx")) == 5
    assert len(generated(server.address, prompt="")) == 5


def test_a_length_that_cannot_be_is_told(server: Server) -> None:
    reply = post(
        server.address, "/servables/text_generator", {"prompt": "a", "length": 0}, {"Accept": "text/event-stream"}
    )
    assert "length is 0: ask for at least one sentence" in reply.body.decode()


def test_clients_of_triton_stream_several_texts_at_once(server: Server) -> None:
    arrived: queue.Queue[Any] = queue.Queue()
    texts: dict[str, list[str]] = {"1": [], "2": []}
    with triton_grpc.InferenceServerClient(server.address) as client:
        client.start_stream(lambda result, error: arrived.put((result, error)))
        for name in texts:
            client.async_stream_infer(
                "text_generator", inputs(seed=int(name)), request_id=name, enable_empty_final_response=True
            )
        open_ones = set(texts)
        while open_ones:
            result, error = arrived.get(timeout=20)
            assert error is None
            response = result.get_response()
            if response.outputs:
                texts[response.id].append(result.as_numpy("output")[0].decode())
            if response.parameters["triton_final_response"].bool_param:
                open_ones.remove(response.id)
        client.stop_stream()
    assert texts == {name: generated(server.address, prompt="the", seed=int(name), length=12) for name in texts}


def inputs(seed: int) -> list[triton_grpc.InferInput]:
    given = {"prompt": np.array([b"the"], object), "seed": np.array([seed]), "length": np.array([12])}
    made = []
    for name, array in given.items():
        made.append(triton_grpc.InferInput(name, [1], "BYTES" if name == "prompt" else "INT64"))
        made[-1].set_data_from_numpy(array)
    return made


def test_a_caller_who_leaves_ends_the_text(server: Server) -> None:
    head = "POST /servables/text_generator HTTP/1.1\r\nHost: s\r\nAccept: text/event-stream\r\n"
    body = json.dumps({"prompt": "endless", "length": 10**12})
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as caller:
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = b""
        while b"data: " not in answer:
            answer += caller.recv(1000)
        assert answer.startswith(b"HTTP/1.1 200 OK")
    until(lambda: "words that begin with 'endless'" in server.output)
