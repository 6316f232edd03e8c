import dataclasses
import json

from salver.authoring.manifest import Lane, Manifest, OnnxStage, manifest_from_json
from salver.authoring.spec import Port, Servable, StageSpec, one_stage

STAGE = StageSpec("add", (Port("x", "float32", (2,), optional=True),), (Port("y", "str", (), json=True),), None)
SERVABLE = Servable("s", 3, "python", (one_stage("add", STAGE),), (STAGE, STAGE))
ONNX = OnnxStage(1, "/models/net.onnx", "rows", (1,), 2, ("cuda", "cpu"), "basic", 3)
WHOLE = Manifest(SERVABLE, (Lane((0,), 64, concurrent=True),), (ONNX,), 2, 60.0)


def test_a_manifest_is_read_as_it_was_written() -> None:
    for manifest in (WHOLE, Manifest(SERVABLE, (Lane((0, 1)),))):
        assert manifest_from_json(manifest.to_json()) == manifest


def test_equal_manifests_give_equal_text_and_others_do_not() -> None:
    again = dataclasses.replace(WHOLE, servable=dataclasses.replace(SERVABLE))
    assert again.to_json() == WHOLE.to_json()
    assert dataclasses.replace(WHOLE, workers=1).to_json() != WHOLE.to_json()


def test_nothing_of_a_manifest_is_left_out_of_its_document() -> None:
    form = json.loads(WHOLE.to_json())
    assert set(form) == {field.name for field in dataclasses.fields(Manifest)}
    assert set(form["lanes"][0]) == {field.name for field in dataclasses.fields(Lane)}
    assert set(form["onnx"][0]) == {field.name for field in dataclasses.fields(OnnxStage)}
