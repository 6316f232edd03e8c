"""The servable `resnet50`: the bytes of an image in, a label out, in the form of MindSpore Serving's own example.

The network behind it is a small one, see make_model.py, but takes and gives what a ResNet-50 does.
"""

import io

import numpy as np
from PIL import Image

from mindspore_serving.server import register

from .labels import LABELS

SIZE = 64
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
SPREAD = np.array([0.229, 0.224, 0.225], np.float32)


def preprocess(image):
    """Decode and resize one image. Bytes come as an array of uint8."""
    picture = Image.open(io.BytesIO(image.tobytes())).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    pixels = (np.asarray(picture, np.float32) / 255 - MEAN) / SPREAD
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def postprocess_top1(score):
    """The label with the highest score."""
    return LABELS[np.argmax(score)]


# The first dimension counts images, so those of all callers are run together.
resnet_model = register.declare_model(model_file="resnet50_1b.mindir", model_format="MindIR", with_batch_dim=True)


@register.register_method(output_names=["label"])
def classify_top1(image):
    image = register.add_stage(preprocess, image, outputs_count=1)
    score = register.add_stage(resnet_model, image, outputs_count=1)
    return register.add_stage(postprocess_top1, score, outputs_count=1)


def preprocess_batch(instances):
    """The same for many images, each the tuple of the inputs of one instance, which are answered one by one."""
    for (image,) in instances:
        yield preprocess(image)


@register.register_method(output_names=["label"])
def classify_top1_batch(image):
    """The first function is called once for all images that wait."""
    image = register.add_stage(preprocess_batch, image, outputs_count=1, batch_size=1024)
    score = register.add_stage(resnet_model, image, outputs_count=1)
    return register.add_stage(postprocess_top1, score, outputs_count=1)


def look(image):
    """One function for everything, which calls the model for one image."""
    return postprocess_top1(resnet_model.call(preprocess(image)))


@register.register_method(output_names=["label"])
def classify_top1_call(image):
    return register.add_stage(look, image, outputs_count=1)


def look_batch(instances):
    """The same for many images, with one call of the model."""
    scores = resnet_model.call([[preprocess(image)] for (image,) in instances])
    return [postprocess_top1(score) for (score,) in scores]


@register.register_method(output_names=["label"])
def classify_top1_call_batch(image):
    return register.add_stage(look_batch, image, outputs_count=1, batch_size=32)


def postprocess_top5(score):
    """Up to five labels as one text, the most likely first, and their scores."""
    best = np.argsort(score)[::-1][:5]
    return ";".join(LABELS[index] for index in best), score[best]


@register.register_method(output_names=["label", "score"])
def classify_top5(image):
    """Two outputs, of different kinds."""
    image = register.add_stage(preprocess, image, outputs_count=1)
    score = register.add_stage(resnet_model, image, outputs_count=1)
    label, score = register.add_stage(postprocess_top5, score, outputs_count=2)
    return label, score
