# An image that is started as TensorFlow Serving's is:
#   docker build -t salver .
#   docker run -p 8500:8500 -p 8501:8501 -v "$PWD/models:/models" -e MODEL_NAME=add salver

FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/* && python3 -m venv /build \
    && /build/bin/pip install --no-cache-dir 'maturin>=1.9.4,<2'
COPY Cargo.toml Cargo.lock pyproject.toml README.md LICENSE /source/
COPY crates /source/crates
COPY src /source/src
RUN cd /source && /build/bin/maturin build --profile dist --out /wheels

FROM python:3.12-slim-bookworm
COPY --from=build /wheels /wheels
# With what runs SavedModels without TensorFlow; an image on top of this one may have salver[tensorflow].
RUN pip install --no-cache-dir "$(echo /wheels/salver-*.whl)[openvino]" && rm -rf /wheels && useradd --create-home salver
COPY --chmod=755 docker/entrypoint.sh /usr/bin/tf_serving_entrypoint.sh
COPY --chmod=755 docker/tensorflow_model_server.sh /usr/bin/tensorflow_model_server
ENV MODEL_BASE_PATH=/models MODEL_NAME=model
EXPOSE 8500 8501
USER salver
ENTRYPOINT ["/usr/bin/tf_serving_entrypoint.sh"]
