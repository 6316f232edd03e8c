"""Plain Python that takes its time, instance by instance, in the form of MindSpore Serving."""

from benchmarks import steps
from mindspore_serving.server import register


def compared(pair):  # type: ignore[no-untyped-def] # as the original's users write them
    one, other = pair.tolist()
    return steps.edit_distance(one, other)


@register.register_method(output_names=["output"])
def predict(pair):  # type: ignore[no-untyped-def]
    return register.add_stage(compared, pair, outputs_count=1)
