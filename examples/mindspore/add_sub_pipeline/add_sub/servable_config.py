"""The servable `add_sub`: two models in a row, with and without functions around them."""

import numpy as np

from mindspore_serving.server import register

add_model = register.declare_model(model_file="tensor_add.mindir", model_format="MindIR", with_batch_dim=False)
sub_model = register.declare_model(model_file="tensor_sub.mindir", model_format="MindIR", with_batch_dim=False)


def as_float32(x1, x2):
    """The models take nothing else."""
    return x1.astype(np.float32), x2.astype(np.float32)


def add_1(x):
    return x + 1


@register.register_method(output_names=["y"])
def add_sub_only_model(x1, x2, x3):
    """x1 + x2 - x3"""
    y = register.add_stage(add_model, x1, x2, outputs_count=1)
    return register.add_stage(sub_model, y, x3, outputs_count=1)


@register.register_method(output_names=["y"])
def add_sub_complex(x1, x2, x3):
    """x1 + x2 + 1 - x3 + 1"""
    x1, x2 = register.add_stage(as_float32, x1, x2, outputs_count=2)
    y = register.add_stage(add_model, x1, x2, outputs_count=1)
    y = register.add_stage(add_1, y, outputs_count=1)
    y = register.add_stage(sub_model, y, x3, outputs_count=1)
    return register.add_stage(add_1, y, outputs_count=1)
