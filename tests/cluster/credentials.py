"""What servers and workers of these tests show each other: a token, and options for certificates."""

from pathlib import Path

TOKEN = "a token that nobody guesses"


def of_server(folder: Path) -> tuple[str, ...]:
    files = {"certificate": "server.crt", "key": "server.key", "client-ca": "ca.crt"}
    return tuple(text for flag, name in files.items() for text in (f"--tls-{flag}", str(folder / name)))


def of_worker(folder: Path, authority: Path | None = None) -> tuple[str, ...]:
    files = {"certificate": folder / "client.crt", "key": folder / "client.key", "ca": (authority or folder) / "ca.crt"}
    return tuple(text for flag, file in files.items() for text in (f"--tls-{flag}", str(file)))
