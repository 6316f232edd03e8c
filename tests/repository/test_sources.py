from pathlib import Path

import pytest
from repository.test_scan import lay

from salver.problems import Unusable
from salver.repository.base_path import BasePath
from salver.repository.policies import Every, Latest
from salver.repository.scan import Repository, VersionFolder
from salver.repository.settings import ServableSettings
from salver.repository.sources import Sources, labels, look, made_of, narrowed, unless_unsure
from salver.repository.wishes import Wish

ONNX = frozenset({".onnx"})


def found(repository: Repository) -> list[tuple[str, int]]:
    return [(each.servable, each.version) for each in repository.versions]


def listed(tmp_path: Path, **said: object) -> Sources:
    return Sources(listed=(BasePath("m", tmp_path / "m", **said),))  # type: ignore[arg-type]


def test_a_listed_servable_is_read_as_tensorflow_serving_reads_it(tmp_path: Path) -> None:
    lay(tmp_path, "m/00000123/x.onnx", "m/0/x.onnx", "m/notes/today.txt", "m/-1/x.onnx", "m/README.onnx", "m/1a/x.onnx")
    repository = look(listed(tmp_path, versions=Every()), ONNX)
    assert found(repository) == [("m", 0), ("m", 123)]
    assert not repository.refused


def test_of_two_folders_with_one_number_the_last_is_served_with_a_warning(tmp_path: Path) -> None:
    lay(tmp_path, "m/07/x.onnx", "m/7/x.onnx")
    repository = look(listed(tmp_path), ONNX)
    assert [each.folder and each.folder.name for each in repository.versions] == ["7"]
    assert [(each.version, each.problem.what) for each in repository.refused] == [
        (None, f"is version 7, and so is {tmp_path}/m/07")
    ]


def test_what_is_listed_overrules_the_settings_beside_it(tmp_path: Path) -> None:
    lay(tmp_path, "m/1/x.onnx", "m/2/x.onnx")
    (tmp_path / "m" / "salver.toml").write_text('versions = "all"\nlabels = { stable = 1 }\nmax_wait_ms = 3')
    defaults = ServableSettings(max_batch_size=8, max_wait_ms=1)
    repository = look(listed(tmp_path, defaults=defaults), ONNX)
    assert found(repository) == [("m", 1), ("m", 2)]
    assert labels(repository) == {"m": {"stable": 1}}
    assert {(each.settings.max_batch_size, each.settings.max_wait_ms) for each in repository.versions} == {(8, 3)}
    repository = look(listed(tmp_path, versions=Latest(), labels={"canary": 2}), ONNX)
    assert (found(repository), labels(repository)) == ([("m", 2)], {"m": {"canary": 2}})


def test_a_base_path_that_is_not_there_tells_nothing_about_its_versions(tmp_path: Path) -> None:
    sources = listed(lay(tmp_path, "m/2/x.onnx"))
    before = look(sources, ONNX)
    (tmp_path / "m").rename(tmp_path / "away")
    assert found(look(sources, ONNX)) == []
    kept = unless_unsure(before, look(sources, ONNX))
    assert found(kept) == [("m", 2)]
    assert [(each.version, each.problem.what) for each in kept.refused] == [(2, "there is no such folder")]
    lay(tmp_path, "m/notes.txt")
    assert found(unless_unsure(before, look(sources, ONNX))) == []


def test_settings_with_a_mistake_tell_nothing_about_versions_either(tmp_path: Path) -> None:
    before = look(Sources(lay(tmp_path, "m/1/x.onnx", "n/1/x.onnx")), ONNX)
    (tmp_path / "m" / "salver.toml").write_text("versoins = 'all'")
    now = look(Sources(lay(tmp_path, "m/2/x.onnx", "n/2/x.onnx")), ONNX)
    assert found(now) == [("n", 2)]
    assert found(unless_unsure(before, now)) == [("n", 2), ("m", 1)]


def test_the_listed_servable_hides_the_one_in_the_folder(tmp_path: Path) -> None:
    lay(tmp_path, "one/m/1/x.onnx", "one/n/1/x.onnx", "two/m/5/x.onnx")
    repository = look(Sources(tmp_path / "one", (BasePath("m", tmp_path / "two" / "m"),)), ONNX)
    assert found(repository) == [("n", 1), ("m", 5)]
    assert ["'m' is listed with a base path" in each.what for each in repository.problems] == [True]


@pytest.mark.parametrize(
    ("wish", "versions", "missing"),
    [
        (Wish(), [3], []),
        (Wish().load(1), [1, 3], []),
        (Wish().load(9), [3], [9]),
        (Wish().unload(3), [2], []),
        (Wish().load(1).unload(3), [1, 2], []),
        (Wish().load(1).unload(1), [3], []),
        (Wish().unload(3).load(3), [3], []),
        (Wish().unload(None), [], []),
        (Wish().load(1).unload(None).load(None), [3], []),
        (Wish().unload(None).load(2), [2, 3], []),
    ],
)
def test_wishes_amend_what_the_folder_says(tmp_path: Path, wish: Wish, versions: list[int], missing: list[int]) -> None:
    lay(tmp_path, "m/1/x.onnx", "m/2/x.onnx", "m/3/x.onnx")
    for sources in (Sources(tmp_path), listed(tmp_path)):
        repository = look(sources.wish("m", wish), ONNX)
        assert [each.version for each in repository.versions] == versions
        assert [each.version for each in repository.refused] == missing


def test_labels_may_be_given_moved_and_taken_away(tmp_path: Path) -> None:
    lay(tmp_path, "m/1/x.onnx")
    (tmp_path / "m" / "salver.toml").write_text("labels = { stable = 1, old = 1 }")
    wish = Wish().label("canary", 2).label("stable", 3).label("old", None)
    assert labels(look(Sources(tmp_path).wish("m", wish), ONNX)) == {"m": {"stable": 3, "canary": 2}}


def test_a_look_may_be_narrowed_to_some_servables(tmp_path: Path) -> None:
    before = look(Sources(lay(tmp_path, "a/1/x.onnx", "b/1/x.onnx")), ONNX)
    now = look(Sources(lay(tmp_path, "a/2/x.onnx", "b/2/x.onnx", "c/1/x.onnx")), ONNX)
    assert sorted(found(narrowed(before, now, ["b"]))) == [("a", 1), ("b", 2)]


def test_an_empty_folder_is_of_no_use(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="holds no servables"):
        look(Sources(tmp_path), ONNX)


def test_what_a_version_is_made_of_changes_with_its_files_and_its_settings(tmp_path: Path) -> None:
    def seen(name: str) -> object:
        versions = look(Sources(tmp_path), ONNX).versions
        [folder] = [each for each in versions if each.servable == name]
        assert isinstance(folder, VersionFolder)
        return made_of(folder)

    lay(tmp_path, "m/1/x.onnx", "code/servable.py", "code/helper.py")
    before = {name: seen(name) for name in ("m", "code")}
    assert before == {name: seen(name) for name in ("m", "code")}
    (tmp_path / "m" / "1" / "x.onnx").write_bytes(b"more")
    (tmp_path / "code" / "helper.py").write_text("more = 1")
    after = {name: seen(name) for name in ("m", "code")}
    assert before["m"] != after["m"]
    assert before["code"] != after["code"]
    (tmp_path / "m" / "salver.toml").write_text("instances = 2")
    assert seen("m") != after["m"]
