"""What a worker says of itself when it joins, and what of it a server can use."""

from dataclasses import dataclass, replace
from typing import Any

from salver.authoring.manifest import Lane, Manifest, manifest_from_json
from salver.authoring.spec import Servable
from salver.cluster.greeting import Refused

_MOST_LANES = 1024
_LONGEST_NAME = 255
_HIGHEST_VERSION = 2**63 - 1
_RELEASE = "install the same release of salver on both sides"


@dataclass(frozen=True)
class Hello:
    """`worker` names the process, for it may come back before its server knows that it was gone; `label` is for people.

    All stages of the manifest are run by its lanes.
    """

    manifest: Manifest
    worker: str
    label: str

    @property
    def servable(self) -> Servable:
        return self.manifest.servable

    @property
    def key(self) -> tuple[str, int]:
        """What it serves."""
        return self.servable.name, self.servable.version

    def fields(self) -> dict[str, Any]:
        """As a message has it."""
        return {"manifest": self.manifest.to_json(), "worker": self.worker, "label": self.label}


def hello_from(fields: dict[str, Any]) -> Hello:
    """The inverse of `Hello.fields`. Raises Refused for what no worker of this release would say."""
    try:
        hello = Hello(manifest_from_json(fields["manifest"]), str(fields["worker"]), _shown(str(fields["label"])))
        usable = _is_usable(hello.manifest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused("what it says of its servable cannot be read", _RELEASE) from None
    if not usable:
        raise Refused("what it says of its servable does not hold together", _RELEASE)
    return hello


def without_reasons(servable: Servable) -> Servable:
    """The same without the texts that say why rows stay apart, which may differ between hosts."""
    stages = tuple(replace(stage, unbatched=None if stage.unbatched is None else "") for stage in servable.stages)
    return replace(servable, stages=stages)


def _shown(label: str) -> str:
    """As it may be printed."""
    return "".join(each if each.isprintable() else "?" for each in label[:_LONGEST_NAME])


def _is_usable(manifest: Manifest) -> bool:
    servable = manifest.servable
    stages = set(range(len(servable.stages)))
    named = _is_name(servable.name) and 0 < servable.version <= _HIGHEST_VERSION
    lanes = len(manifest.lanes) <= _MOST_LANES and all(_is_lane(lane, stages) for lane in manifest.lanes)
    covered = stages == {stage for lane in manifest.lanes for stage in lane.stages}
    return named and lanes and covered and not manifest.onnx and 0 < manifest.run_timeout_s < float("inf")


def _is_name(name: str) -> bool:
    """Whether it could be that of a folder."""
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable() and "/" not in name


def _is_lane(lane: Lane, stages: set[int]) -> bool:
    return set(lane.stages) <= stages and 0 < int(lane.slots) <= _MOST_LANES
