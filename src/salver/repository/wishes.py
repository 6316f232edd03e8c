"""What was asked of a running server about single servables, beyond what folders and files say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from salver.repository.policies import Amended
from salver.repository.settings import ServableSettings


@dataclass(frozen=True)
class Wish:
    """Of one servable: no version at all, or these as well, or not those; labels, None to take one away."""

    nothing: bool = False
    also: frozenset[int] = frozenset()
    never: frozenset[int] = frozenset()
    labels: Mapping[str, int | None] = field(default_factory=dict)

    def load(self, version: int | None) -> "Wish":
        """Serve this version as well; without one, whatever the servable's policy says."""
        if version is None:
            return replace(self, nothing=False)
        return replace(self, nothing=False, also=self.also | {version}, never=self.never - {version})

    def unload(self, version: int | None) -> "Wish":
        """Do not serve this version, or none."""
        if version is None:
            return Wish(nothing=True, labels=self.labels)
        return replace(self, also=self.also - {version}, never=self.never | {version})

    def label(self, label: str, version: int | None) -> "Wish":
        return replace(self, labels={**self.labels, label: version})

    def amended(self, settings: ServableSettings) -> ServableSettings:
        """The servable's settings as they are after it."""
        labels = {**settings.labels, **self.labels}
        kept = {label: version for label, version in labels.items() if version is not None}
        return replace(settings, versions=Amended(settings.versions, self.also, self.never), labels=kept)


Wishes = Mapping[str, Wish]
