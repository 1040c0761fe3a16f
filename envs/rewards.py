"""Rewards of both players: named terms times weights of the same names.

The tracker's r1 and the target's r2 are those of AD-VAT (Zhong et al., ICLR 2019), as its public code computes them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from envs.settings import Settings
from envs.status import Status

Terms = dict[str, NDArray[np.float64]]


class TrackerWeights(Settings):
    """Weights of the tracker's terms; the defaults give plain r1, whose sum over an episode is its return AR."""

    reward_tracking: float = 1.0
    """Of r1 = max(-1, 1 - |d - d*|/d* - |θ|/θ_half), through walls as well."""
    reward_in_sight: float = 0.0
    """Of r1 while the target is visible, and of -1 while it is not. Plain r1 pays for facing an obstacle that
    hides the target, and takes away for the way round: a tracker that learns from it stands still there."""
    cost_hidden: float = Field(0.0, ge=0.0)
    """Of each step in which the target is not visible."""
    cost_contact: float = Field(0.0, ge=0.0)
    """Of each step in which the tracker touches clutter or a distractor."""
    cost_close: float = Field(0.0, ge=0.0)
    """Of the room beside the tracker's body that is missing to `room_m`, as a share of it. Where a tracker learns, a
    finger's breadth may do; in layouts that it does not know it touches what it passes so closely."""
    cost_ramming: float = Field(0.0, ge=0.0)
    """Of each step in which the tracker touches the target."""
    cost_lost: float = Field(0.0, ge=0.0)
    """Of losing the target: the discounted sum of |r1| = 1 over the steps that are left. With weight 1, giving up never
    pays; training sets it."""


class TargetWeights(Settings):
    """Weights of the target's terms; the defaults give r2 of AD-VAT."""

    reward_escape: float = 1.0
    """Of r2 = max(-1, -r1 - w (max(|d-d*| - d*, 0)/d* + max(|θ| - θ_half, 0)/θ_half))."""
    reward_hidden: float = Field(0.0, ge=0.0)
    """Of each step in which the target is not visible."""
    reward_lost: float = Field(0.0, ge=0.0)
    """Of being lost: the tracker's cost_lost, but at most `lost_cap`."""
    cost_collision: float = Field(0.5, ge=0.0)
    """Of each step in which the target touches anything."""
    cost_ramming: float = Field(0.0, ge=0.0)
    """Of each step in which the target touches the tracker, beside cost_collision."""
    cost_near: float = Field(0.0, ge=0.0)
    """Of being visible nearer than d*, in shares of d*. Coming nearer lowers r1, but it is no escape: a target that is
    paid for -r1 alone runs at its follower, and does not hide."""


class RewardSettings(Settings):
    """Shape and weights of the rewards."""

    distance_m: float = Field(2.5, gt=0.0, le=20.0)
    """The wanted distance d* in metres."""
    bearing_half_deg: float = Field(45.0, gt=0.0, le=180.0)
    """The bearing θ_half in degrees at which r1 has lost 1."""
    zero_sum_part: float = Field(1.0, ge=0.0, le=10.0)
    """w: 1 is AD-VAT's partial zero-sum game, 0 is zero-sum."""
    room_m: float = Field(0.4, gt=0.0, le=2.0)
    """Room in metres beside the tracker's body from which on nothing is close."""
    discount: float = Field(0.99, ge=0.0, lt=1.0)
    """γ of the discounted sum in cost_lost and reward_lost."""
    lost_cap: float = Field(20.0, ge=0.0)
    """The most that being lost is worth to the target."""
    tracker: TrackerWeights = TrackerWeights()
    """Weights of the tracker's terms."""
    target: TargetWeights = TargetWeights()
    """Weights of the target's terms."""


class Rewards(NamedTuple):
    """Rewards (W,) of both players and the weighted terms (W,) that they are the sums of."""

    tracker: NDArray[np.float64]
    target: NDArray[np.float64]
    tracker_terms: Terms
    target_terms: Terms


def rewards_of(
    status: Status, *, lost: NDArray[np.bool_], steps_left: NDArray[np.int64], settings: RewardSettings
) -> Rewards:
    """The rewards of one step.

    Args:
        status: measured after the step.
        lost: (W,) whether the episode ends with this step because the target is lost.
        steps_left: (W,) steps that the episode could still have had.
        settings: shape and weights.
    """
    distance_error = np.abs(status.distance_m - settings.distance_m) / settings.distance_m
    half = np.radians(settings.bearing_half_deg)
    bearing_error = np.abs(status.bearing_rad) / half
    tracking = np.maximum(-1.0, 1.0 - distance_error - bearing_error)
    outside = np.maximum(distance_error - 1.0, 0.0) + np.maximum(bearing_error - 1.0, 0.0)
    hidden = (~status.visible).astype(np.float64)
    after_loss = np.where(lost, discounted_steps(steps_left, settings.discount), 0.0)
    tracker_terms = _weighted(
        settings.tracker,
        reward_tracking=tracking,
        reward_in_sight=np.where(status.visible, tracking, -1.0),
        cost_hidden=hidden,
        cost_contact=(status.contact | status.contact_distractor).astype(np.float64),
        cost_close=np.clip(1.0 - status.room_m / settings.room_m, 0.0, 1.0),
        cost_ramming=status.contact_target.astype(np.float64),
        cost_lost=after_loss,
    )
    target_terms = _weighted(
        settings.target,
        reward_escape=np.maximum(-1.0, -tracking - settings.zero_sum_part * outside),
        reward_hidden=hidden,
        reward_lost=np.minimum(after_loss, settings.lost_cap),
        cost_collision=(status.target_contact | status.contact_target).astype(np.float64),
        cost_ramming=status.contact_target.astype(np.float64),
        cost_near=(1.0 - hidden) * np.maximum(1.0 - status.distance_m / settings.distance_m, 0.0),
    )
    return Rewards(_total(tracker_terms), _total(target_terms), tracker_terms, target_terms)


def discounted_steps(steps: NDArray[np.int64], discount: float) -> NDArray[np.float64]:
    """γ + γ² + … over the given numbers of steps: what |r1| = 1 to the limit is worth one step before it begins."""
    sums: NDArray[np.float64] = discount * (1.0 - discount ** steps.astype(np.float64)) / (1.0 - discount)
    return sums


def _weighted(weights: Settings, **terms: NDArray[np.float64]) -> Terms:
    sign = {name: -1.0 if name.startswith("cost_") else 1.0 for name in terms}
    # adding 0 turns -0.0 into 0.0
    return {name: sign[name] * getattr(weights, name) * values + 0.0 for name, values in terms.items()}


def _total(terms: Terms) -> NDArray[np.float64]:
    total: NDArray[np.float64] = np.sum(list(terms.values()), axis=0)
    return total
