"""Another list of servables for a running server, as TensorFlow Serving's HandleReloadConfigRequest has it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from salver.lifecycle.states import Record, State
from salver.problems import Unusable
from salver.repository.base_path import BasePath
from salver.repository.model_config import parse_model_config, read_model_config_text
from salver.repository.settings import ServableSettings
from salver.server.manager import Manager


class Refusal(Exception):
    """Why a list was not taken over, or did not come to serve; `code` is gRPC's name of a status."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True)
class Reload:
    """`defaults` are settings of models; `early_labels` lets new labels name versions that are not available."""

    manager: Manager
    defaults: ServableSettings | None = None
    early_labels: bool = False

    def message(self, serialized: bytes) -> list[str]:
        """Take over a serialized ModelServerConfig; gives the servables to `wait_for`. Raises Refusal."""
        try:
            listed = parse_model_config(serialized, self.defaults)
        except Unusable as error:
            raise Refusal("INVALID_ARGUMENT", error.problem.what) from None
        return self.take_over(listed)

    def text(self, text: str, where: str) -> None:
        """Follow a ModelServerConfig in protobuf's text form. Raises Unusable for what is wrong in it, and Refusal."""
        listed = read_model_config_text(text, where, self.defaults)
        if listed is None:
            raise Unusable(where, "lists nothing", "write model_config_list { config { ... } }")
        self.follow(listed)

    def follow(self, listed: tuple[BasePath, ...]) -> None:
        """Take this list over, and wait for those that are new on it. Raises Refusal."""
        self.wait_for(self.take_over(listed))

    def take_over(self, listed: tuple[BasePath, ...]) -> list[str]:
        """Serve what is on this list; gives those that were not on the former one.

        Those that are left out are unloaded. Raises Refusal, before anything changes, for a list that cannot be taken
        over.
        """
        before = {each.name: each for each in self.manager.sources.listed}
        for each in listed:
            changed = each.changed_platform(before.get(each.name))
            if changed is not None:
                raise Refusal("INVALID_ARGUMENT", changed)
        for each in listed:
            self._check_labels(each)
        try:
            self.manager.look(lambda sources: replace(sources, listed=listed))
        except Unusable as error:
            raise Refusal("FAILED_PRECONDITION", str(error.problem)) from None
        return [each.name for each in listed if each.name not in before]

    def wait_for(self, servables: Iterable[str]) -> None:
        """Wait until each is available. Raises Refusal if one cannot be loaded, which then goes on being tried."""
        failures = [failure for servable in servables for failure in self._failures(servable)]
        if failures:
            each = "".join(f"{{{failure}}}, " for failure in failures)
            raise Refusal("UNKNOWN", f"{len(failures)} model(s) did not become available: {{{each}}}")

    def _check_labels(self, listed: BasePath) -> None:
        available, known = self.manager.available(listed.name), self.manager.labels(listed.name)
        for label, version in (listed.labels or {}).items():
            early = self.early_labels and label not in known
            if version not in available and not early and known.get(label) != version:
                text = f"Request to assign label to version {version} of model {listed.name}, which is not currently "
                raise Refusal("FAILED_PRECONDITION", f"{text}available for inference")

    def _failures(self, servable: str) -> list[str]:
        try:
            records = self.manager.wait(servable, _decided)
        except Unusable as error:
            return [f"name: {servable} due to error: {error.problem.what}"]
        if any(record.state is State.AVAILABLE for record in records):
            return []
        failed = [(record.version, record.problem) for record in records if record.wanted]
        told = [f"name: {servable} version: {version} due to error: {why.what}" for version, why in failed if why]
        if told:
            return told
        listed = servable in {each.name for each in self.manager.sources.listed}
        problem = self.manager.why_not(servable, None) if listed else None
        return [f"name: {servable} due to error: {problem.what if problem else 'it was taken back meanwhile'}"]


def _decided(records: Collection[Record]) -> bool:
    """Whether one version answers, or none of those that should will do so now."""
    wanted = [record for record in records if record.wanted]
    return any(record.state is State.AVAILABLE for record in wanted) or all(record.settled for record in wanted)
