"""`salver`: the parser, and which function answers each command."""

import argparse
import sys
from collections.abc import Sequence

from salver.problems import Unusable

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status: 0 done, 1 it failed, 2 it was asked for wrongly."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.version:
        from salver import _native

        print(f"salver {_native.version()}")
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    try:
        status: int = options.run(options)
        return status
    except Unusable as error:
        print(f"salver: {error.problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets `run`."""
    parser = argparse.ArgumentParser(prog="salver", description="Serves machine-learning models over gRPC and HTTP.")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_serve(commands)
    _add_check(commands)
    _add_status(commands)
    _add_call(commands)
    return parser


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    from salver.config.settings import SETTINGS

    serve = commands.add_parser(
        "serve",
        help="serve a folder of models",
        description="Serves every DIR/<servable>/<version>/<model file>, such as models/add/1/model.onnx; what may be "
        "said in DIR/<servable>/salver.toml is in the README. Each option may also be given in the environment.",
    )
    serve.add_argument("directory", metavar="DIR", help="the folder of servables")
    for setting in SETTINGS:
        shown = f"{setting.help} [{setting.variable}" + (f", default {setting.default}]" if setting.default else "]")
        action = "append" if setting.name == "listen" else "store"
        serve.add_argument(setting.flag, metavar=setting.shown, action=action, help=shown)
    serve.set_defaults(run=_serve)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = commands.add_parser(
        "check",
        help="load and try the models of a folder, without serving them",
        description="Loads every model, finds out whether its rows may be batched, runs it once, and reports problems: "
        "each with its file and a remedy. The exit status is 0 without problems, 1 with some, 2 for a useless DIR.",
    )
    check.add_argument("directory", metavar="DIR", help="the folder of servables")
    check.set_defaults(run=_check)


def _add_status(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    status = commands.add_parser(
        "status",
        help="what a server serves",
        description="Lists what a running server serves. The exit status is 0 if all of it is ready, else 1.",
    )
    status.add_argument(
        "address", metavar="ADDR", nargs="?", default=_DEFAULT, help=f"{_ADDRESS_HELP} (default {_DEFAULT})"
    )
    _add_connection(status)
    status.set_defaults(run=_status)


def _add_call(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    call = commands.add_parser(
        "call",
        help="call a method of a server",
        description="Calls a method and prints its outputs.",
        epilog="A VALUE is JSON, such as x='[[1, 2], [3, 4]]'; an array in a file, such as x=@x.npy or x=@x.json; or "
        "any other file, such as x=@image.png: an input of uint8 takes its bytes one by one, one of text as one value.",
    )
    call.add_argument("address", metavar="ADDR", help=_ADDRESS_HELP)
    call.add_argument("servable", metavar="NAME[.METHOD]", help="the servable, and its method if not the default one")
    call.add_argument("inputs", metavar="INPUT=VALUE", nargs="+", help="one per input of the method")
    call.add_argument("--servable-version", metavar="N", type=int, help="the version; the latest if not given")
    _add_connection(call)
    call.set_defaults(run=_call)


_DEFAULT = "127.0.0.1:8500"
_ADDRESS_HELP = "host:port or unix:path, after tls: if the server has a certificate"


def _add_connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ca", metavar="FILE", help="PEM file with the authority of the server's certificate")
    parser.add_argument("--certificate", metavar="FILE", help="PEM file with your own certificate, for mutual TLS")
    parser.add_argument("--key", metavar="FILE", help="PEM file with the private key of your certificate")
    parser.add_argument("--timeout", metavar="S", type=_seconds, default=30.0, help="seconds to wait (default 30)")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no usable value: expected seconds, more than 0")
    return value


def _serve(options: argparse.Namespace) -> int:
    from salver.cli.serve import run

    return run(options)


def _check(options: argparse.Namespace) -> int:
    from pathlib import Path

    from salver.server.check import check

    return check(Path(options.directory))


def _status(options: argparse.Namespace) -> int:
    from salver.cli.status import run

    return run(options)


def _call(options: argparse.Namespace) -> int:
    import os

    # gRPC's own lines would come before ours.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from salver.cli.call import run

    return run(options)
