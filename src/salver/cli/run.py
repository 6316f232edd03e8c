"""`salver run`: a script as it is, with the native server under its gRPC server."""

import argparse
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from salver.problems import Problem, Unusable

_REMEDY = "give the script that starts your gRPC server"
# Libraries whose servers are not grpcio's.
_OTHERS = ("grpclib", "purerpc", "sonora", "connectrpc", "connecpy")


def run(options: argparse.Namespace) -> int:
    """Run the script as `python SCRIPT` would; gives the exit status. Raises Unusable before it has run."""
    from salver.grpc.takeover import Takeover

    script = Path(options.script)
    code = _compiled(script)
    takeover = Takeover()
    takeover.begin()
    sys.argv = [options.script, *options.arguments]
    sys.path.insert(0, str(script.resolve().parent))
    status = _run(code, _main_module(script))
    if status == 0 and not takeover.servers and not takeover.has_children:
        print(f"salver: {_nothing_started(options.script)}", file=sys.stderr)
        return 1
    return status


def _compiled(script: Path) -> CodeType:
    try:
        return compile(script.read_bytes(), str(script.absolute()), "exec", dont_inherit=True)
    except IsADirectoryError:
        raise Unusable(script, "is a folder", _REMEDY) from None
    except FileNotFoundError:
        raise Unusable(script, "there is no such file", _REMEDY) from None
    except OSError as error:
        raise Unusable(script, f"cannot be read: {error.strerror}", _REMEDY) from None
    except SyntaxError as error:
        place = f"{script}:{error.lineno}" if error.lineno else script
        raise Unusable(place, f"is no Python: {error.msg}", "mend it") from None
    except ValueError as error:
        raise Unusable(script, f"is no Python: {error}", _REMEDY) from None


def _main_module(script: Path) -> ModuleType:
    """What the interpreter makes for a script; it stays, for threads and other processes may still need it."""
    path = str(script.absolute())
    main = ModuleType("__main__")
    main.__file__ = path
    main.__loader__ = SourceFileLoader("__main__", path)
    main.__dict__["__builtins__"] = __builtins__
    main.__dict__["__cached__"] = None
    sys.modules["__main__"] = main
    return main


def _run(code: CodeType, main: ModuleType) -> int:
    """What the script raises is shown without what is below it."""
    try:
        exec(code, main.__dict__)
    except Exception as error:
        traceback.print_exception(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next))
        return 1
    return 0


def _nothing_started(script: str) -> Problem:
    used = [name for name in _OTHERS if name in sys.modules]
    what = "ended, and made no server by grpc.server or grpc.aio.server"
    if used:
        what += f"; it uses {used[0]}, whose server is its own"
    return Problem(script, what, "run it by `python`, or let it make its server by grpcio")
