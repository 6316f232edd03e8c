"""The servable `matmul`: one model of two files, called from a function."""

from mindspore_serving.server import register

model = register.declare_model(
    model_file=["matmul_0.mindir", "matmul_1.mindir"], model_format="MindIR", with_batch_dim=False
)


def process(x, y):
    """Each subgraph multiplies by the same weights and sums the rows: [128, 96] or [8, 96] in, [16] out."""
    return model.call(x, subgraph=0) + model.call(y, subgraph=1)


@register.register_method(output_names=["z"])
def predict(x, y):
    return register.add_stage(process, x, y, outputs_count=1)
