"""What is wrong with something that a person wrote or asked for, as data: never a traceback."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and how to mend it."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}\n  remedy: {self.remedy}"


class Unusable(Exception):
    """Raised where one problem makes going on impossible."""

    def __init__(self, where: object, what: str, remedy: str) -> None:
        self.problem = Problem(str(where), what, remedy)
        super().__init__(str(self.problem))
