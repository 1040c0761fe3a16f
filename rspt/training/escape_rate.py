"""How often targets get away, and whether that still grows."""

from collections.abc import Sequence


class EscapeRate:
    """The share of the episodes in which the target got away, in one stretch of steps after the other.

    Args:
        first: steps of the worlds after which the first stretch begins.
        steps: of each stretch.
        tolerance: a share that has risen by no more has not risen.
    """

    def __init__(self, first: int, steps: int, *, tolerance: float) -> None:
        self._first, self._steps, self._tolerance = first, steps, tolerance
        self._counts: list[list[int]] = []  # of each stretch: episodes that ended, those in which the target got away

    def note(self, begun: int, episodes: Sequence[tuple[float, int, bool]]) -> None:
        """Count the episodes (return, length, success of the tracker) of a round that began after so many steps."""
        if begun < self._first:
            return
        stretch = (begun - self._first) // self._steps
        while len(self._counts) <= stretch:
            self._counts.append([0, 0])
        self._counts[stretch][0] += len(episodes)
        self._counts[stretch][1] += sum(not kept for _, _, kept in episodes)

    def rates(self, driven: int) -> list[float | None]:
        """Of each stretch that is over after so many steps; None of one in which no episode ended."""
        over = max(driven - self._first, 0) // self._steps
        return [escaped / ended if ended else None for ended, escaped in self._counts[:over]]

    def flat(self, driven: int) -> bool:
        """Whether the share has not risen in the last stretch that is over."""
        before, last = [None, None, *self.rates(driven)][-2:]
        return before is not None and last is not None and last <= before + self._tolerance

    def state(self) -> list[list[int]]:
        """What `restore` needs."""
        return [list(counts) for counts in self._counts]

    def restore(self, state: Sequence[Sequence[int]]) -> None:
        """Go on with what `state` gave."""
        self._counts = [[int(number) for number in counts] for counts in state]
