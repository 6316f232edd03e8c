"""`<name>/salver.toml`: what may be said about a servable that is a folder of model files."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from salver.problems import Unusable
from salver.repository import values

FILE = "salver.toml"

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
class ServableSettings:
    """The whole file. None leaves the choice to the runtime."""

    method: str = _key("predict", values.identifier)
    max_batch_size: int = _key(32, values.whole_number(2**31 - 1))
    max_wait_ms: float = _key(0.0, values.milliseconds)
    instances: int | None = _key(None, values.whole_number(_MOST_THREADS))
    batching: bool | None = _key(None, values.auto_or_bool)
    versions: str | tuple[int, ...] = _key("latest", values.versions)
    onnx: OnnxSettings = field(default=OnnxSettings(), metadata={"table": OnnxSettings})

    def chosen(self, versions: Iterable[int]) -> list[int]:
        """Those of the versions there are that should be served, in ascending order."""
        ascending = sorted(versions)
        if self.versions == "all":
            return ascending
        if self.versions == "latest":
            return ascending[-1:]
        return [version for version in ascending if version in self.versions]


def read_settings(path: Path) -> ServableSettings:
    """Read the file, or take the defaults where there is none. Raises Unusable naming the file and the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ServableSettings()
    except OSError as error:
        raise Unusable(path, f"cannot be read: {error.strerror}", "let the server's user read it") from None
    except UnicodeDecodeError as error:
        raise Unusable(path, f"is not UTF-8: {error}", "save it as UTF-8") from None
    return ServableSettings(**_checked(path, "", _parsed(path, text), ServableSettings))


def _parsed(path: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unusable(path, f"is not TOML: {error}", "mend that line; https://toml.io shows the format") from None


def _checked(path: Path, prefix: str, table: Mapping[str, Any], into: type[Any]) -> dict[str, Any]:
    known = {each.name: each.metadata for each in fields(into)}
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


def _inner(path: Path, key: str, value: Any, into: type[Any]) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"expected a table: write [{key}] on a line of its own")
    return into(**_checked(path, f"{key}.", value, into))


def _unknown_key(path: Path, prefix: str, key: str, known: Iterable[str]) -> Unusable:
    nearest = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean '{prefix}{nearest[0]}'?" if nearest else f"known here: {', '.join(sorted(known))}"
    return Unusable(path, f"there is no setting '{prefix}{key}'", hint)
