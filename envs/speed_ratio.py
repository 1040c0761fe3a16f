"""From which range the target's greatest speed is drawn, as a share of the tracker's."""

from typing import Annotated

from pydantic import AfterValidator


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    low, high = value
    if not 0.05 <= low <= high <= 2.0:
        raise ValueError(f"must be two numbers from 0.05 to 2, the lower one first, got [{low:g}, {high:g}]")
    return value


SpeedRatioRange = Annotated[tuple[float, float], AfterValidator(_rising)]
"""The least and the greatest ratio, from 0.05 to 2."""
