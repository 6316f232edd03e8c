"""`salver status`: what a running server serves, as a table."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from salver.cli.failure import tell
from salver.client.endpoint import endpoint
from salver.client.errors import SalverError
from salver.client.http import get_json

# A version that is unloaded has been replaced, or should not be there.
_AS_IT_SHOULD_BE = ("ready", "unloading")
_HEADINGS = ("servable", "version", "state", "runtime", "method", "batched")


def run(options: argparse.Namespace) -> int:
    """0 if everything that should be served is ready, else 1."""
    try:
        server = endpoint(options.address, options.ca, options.certificate, options.key)
        servables = get_json(server, "/servables", options.timeout)["servables"]
    except SalverError as error:
        return tell(options.address, error)
    print(table([_HEADINGS, *(row for servable in servables for row in _rows(servable))]))
    versions = [version for servable in servables for version in servable["versions"]]
    for servable in servables:
        for version in servable["versions"]:
            if "reason" in version:
                print(f"{servable['name']} version {version['version']}: {version['reason']}")
    return 0 if versions and all(version["state"] in _AS_IT_SHOULD_BE for version in versions) else 1


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows below each other, every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _rows(servable: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for version in servable["versions"]:
        start = (servable["name"], str(version["version"]), version["state"], version.get("runtime", ""))
        for method in version.get("methods", ()):
            together = method["batched"] and not method.get("sequence")
            yield (*start, _signature(method), "yes" if together else "no")
        if not version.get("methods"):
            yield (*start, "", "")


def _signature(method: dict[str, Any]) -> str:
    inputs, outputs = (", ".join(map(_port, method[side])) for side in ("inputs", "outputs"))
    return f"{method['name']}({inputs}) -> ({outputs})" + (", as a sequence" if method.get("sequence") else "")


def _port(port: dict[str, Any]) -> str:
    shape = ", ".join(map(str, port["shape"] or ()))
    shown = f"{port['name']}: {port['dtype'] or 'any'}" + (f"[{shape}]" if shape else "")
    return f"{shown} = ..." if port.get("optional") else shown
