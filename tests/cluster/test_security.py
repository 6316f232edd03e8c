"""What `salver serve` and `salver worker` demand of each other, as processes."""

from pathlib import Path

import pytest

from cluster.credentials import TOKEN, of_server, of_worker
from cluster.processes import Salver, joined, master, worker


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    (tmp_path / "token").write_text(TOKEN + "\n")
    return str(tmp_path / "token")


def test_workers_of_other_hosts_join_with_certificates_and_a_token(
    servables: Path, certificates: Path, token_file: str
) -> None:
    with master(*of_server(certificates), gate="mtls:0.0.0.0:0", SALVER_WORKER_TOKEN=TOKEN) as server:
        gate = server.gate.replace("0.0.0.0", "localhost")
        options = (*of_worker(certificates), "--worker-token-file", token_file)
        with worker(servables, "chain", gate, *options) as chain, worker(servables, "calc", gate, *options) as calc:
            joined(chain)
            joined(calc)
            assert server.call("chain/classify", text="1 2") == {"output": "[3.0, 6.0]"}
            assert server.call("calc/double", x=4) == {"output": 8}


@pytest.mark.parametrize(
    ("authority", "token", "told"),
    [
        ("", "another token that is long", "refuses it: its token is another one, or missing"),
        ("other", TOKEN, "has a certificate that is not trusted"),
    ],
)
def test_who_shows_the_wrong_thing_waits_in_vain(
    servables: Path, certificates: Path, authority: str, token: str, told: str
) -> None:
    with master(*of_server(certificates), gate="mtls:localhost:0", SALVER_WORKER_TOKEN=TOKEN) as server:
        options = of_worker(certificates, certificates / authority)
        with worker(servables, "calc", server.gate, *options, SALVER_WORKER_TOKEN=token) as stranger:
            stranger.say(told)
        assert token not in server.output + stranger.output


def test_on_one_host_a_token_is_enough(servables: Path) -> None:
    with master(SALVER_WORKER_TOKEN=TOKEN) as server:
        with worker(servables, "calc", server.gate) as stranger:
            stranger.say("its token is another one, or missing")
        with worker(servables, "calc", server.gate, SALVER_WORKER_TOKEN=TOKEN) as known:
            joined(known)
            assert server.call("calc/double", x=4) == {"output": 8}
            # The author's code has no use for it.
            [process] = known.workers()
            assert known.variable(process, "SALVER_WORKER_TOKEN") == ""


def refused(*arguments: str, **variables: str) -> str:
    """What is told to somebody who starts it so."""
    process = Salver(*arguments, **variables)
    status = process.wait(30)
    process.close()
    assert status == 2, process.output
    return process.output


def test_what_would_be_unsafe_does_not_start(certificates: Path) -> None:
    serve = ("serve", "--listen", "127.0.0.1:0", "--accept-workers")
    assert "so it must not be plain\n  remedy: write --accept-workers mtls:0.0.0.0:0" in refused(*serve, "0.0.0.0:0")
    assert "need a token" in refused(*serve, "mtls:0.0.0.0:0", *of_server(certificates))
    join = ("worker", str(certificates), "calc", "--join")
    assert "so the way there must not be plain\n  remedy: write --join mtls:10.1.2.3:1" in refused(*join, "10.1.2.3:1")
    assert "need a token" in refused(*join, "mtls:10.1.2.3:1", *of_worker(certificates))
