import json
from dataclasses import replace
from pathlib import Path

from salver.config.settings import Config, native_settings, settings_table

ORIGINS = ("https://app.example.com",)


def test_native_settings_are_in_bytes_and_milliseconds() -> None:
    config = Config(max_message_mib=2, max_header_kib=3, header_timeout_s=0.25, keep_alive_s=4, cors_origins=ORIGINS)
    config = replace(config, http_timeout_s=1.5, tensorflow_metrics="/metrics/tf")
    assert json.loads(native_settings(config)) == {
        "max_message_bytes": 2 * 1024**2,
        "max_header_bytes": 3 * 1024,
        "max_streams": 1000,
        "max_connections": 10_000,
        "max_calls": 10_000,
        "max_bytes_in_flight": 1024**3,
        "header_timeout_ms": 250,
        "reply_timeout_ms": 60_000,
        "keep_alive_ms": 4000,
        "network_threads": 1,
        "http_timeout_ms": 1500,
        "allow_reload": False,
        "tensor_content": False,
        "tensorflow_metrics": "/metrics/tf",
        "speaks": "everything",
        "cors_origins": ["https://app.example.com"],
    }


def test_the_readme_lists_every_setting() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    assert settings_table() in readme.read_text(encoding="utf-8")
