"""A worker's life, from its assignment to its end, be it a process or a thread of the server."""

import os
import queue
import sys
import threading
import traceback
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

from salver.problems import Problem, Unusable
from salver.workers.assignment import Assignment
from salver.workers.blame import problem_of
from salver.workers.control import LINK_VERSION, BrokenControl, Control, Message
from salver.workers.lane_ends import LaneEnds, open_lane
from salver.workers.leaving import Leaving
from salver.workers.program import Program


def _nothing() -> None:
    pass


class ServerGone(Exception):
    """The server has closed the control connection."""


class Dismissed(Exception):
    """The server has said bye."""


class Inbox:
    """What the server says, read by a thread of its own, so that its end is noticed whatever else goes on."""

    def __init__(self, control: Control, orphaned: Callable[[], None]) -> None:
        self._said: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self.at_leave: Callable[[], None] = _nothing
        """What a `leave` does, in the reader's thread, whatever else is waited for."""
        reader = threading.Thread(target=self._read, args=(control, orphaned), name="control", daemon=True)
        reader.start()

    def wait_for(self, *says: str) -> Message:
        """The next message, which must be one of these. Raises Dismissed for a bye instead, and ServerGone."""
        message = self._said.get()
        if message is None:
            raise ServerGone
        if message.say in says:
            return message
        if message.say == "bye":
            raise Dismissed
        raise BrokenControl(f"the server said '{message.say}' where '{' or '.join(says)}' was due")

    def _read(self, control: Control, orphaned: Callable[[], None]) -> None:
        try:
            while (message := control.receive()) is not None:
                if message.say == "leave":
                    self.at_leave()
                else:
                    self._said.put(message)
        except OSError:
            # The worker is through, and has closed its own end under this thread.
            return
        finally:
            orphaned()
            self._said.put(None)


def work(control: Control, orphaned: Callable[[], None], at_fork: Callable[[Sequence[int]], None]) -> int:
    """Be a worker until the server says bye; gives the exit status.

    `orphaned` is called, in another thread, when the server's end is closed. `at_fork` is told the descriptors that
    only this worker may hold, none of its children. Everything that the author's code raises is told to the server.
    """
    inbox = Inbox(control, orphaned)
    try:
        assignment = Assignment(**inbox.wait_for("assignment").fields)
        return _kind(assignment)(control, inbox, Path(assignment.file)).run(assignment, at_fork)
    except Dismissed:
        return 0
    except (ServerGone, BrokenPipeError):
        return 1


def _kind(assignment: Assignment) -> "type[Worker]":
    if not assignment.apart:
        return Worker
    from salver.workers.apart import ApartWorker

    return ApartWorker


class Worker:
    """A worker of a server on this host. `at_fork` is told of the descriptors of its lanes as they come and go."""

    def __init__(self, control: Control, inbox: Inbox, file: Path) -> None:
        self._control = control
        self._inbox = inbox
        self._file = file
        self._own: list[int] = []
        self._leaving: Leaving | None = None

    def run(self, assignment: Assignment, at_fork: Callable[[Sequence[int]], None]) -> int:
        """Be it to the end; gives the exit status."""
        try:
            program = self._load(assignment)
        except BaseException as error:
            return self._fail(error)
        at_fork(self._own)
        try:
            return self._serve(program)
        finally:
            program.close()

    def _load(self, assignment: Assignment) -> Program:
        """Raises whatever the author's code does."""
        program = assignment.load()
        program.set_up()
        return program

    def _serve(self, program: Program) -> int:
        indices = program.lanes()
        lanes = [open_lane() for _ in indices]
        self._say_hello(program)
        for server, _ in lanes:
            with server:
                self._control.send("lane", server.all())
        ends = [worker for _, worker in lanes]
        # Not those of the arenas: the link closes them once it has mapped them, and their numbers are soon others'.
        self._own += [end.socket for end in ends]
        if not self._begin(program):
            return 1
        self._run_lanes(program, list(zip(indices, ends, strict=True)))
        self._inbox.wait_for("bye")
        return 0

    def _say_hello(self, program: Program) -> None:
        manifest = program.manifest.to_json()
        self._control.send("hello", link=LINK_VERSION, pid=os.getpid(), manifest=manifest, lanes=program.lanes())

    def _begin(self, program: Program) -> bool:
        """Be tried, if that is wanted, and warm up; False if that fails, which was told then."""
        while self._inbox.wait_for("go", "try").say == "try":
            self._control.send("examples", examples=_examples(program))
        try:
            program.warm_up()
        except BaseException as error:
            self._fail(error)
            return False
        self._control.send("ready")
        return True

    def _run_lanes(self, program: Program, lanes: Sequence[tuple[int, LaneEnds]]) -> None:
        """The first lane has this thread to itself, which in a process is the main one: some code demands it."""
        others = [
            threading.Thread(target=self._run_lane, args=(program, index, end), name=f"lane {index}", daemon=True)
            for index, end in lanes[1:]
        ]
        for thread in others:
            thread.start()
        for index, end in lanes[:1]:
            self._run_lane(program, index, end)
        for thread in others:
            thread.join()

    def _run_lane(self, program: Program, index: int, end: LaneEnds) -> None:
        problem: Problem | None = None
        try:
            self._run_link(program, index, end)
        except OSError:
            pass  # The server has gone from the link; code of the author never raises through it.
        except BaseException as error:
            problem = self._told(error)
        self._control.send("lane ended", lane=index, problem=None if problem is None else vars(problem))

    def _run_link(self, program: Program, index: int, end: LaneEnds) -> None:
        from salver import _native
        from salver.workers.loop import run_lane

        methods = [method.name for method in program.manifest.servable.methods]
        stages = {stage: program.stages[stage] for stage in program.manifest.lanes[index].stages}
        link = _native.Link(end.socket, end.inbound, end.outbound)
        run_lane(stages, link, methods, self._leaving)

    def _fail(self, error: BaseException) -> int:
        self._control.send("problem", **vars(self._told(error)))
        return 1

    def _told(self, error: BaseException) -> Problem:
        """The problem that this is; the traceback, if there is one, is for the author, on standard error."""
        raised = error.__cause__ if isinstance(error, Unusable) else error
        if raised is not None:
            traceback.print_exception(raised)
            sys.stderr.flush()
        return problem_of(error, self._file)


def _examples(program: Program) -> dict[str, dict[str, object]]:
    """A row of each method's inputs, as JSON takes it: (element type, shape, data in Base64 or a list of such)."""
    from salver.workers.servable.samples import tensor_of

    return {
        method: {"own": example.own, "columns": [_form(*tensor_of(column)) for column in example.columns]}
        for method, example in program.examples.items()
    }


def _form(dtype: str, shape: list[int], data: bytes | list[bytes]) -> list[object]:
    coded = b64encode(data).decode() if isinstance(data, bytes) else [b64encode(each).decode() for each in data]
    return [dtype, shape, coded]
