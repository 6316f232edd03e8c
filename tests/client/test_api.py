import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from support.grpc_server import serving
from support.paths import ROOT

from salver.client import Retry, api, errors, messages


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_status_becomes_one_error_of_the_family(code: grpc.StatusCode) -> None:
    error = errors.from_status(code.name, "what happened", [("x-key", "value")])
    assert isinstance(error, errors.SalverError)
    assert (error.code, str(error)) == (code.name, "what happened")
    assert (error.metadata, error.details) == ((("x-key", "value"),), ())
    assert type(error).__name__ in (errors.__doc__ or "")


def test_no_server_is_unavailable_and_named() -> None:
    with api.Client("127.0.0.1:1") as client, pytest.raises(errors.Unavailable, match=r"127\.0\.0\.1:1"):
        client.is_ready(timeout=5)


def test_waiting_for_a_server_ends_with_its_time() -> None:
    with api.Client("127.0.0.1:1") as client, pytest.raises(errors.Unavailable, match=r"within 0\.1 s"):
        client.wait_until_ready(timeout=0.1)


def test_what_is_waited_for_is_told() -> None:
    told: list[tuple[float, str]] = []
    with api.Client("127.0.0.1:1") as client, pytest.raises(errors.Unavailable, match=r"127\.0\.0\.1:1"):
        client.wait_until_ready(timeout=0.1, progress=lambda *said: told.append(said))
    assert told
    assert all(seconds >= 0 and "127.0.0.1:1" in why for seconds, why in told)


@pytest.mark.parametrize(
    ("retry", "idempotent", "calls"),
    [(None, True, 1), (Retry(5, 0.001, 0.002), True, 3), (Retry(5, 0.001, 0.002), False, 1)],
)
def test_a_call_is_tried_again_where_that_is_wanted(retry: Retry | None, idempotent: bool, calls: int) -> None:
    made: list[bytes] = []

    def infer(request: bytes, context: grpc.ServicerContext) -> bytes:
        made.append(request)
        context.set_trailing_metadata([("x-try", str(len(made)))])
        if len(made) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return b""

    def call(port: int) -> object:
        with api.Client(f"127.0.0.1:{port}", retry=retry) as client:
            return client.infer("add", {}, timeout=30, idempotent=idempotent)

    with serving("inference.GRPCInferenceService", ModelInfer=infer) as port:
        if calls == 3:
            assert call(port) == {}
        else:
            with pytest.raises(errors.Unavailable, match="not now") as refused:
                call(port)
            assert dict(refused.value.metadata)["x-try"] == "1"
    assert len(made) == calls


def test_it_lives_beside_other_clients_of_the_same_protocol() -> None:
    """Their message names are the same, and a default pool takes each name once."""
    for order in ("import salver.client.api, tritonclient.grpc", "import tritonclient.grpc, salver.client.api"):
        subprocess.run([sys.executable, "-c", order], check=True, timeout=50)


def test_it_is_light() -> None:
    """Neither the server nor the native part comes along."""
    heavy = "[name for name in sys.modules if name.startswith('salver.') and not name.startswith('salver.client')]"
    script = f"import sys, salver.client.api; assert not {heavy}, {heavy}"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=50)


def test_the_compiled_messages_are_those_of_the_proto_files(tmp_path: Path) -> None:
    made = tmp_path / "messages.binpb"
    subprocess.run([sys.executable, ROOT / "scripts" / "make_messages.py", made], check=True, timeout=50)
    assert made.read_bytes() == (Path(messages.__file__).parent / "messages.binpb").read_bytes()
