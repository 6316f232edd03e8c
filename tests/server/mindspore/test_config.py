"""`ServableStartConfig` and `SSLConfig`, and what several configurations come to."""

import sys
from pathlib import Path
from typing import Any

import pytest

from mindspore_serving.server import ServableStartConfig, SSLConfig
from salver.authoring.mindspore.secret import Secret
from salver.server.mindspore.config import Deployment, deployments

KEY = b"0123456789abcdef"


def test_defaults(tmp_path: Path) -> None:
    config = ServableStartConfig(str(tmp_path), "add")
    assert (config.servable_directory, config.servable_name) == (str(tmp_path), "add")
    assert (config.device_ids, config.num_parallel_workers, config.version_number) == ((), 1, 0)
    assert (config.device_type, config.dec_key, config.dec_mode) == (None, None, "AES-GCM")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"device_ids": 0}, {"device_ids": (0,), "num_parallel_workers": 0}),
        ({"device_ids": [1, 0]}, {"device_ids": (1, 0)}),
        ({"device_ids": (0, 1), "num_parallel_workers": 4}, {"device_ids": (0, 1), "num_parallel_workers": 4}),
        ({"num_parallel_workers": 64}, {"num_parallel_workers": 64}),
        ({"device_type": "GPU"}, {"device_type": "gpu"}),
        ({"device_type": "None"}, {"device_type": None}),
        ({"dec_key": KEY, "dec_mode": "AES-CBC"}, {"dec_key": KEY, "dec_mode": "AES-CBC"}),
    ],
)
def test_what_is_said_can_be_read(arguments: dict[str, Any], expected: dict[str, Any]) -> None:
    config = ServableStartConfig("models", "add", **arguments)
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize("name", ["servable_directory", "device_ids", "num_parallel_workers"])
def test_nothing_can_be_changed(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(ServableStartConfig("models", "add"), name, 1)


def test_arguments_have_the_originals_order() -> None:
    config = ServableStartConfig("models", "add", (0, 1), 3, "cpu", 4, KEY, "AES-CBC")
    assert (config.device_ids, config.version_number, config.device_type) == ((0, 1), 3, "cpu")
    assert (config.num_parallel_workers, config.dec_key, config.dec_mode) == (4, KEY, "AES-CBC")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"servable_directory": 1}, "Parameter 'servable_directory' should be str, but actually <class 'int'>"),
        ({"servable_directory": ""}, "Parameter 'servable_directory' should not be empty str"),
        ({"servable_name": False}, "Parameter 'servable_name' should be str, but actually <class 'bool'>"),
        ({"servable_name": ""}, "Parameter 'servable_name' should not be empty str"),
        ({"version_number": -1}, "Parameter 'version_number' should be >= 0"),
        ({"version_number": 2**63}, "Parameter 'version_number' should be in range [0,9223372036854775807]"),
        ({"version_number": False}, "Parameter 'version_number' should be int, but actually <class 'bool'>"),
        ({"num_parallel_workers": 65}, "Parameter 'num_parallel_workers' should be in range [0,64]"),
        ({"num_parallel_workers": -1}, "Parameter 'num_parallel_workers' should be in range [0,64]"),
        ({"num_parallel_workers": 1.0}, "Parameter 'num_parallel_workers' should be int, but actually <class 'float'>"),
        ({"device_ids": "1"}, "Parameter 'device_ids' should be int or tuple/list of int, but actually <class 'str'>"),
        ({"device_ids": -1}, "The item value '-1' in parameter 'device_ids' should be >= 0"),
        (
            {"device_ids": (0, "1")},
            "The item value '1' in parameter 'device_ids' should be int, but actually <class 'str'>",
        ),
        ({"device_ids": (1, 1)}, "The item value '1' in parameter 'device_ids' should not be repeated"),
        ({"device_type": 123}, "Parameter 'device_type' should be str, but actually <class 'int'>"),
        ({"device_type": ""}, "Parameter 'device_type' should not be empty str"),
        (
            {"device_type": "TPU"},
            "Unsupported device type 'TPU', only support 'Ascend', 'GPU', 'CPU' and None, case ignored",
        ),
        ({"dec_key": "k"}, "Parameter 'dec_key' should be bytes, but actually <class 'str'>"),
        ({"dec_key": b""}, "Parameter 'dec_key' should not be empty bytes"),
        ({"dec_key": b"abc"}, "Parameter 'dec_key' length 3 expected to be 16, 24 or 32"),
        ({"dec_mode": 1}, "Parameter 'dec_mode' should be str, but actually <class 'int'>"),
        ({"dec_mode": "aes-gcm"}, "Parameter 'dec_mode' expected to be 'AES-GCM' or 'AES-CBC'"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        ServableStartConfig(**{"servable_directory": "models", "servable_name": "add", **arguments})
    assert str(raised.value) == text


def test_a_relative_folder_is_beside_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts, elsewhere = tmp_path / "scripts", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(sys, "argv", [str(scripts / "start.py"), "argument"])
    assert ServableStartConfig("models", "add").servable_directory == str(scripts / "models")
    assert ServableStartConfig(".", "add").servable_directory == str(scripts)
    assert ServableStartConfig(str(elsewhere), "add").servable_directory == str(elsewhere)
    monkeypatch.setattr(sys, "argv", [""])  # an interactive interpreter
    assert ServableStartConfig("models", "add").servable_directory == str(elsewhere / "models")


def servable(directory: Path, name: str = "add", versions: tuple[int, ...] = (1,)) -> Path:
    for version in versions:
        (directory / name / str(version)).mkdir(parents=True)
    (directory / name).mkdir(parents=True, exist_ok=True)
    file = directory / name / "servable_config.py"
    file.touch()
    return file


def one(directory: Path, **arguments: Any) -> Deployment:
    (found,) = deployments([ServableStartConfig(str(directory), "add", **arguments)])
    return found


@pytest.mark.parametrize(
    ("versions", "asked", "version", "folder"),
    [
        ((1, 2, 10), 0, 10, "10"),
        ((1, 2, 10), 2, 2, "2"),
        ((), 0, 1, None),
        ((), 3, 3, "3"),
        ((1,), 3, 3, "3"),
    ],
)
def test_the_version_that_is_started(
    tmp_path: Path, versions: tuple[int, ...], asked: int, version: int, folder: str | None
) -> None:
    file = servable(tmp_path, versions=versions)
    for name in ("0", "-1", "1a", "\uff14"):
        (tmp_path / "add" / name).mkdir()
    found = one(tmp_path, version_number=asked)
    assert (found.file, found.version) == (file, version)
    assert found.folder == (None if folder is None else tmp_path / "add" / folder)


def test_configurations_of_one_version_are_one(tmp_path: Path) -> None:
    servable(tmp_path, versions=(1, 2))
    servable(tmp_path, "sub")
    found = deployments(
        [
            ServableStartConfig(str(tmp_path), "add", device_ids=3),
            ServableStartConfig(str(tmp_path), "sub", num_parallel_workers=2),
            ServableStartConfig(str(tmp_path), "add", device_ids=(1, 3), version_number=2, num_parallel_workers=5),
            ServableStartConfig(str(tmp_path), "add", device_ids=0, version_number=1),
        ]
    )
    assert [(each.name, each.version, each.device_ids, each.workers) for each in found] == [
        ("add", 2, (1, 3), 5),
        ("sub", 1, (), 2),
        ("add", 1, (0,), 1),
    ]


def test_a_servable_has_one_directory_and_one_key(tmp_path: Path) -> None:
    servable(tmp_path, versions=(1, 2))
    configs = [ServableStartConfig(str(tmp_path), "add"), ServableStartConfig(str(tmp_path / "b"), "add")]
    with pytest.raises(RuntimeError) as raised:
        deployments(configs)
    assert str(raised.value) == (
        "The servable directory of servable name add is different in multiple configurations, servable directory: "
        f"{tmp_path / 'b'} and {tmp_path}"
    )
    configs = [ServableStartConfig(str(tmp_path), "add", version_number=2, dec_key=key) for key in (KEY, None)]
    with pytest.raises(RuntimeError) as raised:
        deployments(configs)
    assert str(raised.value) == (
        "The dec key or dec mode of servable name add is different in multiple configurations."
    )
    configs = [ServableStartConfig(str(tmp_path), "add", version_number=n, dec_key=k) for n, k in ((1, KEY), (2, None))]
    keyed, free = deployments(configs)
    assert (keyed.secret, free.secret) == (Secret(KEY, "AES-GCM"), None)
    assert str(KEY) not in repr(keyed)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    where = f"servable directory '{tmp_path}', servable name 'add'"
    with pytest.raises(RuntimeError) as raised:
        one(tmp_path)
    assert str(raised.value) == f"Check servable config failed, directory '{tmp_path / 'add'}' not exist, {where}"
    (tmp_path / "add").mkdir()
    with pytest.raises(RuntimeError) as raised:
        one(tmp_path)
    file = tmp_path / "add" / "servable_config.py"
    assert str(raised.value) == f"Check servable config failed, file '{file}' not exist,  {where}"


def test_ssl_config() -> None:
    config = SSLConfig("server.crt", "server.key", "ca.crt", True)
    assert (config.certificate, config.private_key) == ("server.crt", "server.key")
    assert (config.custom_ca, config.verify_client) == ("ca.crt", True)
    assert SSLConfig(certificate="a", private_key="b", custom_ca=None, verify_client=False).custom_ca is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"certificate": None}, "Parameter 'certificate' should be str, but actually <class 'NoneType'>"),
        ({"private_key": ""}, "Parameter 'private_key' should not be empty str"),
        ({"verify_client": 1}, "Parameter 'verify_client' should be bool, but actually <class 'int'>"),
        ({"verify_client": True}, "Parameter 'custom_ca' should be str, but actually <class 'NoneType'>"),
        ({"custom_ca": b"ca"}, "Parameter 'custom_ca' should be str, but actually <class 'bytes'>"),
    ],
)
def test_wrong_arguments_of_ssl_config(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        SSLConfig(**{"certificate": "server.crt", "private_key": "server.key", **arguments})
    assert str(raised.value) == text
