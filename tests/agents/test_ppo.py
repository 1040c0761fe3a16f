"""PPO of a duel: equal to stable-baselines3's without its further terms, and what these terms do."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.networks import Sizes
from agents.policy import PlayerPolicy, sizes_of
from agents.ppo import DuelPPO
from agents.rollout import DuelRollout

SPACE = spaces.Dict(
    {
        "map": spaces.Box(0.0, 1.0, (2, 16, 16), np.float32),
        "vector": spaces.Box(-1.0, 1.0, (5,), np.float32),
        "privileged": spaces.Box(-1.0, 1.0, (3,), np.float32),
    }
)
STEPS, WORLDS = 8, 4


class Meadow(gymnasium.Env):
    """Random observations; the reward is the first number of the action."""

    observation_space = SPACE
    action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._seen(), {}

    def step(self, action):
        return self._seen(), float(action[0]), bool(self.np_random.random() < 0.1), False, {}

    def _seen(self):
        return {
            name: self.np_random.uniform(space.low, space.high).astype(np.float32)
            for name, space in SPACE.spaces.items()
        }


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learner(kind=DuelPPO, **options):
    """A learner with a rollout, always the same."""
    ppo = kind(
        PlayerPolicy,
        DummyVecEnv([Meadow] * WORLDS),
        n_steps=STEPS,
        batch_size=8,
        n_epochs=2,
        seed=3,
        device="cpu",
        rollout_buffer_class=DuelRollout,
        policy_kwargs={"filters": (4, 4, 4), "hidden": 16},
        **options,
    )
    _, callback = ppo._setup_learn(1000)
    ppo.collect_rollouts(ppo.env, callback, ppo.rollout_buffer, STEPS)
    ppo.rollout_buffer.opponent_rewards[:] = ppo.rollout_buffer.observations["vector"][..., 0]
    ppo.rollout_buffer.full = True
    return ppo


def train(ppo):
    np.random.seed(11)  # noqa: NPY002 - stable-baselines3 draws its batches by it
    ppo.train()


def weights(ppo):
    return {name: value.clone() for name, value in ppo.policy.state_dict().items()}


def test_without_further_terms_it_is_the_update_of_stable_baselines3_bit_for_bit():
    ours, theirs = learner(DuelPPO), learner(PPO)
    for name, value in weights(theirs).items():
        assert torch.equal(value, weights(ours)[name]), name
    before = weights(ours)
    train(ours)
    train(theirs)
    changed = weights(ours)
    for name, value in weights(theirs).items():
        assert torch.equal(value, changed[name]), name
    assert not torch.equal(before["actor.head.weight"], changed["actor.head.weight"])
    assert ours.update_metrics["explained_variance"] <= 1.0


def pulling_to(value):
    """A tutor who wants all actions to be `value`."""

    def losses(actor):
        seen = {name: torch.from_numpy(SPACE.sample()[name])[None] for name in ("map", "vector")}
        off = (actor(seen["map"], seen["vector"]) - value).square().mean()
        return off, {"off": off.item()}

    return losses


@pytest.mark.parametrize("terms", [{"tutor_weight": 1.0}, {"auxiliary_weight": 1.0}])
def test_each_further_term_changes_the_update(terms):
    plain, other = learner(), learner()
    for name, value in terms.items():
        setattr(other, name, value)
    other.tutor = pulling_to(0.5)
    train(plain)
    train(other)
    assert not torch.equal(plain.policy.actor.trunk.join[0].weight, other.policy.actor.trunk.join[0].weight)


@pytest.mark.parametrize("masked", [True, False])
def test_actions_that_do_not_count_do_not_shape_the_actor(masked):
    first, second = learner(), learner()
    counted = np.arange(STEPS * WORLDS).reshape(STEPS, WORLDS) % 3 > 0
    second.rollout_buffer.advantages[~counted] += 7.0
    for ppo in (first, second):
        ppo.rollout_buffer.counted = counted.copy() if masked else None
        train(ppo)
    same = [torch.equal(value, weights(second)[name]) for name, value in weights(first).items()]
    assert all(same) == masked


def test_where_no_action_counts_the_actor_stays_as_it_is():
    ppo = learner(ent_coef=0.0)
    before = weights(ppo)
    ppo.rollout_buffer.counted = np.zeros((STEPS, WORLDS), dtype=np.bool_)
    train(ppo)
    after = weights(ppo)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("actor.head"))
    assert not all(torch.equal(before[name], after[name]) for name in before)
    assert all(torch.isfinite(value).all() for value in after.values())


def test_the_tutor_pulls_the_actor():
    near, free = learner(learning_rate=3e-3), learner(learning_rate=3e-3)
    near.tutor, near.tutor_weight = pulling_to(0.5), 100.0
    for ppo in (near, free):
        for _ in range(10):
            ppo.rollout_buffer.full = True
            ppo.train()
    off = [pulling_to(0.5)(ppo.policy.actor)[1]["off"] for ppo in (near, free)]
    assert off[0] < 0.01 < 0.05 < off[1]
    assert near.update_metrics["off"] < 0.1


def test_the_auxiliary_head_learns_the_opponents_reward():
    ppo = learner(learning_rate=3e-3)
    ppo.auxiliary_weight = 1.0
    ppo.train()
    first = ppo.update_metrics["auxiliary_loss"]
    for _ in range(30):
        ppo.train()
    assert ppo.update_metrics["auxiliary_loss"] < 0.5 * first


def test_a_frozen_actor_keeps_its_weights_while_the_critic_learns():
    ppo = learner()
    ppo.actor_frozen = True
    before = weights(ppo)
    ppo.train()
    after = weights(ppo)
    for name, value in before.items():
        learns = name.startswith("critic.") and not name.endswith(("shift", "scale"))
        assert torch.equal(value, after[name]) != learns, name


def test_the_actor_never_looks_at_what_is_privileged():
    ppo = learner()
    seen = {name: torch.from_numpy(value)[None] for name, value in SPACE.sample().items()}
    other = {**seen, "privileged": -seen["privileged"]}
    with torch.no_grad():
        assert torch.equal(ppo.policy.get_distribution(seen).mode(), ppo.policy.get_distribution(other).mode())
        assert not torch.equal(ppo.policy.predict_values(seen), ppo.policy.predict_values(other))


def test_a_space_without_privileged_numbers_will_do():
    sizes, privileged = sizes_of(spaces.Dict({name: SPACE[name] for name in ("map", "vector")}))
    assert (sizes, privileged) == (Sizes(2, 16, 5), 0)
