#!/bin/sh
# Serves the model MODEL_NAME below MODEL_BASE_PATH, on the ports of TensorFlow Serving's image. Flags that are given
# are added, and win.
name="${MODEL_NAME:-model}"
exec salver tensorflow-serving --port=8500 --rest_api_port=8501 \
    --model_name="$name" --model_base_path="${MODEL_BASE_PATH:-/models}/$name" "$@"
