"""Real models and Python code answer real clients over every kind of connection; `make demo` runs it.

Every answer is checked: the first wrong one ends the demo with an error.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from models import add, digits, trained_digits, write

import salver
from mindspore_serving.client import Client, SSLConfig
from salver.testing.server import Server, running

FOLDER = Path("demo")
X1 = np.array([[1, 2], [3, 4]], np.float32)
X2 = np.array([[10, 20], [30, 40]], np.float32)
SHADES = " ░▒▓█"


def main() -> None:
    began = time.monotonic()
    title("Two models, and one servable in Python")
    images, labels = make_models()
    certificates = make_certificates()

    title("The server")
    listen = ["127.0.0.1:0", f"unix:{FOLDER / 'socket'}", "mtls:localhost:0"]
    options = [text for address in listen for text in ("--listen", address)]
    for option, name in (("certificate", "server.crt"), ("key", "server.key"), ("client-ca", "ca.crt")):
        options += [f"--tls-{option}", str(certificates / name)]
    print(f"$ salver serve {FOLDER / 'models'} {' '.join(options)}", flush=True)
    with running(FOLDER / "models", *options) as server:
        print(server.output, end="")
        ask(server, certificates, images, labels)
        title("The end")
        server.signal()
        expect(server.wait(40), 0)
        print("SIGTERM: the server answered what it had accepted, and ended")
    print(f"\nEvery answer was right. The demo took {time.monotonic() - began:.0f} s.")


def ask(server: Server, certificates: Path, images: np.ndarray, labels: np.ndarray) -> None:
    tcp, unix, mutual_tls = server.addresses
    mindspore(tcp)
    triton_over_grpc(tcp, images, labels)
    triton_over_http(tcp, images, labels)
    curl(tcp)
    unix_socket(unix)
    mutual(mutual_tls, certificates)
    own_client(tcp, images, labels)
    python(tcp)


def mindspore(address: str) -> None:
    title("A client of MindSpore Serving, three instances in one request")
    instances = [{"x1": X1 * factor, "x2": X2} for factor in (1, 2, 3)]
    replies = infer(Client(address, "add", "predict"), instances)
    for instance, reply in zip(instances, replies, strict=True):
        show_sum(instance["x1"], instance["x2"], reply["y"])


def triton_over_grpc(address: str, images: np.ndarray, labels: np.ndarray) -> None:
    title("tritonclient over gRPC: what digit is this?")
    with triton_grpc.InferenceServerClient(address) as client:
        pixels = triton_grpc.InferInput("pixels", [1, 64], "FP32")
        pixels.set_data_from_numpy(images[:1])
        result = client.infer("digits", [pixels])
    label = int(result.as_numpy("label")[0])
    certainty = result.as_numpy("probabilities")[0, label]
    draw(images[0], f"-> {label}, with a probability of {certainty:.1%}")
    expect(label, int(labels[0]))


def triton_over_http(address: str, images: np.ndarray, labels: np.ndarray) -> None:
    title("tritonclient over HTTP: all digits that training never saw, in one request")
    with triton_http.InferenceServerClient(address) as client:
        pixels = triton_http.InferInput("pixels", list(images.shape), "FP32")
        pixels.set_data_from_numpy(images)
        found = client.infer("digits", [pixels]).as_numpy("label")
    right = int((found == labels).sum())
    print(f"{len(images)} digits -> {right} of them read rightly")
    expect(right >= 0.93 * len(labels), True)


def curl(address: str) -> None:
    title("curl, plain JSON")
    rows = [{"x1": X1.tolist(), "x2": x2.tolist()} for x2 in (X2, -X1)]
    sums = [{"y": (X1 + x2).tolist()} for x2 in (X2, -X1)]
    expect(run_curl(f"http://{address}/servables/add", rows[0]), sums[0])
    expect(run_curl(f"http://{address}/servables/add", rows), sums)


def unix_socket(address: str) -> None:
    title("Over a Unix socket: a client of MindSpore Serving, and curl")
    [reply] = infer(Client(address, "add", "predict"), [{"x1": X1, "x2": X2}])
    show_sum(X1, X2, reply["y"])
    row = {"x1": X1.tolist(), "x2": X2.tolist()}
    path = address.removeprefix("unix:")
    expect(run_curl("--unix-socket", path, "http://localhost/servables/add", row), {"y": (X1 + X2).tolist()})


def mutual(address: str, certificates: Path) -> None:
    title("Over mutual TLS: with a certificate, and without one")
    ca, certificate, key = (str(certificates / name) for name in ("ca.crt", "client.crt", "client.key"))
    target = address.removeprefix("mtls:")
    config = SSLConfig(certificate=certificate, private_key=key, custom_ca=ca)
    [reply] = infer(Client(target, "add", "predict", ssl_config=config), [{"x1": X1, "x2": X2}])
    show_sum(X1, X2, reply["y"])
    row = {"x1": X1.tolist(), "x2": X2.tolist()}
    files = ("--cacert", ca, "--cert", certificate, "--key", key)
    expect(run_curl(*files, f"https://{target}/servables/add", row), {"y": (X1 + X2).tolist()})
    try:
        with salver.Client(address, ca=ca) as client:
            client.infer("add", {"x1": X1, "x2": X2}, timeout=10)
    except salver.Unavailable:
        print("without a certificate -> refused")
    else:
        raise AssertionError("a client without certificate was served")


def own_client(address: str, images: np.ndarray, labels: np.ndarray) -> None:
    title("salver's own client")
    with salver.Client(address) as client:
        found = client.infer("digits", {"pixels": images[1:4]}, timeout=10)["label"]
    for image, label, wanted in zip(images[1:4], found, labels[1:4], strict=True):
        draw(image, f"-> {label}")
        expect(int(label), int(wanted))


def python(address: str) -> None:
    title("Python code, whose sentences come one by one")
    row = {"prompt": "the", "seed": 11, "length": 3}
    url = f"http://{address}/servables/text_generator"
    command = ["curl", "-sSN", "-H", "Accept: text/event-stream", url, "-d", json.dumps(row)]
    print(f"$ curl -sSN -H '{command[3]}' {url} -d '{command[-1]}'")
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    print(answer.rstrip())
    *sentences, end, _ = answer.split("\n\n")
    expect((len(sentences), end), (row["length"], "event: done\ndata: {}"))


def make_models() -> tuple[np.ndarray, np.ndarray]:
    """Write both models; gives the digits that training never saw, and their labels."""
    write(add(), FOLDER / "models", "add")
    print("add: y = x1 + x2, for 2x2 matrices")
    print("digits: training a small network on real handwritten digits ...", flush=True)
    classifier, accuracy, images, labels = trained_digits()
    write(digits(classifier), FOLDER / "models", "digits")
    print(f"digits: reads {accuracy:.1%} of the {len(labels)} digits it never saw rightly")
    expect(accuracy > 0.93, True)
    code = FOLDER / "models" / "text_generator" / "servable.py"
    code.parent.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parent / "text_generator" / "servable.py", code)
    print("text_generator: a Markov chain, in Python")
    readable = np.flatnonzero(classifier.predict(images) == labels)
    order = np.concatenate([readable[:4], np.setdiff1d(np.arange(len(labels)), readable[:4])])
    return images[order], labels[order]


def make_certificates() -> Path:
    folder = FOLDER / "certificates"
    print("certificates: an authority, the server's, a client's ...", flush=True)
    script = Path(__file__).with_name("certificates.sh")
    subprocess.run(["sh", str(script), str(folder)], check=True, capture_output=True, timeout=60)
    return folder


def infer(client: Client, instances: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """What a client of MindSpore Serving gets; an error is a dictionary there."""
    replies = client.infer(instances)
    if isinstance(replies, dict):
        raise AssertionError(f"the call failed: {replies}")
    return replies


def run_curl(*arguments: object) -> object:
    """The last argument is the body; shows the command and its answer."""
    *options, body = arguments
    command = ["curl", "-sS", *map(str, options), "-d", json.dumps(body)]
    print("$ " + " ".join(command[:-1]), f"'{command[-1]}'")
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    print(answer)
    return json.loads(answer)


def show_sum(x1: np.ndarray, x2: np.ndarray, y: np.ndarray) -> None:
    print(f"{x1.tolist()} + {x2.tolist()} -> {y.tolist()}")
    expect(y.tolist(), (x1 + x2).tolist())


def draw(image: np.ndarray, text: str) -> None:
    """A digit as blocks, with a text beside it."""
    rows = (np.clip(image, 0, 1) * (len(SHADES) - 1)).round().astype(int).reshape(8, 8)
    for number, row in enumerate(rows):
        print("    " + "".join(SHADES[shade] * 2 for shade in row) + (f"   {text}" if number == 4 else ""))


def title(text: str) -> None:
    print(f"\n== {text}", flush=True)


def expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"the answer is wrong: {found!r}, but {wanted!r} was expected")


if __name__ == "__main__":
    # Where the terminal's encoding cannot draw, print all the same.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    main()
