"""What author's code raises: any exception at all, not only those that are meant to be caught."""

import asyncio


def is_ordered(error: BaseException) -> bool:
    """Whether it is no failure of the code: its lane has ended its task, as the caller or the server has left."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False  # No event loop runs here, so no task was cancelled.
    return task is not None and task.cancelling() > 0


def told(error: BaseException) -> str:
    """Type and text, whatever the exception makes of being asked for it."""
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except BaseException:
        return f"{name}, which cannot say what is wrong: its __str__ fails"
