"""Rewards on paper."""

import numpy as np
import pytest
from pydantic import ValidationError

from envs.rewards import RewardSettings, TargetWeights, TrackerWeights, discounted_steps, rewards_of
from envs.status import Status


def status_of(*, distance=2.5, bearing=0.0, visible=True, **flags) -> Status:
    status = Status.zeros(1, 2)
    status.distance_m[0], status.bearing_rad[0], status.visible[0] = distance, bearing, visible
    for name, value in flags.items():
        getattr(status, name)[0] = value
    return status


def reward(status, settings=None, *, lost=False, left=100):
    return rewards_of(status, lost=np.array([lost]), steps_left=np.array([left]), settings=settings or RewardSettings())


@pytest.mark.parametrize(
    ("distance", "bearing_deg", "r1", "r2"),
    [
        (2.5, 0.0, 1.0, -1.0),
        (3.75, 0.0, 0.5, -0.5),
        (1.25, 22.5, 0.0, 0.0),
        (2.5, -45.0, 0.0, 0.0),
        (2.5, 90.0, -1.0, 0.0),  # r2 = 1 - (2 - 1)
        (7.5, 0.0, -1.0, 0.0),  # |d - d*| / d* = 2: r2 = 1 - (2 - 1)
        (12.5, 180.0, -1.0, -1.0),  # r2 = max(-1, 1 - 3 - 3)
    ],
)
def test_r1_and_r2_of_ad_vat(distance, bearing_deg, r1, r2):
    result = reward(status_of(distance=distance, bearing=np.radians(bearing_deg)))
    assert result.tracker[0] == pytest.approx(r1)
    assert result.target[0] == pytest.approx(r2)


def test_without_the_outside_part_the_game_is_zero_sum():
    settings = RewardSettings(zero_sum_part=0.0)
    for distance, bearing in ((2.5, 0.0), (6.0, 1.0), (20.0, 3.0)):
        result = reward(status_of(distance=distance, bearing=bearing), settings)
        assert result.target[0] == pytest.approx(-result.tracker[0])


def test_by_default_the_tracker_is_paid_plain_r1():
    result = reward(status_of(visible=False, contact=True, contact_target=True), lost=True)
    assert result.tracker[0] == pytest.approx(1.0)


def test_a_target_that_collides_pays_half():
    assert reward(status_of(target_contact=True)).target[0] == pytest.approx(-1.5)
    assert reward(status_of(contact_target=True)).target[0] == pytest.approx(-1.5)


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("cost_hidden", {"visible": False}),
        ("cost_contact", {"contact": True}),
        ("cost_contact", {"contact_distractor": True}),
        ("cost_ramming", {"contact_target": True}),
    ],
)
def test_costs_of_the_tracker(name, flags):
    settings = RewardSettings(tracker=TrackerWeights(**{name: 0.3}))
    result = reward(status_of(**flags), settings)
    assert result.tracker_terms[name][0] == pytest.approx(-0.3)
    assert result.tracker[0] == pytest.approx(0.7)
    assert reward(status_of(), settings).tracker[0] == pytest.approx(1.0)


@pytest.mark.parametrize(("room", "share"), [(0.0, 1.0), (0.1, 0.75), (0.4, 0.0), (2.0, 0.0), (np.inf, 0.0)])
def test_room_that_is_missing_beside_the_tracker_costs(room, share):
    settings = RewardSettings(room_m=0.4, tracker=TrackerWeights(cost_close=2.0))
    assert reward(status_of(room_m=room), settings).tracker[0] == pytest.approx(1.0 - 2.0 * share)


def test_behind_an_obstacle_it_does_not_matter_where_the_tracker_looks():
    settings = RewardSettings(tracker=TrackerWeights(reward_tracking=0.0, reward_in_sight=1.0))
    for distance in (2.5, 4.0):
        assert reward(status_of(distance=distance), settings).tracker == reward(status_of(distance=distance)).tracker
        assert reward(status_of(distance=distance, visible=False), settings).tracker[0] == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("distance", "visible", "cost"), [(2.5, True, 0.0), (1.0, True, 0.18), (1.0, False, 0.0), (9.0, True, 0.0)]
)
def test_a_target_may_be_fined_for_coming_near(distance, visible, cost):
    settings = RewardSettings(target=TargetWeights(cost_near=0.3))
    result = reward(status_of(distance=distance, visible=visible), settings)
    assert result.target_terms["cost_near"][0] == pytest.approx(-cost)


def test_terms_add_up_and_bear_the_names_of_their_weights():
    result = reward(status_of(distance=4.0, visible=False, contact=True), lost=True)
    assert set(result.tracker_terms) == set(TrackerWeights.model_fields)
    assert set(result.target_terms) == set(TargetWeights.model_fields)
    assert sum(result.tracker_terms.values())[0] == pytest.approx(result.tracker[0])
    assert sum(result.target_terms.values())[0] == pytest.approx(result.target[0])


@pytest.mark.parametrize("discount", [0.0, 0.9, 0.99])
@pytest.mark.parametrize("left", [0, 1, 7, 400])
def test_the_discounted_rest_of_an_episode(discount, left):
    assert discounted_steps(np.array([left]), discount)[0] == pytest.approx(
        sum(discount**step for step in range(1, left + 1))
    )


@pytest.mark.parametrize("left", [1, 50, 400])
def test_giving_up_never_pays(left):
    """Losing the target now is worth no more than the worst that could follow: r1 = -1 to the end."""
    settings = RewardSettings(tracker=TrackerWeights(cost_lost=1.0), discount=0.99)
    given_up = reward(status_of(distance=20.0, visible=False), settings, lost=True, left=left).tracker[0]
    stayed = -1.0 - sum(0.99**step for step in range(1, left + 1))
    assert given_up <= stayed + 1e-9
    # without the cost it would pay: -1 once instead of -1 at every step
    assert reward(status_of(distance=20.0, visible=False), lost=True, left=left).tracker[0] > stayed


def test_the_targets_share_of_a_loss_is_capped():
    settings = RewardSettings(target=TargetWeights(reward_lost=1.0), lost_cap=5.0)
    result = reward(status_of(visible=False), settings, lost=True, left=400)
    assert result.target_terms["reward_lost"][0] == pytest.approx(5.0)
    result = reward(status_of(visible=False), settings, lost=True, left=2)
    assert result.target_terms["reward_lost"][0] == pytest.approx(0.99 + 0.99**2)


@pytest.mark.parametrize(
    "arguments",
    [{"distance_m": 0.0}, {"discount": 1.0}, {"zero_sum_part": float("nan")}, {"wieght": 1.0}, {"lost_cap": -1.0}],
)
def test_bad_settings_are_refused(arguments):
    with pytest.raises(ValidationError, match=next(iter(arguments))):
        RewardSettings(**arguments)
