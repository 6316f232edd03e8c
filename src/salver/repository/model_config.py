"""Lists of servables in the form of TensorFlow Serving: a file in protobuf's text form, or its message.

Whatever is wrong is an Unusable whose text is TensorFlow Serving's where it has one.
"""

from pathlib import Path
from typing import Any

from salver.config.text_proto import Schema, file_text, read_message, read_text
from salver.problems import Unusable, encodable
from salver.repository.base_path import BasePath
from salver.repository.policies import Every, Latest, Specific, VersionPolicy, is_version
from salver.repository.settings import ServableSettings

_SCHEMA: Schema = {
    "ModelServerConfig": ["1 model_config_list: ModelConfigList", "2 custom_model_config: Any"],
    "Any": ["1 type_url: string", "2 value: bytes"],
    "ModelConfigList": ["1 config: [ModelConfig]"],
    "ModelConfig": [
        "1 name: string",
        "2 base_path: string",
        "3 model_type: ModelType",
        "4 model_platform: string",
        "6 logging_config: LoggingConfig",
        "7 model_version_policy: ServableVersionPolicy",
        "8 version_labels: {int64}",
    ],
    "ModelType": ("MODEL_TYPE_UNSPECIFIED", "TENSORFLOW", "OTHER"),
    "ServableVersionPolicy": ["100 latest: Latest", "101 all: All", "102 specific: Specific"],
    "Latest": ["1 num_versions: uint32"],
    "All": [],
    "Specific": ["1 versions: [int64]"],
    "LoggingConfig": [
        "1 log_collector_config: LogCollectorConfig",
        "2 sampling_config: SamplingConfig",
        "3 custom_logging_config: Any",
    ],
    "LogCollectorConfig": ["1 type: string", "2 filename_prefix: string"],
    "SamplingConfig": ["1 sampling_rate: double", "2 attributes: int32"],
}
_CONFIG = "ModelServerConfig"
_PLATFORM = "tensorflow"
_NOT_A_LIST = (
    "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
)


def read_model_config(path: Path, defaults: ServableSettings | None = None) -> tuple[BasePath, ...] | None:
    """What the file lists; None if it says nothing. Raises Unusable naming the file and the line."""
    return read_model_config_text(file_text(path), str(path), defaults)


def read_model_config_text(
    text: str, where: str, defaults: ServableSettings | None = None
) -> tuple[BasePath, ...] | None:
    """What the text lists; None if it says nothing. Raises Unusable naming `where` and the line."""
    message = read_text(text, where, _SCHEMA, _CONFIG)
    try:
        return _listed(message, defaults) if message.ListFields() else None
    except _Wrong as error:
        raise Unusable(f"{where}{_line(text, error.said)}", str(error), error.remedy) from None


def place_in(path: Path, name: str) -> str:
    """The file and the line that names this servable."""
    return f"{path}{_line(file_text(path), name)}"


def parse_model_config(serialized: bytes, defaults: ServableSettings | None = None) -> tuple[BasePath, ...]:
    """What a serialized ModelServerConfig lists. Raises Unusable."""
    try:
        return _listed(read_message(serialized, _SCHEMA, _CONFIG), defaults)
    except _Wrong as error:
        raise Unusable(_CONFIG, str(error), error.remedy) from None


def listed_by_flags(name: str, base_path: str, defaults: ServableSettings | None) -> BasePath:
    """What `--model_name` and `--model_base_path` say. A relative path is one from here. Raises Unusable."""
    if not name:
        raise Unusable("--model_name", "is empty", "give the name that clients call")
    if encodable(name) != name:
        raise Unusable("--model_name", f"'{name}' is not UTF-8", "give a name that clients can say")
    absolute = base_path if "://" in base_path else str(Path(base_path).absolute())
    try:
        return BasePath(name, _path(name, absolute), _PLATFORM, Latest(), None, defaults)
    except _Wrong as error:
        raise Unusable("--model_base_path", str(error), error.remedy) from None


class _Wrong(Exception):
    """Something that no server can do; `said` is the word at fault, as it is written."""

    def __init__(self, what: str, remedy: str, said: str = "") -> None:
        super().__init__(what)
        self.remedy = remedy
        self.said = said


def _line(text: str, said: str) -> str:
    """Where the word is last, in quotes or without."""
    for word in (f'"{said}"', f"'{said}'", said):
        lines = [number for number, line in enumerate(text.splitlines(), 1) if said and word in line]
        if lines:
            return f":{lines[-1]}"
    return ""


def _listed(message: Any, defaults: ServableSettings | None) -> tuple[BasePath, ...]:
    if not message.HasField("model_config_list"):
        raise _Wrong(_NOT_A_LIST, "write model_config_list { config { ... } }", "custom_model_config")
    models = tuple(_model(each, defaults) for each in message.model_config_list.config)
    seen: set[str] = set()
    for each in models:
        if each.name in seen:
            what = f"Illegal to list model {each.name} multiple times in config list"
            raise _Wrong(what, "keep one of them", each.name)
        seen.add(each.name)
    return models


def _model(config: Any, defaults: ServableSettings | None) -> BasePath:
    if not config.name:
        raise _Wrong("a model in the config list has no name", 'write name: "..."', config.base_path)
    labels = dict(config.version_labels)
    for label, version in labels.items():
        if not label or not is_version(version):
            what = f"label '{label}' of model {config.name} names version {version}"
            raise _Wrong(what, "give a name, and the number of a version", label or config.name)
    path = _path(config.name, config.base_path)
    return BasePath(config.name, path, config.model_platform, _policy(config), labels, defaults)


def _path(name: str, base_path: str) -> Path:
    local = base_path.removeprefix("file://")
    if "://" in local:
        what = f"model {name} is at {base_path}, which is not on this machine"
        raise _Wrong(what, "copy or mount it, and give the folder's path", base_path)
    if not Path(local).is_absolute():
        what = f"Expected model {name} to have an absolute path or URI; got base_path()={base_path}"
        raise _Wrong(what, "write the whole path, from / on", base_path or name)
    return Path(local)


def _policy(config: Any) -> VersionPolicy:
    policy = config.model_version_policy
    if policy.HasField("all"):
        return Every()
    if not policy.HasField("specific"):
        return Latest(policy.latest.num_versions or 1)
    if not policy.specific.versions:
        what = f"the policy of model {config.name} is specific, but names no version"
        raise _Wrong(what, "write specific { versions: 1 }", "specific")
    for version in policy.specific.versions:
        if not is_version(version):
            what = f"the policy of model {config.name} names version {version}"
            raise _Wrong(what, "give the number of a version folder", str(version))
    return Specific(frozenset(policy.specific.versions))
