"""Tests with the real TensorFlow: `make test` runs them in the environment that `make frameworks` makes.

Where it is not installed, nothing here is collected.
"""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("tensorflow") else ["test_*.py"]
