"""A model that OpenVINO cannot run: text and examples in, rows of a table out."""

from pathlib import Path
from typing import Any

import tensorflow as tf


class Texts(tf.Module):
    """An index that is not in the table fails while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.table = tf.Variable([1.0, 2.0, 4.0])
        self.names = tf.constant([["small", "large"]])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def shout(self, text: Any) -> Any:
        return {"loud": tf.strings.upper(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs: Any) -> Any:
        parsed = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([2], tf.float32)})
        return {"outputs": tf.reduce_sum(parsed["x"], 1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs: Any) -> Any:
        """As estimators do: every example has all classes."""
        parsed = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([2], tf.float32)})
        return {"classes": tf.tile(self.names, [tf.size(inputs), 1]), "scores": parsed["x"]}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.string, name="words")])
    def join(self, words: Any) -> Any:
        return {"joined": tf.strings.reduce_join(words, 1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="index")])
    def look_up(self, index: Any) -> Any:
        return {"item": tf.gather(self.table, index)}


def save(module: Texts, folder: Path) -> Path:
    signatures = {"serving_default": module.look_up}
    signatures |= {each: getattr(module, each) for each in ("shout", "regress", "classify", "join")}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def example(*values: float) -> tf.train.Example:
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature={"x": feature}))
