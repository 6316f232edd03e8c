"""A servable that is listed by its name, as TensorFlow Serving's flags and configuration files do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from salver.repository.policies import VersionPolicy
from salver.repository.settings import ServableSettings


@dataclass(frozen=True)
class BasePath:
    """Its version folders are in `path`. What is None is said by the `salver.toml` there, if at all.

    `defaults` are settings of models which that file may overrule.
    """

    name: str
    path: Path
    platform: str = ""
    versions: VersionPolicy | None = None
    labels: Mapping[str, int] | None = None
    defaults: ServableSettings | None = None

    def changed_platform(self, before: "BasePath | None") -> str | None:
        """That this asks for another platform than what was listed before, in TensorFlow Serving's words."""
        if before is None or not before.platform or not self.platform or before.platform == self.platform:
            return None
        text = f"Illegal to change a model's platform. For model {self.name} platform was {before.platform}"
        return f"{text} and new platform requested is {self.platform}"

    def amended(self, settings: ServableSettings) -> ServableSettings:
        """The settings as they are after what is said here."""
        versions = settings.versions if self.versions is None else self.versions
        return replace(settings, versions=versions, labels=settings.labels if self.labels is None else self.labels)
