"""Status codes as numbers."""

import grpc

OK, CANCELLED, UNKNOWN, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 0, 1, 2, 12, 13, 14

_NUMBERS: dict[object, int] = {code: code.value[0] for code in grpc.StatusCode}
_NUMBERS |= {number: number for number in list(_NUMBERS.values())}


def number(code: object) -> int:
    """Of a `grpc.StatusCode`, or a number that is one; UNKNOWN for anything else."""
    return _NUMBERS.get(code, UNKNOWN)
