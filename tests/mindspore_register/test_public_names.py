"""What the packages offer to be imported."""

import subprocess
import sys
from typing import Any

import pytest

import mindspore_serving.server
import mindspore_serving.server.distributed
import mindspore_serving.server.register
import mindspore_serving.worker.distributed
import mindspore_serving.worker.register

OLD = {
    "AclOptions",
    "GpuOptions",
    "call_postprocess",
    "call_postprocess_pipeline",
    "call_preprocess",
    "call_preprocess_pipeline",
    "call_servable",
    "declare_servable",
}


def test_the_registration_names() -> None:
    register = mindspore_serving.server.register
    assert set(register.__all__) == {
        "declare_model",
        "Model",
        "AscendDeviceInfo",
        "CPUDeviceInfo",
        "GPUDeviceInfo",
        "Context",
        "register_method",
        "add_stage",
    }
    assert set(dir(register)) >= OLD


def test_the_older_registration_names() -> None:
    register = mindspore_serving.worker.register
    assert set(register.__all__) == OLD | {"register_method"}


@pytest.mark.parametrize("package", ["mindspore_serving.server", "mindspore_serving.worker"])
def test_everything_that_a_package_offers_is_there(package: str) -> None:
    for module in (f"{package}.register", f"{package}.distributed"):
        namespace: dict[str, Any] = {}
        exec(f"from {module} import *", namespace)
        assert set(sys.modules[module].__all__) <= set(namespace)


def test_submodules_are_attributes_of_the_server() -> None:
    script = "from mindspore_serving import server; print(server.register.__name__, server.distributed.__name__)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["mindspore_serving.server.register", "mindspore_serving.server.distributed"]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mindspore_serving.server.nothing


def test_a_start_script_imports_no_numpy() -> None:
    script = "import sys\nfrom mindspore_serving import server\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert {"numpy", "grpc", "google.protobuf", "mindspore_serving.server.register"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (module, name)
        for module in (mindspore_serving.server.distributed, mindspore_serving.worker.distributed)
        for name in module.__all__
    ],
)
def test_distributed_servables_are_refused(module: Any, name: str) -> None:
    with pytest.raises(RuntimeError, match=f"'{name}' starts or declares a distributed servable, whose ranks run on"):
        getattr(module, name)(8, 1, with_batch_dim=False)
