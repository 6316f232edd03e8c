import subprocess
import sys
from pathlib import Path

import pytest

from salver.cli.main import main, make_parser
from salver.config.settings import SETTINGS, WORKER_SETTINGS


def test_every_setting_is_a_flag_of_serve_and_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        make_parser().parse_args(["serve", "--help"])
    shown = capsys.readouterr().out
    assert all(setting.flag in shown and setting.variable in shown for setting in SETTINGS)


def test_every_setting_is_a_flag_of_worker_and_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        make_parser().parse_args(["worker", "--help"])
    shown = capsys.readouterr().out
    assert all(setting.flag in shown and setting.variable in shown for setting in WORKER_SETTINGS)


def test_listen_may_be_repeated() -> None:
    options = make_parser().parse_args(["serve", "models", "--listen", "a:1", "--listen", "unix:b"])
    assert options.listen == ["a:1", "unix:b"]


@pytest.mark.parametrize(
    ("words", "said"), [([], None), (["--allow-reload"], "true"), (["--allow-reload", "false"], "false")]
)
def test_a_flag_that_is_true_or_false_is_true_by_itself(words: list[str], said: str | None) -> None:
    assert make_parser().parse_args(["serve", "models", *words]).allow_reload == said


def test_the_help_of_serve_has_headings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        make_parser().parse_args(["serve", "--help"])
    shown = capsys.readouterr().out
    at = [shown.index(f"\n{heading}:\n") for heading in ("where it listens", "how much is taken", "more")]
    assert at == sorted(at)


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "serve" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve", "gone"], "there is no such folder"),
        (["serve"], "only with --accept-workers none is needed"),
        (["serve", "--accept-workers", "0.0.0.0:0"], "write --accept-workers mtls:0.0.0.0:0"),
        (["worker", "gone", "add"], "give the address that the server accepts workers at"),
        (["worker", "gone", "add", "--join", "127.0.0.1:1"], "there is no such folder"),
        (["serve", "gone", "--max-calls", "few"], "a whole number from 1"),
        (["serve", "gone", "--listen", "tls:localhost:0"], "give both --tls-certificate and --tls-key"),
        (["check", "gone"], "there is no such folder"),
        (
            ["serve", "gone", "--port", "8500"],
            "--port: is no option of `salver serve`\n  remedy: did you mean --listen HOST",
        ),
        (
            ["serve", "gone", "--grpc-port=8500"],
            "--grpc-port: is no option of `salver serve`\n  remedy: did you mean --listen",
        ),
        (["serve", "--allow-reload", "gone"], "write --allow-reload behind everything else, or --allow-reload true"),
        (["serve", "gone", "--watch", "1", "--lisen=x"], "did you mean --listen?"),
        (["call", "a:1", "b", "--time", "1", "--frobnicate"], "remedy: `salver call --help` lists what there is"),
        (["check", "gone", "too"], "too: is one argument too many for `salver check`"),
        (["--frobnicate"], "--frobnicate: is no option of `salver`"),
        (["inspect", "nothere"], "nothere: there is no such file or folder"),
        (["proto", "nothere"], "nothere: there is no such file or folder, and it is no address"),
    ],
)
def test_what_was_asked_wrongly_is_told_with_a_remedy_and_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    complaint = capsys.readouterr().err
    assert told in complaint
    assert "remedy: " in complaint


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_a_time_out_is_a_positive_number(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        make_parser().parse_args(["status", "--timeout", text])
    assert f"'{text}' is no usable value: expected seconds, more than 0" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["-1", "9223372036854775808", "9" * 10_000, "one", "1.0", "\u0661"])
@pytest.mark.parametrize("command", [["load", "add", "--admin", "unix:a"], ["call", "a:1", "add", "x=1"]])
def test_a_version_is_a_number_that_versions_have(
    capsys: pytest.CaptureFixture[str], command: list[str], text: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        make_parser().parse_args([*command, f"--servable-version={text}"])
    assert f"'{text}' is no version: expected a whole number from 0 to" in capsys.readouterr().err


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "salver", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50)
    assert ran.stdout.startswith("salver ")
