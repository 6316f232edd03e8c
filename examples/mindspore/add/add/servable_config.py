"""The servable `add`: two methods around one model, which adds two 2x2 matrices of float32."""

import numpy as np

from mindspore_serving.server import register


def add_trans_datatype(x1, x2):
    """The stage before the model: whatever numbers come, the model gets float32."""
    return x1.astype(np.float32), x2.astype(np.float32)


# The matrices have no dimension that counts instances, so the model is run for one instance at a time.
model = register.declare_model(model_file="tensor_add.mindir", model_format="MindIR", with_batch_dim=False)


@register.register_method(output_names=["y"])
def add_common(x1, x2):
    """Takes float32 only."""
    return register.add_stage(model, x1, x2, outputs_count=1)


@register.register_method(output_names=["y"])
def add_cast(x1, x2):
    """Takes numbers of any type."""
    x1, x2 = register.add_stage(add_trans_datatype, x1, x2, outputs_count=2)
    return register.add_stage(model, x1, x2, outputs_count=1)
