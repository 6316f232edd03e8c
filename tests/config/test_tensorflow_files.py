from pathlib import Path

import pytest

from salver.config.tensorflow_files import (
    BatchingParameters,
    Prometheus,
    SslConfig,
    read_batching_parameters,
    read_monitoring_config,
    read_ssl_config,
)
from salver.problems import Unusable

SPLITTING = "enable_large_batch_splitting { value: true }"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_batching_parameters_are_wrapped_numbers(file: Path) -> None:
    file.write_text(
        "max_batch_size { value: 128 }\nbatch_timeout_micros { value: 0 }\nmax_enqueued_batches { value: 100 }\n"
        'num_batch_threads { value: 4 }\nthread_pool_name { value: "pool" }\n'
        "allowed_batch_sizes: 32 allowed_batch_sizes: 64 allowed_batch_sizes: 128\npad_variable_length_inputs: true\n"
    )
    assert read_batching_parameters(file) == BatchingParameters(128, 0, 100, 4, (32, 64, 128), True)
    file.write_text("")
    assert read_batching_parameters(file) == BatchingParameters()


def test_a_batch_that_is_split_has_another_last_size(file: Path) -> None:
    text = "max_batch_size { value: 9 } allowed_batch_sizes: 4 max_execution_batch_size { value: 4 }"
    file.write_text(f"{text} enable_large_batch_splitting {{ value: true }}")
    assert read_batching_parameters(file).allowed_batch_sizes == (4,)
    file.write_text(text)
    with pytest.raises(Unusable, match="the last of allowed_batch_sizes is 4, and batches may have 9 rows"):
        read_batching_parameters(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max_batch_size: 3", ":1"),
        ("\nmax_batch_siz { value: 3 }", ":2:1"),
        ("max_batch_size { value: 0 }", "max_batch_size is 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros is -1"),
        ("allowed_batch_sizes: 4 allowed_batch_sizes: 4", "in ascending order"),
        ("allowed_batch_sizes: 0", "in ascending order"),
        (f"{SPLITTING} max_batch_size {{ value: 8 }} max_execution_batch_size {{ value: 9 }}", "is 9, larger than"),
    ],
)
def test_mistakes_in_batching_parameters_are_told(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    with pytest.raises(Unusable) as refused:
        read_batching_parameters(file)
    assert told in str(refused.value)


def test_certificates_stand_in_the_file_itself(file: Path) -> None:
    key, certificate, authority = (f"-----BEGIN {name}-----\n" for name in ("KEY", "CERT", "CA"))
    fields = f"server_key: {key!r} server_cert: {certificate!r} custom_ca: {authority!r}"
    file.write_text(f"{fields} client_verify: true")
    assert read_ssl_config(file) == SslConfig(key, certificate, authority, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('server_key: "K"', "has no server_cert"),
        ('server_cert: "C"', "has no server_key"),
        ('server_key: "K" server_cert: "C" client_verify: true', "has no custom_ca"),
        ('server_key: "/etc/key.pem" server_cert: "C"', r"(?s)server_key that is no PEM text.*not its file's path"),
    ],
)
def test_what_tls_lacks_is_told(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    with pytest.raises(Unusable, match=told):
        read_ssl_config(file)


def test_monitoring_says_whether_and_where(file: Path) -> None:
    file.write_text('prometheus_config { enable: true, path: "/metrics" }')
    assert read_monitoring_config(file) == Prometheus(True, "/metrics")
    file.write_text("prometheus_config { enable: true }")
    assert read_monitoring_config(file) == Prometheus(True, "/monitoring/prometheus/metrics")
    file.write_text("")
    assert not read_monitoring_config(file).enable
    file.write_text('prometheus_config { enable: true path: "metrics" }')
    with pytest.raises(Unusable, match=r"(?s)has the path 'metrics'.*begin with /"):
        read_monitoring_config(file)
