"""`salver`: the parser, and which function answers each command."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from salver.cli.options import add_settings, refuse_unknown
from salver.problems import Unusable

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status: 0 done, 1 it failed, 2 it was asked for wrongly."""
    parser = make_parser()
    options, unknown = parser.parse_known_args(arguments)
    if options.version:
        from salver import _native

        print(f"salver {_native.version()}")
        return 0
    if options.command is None and not unknown:
        parser.print_help()
        return 2
    try:
        refuse_unknown(parser if options.command is None else options.parser, unknown)
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
    _add_run(commands)
    _add_worker(commands)
    _add_check(commands)
    _add_inspect(commands)
    _add_tensorflow_serving(commands)
    _add_status(commands)
    _add_call(commands)
    _add_proto(commands)
    _add_admin(commands)
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return parser


def _add_serve(commands: "Commands") -> None:
    from salver.config.settings import SETTINGS

    serve = commands.add_parser(
        "serve",
        help="serve models and Python code",
        description="Serves every DIR/<servable>/<version>/<model file>, such as models/add/1/model.onnx, and every "
        "DIR/<servable>/servable.py or servable_config.py; or just the servable that one FILE.py is, under that name. "
        "What may be said in DIR/<servable>/salver.toml is in docs/settings.md. Each option may also be given in the "
        "environment.",
    )
    _add_place(serve, "?")
    add_settings(serve, SETTINGS, grouped=True)
    serve.set_defaults(run=_serve)


def _add_run(commands: "Commands") -> None:
    run = commands.add_parser(
        "run",
        help="run a gRPC server's script on the native server",
        description="Runs a script as `python SCRIPT.py` does, with the native server under its grpc.server and "
        "grpc.aio.server: the script, its servicers and its generated code stay as they are, and its ports also answer "
        "JSON, gRPC-Web, Connect, reflection, health and metrics. Processes that it starts by multiprocessing get it, "
        "too. The exit status is the script's; 1 if it made no gRPC server, 2 if it cannot be read.",
    )
    run.add_argument("script", metavar="SCRIPT.py", help="the script that starts your server")
    run.add_argument("arguments", metavar="ARG", nargs=argparse.REMAINDER, help="its own arguments")
    run.set_defaults(run=_run)


def _add_worker(commands: "Commands") -> None:
    from salver.config.settings import WORKER_SETTINGS

    worker = commands.add_parser(
        "worker",
        help="serve a servable for a server elsewhere",
        description="Loads DIR/NAME as `salver serve` does, joins a server that was started with --accept-workers, "
        "and serves its calls. The server need not be there yet, and may come and go: it is joined again. Several "
        "workers of the same servable share its calls. Each option may also be given in the environment.",
    )
    worker.add_argument("place", metavar="DIR", help="the folder of servables")
    worker.add_argument("name", metavar="NAME", help="the servable, which is the name of its folder")
    add_settings(worker, WORKER_SETTINGS)
    worker.set_defaults(run=_worker)


def _add_check(commands: "Commands") -> None:
    check = commands.add_parser(
        "check",
        help="load and try what would be served, without serving it",
        description="Loads every servable, finds out whether rows of its models may be batched, calls every method "
        "with a row that its author gave as an example, or with a made-up one, and reports problems: each with its "
        "file and a remedy. The exit status is 0 without problems, 1 with some, 2 for a useless DIR or FILE.",
    )
    _add_place(check)
    check.set_defaults(run=_check)


def _add_inspect(commands: "Commands") -> None:
    inspect = commands.add_parser(
        "inspect",
        help="what a model file says of itself",
        description="Prints the names, types and shapes of a model's inputs and outputs, of a SavedModel for each of "
        "its signatures, as `saved_model_cli show` does. Nothing is loaded, and no framework is needed. -1 is any "
        "length. The exit status is 0, or 2 for what is no model.",
    )
    inspect.add_argument(
        "path", metavar="PATH", help="a model file, a version folder, or a folder with some, of which the highest"
    )
    inspect.set_defaults(run=_inspect)


def _add_place(parser: argparse.ArgumentParser, count: str | None = None) -> None:
    text = "the folder of servables, or one servable's own code"
    parser.add_argument("place", metavar="DIR|FILE.py", nargs=count, help=text)


def _add_version(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--servable-version", metavar="N", type=_version, help=text)


def _add_tensorflow_serving(commands: "Commands") -> None:
    """Its flags are not of argparse's kind, and are all left to it."""
    tensorflow = commands.add_parser(
        "tensorflow-serving",
        help="serve, started with the flags of tensorflow_model_server",
        add_help=False,
        prefix_chars="\0",
    )
    tensorflow.add_argument("flags", nargs=argparse.REMAINDER)
    tensorflow.set_defaults(run=_tensorflow_serving)


def _add_status(commands: "Commands") -> None:
    status = commands.add_parser(
        "status",
        help="what a server serves",
        description="Lists what a running server serves. The exit status is 0 if all of it is ready, else 1. With "
        "--admin it lists the states of all versions, also of those that are coming or were lately.",
    )
    status.add_argument("--admin", metavar="unix:PATH", help=_ADMIN_HELP)
    status.add_argument(
        "address", metavar="ADDR", nargs="?", default=_DEFAULT, help=f"{_ADDRESS_HELP} (default {_DEFAULT})"
    )
    _add_connection(status)
    status.set_defaults(run=_status)


def _add_call(commands: "Commands") -> None:
    call = commands.add_parser(
        "call",
        help="call a method of a server",
        description="Calls a method and prints its outputs.",
        epilog="A VALUE is JSON, such as x='[[1, 2], [3, 4]]'; an array in a file, such as x=@x.npy or x=@x.json; or "
        "any other file, such as x=@image.png: an input of uint8 takes its bytes one by one, one of text as one value.",
    )
    call.add_argument("address", metavar="ADDR", help=_ADDRESS_HELP)
    call.add_argument("servable", metavar="NAME[.METHOD]", help="the servable, and its method if not the default one")
    call.add_argument("inputs", metavar="INPUT=VALUE", nargs="*", help="one per input of the method")
    _add_version(call, "the version; the latest if not given")
    _add_connection(call)
    call.set_defaults(run=_call)


def _add_proto(commands: "Commands") -> None:
    proto = commands.add_parser(
        "proto",
        help="print a servable's contract as a .proto file",
        description="Prints a .proto file with the methods of a servable as rpcs of a service: tensors as repeated "
        "numbers, text and bytes as they are, sequences as streams. It takes them from a running server, or from "
        "files, which it loads as `salver check` does.",
    )
    text = "the folder of servables, or one servable's own code, or its folder; or a server's address: "
    proto.add_argument("place", metavar="DIR|FILE.py|ADDR", help=text + _ADDRESS_HELP)
    proto.add_argument("servable", metavar="NAME", nargs="?", help="the servable; not needed where there is only one")
    _add_version(proto, "the version; the latest if not given")
    _add_connection(proto)
    proto.set_defaults(run=_proto)


_DEFAULT = "127.0.0.1:8500"
_ADMIN_HELP = "the socket that was given to the server as --admin [SALVER_ADMIN]"
_ADDRESS_HELP = "host:port or unix:path, after tls: if the server has a certificate"


def _add_connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ca", metavar="FILE", help="PEM file with the authority of the server's certificate")
    parser.add_argument("--certificate", metavar="FILE", help="PEM file with your own certificate, for mutual TLS")
    parser.add_argument("--key", metavar="FILE", help="PEM file with the private key of your certificate")
    parser.add_argument("--timeout", metavar="S", type=_seconds, default=30.0, help="seconds to wait (default 30)")


def _add_admin(commands: "Commands") -> None:
    load = _add_order(commands, "load", "serve a servable, or one more version of it, as it is in its folder now")
    load.add_argument("servable", metavar="NAME", help="the servable")
    _add_version(load, "the version; without it, what its settings say")
    load.add_argument("--path", metavar="DIR", type=_absolute, help="where its version folders are, if not served yet")
    unload = _add_order(commands, "unload", "serve a servable, or one version of it, no more")
    unload.add_argument("servable", metavar="NAME", help="the servable")
    _add_version(unload, "the version; another may take its place")
    label = _add_order(commands, "label", "call a version by a label")
    label.add_argument("servable", metavar="NAME", help="the servable")
    label.add_argument("label", metavar="LABEL", help="the label, such as stable")
    version = label.add_mutually_exclusive_group(required=True)
    version.add_argument("servable_version", metavar="N", type=_version, nargs="?", help="an available version")
    version.add_argument("--remove", action="store_true", help="take the label away")
    reload = _add_order(commands, "reload", "look at all folders and files again, and follow what they say")
    reload.add_argument("--model-config-file", metavar="FILE", help="follow this list, in TensorFlow Serving's form")


def _add_order(commands: "Commands", name: str, text: str) -> argparse.ArgumentParser:
    order = commands.add_parser(
        name,
        help=f"have a server {text}",
        description=f"Has a server {text}. It returns once that is done; no call fails for it. It lasts until the "
        "server ends. The exit status is 0 if it was done, else 1.",
    )
    known = os.environ.get("SALVER_ADMIN")
    order.add_argument("--admin", metavar="unix:PATH", default=known, required=known is None, help=_ADMIN_HELP)
    order.add_argument("--timeout", metavar="S", type=_seconds, default=300.0, help="seconds to wait (default 300)")
    order.set_defaults(run=_order)
    return order


def _absolute(text: str) -> str:
    return os.path.abspath(text)  # noqa: PTH100


def _version(text: str) -> int:
    from salver.repository.policies import LAST_VERSION, is_version

    # Longer texts than any version's are not even read.
    version = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(LAST_VERSION)) else -1
    if not is_version(version):
        raise argparse.ArgumentTypeError(f"'{text}' is no version: expected a whole number from 0 to {LAST_VERSION}")
    return version


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


def _run(options: argparse.Namespace) -> int:
    from salver.cli.run import run

    return run(options)


def _worker(options: argparse.Namespace) -> int:
    from salver.cli.worker import run

    return run(options)


def _tensorflow_serving(options: argparse.Namespace) -> int:
    from salver.cli.tensorflow_serving import run

    return run(options.flags, os.environ)


def _check(options: argparse.Namespace) -> int:
    from pathlib import Path

    from salver.server.check import check

    return check(Path(options.place))


def _inspect(options: argparse.Namespace) -> int:
    from salver.cli.inspect import run

    return run(options)


def _order(options: argparse.Namespace) -> int:
    from salver.cli.admin import run

    return run(options)


def _status(options: argparse.Namespace) -> int:
    if options.admin is not None:
        from salver.cli.admin import status

        return status(options)
    from salver.cli.status import run

    return run(options)


def _call(options: argparse.Namespace) -> int:
    # gRPC's own lines would come before ours.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from salver.cli.call import run

    return run(options)


def _proto(options: argparse.Namespace) -> int:
    from salver.cli.proto import run

    return run(options)
