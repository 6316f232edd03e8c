from importlib.metadata import distribution

from packaging.requirements import Requirement

from salver import _native


def needed(name: str, found: set[str]) -> set[str]:
    """The names of a distribution and of all it needs, without extras."""
    if name not in found:
        found.add(name)
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed(requirement.name.lower().replace("_", "-"), found)
    return found


def test_the_base_install_has_at_most_ten_packages() -> None:
    assert len(needed("salver", set())) <= 10


def test_the_native_part_has_the_version_of_the_package() -> None:
    assert _native.version() == distribution("salver").version
