from pathlib import Path

import pytest

from salver.config.load import load
from salver.config.settings import SETTINGS, Config
from salver.problems import Unusable


def test_without_anything_every_setting_has_its_default() -> None:
    assert load({}, {}) == Config()


def test_a_flag_wins_over_the_environment_which_wins_over_the_default() -> None:
    environment = {"SALVER_MAX_CALLS": "5", "SALVER_MAX_STREAMS": "6"}
    config = load({"max_calls": "7", "max_streams": None}, environment)
    assert (config.max_calls, config.max_streams, config.network_threads) == (7, 6, 1)


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("max_bytes_in_flight", "1GiB", 1024**3),
        ("max_bytes_in_flight", "512 MiB", 512 * 1024**2),
        ("max_bytes_in_flight", "77", 77),
        ("drain_timeout_s", "0.5", 0.5),
        ("log_level", "error", "error"),
        ("cors_origins", "", ()),
        ("cors_origins", "*", ("*",)),
        ("cors_origins", "https://a.example, http://localhost:3000", ("https://a.example", "http://localhost:3000")),
    ],
)
def test_values_are_read_as_people_write_them(name: str, text: str, wanted: object) -> None:
    assert getattr(load({name: text}, {}), name) == wanted


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("max_calls", "many", "a whole number from 1"),
        ("max_calls", "0", "a whole number from 1"),
        ("max_message_mib", "5000", "from 1 to 2047"),
        ("max_bytes_in_flight", "1GB", "a number of bytes"),
        ("cors_origins", "a.example", "origins such as"),
        ("cors_origins", "https://a.example/", "origins such as"),
        ("cors_origins", "https://a.example,", "origins such as"),
        ("max_bytes_in_flight", "0", "a number of bytes"),
        ("keep_alive_s", "-1", "seconds"),
        ("keep_alive_s", "nan", "seconds"),
        ("log_level", "loud", "one of error, info"),
        ("listen", "nowhere", "host:port"),
    ],
)
def test_a_bad_value_names_the_flag_or_the_variable(name: str, text: str, expected: str) -> None:
    with pytest.raises(Unusable, match=expected) as by_flag:
        load({name: text}, {})
    assert by_flag.value.problem.where == "--" + name.replace("_", "-")
    with pytest.raises(Unusable, match=expected) as by_variable:
        load({}, {"SALVER_" + name.upper(): text})
    assert by_variable.value.problem.where == "SALVER_" + name.upper()


@pytest.mark.parametrize(
    ("flags", "remedy"),
    [
        ({"listen": "tls:localhost:1"}, "give both --tls-certificate and --tls-key"),
        ({"listen": "tls:localhost:1", "tls_certificate": "{pem}"}, "give both --tls-certificate and --tls-key"),
        ({"tls_certificate": "{pem}", "tls_key": "{pem}"}, "write --listen tls:HOST:PORT"),
        (
            {"listen": "mtls:localhost:1", "tls_certificate": "{pem}", "tls_key": "{pem}"},
            "give --tls-client-ca FILE",
        ),
        (
            {"listen": "tls:localhost:1", "tls_certificate": "{pem}", "tls_key": "{pem}", "tls_client_ca": "{pem}"},
            "write --listen mtls:HOST:PORT",
        ),
        ({"listen": "tls:localhost:1", "tls_certificate": "gone.pem", "tls_key": "{pem}"}, "the path of a PEM file"),
    ],
)
def test_no_setting_for_tls_is_silently_without_effect(flags: dict[str, str], remedy: str, tmp_path: Path) -> None:
    pem = tmp_path / "some.pem"
    pem.touch()
    with pytest.raises(Unusable) as refused:
        load({name: text.format(pem=pem) for name, text in flags.items()}, {})
    assert remedy in refused.value.problem.remedy


def test_every_setting_is_a_field_with_its_own_flag_variable_and_help() -> None:
    assert len({setting.flag for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.help and hasattr(Config(), setting.name) for setting in SETTINGS)
