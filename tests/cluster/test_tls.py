"""Connections with certificates on both sides, within this process."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cluster.gates import Opened, member, opened
from salver.cluster.keys import Keys, server_keys, worker_keys
from salver.cluster.membership import NotJoined
from salver.config.addresses import Address, Security
from salver.config.settings import Config, WorkerConfig
from salver.problems import Unusable

TOKEN = b"a token of some length"
MUTUAL = Address("localhost:0", Security.MUTUAL_TLS)
ROW = {"x": [1.0, 2.0]}


def server(folder: Path) -> Keys:
    return server_keys(
        Config(
            accept_workers=MUTUAL,
            tls_certificate=folder / "server.crt",
            tls_key=folder / "server.key",
            tls_client_ca=folder / "ca.crt",
            worker_token=TOKEN,
        )
    )


def worker(folder: Path, authority: Path | None = None, token: bytes = TOKEN) -> Keys:
    return worker_keys(
        WorkerConfig(
            join=MUTUAL,
            tls_certificate=folder / "client.crt",
            tls_key=folder / "client.key",
            tls_ca=(authority or folder) / "ca.crt",
            worker_token=token,
        )
    )


def refusal(gate: Opened, keys: Keys, host: str = "localhost") -> str:
    with pytest.raises(NotJoined) as refused, member(gate.way(keys, host)):
        pass
    return str(refused.value)


def test_a_worker_serves_through_tls_and_large_arrays_come_whole(certificates: Path) -> None:
    rows = [{"x": [float(index), 0.5]} for index in range(20_000)]
    with opened(server(certificates)) as gate, member(gate.way(worker(certificates), "localhost")):
        answers = gate.board.caller("predict", rows)
        given = np.array([row["x"] for row in rows])
        assert np.array_equal(np.array([answer["y"] for answer in answers]), 2 * given)


def test_the_end_of_a_worker_is_seen_through_tls(certificates: Path) -> None:
    with opened(server(certificates)) as gate:
        with member(gate.way(worker(certificates), "localhost")):
            assert gate.board.caller("predict", ROW) == {"y": [2.0, 4.0]}
        assert gate.board.caller("predict", ROW)["error"]["code"] == "UNAVAILABLE"


def test_who_shows_a_wrong_certificate_or_none_is_not_let_in(certificates: Path) -> None:
    other = certificates / "other"
    with opened(server(certificates)) as gate:
        assert "ended the connection\n  remedy: see what the server says of it" in refusal(
            gate, worker(other, certificates)
        )
        assert "has a certificate that is not trusted" in refusal(gate, worker(certificates, other))
        assert "has a certificate that is not trusted" in refusal(gate, worker(certificates), "127.0.0.1")
        assert "ended the connection" in refusal(gate, Keys(TOKEN))
        assert "its token is another one" in refusal(gate, worker(certificates, token=TOKEN + b"!"))
        with member(gate.way(worker(certificates), "localhost")):
            assert gate.board.caller("predict", ROW) == {"y": [2.0, 4.0]}


def test_a_plain_server_does_not_speak_tls(certificates: Path) -> None:
    with opened(Keys(TOKEN)) as gate:
        assert "both must say mtls:" in refusal(gate, worker(certificates))


def test_renewed_certificates_are_used_from_the_next_connection_on(certificates: Path, tmp_path: Path) -> None:
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    with opened(server(tmp_path)) as gate, member(gate.way(worker(certificates), "localhost")):
        for file in (tmp_path / "other").iterdir():
            shutil.copy(file, tmp_path)
        with member(gate.way(worker(certificates / "other"), "localhost")):
            assert gate.board.caller("predict", ROW) == {"y": [2.0, 4.0]}
        # While somebody writes them, the last ones are used.
        (tmp_path / "server.key").write_text("half of a")
        with member(gate.way(worker(certificates / "other"), "localhost")):
            assert gate.board.caller("predict", ROW) == {"y": [2.0, 4.0]}


def test_files_that_are_no_certificates_are_told_at_the_start(certificates: Path, tmp_path: Path) -> None:
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    (tmp_path / "server.key").write_text("no key")
    with pytest.raises(Unusable, match="TLS files: cannot be used"):
        server(tmp_path)
