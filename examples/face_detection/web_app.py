"""Faces by JSON, from the gRPC server at the address in INFERENCE_SERVER:

python web_app.py [port]
"""

import os
import sys

from flask import Flask, current_app, jsonify, request
from google.protobuf.json_format import MessageToDict
from grpc import RpcError
from protos import infer_pb2_grpc
from utils.label import ServiceClient, image_preprocess

host, _, port = os.environ.get("INFERENCE_SERVER", "localhost:50051").rpartition(":")

app = Flask(__name__)
app.config["predict"] = ServiceClient(infer_pb2_grpc, "InferenceStub", host, int(port))


@app.route("/predict", methods=["POST"])
def predict():
    res = {"message": "", "results": []}
    req_dict = request.get_json(silent=True)
    if not req_dict:
        res["message"] = "please post JSON format data"
        return jsonify(res)
    try:
        image = image_preprocess(req_dict)
    except (KeyError, TypeError, ValueError) as error:
        current_app.logger.error(f"pre handler image error: {error}")
        res["message"] = str(error)
        return jsonify(res)
    try:
        remote_results = app.config["predict"].Predict(image)
        res["results"] = MessageToDict(remote_results).get("results", [])
    except RpcError as error:
        current_app.logger.error(error.details())
        res["message"] = f"inference failed: {error.code()}"
    return jsonify(res)


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
