"""The servable `add` as it was written for MindSpore Serving 1.1 and 1.2."""

# ruff: noqa: RET504 (how many outputs a call has is read off the assignment of its result)

import numpy as np

from mindspore_serving.worker import register


def add_trans_datatype(x1, x2):
    """The stage before the model: whatever numbers come, the model gets float32."""
    return x1.astype(np.float32), x2.astype(np.float32)


register.declare_servable(servable_file="tensor_add.mindir", model_format="MindIR", with_batch_dim=False)


@register.register_method(output_names=["y"])
def add_common(x1, x2):
    """Takes float32 only."""
    y = register.call_servable(x1, x2)
    return y


@register.register_method(output_names=["y"])
def add_cast(x1, x2):
    """Takes numbers of any type."""
    x1, x2 = register.call_preprocess(add_trans_datatype, x1, x2)
    y = register.call_servable(x1, x2)
    return y
