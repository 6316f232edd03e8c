"""A server that dies while its worker holds the interpreter's lock: prints the worker's number first."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from workers.starting import assignment

from salver.workers import control

own, its = control.pair()
start = Path(control.__file__).with_name("start_worker.py")
command = [sys.executable, str(start), "--control", str(its.fileno())]
worker = subprocess.Popen(command, pass_fds=[its.fileno()], stdout=subprocess.PIPE)
own.send("assignment", **assignment("holds_the_lock", Path("servable.py")).form())
assert worker.stdout is not None
worker.stdout.readline()
print(worker.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
