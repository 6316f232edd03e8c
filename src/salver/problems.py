"""What is wrong with something that a person wrote or asked for, as data: never a traceback."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and how to mend it. Whatever it is told, its texts can be encoded."""

    where: str
    what: str
    remedy: str

    def __post_init__(self) -> None:
        for name in ("where", "what", "remedy"):
            object.__setattr__(self, name, encodable(getattr(self, name)))

    def __str__(self) -> str:
        return f"{self.where}: {self.what}\n  remedy: {self.remedy}"


def encodable(text: str) -> str:
    """The same text if UTF-8 has it; paths of other bytes, and what quotes them, have characters that it lacks."""
    # Nearly all are plain, also on the way of every reply.
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


class Unusable(Exception):
    """Raised where one problem makes going on impossible."""

    def __init__(self, where: object, what: str, remedy: str) -> None:
        self.problem = Problem(str(where), what, remedy)
        super().__init__(str(self.problem))
