"""`salver load`, `unload`, `label`, `reload`, and `status` of a server whose admin one is."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from salver.cli.status import table
from salver.client.admin import ask
from salver.client.errors import SalverError
from salver.config.text_proto import file_text

_HEADINGS = ("servable", "version", "state", "labels")
# What the request says, by the names of the options.
_ARGUMENTS = {"servable": "servable", "servable_version": "version", "label": "label", "path": "path"}


def run(options: argparse.Namespace) -> int:
    """Ask for what the command says, and show what has come of it; 1 if it was not done."""
    given = {said: getattr(options, name, None) for name, said in _ARGUMENTS.items()}
    request = {"do": options.command, **{said: value for said, value in given.items() if value is not None}}
    if options.command == "label":
        request["version"] = options.servable_version
    if getattr(options, "model_config_file", None) is not None:
        request["config"] = file_text(Path(options.model_config_file))
    done = _ask(options, request)
    if done is None:
        return 1
    if done:
        print(_shown(done))
    return 0


def status(options: argparse.Namespace) -> int:
    """Show every version that there is, should be, or was lately; 1 if one that should be is not there."""
    done = _ask(options, {"do": "status"})
    if done is None:
        return 1
    print(_shown(done))
    for each in done:
        if "problem" in each:
            problem = each["problem"]
            print(f"{each['servable']} version {each['version']}: {problem['where']}: {problem['what']}")
    return 0 if all(each["state"] == "AVAILABLE" or not each["wanted"] for each in done) else 1


def _ask(options: argparse.Namespace, request: dict[str, Any]) -> Any:
    """What was done; None if nothing, which is told."""
    try:
        return ask(options.admin, request, options.timeout)
    except SalverError as error:
        print(f"salver: {error}", file=sys.stderr)
        return None


def _shown(versions: Sequence[dict[str, Any]]) -> str:
    rows = [
        (each["servable"], str(each["version"]), each["state"], ", ".join(each.get("labels", ()))) for each in versions
    ]
    return table([_HEADINGS, *rows])
