"""What a `servable_config.py` of releases 1.1 to 1.4 uses: ``from mindspore_serving.worker import register``."""

from salver.authoring.mindspore.declare import declare_servable_r12 as declare_servable
from salver.authoring.mindspore.devices import AclOptions, GpuOptions
from salver.authoring.mindspore.methods import register_method
from salver.authoring.mindspore.old_calls import (
    call_postprocess,
    call_postprocess_pipeline,
    call_preprocess,
    call_preprocess_pipeline,
    call_servable,
)

__all__ = [
    "AclOptions",
    "GpuOptions",
    "call_postprocess",
    "call_postprocess_pipeline",
    "call_preprocess",
    "call_preprocess_pipeline",
    "call_servable",
    "declare_servable",
    "register_method",
]
