"""The neighbour that must not notice anything."""

import os

import salver


@salver.function(max_wait_ms=0)
def double(x: int) -> int:
    return x * 2


@salver.stage
def process(text: str) -> int:
    return os.getpid()


@salver.method
def worker(text: str) -> int:
    return process(text)
