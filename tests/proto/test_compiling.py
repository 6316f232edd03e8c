"""What is wrong with a `.proto` file is told by file, line and column."""

import os
import re
import runpy
from pathlib import Path

import pytest

import salver
from salver.problems import Unusable

HEAD = 'syntax = "proto3";\n'

BROKEN = {
    "no equals sign": (HEAD + "message A {\n  string a 1;\n}", "3:12", "expected '='"),
    "a type that nobody defines": (HEAD + "message A {\n  Unknown a = 1;\n}", "3:3", "'Unknown' is not defined"),
    "an import that is not there": (HEAD + 'import "no/where.proto";', "2:1", "'no/where.proto' not found"),
    "a number that is taken": (HEAD + "message A { string a = 1; string b = 1; }", "2:38", "'1' is already used"),
    "a number that no field has": (HEAD + "message A { string a = 0; }", "2:24", "between 1 and"),
    "a reply that nobody defines": (HEAD + "message A {}\nservice S { rpc P(A) returns (B); }", "3:31", "'B'"),
    "an option that nobody defines": (HEAD + 'message A { string a = 1 [(who) = "me"]; }', "2:27", "who"),
    "an edition": ('edition = "2023";\nmessage A {}', "1:1", "editions are not supported"),
    "an end in the middle": (HEAD + "message A { string a = 1;", "2:26", "end of file"),
    "messages in messages without end": (HEAD + "message A {" * 9000, "2:342", "recursion limit"),
    "an import of itself": (HEAD + 'import "broken.proto";', "2:1", "cycle"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    text, at, what = BROKEN[name]
    file = tmp_path / "broken.proto"
    file.write_text(text)
    with pytest.raises(Unusable) as refused:
        salver.proto(str(file))
    problem = refused.value.problem
    assert problem.where == f"{file}:{at}"
    assert what in f"{problem.what} {problem.remedy}"
    assert problem.remedy


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\xff\xfe", b"\x00" * 100])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.proto").write_bytes(content)
    with pytest.raises(Unusable, match=re.escape(str(tmp_path / "broken.proto"))):
        salver.proto(str(tmp_path / "broken.proto"))


def test_what_is_too_large_for_protobuf_is_refused(tmp_path: Path) -> None:
    fields = " ".join(f"int32 f{number} = {number};" for number in range(1, 18_000))
    (tmp_path / "broken.proto").write_text(f"{HEAD}message A {{ {fields} }}")
    with pytest.raises(Unusable, match=r"protobuf makes no classes of it: .*size"):
        salver.proto(str(tmp_path / "broken.proto"))


def test_a_broken_import_is_told_as_its_own_file(folder: Path) -> None:
    (folder / "shared" / "meta.proto").write_text(HEAD + "package shared;\nmessage MetaData { wrong }")
    with pytest.raises(Unusable, match=re.escape(f"{folder}/shared/meta.proto:3:26")):
        salver.proto(str(folder / "infer.proto"))


def test_a_missing_import_is_named_with_the_folders_that_were_looked_into(folder: Path) -> None:
    (folder / "shared" / "meta.proto").unlink()
    (folder / "others").mkdir()
    with pytest.raises(Unusable) as refused:
        salver.proto(str(folder / "infer.proto"), include=[str(folder / "others")])
    assert "import 'shared/meta.proto' not found" in refused.value.problem.what
    for looked in (folder, folder / "others", "google/protobuf/*", "google/api/annotations.proto"):
        assert str(looked) in refused.value.problem.remedy


def test_imports_are_found_in_the_folders_that_are_given(folder: Path) -> None:
    (folder / "protos").mkdir()
    (folder / "protos" / "shared").mkdir()
    (folder / "shared" / "meta.proto").rename(folder / "protos" / "shared" / "meta.proto")
    infer = salver.proto(str(folder / "infer.proto"), include=[str(folder / "protos")])
    assert infer.shared.MetaData(values={"a": "b"}).values == {"a": "b"}


def test_the_file_and_its_folders_are_looked_for_beside_the_file_that_names_them(folder: Path, tmp_path: Path) -> None:
    (folder / "away").mkdir()
    (folder / "shared").rename(folder / "away" / "shared")
    script = folder / "script.py"
    script.write_text('import salver\ninfer = salver.proto("infer.proto", include=["away"])\n')
    before = Path.cwd()
    os.chdir("/")
    try:
        assert runpy.run_path(str(script))["infer"].file == folder / "infer.proto"
    finally:
        os.chdir(before)


def test_or_in_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert salver.proto("infer.proto").file == folder / "infer.proto"


def test_a_file_that_is_not_there_is_told_at_the_line_that_names_it() -> None:
    with pytest.raises(Unusable, match=r"test_compiling.py:\d+: names 'nothing.proto'"):
        salver.proto("nothing.proto")
