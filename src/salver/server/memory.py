"""Memory of versions that have ended."""


def give_back_memory() -> None:
    """Let the system have what was freed: glibc keeps much of it, and models come in large pieces.

    Where the C library has no way to do so, there is nothing to do.
    """
    # Most servers never need it.
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
