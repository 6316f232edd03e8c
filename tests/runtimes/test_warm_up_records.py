from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.saved_models import FLOAT, entries, predict_log, spec, tensor, texts, write_records

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes import warm_up_records
from salver.runtimes.protobuf import field
from salver.runtimes.tfrecord import record
from salver.runtimes.warm_up_records import replay
from salver.runtimes.workers import ModelCode, Signature
from salver.workers.stage import Column, Failure, StageFailed

ROW = tensor(FLOAT, [1, 2], 1, 2)


class Noting(ModelCode):
    """Notes what it is given; numbers below zero are too much for it."""

    def __init__(self, *inputs: Port) -> None:
        super().__init__(Signature(inputs, (Port("y", "float32", ("", 2)),)))
        self.seen: list[Sequence[Column]] = []

    def run(self, columns: Sequence[Column]) -> list[Column]:
        self.seen.append(columns)
        if self.inputs[0].dtype == "float32" and np.min(columns[0], initial=0) < 0:
            raise StageFailed(Failure("it is below zero"))
        return []


@pytest.fixture
def models() -> dict[str, Noting]:
    examples = {name: Noting(Port("inputs", "bytes", ("",))) for name in ("classify", "regress")}
    return {"serving_default": Noting(Port("x", "float32", ("", 2))), **examples}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "saved_model.pb"


def examples(*given: bytes, context: bytes | None = None) -> bytes:
    listed = b"".join(field(1, each) for each in given)
    return field(1, listed) if context is None else field(2, listed + field(2, context))


def classify_log(signature: str, given: bytes, kind: int = 2) -> bytes:
    return field(kind, field(1, field(1, spec(signature)) + field(2, given)))


def multi_log(given: bytes, *signatures: str) -> bytes:
    tasks = b"".join(field(1, field(1, spec(each))) for each in signatures)
    return field(4, field(1, tasks + field(2, given)))


def test_without_records_nothing_is_run(file: Path, models: dict[str, Noting]) -> None:
    replay(file.parent, models)
    assert not any(model.seen for model in models.values())


def test_predictions_are_run_by_their_signature(file: Path, models: dict[str, Noting]) -> None:
    one_row = tensor(FLOAT, [2], 3, 4)
    write_records(file, predict_log({"x": ROW}), predict_log({"x": one_row}, "serving_default"))
    replay(file.parent, models)
    assert [np.asarray(x).tolist() for [x] in models["serving_default"].seen] == [[[1, 2]], [[3, 4]]]


def test_rows_of_several_texts_are_run_as_such(file: Path) -> None:
    model = Noting(Port("words", "bytes", ("", 2)))
    write_records(file, predict_log({"words": texts(b"a", b"b")}), predict_log({"words": texts(b"c", b"d", rows=1)}))
    replay(file.parent, {"serving_default": model})
    assert [np.asarray(words).tolist() for [words] in model.seen] == [[[b"a", b"b"]], [[b"c", b"d"]]]


def test_examples_go_to_each_task_with_what_they_have_in_common(file: Path, models: dict[str, Noting]) -> None:
    write_records(
        file,
        classify_log("classify", examples(b"a", b"b")),
        classify_log("regress", examples(b"a", context=b"common "), kind=3),
        multi_log(examples(b"c"), "classify", "regress"),
    )
    replay(file.parent, models)
    assert models["classify"].seen == [[[b"a", b"b"]], [[b"c"]]]
    assert models["regress"].seen == [[[b"common a"]], [[b"c"]]]


GOOD = predict_log({"x": ROW})


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (predict_log({"x": tensor(FLOAT, [1, 2], -1, 0)}), "failed: it is below zero"),
        (predict_log({"x": ROW}, "predict"), "there is no signature 'predict'; there are serving_default, classify"),
        (predict_log({}), r"it lacks 'x'; the signature 'serving_default' takes x: float32\[any, 2\]"),
        (predict_log({"x": ROW, "z": ROW}), "it has 'z'"),
        (predict_log({"x": tensor(FLOAT, [2, 2], 1)}), "4 bytes in a tensor of float32"),
        (field(6, field(1, entries(2, {"x": ROW})))[:-1], "it ends in the middle"),
        (classify_log("serving_default", examples(b"a")), "takes no examples"),
        (field(5, b""), "only predict, classify, regress and multi_inference logs are run"),
        (b"", "only predict"),
    ],
)
def test_a_bad_record_is_told_with_its_number(file: Path, models: dict[str, Noting], bad: bytes, what: str) -> None:
    written = write_records(file, GOOD, bad, GOOD)
    with pytest.raises(Unusable, match=what) as refused:
        replay(file.parent, models)
    assert refused.value.problem.where == f"{written} record 2"
    assert len(models["serving_default"].seen) in (1, 2)


def test_a_corrupt_record_is_told_with_its_number(file: Path, models: dict[str, Noting]) -> None:
    written = write_records(file, GOOD, GOOD)
    written.write_bytes(written.read_bytes()[:-1] + b"?")
    with pytest.raises(Unusable, match=r"record 2: cannot be read: its checksum is wrong"):
        replay(file.parent, models)


def test_there_is_a_most_of_records_and_of_bytes(
    file: Path, models: dict[str, Noting], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_records(file, *[GOOD] * 1001)
    with pytest.raises(Unusable, match="has more than 1000 records"):
        replay(file.parent, models)
    monkeypatch.setattr(warm_up_records, "LARGEST", 1024**2)
    written.write_bytes(record(bytes(2 * 1024**2)))
    with pytest.raises(Unusable, match="has 2 MiB; warm-up takes at most 1"):
        replay(file.parent, models)
