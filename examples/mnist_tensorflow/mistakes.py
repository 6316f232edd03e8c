"""What is answered to requests that are not what the model takes:

python mistakes.py [host:port]
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

PICTURE = np.zeros((28, 28, 1), np.float32)

MISTAKES = {
    "no input": {},
    "an input too many": {"flatten_input": PICTURE, "label": PICTURE},
    "another name": {"image": PICTURE},
    "another size": {"flatten_input": np.zeros((27, 28, 1), np.float32)},
    "another dtype": {"flatten_input": PICTURE.astype(np.float64)},
    "text": {"flatten_input": np.array(["seven"])},
}


def main(address="127.0.0.1:8500"):
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for mistake, inputs in MISTAKES.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "mnist"
            for name, array in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
            try:
                stub.Predict(request, 10.0)
            except grpc.RpcError as error:
                print(f"{mistake}: {error.code().name}: {error.details()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
