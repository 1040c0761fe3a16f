"""What an action may be, and what is said of one that may not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-6
DISCRETE7 = np.array(
    [
        [0.0, 0.0],  # stay
        [1.0, 0.0],  # forward
        [-1.0, 0.0],  # backward
        [0.0, 0.5],  # turn left
        [0.0, -0.5],  # turn right
        [1.0, 0.5],  # forward and left
        [1.0, -0.5],  # forward and right
    ]
)
"""The seven discrete actions of the literature (AD-VAT's UnrealCV scenes) as (forward, turn) in [-1, 1]."""
DISCRETE7_NAMES = ("stay", "forward", "backward", "left", "right", "forward left", "forward right")


def checked_actions(actions: Any, *, num_worlds: int, player: str) -> NDArray[np.float64]:
    """Actions (W, 2) as float64, each within [-1, 1].

    Raises:
        ValueError: naming the player, the world, the value and what is allowed. Actions out of range are refused and
            not clipped: a policy that needs clipping should say so (`gymnasium.wrappers.ClipAction`).
    """
    try:
        values = np.asarray(actions, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{player}: actions must be numbers, got {actions!r}") from None
    if values.shape != (num_worlds, 2):
        raise ValueError(
            f"{player}: actions must have the shape {(num_worlds, 2)} (forward speed and turn rate), got {values.shape}"
        )
    # written so that NaN fails it
    good = np.abs(values) <= 1.0 + _ROUNDING
    if not good.all():
        world, entry = np.argwhere(~good)[0].tolist()
        what = f"{player}: action {values[world].tolist()} of world {world}: {('forward', 'turn')[entry]}"
        if not np.isfinite(values[world, entry]):
            raise ValueError(f"{what} is not finite")
        raise ValueError(f"{what} must lie in [-1, 1]; clip it first (gymnasium.wrappers.ClipAction does)")
    return np.clip(values, -1.0, 1.0)


def checked_choices(choices: Any, *, num_worlds: int, player: str) -> NDArray[np.float64]:
    """Actions (W, 2) of discrete choices (W,).

    Raises:
        ValueError: naming the player, the world, the value and what is allowed.
    """
    values = np.asarray(choices)
    if values.shape != (num_worlds,) or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{player}: discrete actions must be {num_worlds} integers, got {choices!r}")
    wrong = np.flatnonzero((values < 0) | (values >= len(DISCRETE7)))
    if len(wrong):
        raise ValueError(
            f"{player}: discrete action {values[wrong[0]]} of world {wrong[0]} must be 0 to {len(DISCRETE7) - 1}"
        )
    actions: NDArray[np.float64] = DISCRETE7[values]
    return actions


def checked_action(action: Any, *, discrete: bool, player: str) -> NDArray[Any]:
    """The action (2,) of one world; whether its numbers are in range is checked with those of the batch.

    Raises:
        ValueError: naming the player, the value and what is allowed.
    """
    if discrete:
        chosen: NDArray[Any] = checked_choices(np.asarray(action)[None], num_worlds=1, player=player)[0]
        return chosen
    values = np.asarray(action)
    if values.shape != (2,):
        raise ValueError(f"{player}: an action must have the shape (2,), got {values.shape}")
    return values
