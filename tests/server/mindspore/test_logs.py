"""Where workers' output is written down, and how much is said."""

import logging
from pathlib import Path

import pytest

from salver.authoring.mindspore.verbosity import follow_glog
from salver.repository.logs import Logs
from salver.server.mindspore.logs import logs_here


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("environment", "most_bytes", "backups"),
    [
        ({}, 52428800, 3),
        ({"logger_maxBytes": "1000"}, 1000, 3),
        ({"logger_maxBytes": "0", "logger_backupCount": "30"}, 0, 30),
    ],
)
def test_the_folder_is_made_and_the_environment_bounds_its_files(
    tmp_path: Path, environment: dict[str, str], most_bytes: int, backups: int
) -> None:
    assert logs_here(environment) == Logs(tmp_path / "serving_logs", most_bytes, backups)
    assert (tmp_path / "serving_logs").is_dir()
    assert logs_here(environment) is not None


@pytest.mark.parametrize(
    ("name", "text"), [("logger_maxBytes", "50M"), ("logger_backupCount", "-1"), ("logger_maxBytes", "")]
)
def test_a_bound_that_is_no_number_is_told(name: str, text: str) -> None:
    with pytest.raises(RuntimeError, match=f"The environment variable {name} is '{text}': expected a whole number"):
        logs_here({name: text})


def test_a_folder_that_cannot_be_made_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "serving_logs").touch()
    assert logs_here({}) is None
    assert caplog.messages == ["What workers print is not written to serving_logs: File exists"]


def test_so_is_a_current_folder_that_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert logs_here({}) is None
    assert caplog.messages == ["What workers print is not written to serving_logs: No such file or directory"]


GLOG, OWN = "GLOG_v", "MS_SUBMODULE_LOG_v"


@pytest.mark.parametrize(
    ("environment", "heard"),
    [
        ({}, "warnings"),
        ({GLOG: "0"}, "warnings"),
        ({GLOG: "2"}, "warnings"),
        ({GLOG: "3"}, "errors"),
        ({GLOG: "4"}, "nothing"),
        ({GLOG: "much"}, "warnings"),
        ({OWN: "{SERVING:3}"}, "errors"),
        ({OWN: "{CORE:1, SERVING : 3}", GLOG: "0"}, "errors"),
        ({OWN: "{SERVING:2,CORE:4}", GLOG: "4"}, "warnings"),
        ({OWN: "{NO_SERVING:4}", GLOG: "3"}, "errors"),
        ({OWN: "SERVING:4"}, "warnings"),
    ],
)
def test_the_environment_says_how_grave_a_message_must_be(environment: dict[str, str], heard: str) -> None:
    loggers = [logging.getLogger(name) for name in ("mindspore_serving", "salver.servable")]
    assert logging.lastResort is not None
    before, last = [logger.level for logger in loggers], logging.lastResort.level
    try:
        follow_glog(environment)
        for logger in loggers:
            assert logger.isEnabledFor(logging.WARNING) == (heard == "warnings")
            assert logger.isEnabledFor(logging.ERROR) == (heard != "nothing")
    finally:
        logging.lastResort.setLevel(last)
        for logger, number in zip(loggers, before, strict=True):
            logger.setLevel(number)
