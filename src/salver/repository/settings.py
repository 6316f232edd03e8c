"""`<name>/salver.toml`: what may be said about a servable beside what its files say."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from salver.problems import Unusable
from salver.repository import values
from salver.repository.policies import Latest, VersionPolicy

FILE = "salver.toml"

POLICY = ("max_batch_size", "max_wait_ms", "allowed_batch_sizes", "max_waiting_batches", "max_call_rows")
"""The settings that are, by the same names, of the policy by which a model forms batches."""

_MOST_THREADS = 1024


def _key(default: Any, read: values.Reader) -> Any:
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, kw_only=True)
class OnnxSettings:
    """The table `[onnx]`."""

    threads: int = _key(1, values.whole_number(_MOST_THREADS))
    providers: tuple[str, ...] = _key(("cpu",), values.some_of("cpu", "cuda", "tensorrt"))
    optimization: str = _key("all", values.one_of("all", "extended", "basic", "off"))


@dataclass(frozen=True, kw_only=True)
class SavedModelSettings:
    """The table `[saved_model]`."""

    runtime: str = _key("auto", values.one_of("auto", "openvino", "tensorflow"))
    threads: int = _key(1, values.whole_number(_MOST_THREADS))
    signatures: tuple[str, ...] = _key((), values.names)
    warm_up: bool = _key(True, values.boolean)
    warm_up_rounds: int = _key(1, values.whole_number(2**31 - 1))


@dataclass(frozen=True, kw_only=True)
class ServableSettings:
    """The whole file. None leaves the choice to the runtime."""

    method: str = _key("predict", values.identifier)
    max_batch_size: int = _key(32, values.whole_number(2**31 - 1))
    max_wait_ms: float = _key(0.0, values.milliseconds)
    allowed_batch_sizes: tuple[int, ...] = _key((), values.ascending(2**31 - 1))
    max_waiting_batches: int | None = _key(None, values.whole_number(2**31 - 1))
    max_call_rows: int | None = _key(None, values.whole_number(2**31 - 1))
    instances: int | None = _key(None, values.whole_number(_MOST_THREADS))
    batching: bool | None = _key(None, values.auto_or_bool)
    versions: VersionPolicy = _key(Latest(), values.versions)
    labels: Mapping[str, int] = field(default_factory=dict, hash=False, metadata={"read": values.labels})
    workers: int | None = _key(None, values.whole_number(_MOST_THREADS))
    run_timeout_s: float | None = _key(None, values.seconds)
    in_process: bool = _key(False, values.boolean)
    proto: bool = _key(False, values.boolean)
    onnx: OnnxSettings = field(default=OnnxSettings(), metadata={"table": OnnxSettings})
    saved_model: SavedModelSettings = field(default=SavedModelSettings(), metadata={"table": SavedModelSettings})
    assumed: frozenset[str] = field(default=frozenset(), compare=False)
    """Those that nobody said of this servable in particular."""

    def given(self, names: Iterable[str]) -> list[str]:
        """Which of these were said of this servable, and say something else than their default."""
        defaults = ServableSettings()
        return [name for name in names if name not in self.assumed and getattr(self, name) != getattr(defaults, name)]

    def policy(self) -> dict[str, Any]:
        """The fields of the policy by which a model forms batches.

        If nobody said how many rows run together, that is not asked of the rows of one call.
        """
        default = ServableSettings().max_batch_size
        usual = "max_batch_size" in self.assumed and self.max_batch_size == default and not self.allowed_batch_sizes
        return self.named(POLICY) | {"split_calls": not usual}

    def named(self, names: Iterable[str]) -> dict[str, Any]:
        """These, by their names."""
        return {name: getattr(self, name) for name in names}


def read_settings(path: Path, defaults: ServableSettings | None = None) -> ServableSettings:
    """Read the file; what it does not say is as in the defaults. Raises Unusable naming the file and the key."""
    settings = _merged(defaults or ServableSettings(), _read(path))
    sizes, most = settings.allowed_batch_sizes, settings.max_batch_size
    if sizes and sizes[-1] != most:
        what = f"the last of allowed_batch_sizes is {sizes[-1]}, and max_batch_size is {most}"
        raise Unusable(path, what, "let both be the same")
    return settings


def _merged(defaults: ServableSettings, said: Mapping[str, Any]) -> ServableSettings:
    known = {each.name: each.metadata for each in fields(ServableSettings) if each.metadata}
    whole = {
        name: replace(getattr(defaults, name), **value) if "table" in known[name] else value
        for name, value in said.items()
    }
    return replace(defaults, **whole, assumed=frozenset(known) - frozenset(said))


def _read(path: Path) -> dict[str, Any]:
    """What the file says, of each of its tables as well."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Unusable(path, f"cannot be read: {error.strerror}", "let the server's user read it") from None
    except UnicodeDecodeError as error:
        raise Unusable(path, f"is not UTF-8: {error}", "save it as UTF-8") from None
    return _checked(path, "", _parsed(path, text), ServableSettings)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unusable(path, f"is not TOML: {error}", "mend that line; https://toml.io shows the format") from None


def _checked(path: Path, prefix: str, table: Mapping[str, Any], into: type[Any]) -> dict[str, Any]:
    known = {each.name: each.metadata for each in fields(into) if each.metadata}
    result: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise _unknown_key(path, prefix, key, known)
        inner = known[key].get("table")
        try:
            result[key] = known[key]["read"](value) if inner is None else _inner(path, key, value, inner)
        except ValueError as error:
            raise Unusable(path, f"{prefix}{key} is {value!r}", str(error)) from None
    return result


def _inner(path: Path, key: str, value: Any, into: type[Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a table: write [{key}] on a line of its own")
    return _checked(path, f"{key}.", value, into)


def _unknown_key(path: Path, prefix: str, key: str, known: Iterable[str]) -> Unusable:
    nearest = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean '{prefix}{nearest[0]}'?" if nearest else f"known here: {', '.join(sorted(known))}"
    return Unusable(path, f"there is no setting '{prefix}{key}'", hint)
