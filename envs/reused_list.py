"""Lists for PyBullet, which never lets go of them."""

from typing import Any

from numpy.typing import NDArray


class ReusedList:
    """A list of numbers or of rows of numbers, the same objects at each call.

    PyBullet never lets go of a list that it was given for a mesh: fresh ones would pile up, 90 kB with each build.
    """

    def __init__(self) -> None:
        self._rows: list[list[float]] = []
        self._list: list[Any] = []

    def filled(self, values: NDArray[Any]) -> list[Any]:
        """The list with the values (N,) or (N, 3) in it."""
        if values.ndim == 1:
            self._list[:] = values.tolist()
            return self._list
        self._rows.extend([] for _ in range(len(values) - len(self._rows)))
        for row, value in zip(self._rows, values.tolist(), strict=False):
            row[:] = value
        self._list[:] = self._rows[: len(values)]
        return self._list
