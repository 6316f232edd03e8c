"""The checking client beside the load: a program in the tools' environment, held by a pipe."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.environments import Environment

FINISH_SECONDS = 60


class WrongAnswer(Exception):
    """The server's answers are not what numpy computes, or it did not answer."""


@dataclass
class Checker:
    """A running check. `answer_bytes` holds the size of a right answer for each form that was asked."""

    process: subprocess.Popen[str]
    answer_bytes: Mapping[str, int] = field(default_factory=dict)
    asked: int = 0

    def check_before(self) -> None:
        """Waits until the server has answered everything rightly; raises when it does not."""
        self.answer_bytes = self._next_line()["answer_bytes"]

    def finish(self) -> None:
        """Ends the check; raises when an answer during the load was wrong."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self.asked = self._next_line()["asked"]

    def _next_line(self) -> dict[str, Any]:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise WrongAnswer("the checking client ended without a result")
        facts: dict[str, Any] = json.loads(line)
        if "problem" in facts:
            raise WrongAnswer(" ".join(facts["problem"].split())[:400])
        return facts


@contextmanager
def checking(tools: Environment, workload: str, ports: Mapping[str, int]) -> Iterator[Checker]:
    """A checking client for one workload; `ports` says which form is asked at which port."""
    targets = [f"{form}={port}" for form, port in ports.items()]
    process = subprocess.Popen(
        [tools.python, "-m", "benchmarks.tools.check", workload, *targets],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=tools.variables(),
        text=True,
        start_new_session=True,
    )
    try:
        yield Checker(process)
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    try:
        process.wait(FINISH_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
