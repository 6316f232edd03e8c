"""A worker whose server is elsewhere: it runs every stage itself, ONNX models too, and is given its lanes' links.

The process that started it stands between: it joins the server, and hands the connections over. When they end the
worker stays as it is, for the next.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from salver import _native
from salver.authoring.manifest import Lane
from salver.problems import Unusable
from salver.runtimes.composition import NativeStage, compose
from salver.runtimes.own_service import with_service
from salver.workers.assignment import Assignment
from salver.workers.control import Control
from salver.workers.lane_ends import LaneEnds
from salver.workers.leaving import Leaving
from salver.workers.program import Program
from salver.workers.worker import Inbox, Worker


class ApartWorker(Worker):
    def __init__(self, control: Control, inbox: Inbox, file: Path) -> None:
        super().__init__(control, inbox, file)
        self._leaving: Leaving = Leaving()
        self._models = _Models((), self._leaving)
        inbox.at_leave = self._leave

    def _load(self, assignment: Assignment) -> Program:
        program = super()._load(assignment)
        servable, native = compose(program.manifest, self._file)
        servable = with_service(servable, self._file) if assignment.proto else servable
        self._models = _Models(native, self._leaving)
        lanes = (*program.manifest.lanes, *self._models.lanes(len(program.manifest.lanes)))
        self._models.open()
        return replace(program, manifest=replace(program.manifest, servable=servable, lanes=lanes, onnx=()))

    def _serve(self, program: Program) -> int:
        self._say_hello(program)
        if not self._begin(program):
            return 1
        while True:
            ends = self._given_lanes()
            self._own[:] = [end.socket for end in ends]
            self._run_lanes(program, list(enumerate(ends)))
            try:
                self._models.open()
            except Unusable as error:
                return self._fail(error)
            self._control.send("idle")

    def _given_lanes(self) -> list[LaneEnds]:
        """The next links, one for each lane, in order. Raises Dismissed at the end."""
        ends: list[LaneEnds] = []
        while (message := self._inbox.wait_for("lanes", "serve")).say == "lanes":
            ends += [LaneEnds(descriptor) for descriptor in message.descriptors]
        return ends

    def _run_link(self, program: Program, index: int, end: LaneEnds) -> None:
        try:
            if index in self._models:
                self._models.run(index, end.socket, program)
            else:
                super()._run_link(program, index, end)
        finally:
            # It is closed, and its number soon another's.
            self._own.remove(end.socket)

    def _leave(self) -> None:
        self._leaving.set()
        self._models.leave()


class _Models:
    """The models of the servable, each opened once for each of its lanes."""

    def __init__(self, stages: Sequence[NativeStage], leaving: Leaving) -> None:
        self._stages = [stage for stage in stages for _ in range(stage.instances)]
        # What was looked at when the servable was loaded may be run as it is, by one lane.
        self._unused: dict[int, _native.OnnxModel] = {stage.index: stage.model for stage in stages}
        self._leaving = leaving
        self._first = 0
        self._opened: dict[int, _native.OnnxModel] = {}
        self._sockets: dict[int, socket.socket] = {}

    def lanes(self, first: int) -> Iterator[Lane]:
        """Their lanes, whose indices begin at `first`.

        Each has one batch at a time: what waits for it can still go to another worker.
        """
        self._first = first
        return (Lane((stage.index,), slots=1) for stage in self._stages)

    def __contains__(self, lane: int) -> bool:
        return lane >= self._first and bool(self._stages)

    def open(self) -> None:
        """Have a model ready for each lane, so that it runs at once when it has its link. Raises Unusable."""
        for lane, stage in enumerate(self._stages, self._first):
            if lane not in self._opened:
                looked_at = self._unused.pop(stage.index, None)
                self._opened[lane] = stage.open_again() if looked_at is None else looked_at

    def run(self, lane: int, descriptor: int, program: Program) -> None:
        """Run a lane to the end of its link. Raises OSError if that breaks."""
        stage, model = self._stages[lane - self._first], self._opened.pop(lane)
        spec = program.manifest.servable.stages[stage.index]
        sizes = spec.policy.allowed_batch_sizes
        # Another descriptor of the same connection, for the native part keeps its own to itself.
        with socket.socket(fileno=os.dup(descriptor)) as same:
            self._sockets[lane] = same
            try:
                if self._leaving.is_set:  # which may have been before this lane was known
                    self.leave()
                _native.run_model_lane(model, descriptor, stage.rows, spec.name, stage.whole_inputs, sizes)
            finally:
                del self._sockets[lane]

    def leave(self) -> None:
        """Let them see the end of their links once they have answered what they run."""
        for same in list(self._sockets.values()):
            _quietly(same.shutdown, socket.SHUT_RD)


def _quietly(do: Callable[[int], None], how: int) -> None:
    try:
        do(how)
    except OSError:
        # The link has ended already.
        return
