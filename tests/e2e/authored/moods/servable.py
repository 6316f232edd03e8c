"""Methods that fail, in all ways in which a method can."""

import numpy as np
from jaxtyping import Float32

import salver


@salver.stage
def choosy(x: int) -> int:
    if x < 0:
        raise salver.InvalidInput(f"{x} is negative")
    return 100 // x


@salver.method
def pick(x: int) -> int:
    return choosy(x)


@salver.function(max_wait_ms=50)
def choosy_batch(x: np.int64) -> np.int64:
    bad = np.flatnonzero(x < 0)
    if bad.size:
        raise salver.InvalidInput(f"{x[bad[0]]} is negative", row=bad[0])
    return x


@salver.function(max_wait_ms=50)
def fragile(x: np.int64) -> np.int64:
    if (x == 0).any():
        raise ZeroDivisionError("there is a zero")
    return 100 // x


@salver.function
def wrong_dtype(x: np.int64) -> np.float32:
    return x.astype(np.float64)


@salver.function
def wrong_shape(x: np.int64) -> Float32[np.ndarray, "2"]:
    return np.zeros((len(x), 3), np.float32)


@salver.function
def wrong_count(x: np.int64) -> np.int64:
    return x[:0]


@salver.function
def nothing(x: np.int64) -> np.int64:
    return None
