"""Trains the network of the TensorFlow Serving tutorial on handwritten digits, and exports it to `tf_model/1`:

    python train.py

It takes some seconds, and needs tensorflow, tf_keras, pillow and scikit-learn. The digits are the scans that
scikit-learn ships, as large as those of MNIST; some that the network never saw go to `test_digits.npz`.
"""

import os
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # before TensorFlow: Keras 3 has other names for inputs and outputs
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
MODEL_DIR = HERE / "tf_model"
VERSION = "1"
EPOCHS = 10
BATCH_SIZE = 128


def main():
    images, labels = digits()
    x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels)
    tf.keras.utils.set_random_seed(0)
    model = network()
    model.fit(pipeline(x_train, y_train).shuffle(64), epochs=EPOCHS, verbose=0)
    _, accuracy = model.evaluate(pipeline(x_test, y_test), verbose=0)
    print(f"{accuracy:.1%} of {len(y_test)} digits that it never saw are read rightly")
    export_path = MODEL_DIR / VERSION
    model.save(export_path, save_format="tf")
    np.savez(HERE / "test_digits.npz", images=x_test[:100], labels=y_test[:100])
    print(f"export_path = {export_path.relative_to(HERE)}")


def digits():
    """1797 scans as pictures of 28x28 grey values from 0 to 255, and which digits they are."""
    scans, labels = load_digits(return_X_y=True)
    return np.stack([picture(scan) for scan in scans])[..., np.newaxis], labels


def picture(scan):
    grey = Image.fromarray((scan.reshape(8, 8) * 255 / 16).astype(np.uint8))
    return np.asarray(grey.resize((28, 28), Image.Resampling.BICUBIC))


def pipeline(images, labels):
    data = tf.data.Dataset.from_tensor_slices((images, labels))
    return data.batch(BATCH_SIZE).map(normalize_image, num_parallel_calls=tf.data.AUTOTUNE).cache()


def normalize_image(image, label):
    return tf.cast(image, tf.float32) / 255.0, label


def network():
    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Flatten(input_shape=(28, 28, 1)),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dense(196, activation="softmax"),
        ]
    )
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=tf.keras.optimizers.Adam(0.001),
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    main()
