"""The flags of TensorFlow Serving's `tensorflow_model_server`, read as it reads them."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from salver.problems import Unusable

Value = str | int | float | bool


class _Followed(NamedTuple):
    """A flag that means something here: what it is if it is not given, and what it does."""

    default: Value
    help: str


_FOLLOWED: Mapping[str, _Followed] = {
    "port": _Followed(8500, "the port of gRPC, which also speaks everything else"),
    "grpc_socket_path": _Followed("", "a Unix socket to listen on as well"),
    "rest_api_port": _Followed(0, "another port, for clients that expect REST there; 0 is none"),
    "rest_api_enable_cors_support": _Followed(False, "let web pages of every origin call the server"),
    "model_config_file": _Followed("", "a file that lists models, in the place of --model_name and --model_base_path"),
    "model_config_file_poll_wait_seconds": _Followed(0, "look this often whether that file has changed; 0 is never"),
    "model_name": _Followed("default", "what clients call the model"),
    "model_base_path": _Followed("", "the folder whose folders 1, 2, ... are the model's versions"),
    "allow_version_labels_for_unavailable_models": _Followed(
        False, "let a new list have labels for versions that are not loaded yet"
    ),
    "file_system_poll_wait_seconds": _Followed(1, "look this often for new versions; 0 is never"),
    "max_num_load_retries": _Followed(5, "how often a version that cannot be loaded is tried again"),
    "load_retry_interval_micros": _Followed(60_000_000, "how long after a failure it is tried again"),
    "enable_model_warmup": _Followed(True, "run the records in assets.extra before a version is ready"),
    "num_request_iterations_for_warmup": _Followed(0, "how often they are run; 0 is once"),
    "tensorflow_intra_op_parallelism": _Followed(0, "threads of one run of a SavedModel; 0 leaves it to the next flag"),
    "tensorflow_session_parallelism": _Followed(0, "the same, if the one before is not given; 0 is one thread"),
    "enable_batching": _Followed(
        False, "let 1000 rows run together, or what --batching_parameters_file says; without it 32"
    ),
    "batching_parameters_file": _Followed("", "how large batches may be, and how long rows wait"),
    "ssl_config_file": _Followed("", "certificates for the port of gRPC"),
    "use_alts_credentials": _Followed(False, "refused: there is TLS in its place"),
    "monitoring_config_file": _Followed("", "where metrics are by the names of TensorFlow Serving"),
    "rest_api_timeout_in_ms": _Followed(30_000, "how long a call over HTTP may take, streams excepted; 0 is any time"),
    "enable_serialization_as_tensor_content": _Followed(False, "put numbers of replies into tensor_content"),
    "version": _Followed(False, "print the version and end"),
}

# Those that change nothing here, with the kind of their values.
_IGNORED: Mapping[str, Value] = {
    "enable_grpc_healthcheck_service": False,
    "enable_per_model_batching_parameters": False,
    "enable_profiler": True,
    "enable_signature_method_name_check": False,
    "flush_filesystem_caches": True,
    "force_allow_any_version_labels_for_unavailable_models": False,
    "grpc_channel_arguments": "",
    "grpc_max_threads": 0,
    "mixed_precision": "",
    "num_load_threads": 0,
    "num_tflite_interpreters_per_pool": 0,
    "num_tflite_pools": 0,
    "num_unload_threads": 0,
    "per_process_gpu_memory_fraction": 0.0,
    "platform_config_file": "",
    "prefer_tflite_model": False,
    "remove_unused_fields_from_bundle_metagraph": True,
    "rest_api_num_threads": 0,
    "saved_model_tags": "",
    "skip_initialize_tpu": False,
    "tensorflow_inter_op_parallelism": 0,
    "tensorflow_session_config_file": "",
    "thread_pool_factory_config_file": "",
    "xla_cpu_compilation_enabled": False,
    "xla_gpu_compilation_enabled": False,
}

_USAGE = """\
usage: salver tensorflow-serving --model_name=NAME --model_base_path=DIR [--FLAG=VALUE ...]
       salver tensorflow-serving --model_config_file=FILE [--FLAG=VALUE ...]

Serves models as tensorflow_model_server does, and takes its flags. SALVER_ADMIN and some others of the variables that
`salver serve --help` lists are followed, too.

flags, with what they are if they are not given:"""

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Flags:
    """What was said: `values` of the flags that mean something, all of them, and the names of the others."""

    values: Mapping[str, Value]
    ignored: tuple[str, ...]

    def text(self, name: str) -> str:
        return str(self.values[name])

    def number(self, name: str) -> int:
        return int(self.values[name])

    def is_set(self, name: str) -> bool:
        return bool(self.values[name])


def read_flags(arguments: Sequence[str]) -> Flags:
    """Read `--name=value`, `--name value` and, for what is true or false, `--name`; of several the last counts.

    Raises Unusable, for an unknown flag with the nearest one that is known.
    """
    given: dict[str, Value] = {}
    left = list(arguments)
    while left:
        argument = left.pop(0)
        name, equals, text = argument.lstrip("-").partition("=")
        kind = _kind(argument, name)
        if not equals and not isinstance(kind, bool):
            if not left:
                raise Unusable(argument, "has no value", f"write --{name}=VALUE")
            text = left.pop(0)
        given[name] = True if not equals and isinstance(kind, bool) else _value(argument, text, kind)
    followed = {name: given.get(name, flag.default) for name, flag in _FOLLOWED.items()}
    return Flags(followed, tuple(name for name in given if name in _IGNORED))


def help_text() -> str:
    """How the command is used, and the flags that mean something, each with what it is if it is not given."""
    lines = [line for name, flag in _FOLLOWED.items() for line in _described(name, flag)]
    return "\n".join([_USAGE, *lines, "", "Its other flags are told at the start, and have no effect."])


def _described(name: str, flag: _Followed) -> tuple[str, str]:
    return f"  --{name}={_shown(flag.default)}", f"      {flag.help}"


def _kind(argument: str, name: str) -> Value:
    kind = _FOLLOWED[name].default if name in _FOLLOWED else _IGNORED.get(name)
    if kind is not None and argument.startswith("-"):
        return kind
    known = [*_FOLLOWED, *_IGNORED]
    nearest = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean --{nearest[0]}?" if nearest else "`salver tensorflow-serving --help` lists those there are"
    raise Unusable(argument, "is no flag of TensorFlow Serving", remedy)


def _value(argument: str, text: str, kind: Value) -> Value:
    try:
        if isinstance(kind, bool):
            return _TRUTHS[text.lower()]
        return type(kind)(text)
    except (KeyError, ValueError):
        expected = "true or false" if isinstance(kind, bool) else "a number"
        raise Unusable(argument, f"'{text}' is no usable value", f"give {expected}") from None


def _shown(default: Value) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)
