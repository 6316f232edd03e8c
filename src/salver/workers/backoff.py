"""How long a worker that ended stays away before it is started again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Ever longer for one that keeps failing; one that was well for `healthy_s` starts from the beginning."""

    first_s: float = 0.1
    longest_s: float = 30.0
    healthy_s: float = 10.0

    def failures(self, before: int, well_s: float) -> int:
        """How many failures in a row there are now, after one more by a worker that served for `well_s`."""
        return 1 if well_s >= self.healthy_s else before + 1

    def delay_s(self, failures: int) -> float:
        """The pause after so many failures in a row, at least one."""
        # The exponent is bounded, for a worker may fail for years.
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 64))
