"""How many instances functions over a batch take: as they say, or as the models of their method do."""

from pathlib import Path

import pytest

from .servables import REGISTER, FakeModel, floats, load_text

TEXT = """
small = register.declare_model("small.mindir", "MindIR")
large = register.declare_model("large.mindir", "MindIR")

def f(instances):
    return instances

@register.register_method("y")
def m(x):
    x = register.add_stage(f, x, outputs_count=1, batch_size={size})
    x = register.add_stage(small, x, outputs_count=1)
    x = register.add_stage(large, x, outputs_count=1)
    return register.add_stage(f, x, outputs_count=1, batch_size={size})
"""


@pytest.mark.parametrize(
    ("size", "small", "large", "expected"),
    [
        (7, 2, 4, (7, 7)),
        (0, 2, 4, (32, 32)),
        (0, 2, 64, (32, 64)),
        (0, 48, 64, (48, 64)),
        (0, "n", 64, (32, 64)),
    ],
)
def test_batch_sizes(tmp_path: Path, size: int, small: int | str, large: int, expected: tuple[int, int]) -> None:
    models = {
        f"{name}_mindir": FakeModel(lambda x: x, [floats("x", rows, 3)], [floats("y", rows, 3)])
        for name, rows in (("small", small), ("large", large))
    }
    program = load_text(tmp_path, REGISTER + TEXT.format(size=size), **models)
    *_, first, last = program.manifest.servable.stages
    assert (first.policy.max_batch_size, last.policy.max_batch_size) == expected
