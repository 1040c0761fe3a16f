"""How the speed of a scripted mover changes over time."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from envs.settings import Settings


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"the lower end {pair[0]} is above the upper end {pair[1]}")
    return pair


_Share = Annotated[float, Field(gt=0.0, le=1.0)]
_Seconds = Annotated[float, Field(ge=0.1, le=60.0)]
_Metres = Annotated[float, Field(ge=0.5, le=50.0)]
ShareRange = Annotated[tuple[_Share, _Share], AfterValidator(_ordered)]
SecondsRange = Annotated[tuple[_Seconds, _Seconds], AfterValidator(_ordered)]
MetresRange = Annotated[tuple[_Metres, _Metres], AfterValidator(_ordered)]


class Pace(Settings):
    """A speed is drawn, kept for a while, drawn anew; now and then there is a pause."""

    fraction: ShareRange = (0.4, 1.0)
    """Range of the share of the top speed."""
    period_s: SecondsRange = (1.0, 4.0)
    """Range of the seconds for which a speed is kept."""
    pause_share: float = Field(0.1, ge=0.0, le=1.0)
    """Share of the changes of speed that are pauses."""
    pause_s: SecondsRange = (0.5, 2.0)
    """Range of the length of a pause in seconds."""

    def write(self, mover: Any, *, dt_s: float) -> None:
        """Copy the settings into a mover's record, durations in control steps of `dt_s` seconds."""
        mover["fraction_low"], mover["fraction_high"] = self.fraction
        mover["period_low"], mover["period_high"] = (s / dt_s for s in self.period_s)
        mover["pause_low"], mover["pause_high"] = (s / dt_s for s in self.pause_s)
        mover["pause_share"] = self.pause_share
