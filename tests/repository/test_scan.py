import errno
import os
from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.repository.base_path import BasePath
from salver.repository.scan import Kind, Repository, scan, scan_listed
from salver.repository.wishes import Wish

ONNX = frozenset({".onnx"})


def lay(directory: Path, *files: str) -> Path:
    for file in files:
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return directory


def found(repository: Repository) -> list[tuple[str, int, str]]:
    return [(each.servable, each.version, each.artefact.name) for each in repository.versions]


def test_every_servable_is_served_in_its_highest_version(tmp_path: Path) -> None:
    lay(tmp_path, "add/1/model.onnx", "add/2/any_name.onnx", "add/10/a.onnx", "digits/007/model.onnx")
    repository = scan(tmp_path, ONNX)
    assert found(repository) == [("add", 10, "a.onnx"), ("digits", 7, "model.onnx")]
    assert not repository.refused
    assert not repository.problems


def test_the_settings_choose_other_versions(tmp_path: Path) -> None:
    lay(tmp_path, "add/1/model.onnx", "add/2/model.onnx", "add/3/model.onnx")
    (tmp_path / "add" / "salver.toml").write_text("versions = [1, 3, 9]")
    repository = scan(tmp_path, ONNX)
    assert found(repository) == [("add", 1, "model.onnx"), ("add", 3, "model.onnx")]
    assert [(each.version, each.problem.what) for each in repository.refused] == [
        (9, "version 9 is to be served, but there is no such folder")
    ]


def test_what_is_no_servable_is_passed_over(tmp_path: Path) -> None:
    lay(tmp_path, "add/1/model.onnx", "add/1/model.onnx.data", ".git/1/x.onnx", "add/.cache/x", "README.md")
    assert found(scan(tmp_path, ONNX)) == [("add", 1, "model.onnx")]


@pytest.mark.parametrize(
    ("files", "where", "what", "remedy"),
    [
        (["a/1/x.onnx", "a/1/y.onnx"], "a/1", "several model files: x.onnx and y.onnx", "keep exactly one"),
        (["a/1/weights.bin"], "a/1", "holds no model file", "exactly one file that ends in .onnx"),
        (["a/first/x.onnx"], "a/first", "'first' is no version number", "1, 2, 3"),
        (["a/0/x.onnx"], "a/0", "'0' is no version number", "1, 2, 3"),
        (["a/1/x.onnx", "a/01/x.onnx"], "a/1", "is version 1, and so is", "keep one"),
        (["a/x.onnx"], "a/x.onnx", "belongs into a version folder", "a/1/x.onnx"),
        (["a/notes.txt"], "a", "has no version folder", "a/1/model.onnx"),
    ],
)
def test_what_is_wrong_with_a_servable_is_data(
    tmp_path: Path, files: list[str], where: str, what: str, remedy: str
) -> None:
    lay(tmp_path, "good/1/model.onnx", *files)
    repository = scan(tmp_path, ONNX)
    assert ("good", 1, "model.onnx") in found(repository)
    [refused] = repository.refused
    assert refused.servable == "a"
    assert refused.problem.where == str(tmp_path / where)
    assert what in refused.problem.what
    assert remedy in refused.problem.remedy


@pytest.mark.parametrize(("files", "version"), [(["a/1/x.onnx", "a/7/x.onnx"], 7), (["a/notes.txt"], 1)])
def test_a_mistake_in_the_settings_refuses_the_whole_servable(tmp_path: Path, files: list[str], version: int) -> None:
    lay(tmp_path, *files)
    (tmp_path / "a" / "salver.toml").write_text("batch = 3")
    repository = scan(tmp_path, ONNX)
    assert found(repository) == []
    refused = repository.refused[-1]
    assert (refused.servable, refused.version) == ("a", version)
    assert "no setting 'batch'" in refused.problem.what


def test_what_lies_beside_the_versions_refuses_none_of_them(tmp_path: Path) -> None:
    lay(tmp_path, "a/1/x.onnx", "a/old/x.onnx", "notes/today.txt")
    repository = scan(tmp_path, ONNX)
    assert found(repository) == [("a", 1, "x.onnx")]
    assert [(each.servable, each.version) for each in repository.refused] == [("a", None), ("notes", None)]


def test_a_model_beside_the_servables_is_told_where_it_belongs(tmp_path: Path) -> None:
    lay(tmp_path, "resnet.onnx")
    [problem] = scan(tmp_path, ONNX).problems
    assert str(tmp_path / "resnet" / "1" / "resnet.onnx") in problem.remedy


def test_the_folder_of_one_servable_is_told_to_go_one_up(tmp_path: Path) -> None:
    lay(tmp_path, "add/1/model.onnx")
    with pytest.raises(Unusable) as refused:
        scan(tmp_path / "add", ONNX)
    assert "folder of one servable" in refused.value.problem.what
    assert refused.value.problem.remedy.endswith(str(tmp_path))


def test_a_missing_or_empty_folder_is_told_the_layout(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "gone", lay(tmp_path, "file") / "file"):
        with pytest.raises(Unusable, match=r"add/1/model\.onnx"):
            scan(directory, ONNX)


def code(repository: Repository) -> list[tuple[str, int, Kind, str | None]]:
    return [(each.servable, each.version, each.kind, each.folder and each.folder.name) for each in repository.versions]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["a/servable.py"], [("a", 1, Kind.SERVABLE, None)]),
        (["a/servable_config.py"], [("a", 1, Kind.SERVABLE_CONFIG, None)]),
        (["a/servable.py", "a/1/net.pt", "a/3/net.pt", "a/3/words.txt"], [("a", 3, Kind.SERVABLE, "3")]),
        (["a/servable_config.py", "a/1/add.mindir"], [("a", 1, Kind.SERVABLE_CONFIG, "1")]),
        (["a/servable.py", "a/net.onnx", "a/helpers/x.py", "a/__pycache__/x"], [("a", 1, Kind.SERVABLE, None)]),
        (["a/servable.py", "start.py", "client.py"], [("a", 1, Kind.SERVABLE, None)]),
    ],
)
def test_code_is_a_servable_with_or_without_version_folders(
    tmp_path: Path, files: list[str], found: list[tuple[str, int, Kind, str | None]]
) -> None:
    repository = scan(lay(tmp_path, *files), ONNX)
    assert code(repository) == found
    assert {each.artefact.name for each in repository.versions} <= {"servable.py", "servable_config.py"}
    assert not repository.refused
    assert not repository.problems


@pytest.mark.parametrize(
    ("files", "settings", "version", "what", "remedy"),
    [
        (["a/servable.py", "a/servable_config.py"], "", 1, "holds both servable.py and servable_config.py", "keep one"),
        (
            ["a/servable.py", "a/2/x"],
            "max_batch_size = 8",
            2,
            "sets max_batch_size, which is for servables",
            "say it in servable.py",
        ),
        (["a/servable.py"], "versions = [1, 2]", 2, "version 2 is to be served", "add the folder 2"),
        (["a/servable.py", "a/1/x", "a/01/x"], "", None, "is version 1, and so is", "keep one"),
        (["a/servable.py", "a/0/x"], "", None, "'0' is no version number", "1, 2, 3"),
    ],
)
def test_what_is_ambiguous_beside_code_is_told(
    tmp_path: Path, files: list[str], settings: str, version: int | None, what: str, remedy: str
) -> None:
    lay(tmp_path, *files)
    (tmp_path / "a" / "salver.toml").write_text(settings)
    [refused] = scan(tmp_path, ONNX).refused
    assert refused.version == version
    assert what in refused.problem.what
    assert remedy in refused.problem.remedy


def test_one_file_is_a_servable_of_its_own_name(tmp_path: Path) -> None:
    lay(tmp_path, "hello.py", "digits/servable.py", "digits/2/net.onnx")
    assert code(scan(tmp_path / "hello.py", ONNX)) == [("hello", 1, Kind.SERVABLE, None)]
    assert code(scan(tmp_path / "digits" / "servable.py", ONNX)) == [("digits", 2, Kind.SERVABLE, "2")]


def test_the_folder_of_code_is_told_to_go_one_up_too(tmp_path: Path) -> None:
    lay(tmp_path, "add/servable_config.py")
    with pytest.raises(Unusable, match=r"is the folder of one servable: it holds servable_config\.py"):
        scan(tmp_path / "add", ONNX)


@pytest.mark.parametrize(
    ("place", "what", "remedy"),
    [
        ("gone", "there is no such folder", "give the folder that holds <servable>/servable.py"),
        ("gone.py", "there is no such file", "or the .py file of one servable"),
        ("notes.md", "is neither a folder nor a .py file", "or the .py file of one servable"),
        ("tools", "holds no servables", "or give the file of one servable, such as {tmp_path}/tools/hello.py"),
        ("m/1/x.onnx", "is a model file", "give the folder of servables: {tmp_path}"),
        ("m/1", "is a version folder", "give the folder of servables: {tmp_path}"),
        ("m/1/notes.txt", "is neither a folder nor a .py file", "or the .py file of one servable"),
        ("m/1/gone.onnx", "there is no such folder", "give the folder that holds"),
        ("add", "it holds servable.py", "the folder above it: {tmp_path}, or its code: {tmp_path}/add/servable.py"),
    ],
)
def test_a_place_that_cannot_be_served_is_told_what_can(tmp_path: Path, place: str, what: str, remedy: str) -> None:
    lay(tmp_path, "tools/hello.py", "add/servable.py", "notes.md", "m/1/x.onnx", "m/1/notes.txt")
    with pytest.raises(Unusable) as refused:
        scan(tmp_path / place, ONNX)
    assert what in refused.value.problem.what
    assert remedy.format(tmp_path=tmp_path) in refused.value.problem.remedy


def test_a_name_that_is_not_utf_8_refuses_only_itself(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff")
    lay(tmp_path, "ok/servable.py", f"ok/{odd}", f"{odd}/servable.py", f"add/1/{odd}.onnx", f"{odd}.txt")
    repository = scan(tmp_path, ONNX)
    assert found(repository) == [("ok", 1, "servable.py")]
    assert [(each.where, each.what) for each in repository.problems] == [
        (f"{tmp_path}/\\udcff", "has a name that is not UTF-8")
    ]
    assert [(each.servable, each.version, each.problem.where) for each in repository.refused] == [
        ("add", 1, f"{tmp_path}/add/1/\\udcff.onnx")
    ]
    for place in (f"{odd}.py", f"{odd}/servable.py"):
        lay(tmp_path, place)
        with pytest.raises(Unusable, match="has a name that is not UTF-8"):
            scan(tmp_path / place, ONNX)


def test_what_cannot_be_looked_at_refuses_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, "ok/1/model.onnx", "stale/1/model.onnx")
    usual = Path.is_dir

    def is_dir(self: Path) -> bool:
        if self.name == "stale":
            raise OSError(errno.ESTALE, "Stale file handle", str(self))
        return usual(self)

    monkeypatch.setattr(Path, "is_dir", is_dir)
    repository = scan(tmp_path, ONNX)
    assert found(repository) == [("ok", 1, "model.onnx")]
    [refused] = repository.refused
    assert (refused.servable, refused.unsure, refused.problem.what) == (
        "stale",
        True,
        "cannot be read: Stale file handle",
    )


def test_a_path_that_no_file_system_takes_is_a_problem(tmp_path: Path) -> None:
    endless = tmp_path / ("x" * 300)
    with pytest.raises(Unusable, match="cannot be read: File name too long"):
        scan(endless, ONNX)
    [refused] = scan_listed(BasePath("m", endless), ONNX, Wish()).refused
    assert (refused.servable, refused.unsure, refused.problem.what) == ("m", True, "cannot be read: File name too long")
