"""What a `servable_config.py` uses: ``from mindspore_serving.server import register``."""

from salver.authoring.mindspore.declare import declare_model
from salver.authoring.mindspore.declare import declare_servable as declare_servable
from salver.authoring.mindspore.devices import AclOptions as AclOptions
from salver.authoring.mindspore.devices import AscendDeviceInfo, Context, CPUDeviceInfo, GPUDeviceInfo
from salver.authoring.mindspore.devices import GpuOptions as GpuOptions
from salver.authoring.mindspore.methods import add_stage, register_method
from salver.authoring.mindspore.model import Model
from salver.authoring.mindspore.old_calls import call_postprocess as call_postprocess
from salver.authoring.mindspore.old_calls import call_postprocess_pipeline as call_postprocess_pipeline
from salver.authoring.mindspore.old_calls import call_preprocess as call_preprocess
from salver.authoring.mindspore.old_calls import call_preprocess_pipeline as call_preprocess_pipeline
from salver.authoring.mindspore.old_calls import call_servable as call_servable
from salver.authoring.mindspore.pipelines import PipelineServable as PipelineServable
from salver.authoring.mindspore.pipelines import register_pipeline as register_pipeline

__all__ = [
    "AscendDeviceInfo",
    "CPUDeviceInfo",
    "Context",
    "GPUDeviceInfo",
    "Model",
    "add_stage",
    "declare_model",
    "register_method",
]
