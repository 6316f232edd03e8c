"""What TensorFlow Serving's flags mean here."""

from pathlib import Path
from typing import Any

import pytest

from salver.cli.tensorflow_serving import Start, planned, run
from salver.config.tensorflow_flags import read_flags
from salver.problems import Unusable
from salver.repository.policies import Latest
from salver.repository.settings import SavedModelSettings, ServableSettings


def start(*arguments: str, **environment: str) -> Start:
    return planned(read_flags(["--model_base_path=/models/m", *arguments]), environment)


def test_one_model_is_served_on_all_interfaces_and_watched() -> None:
    begun = start("--model_name=m")
    assert [str(address) for address in begun.config.listen] == ["0.0.0.0:8500"]
    [listed] = begun.sources.listed
    assert (listed.name, listed.path, listed.versions) == ("m", Path("/models/m"), Latest())
    assert (begun.config.watch_s, begun.config.load_retries, begun.config.load_retry_s) == (1.0, 5, 60.0)
    assert (begun.config.http_timeout_s, begun.config.tensorflow_metrics) == (30.0, None)
    assert (begun.config.allow_reload, begun.config.tensor_content) == (False, False)
    assert begun.config.cors_origins == ()
    assert begun.notes == ()


def test_every_flag_that_means_something_is_followed(tmp_path: Path) -> None:
    begun = start(
        "--port=1",
        "--rest_api_port=2",
        f"--grpc_socket_path={tmp_path}/s",
        "--file_system_poll_wait_seconds=0",
        "--max_num_load_retries=2",
        "--load_retry_interval_micros=500000",
        "--allow_version_labels_for_unavailable_models",
        "--rest_api_enable_cors_support",
        "--num_unload_threads=3",
        "--rest_api_timeout_in_ms=1500",
        "--enable_serialization_as_tensor_content",
        SALVER_ADMIN="unix:/run/admin",
        SALVER_ALLOW_RELOAD="true",
        SALVER_LISTEN="unix:/never",
    )
    assert [str(address) for address in begun.config.listen] == ["0.0.0.0:1", f"unix:{tmp_path}/s", "0.0.0.0:2"]
    assert (begun.config.watch_s, begun.config.load_retries, begun.config.load_retry_s) == (None, 2, 0.5)
    assert begun.config.cors_origins == ("*",)
    assert (begun.config.admin, begun.config.allow_reload) == (Path("/run/admin"), True)
    assert (begun.config.http_timeout_s, begun.config.tensor_content) == (1.5, True)
    assert begun.listing.early_labels
    assert begun.notes == ("ignored: --num_unload_threads",)


def test_a_list_of_models_wins_over_one(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    file.write_text('model_config_list { config { name: "n" base_path: "/models/n" } }')
    begun = start(f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=3")
    assert [each.name for each in begun.sources.listed] == ["n"]
    assert (begun.listing.file, begun.listing.every_s) == (file, 3.0)


def test_batching_parameters_are_what_models_have_by_default(tmp_path: Path) -> None:
    file = tmp_path / "batching"
    file.write_text("max_batch_size { value: 8 } batch_timeout_micros { value: 1500 } num_batch_threads { value: 4 }")
    begun = start("--enable_batching", f"--batching_parameters_file={file}")
    defaults = begun.sources.listed[0].defaults
    assert defaults is not None
    assert (defaults.max_batch_size, defaults.max_wait_ms, defaults.max_call_rows) == (8, 1.5, 8)
    assert begun.listing.defaults == defaults
    [note] = begun.notes
    assert note.startswith(f"without effect in {file}: num_batch_threads (")


def test_warm_up_can_be_left_out(tmp_path: Path) -> None:
    assert start("--enable_model_warmup").listing.defaults is None
    defaults = start("--enable_model_warmup=false").listing.defaults
    assert defaults == ServableSettings(saved_model=SavedModelSettings(warm_up=False))
    file = tmp_path / "batching"
    file.write_text("max_batch_size { value: 8 }")
    both = start("--enable_batching", f"--batching_parameters_file={file}", "--enable_model_warmup=0")
    assert both.listing.defaults is not None
    assert (both.listing.defaults.max_batch_size, both.listing.defaults.saved_model.warm_up) == (8, False)


SPLIT = "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 16 }"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", {"max_batch_size": 1000}),
        ("max_batch_size { value: 8 }", {"max_batch_size": 8, "max_call_rows": 8}),
        ("max_enqueued_batches { value: 3 }", {"max_batch_size": 1000, "max_waiting_batches": 3}),
        ("allowed_batch_sizes: 2 allowed_batch_sizes: 4", {"max_batch_size": 4, "allowed_batch_sizes": (2, 4)}),
        (
            f"max_batch_size {{ value: 100 }} {SPLIT} allowed_batch_sizes: 8 allowed_batch_sizes: 16",
            {"max_batch_size": 16, "max_call_rows": 100, "allowed_batch_sizes": (8, 16)},
        ),
        (
            "max_batch_size { value: 8 } max_execution_batch_size { value: 4 }",
            {"max_batch_size": 8, "max_call_rows": 8},
        ),
    ],
)
def test_what_batching_parameters_are_called_here(tmp_path: Path, text: str, said: dict[str, object]) -> None:
    file = tmp_path / "batching"
    file.write_text(text)
    defaults = start("--enable_batching", f"--batching_parameters_file={file}").sources.listed[0].defaults
    assert defaults == ServableSettings(**said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--enable_model_warmup=false"], {"warm_up": False}),
        (["--num_request_iterations_for_warmup=3"], {"warm_up_rounds": 3}),
        (["--tensorflow_session_parallelism=4"], {"threads": 4}),
        (["--tensorflow_session_parallelism=4", "--tensorflow_intra_op_parallelism=2"], {"threads": 2}),
    ],
)
def test_what_flags_say_of_every_saved_model(flags: list[str], said: dict[str, Any]) -> None:
    begun = start(*flags)
    assert begun.sources.listed[0].defaults == ServableSettings(saved_model=SavedModelSettings(**said))
    assert not begun.notes


def test_batching_without_parameters_is_as_if_its_file_said_nothing() -> None:
    batched, usual = (start(*flags).sources.listed[0].defaults for flags in (["--enable_batching"], []))
    assert (batched, usual) == (ServableSettings(max_batch_size=1000), None)


@pytest.mark.parametrize(("verify", "security"), [("true", "mtls"), ("false", "tls")])
def test_tls_is_for_the_port_of_grpc_alone_and_its_key_on_no_disk(tmp_path: Path, verify: str, security: str) -> None:
    file = tmp_path / "ssl"
    pem = {name: f"-----BEGIN {name}-----" for name in ("server_key", "server_cert", "custom_ca")}
    fields = " ".join(f'{name}: "{text}"' for name, text in pem.items())
    file.write_text(f"{fields} client_verify: {verify}")
    config = start(f"--ssl_config_file={file}", "--rest_api_port=8501").config
    assert [str(address) for address in config.listen] == [f"{security}:0.0.0.0:8500", "0.0.0.0:8501"]
    assert config.tls_key is not None
    assert config.tls_key.read_text() == pem["server_key"]
    assert config.tls_key.resolve().parent != tmp_path
    assert (config.tls_client_ca is None) == (security == "tls")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('prometheus_config { enable: true path: "/prometheus" }', "/prometheus"),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: false path: "/prometheus" }', None),
        ("", None),
    ],
)
def test_metrics_are_where_they_are_wanted(tmp_path: Path, text: str, path: str | None) -> None:
    file = tmp_path / "monitoring"
    file.write_text(text)
    assert start(f"--monitoring_config_file={file}").config.tensorflow_metrics == path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model_base_path="], "is missing, and so is --model_config_file"),
        (["--model_name="], "is empty"),
        (["--model_base_path=s3://bucket/m"], "not on this machine"),
        (["--port=70000"], "70000 is no port"),
        (["--rest_api_port=8500"], "is the same as --port"),
        (["--batching_parameters_file=x"], "is of use only with --enable_batching"),
        (["--model_config_file=/nowhere/x"], "cannot be read"),
        (["--ssl_config_file=/nowhere/x"], "cannot be read"),
        (["--use_alts_credentials"], "there is no ALTS here"),
    ],
)
def test_what_cannot_be_followed_is_told(arguments: list[str], told: str) -> None:
    with pytest.raises(Unusable, match=told) as refused:
        start(*arguments)
    assert refused.value.problem.remedy


def test_help_and_version_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--port=1", "--help"], {}) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: salver tensorflow-serving --model_name=NAME --model_base_path=DIR")
    assert "  --file_system_poll_wait_seconds=1\n      look this often for new versions; 0 is never\n" in shown
    assert run(["--version"], {}) == 0
    assert capsys.readouterr().out.startswith("salver ")
