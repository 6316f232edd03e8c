"""Options that follow from settings, and what is said of those that do not exist."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from salver.problems import Unusable

if TYPE_CHECKING:
    from salver.config.settings import Setting

# In the order in which help lists them; what is in none comes last.
_GROUPS: Mapping[str, Sequence[str]] = {
    "where it listens": ("listen", "tls_certificate", "tls_key", "tls_client_ca", "cors_origins"),
    "what is served": ("watch_s", "load_retries", "load_retry_s", "admin", "allow_reload"),
    "how much is taken": ("max_message_mib", "max_header_kib", "max_streams", "max_calls", "max_bytes_in_flight"),
    "how long things take": (
        "header_timeout_s",
        "http_timeout_s",
        "reply_timeout_s",
        "keep_alive_s",
        "drain_timeout_s",
    ),
    "clients of TensorFlow Serving": ("tensor_content", "tensorflow_metrics"),
    "workers of other processes": ("accept_workers", "worker_token_file"),
}
_OTHERS = "more"

# By what other servers call it.
_KNOWN_ELSEWHERE = dict.fromkeys(
    ("--port", "--host", "--bind", "--address", "--grpc-port", "--http-port", "--rest-api-port", "--rest_api_port"),
    "--listen HOST:PORT",
) | dict.fromkeys(("--model-repository", "--models", "--model-path", "--model_base_path"), "the folder without a flag")


def add_settings(parser: argparse.ArgumentParser, settings: "Sequence[Setting]", grouped: bool = False) -> None:
    """An option for each; in help under headings if they are `grouped`."""
    for heading, members in _in_groups(settings) if grouped else ((None, settings),):
        place = parser if heading is None else parser.add_argument_group(heading)
        for setting in members:
            _add(place, setting)


def _in_groups(settings: "Sequence[Setting]") -> "Iterator[tuple[str, Sequence[Setting]]]":
    headings = {name: heading for heading, names in _GROUPS.items() for name in names}
    for heading in (*_GROUPS, _OTHERS):
        members = [each for each in settings if headings.get(each.name, _OTHERS) == heading]
        if members:
            yield heading, members


def _add(place: "argparse._ActionsContainer", setting: "Setting") -> None:
    shown = f"{setting.help} [{setting.variable}" + (f", default {setting.default}]" if setting.default else "]")
    if setting.is_truth:
        place.add_argument(
            setting.flag, dest=setting.name, metavar=setting.shown, nargs="?", const=setting.shown, help=shown
        )
        return
    action = "append" if setting.name == "listen" else "store"
    place.add_argument(setting.flag, dest=setting.name, metavar=setting.shown, action=action, help=shown)


def refuse_unknown(command: argparse.ArgumentParser, unknown: Sequence[str]) -> None:
    """Raises Unusable for the first argument that the command does not know, if there is one."""
    if not unknown:
        return
    import difflib
    import re

    first, _, _ = unknown[0].partition("=")
    every = f"`{command.prog} --help` lists what there is"
    if not first.startswith("-"):
        raise Unusable(first, f"is one argument too many for `{command.prog}`", every)
    nearest = difflib.get_close_matches(first, re.findall(r"--[\w-]+", command.format_usage()), n=1, cutoff=0.75)
    meant = _KNOWN_ELSEWHERE.get(first) or next(iter(nearest), None)
    raise Unusable(first, f"is no option of `{command.prog}`", f"did you mean {meant}?" if meant else every)
