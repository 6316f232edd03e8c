"""The servable `lenet`: the bytes of a picture of a digit in, the digit out."""

import io

import numpy as np
from PIL import Image

from mindspore_serving.server import register

SIZE = 32


def preprocess(image):
    """Decode one picture of white ink on black. Bytes come as an array of uint8."""
    picture = Image.open(io.BytesIO(image.tobytes())).convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(picture, np.float32)[np.newaxis] / 255


def postprocess_top1(score):
    """The digit with the highest score."""
    return np.argmax(score)


# The first dimension counts pictures, so those of all callers are run together.
lenet_model = register.declare_model(model_file="lenet.mindir", model_format="MindIR")


@register.register_method(output_names=["label"])
def classify_top1(image):
    x = register.add_stage(preprocess, image, outputs_count=1)
    x = register.add_stage(lenet_model, x, outputs_count=1)
    return register.add_stage(postprocess_top1, x, outputs_count=1)


@register.register_method(output_names=["label"])
def classify_argmax(image):
    """The same, with a function that is built in."""
    x = register.add_stage(preprocess, image, outputs_count=1)
    x = register.add_stage(lenet_model, x, outputs_count=1)
    return register.add_stage("argmax_cpp", x, outputs_count=1)
