"""Tests with the real MindSpore and PyTorch: `make test` runs them in the environment that `make frameworks` makes.

Where those are not installed, nothing here is collected.
"""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("mindspore") and find_spec("torch") else ["test_*.py"]
