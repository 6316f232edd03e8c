"""The flags of TensorFlow Serving's `tensorflow_model_server`, read as it reads them."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from salver.problems import Unusable

Value = str | int | float | bool

# Those that mean something here, with what they are if they are not given.
_FOLLOWED: Mapping[str, Value] = {
    "port": 8500,
    "grpc_socket_path": "",
    "rest_api_port": 0,
    "rest_api_enable_cors_support": False,
    "model_config_file": "",
    "model_config_file_poll_wait_seconds": 0,
    "model_name": "default",
    "model_base_path": "",
    "allow_version_labels_for_unavailable_models": False,
    "file_system_poll_wait_seconds": 1,
    "max_num_load_retries": 5,
    "load_retry_interval_micros": 60_000_000,
    "enable_model_warmup": True,
    "num_request_iterations_for_warmup": 0,
    "tensorflow_intra_op_parallelism": 0,
    "tensorflow_session_parallelism": 0,
    "enable_batching": False,
    "batching_parameters_file": "",
    "ssl_config_file": "",
    "use_alts_credentials": False,
    "monitoring_config_file": "",
    "rest_api_timeout_in_ms": 30_000,
    "enable_serialization_as_tensor_content": False,
    "version": False,
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
    followed = {name: given.get(name, default) for name, default in _FOLLOWED.items()}
    return Flags(followed, tuple(name for name in given if name in _IGNORED))


def help_text() -> str:
    """The flags that mean something, one a line."""
    lines = [f"  --{name}={_shown(default)}" for name, default in _FOLLOWED.items()]
    return "\n".join(["Flags, with what they are if they are not given:", *lines])


def _kind(argument: str, name: str) -> Value:
    kind = _FOLLOWED.get(name, _IGNORED.get(name))
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
