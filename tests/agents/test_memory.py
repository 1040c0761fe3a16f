"""Players that remember: sequences, rollouts and demonstrations of them, and when they forget."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.demonstrations import Demonstrations
from agents.learned import LearnedAgent
from agents.networks import Actor, Memory, Sizes
from agents.seat import Seat

SIZES = Sizes(2, 16, 5, (4, 4, 4), 8, columns=24, memory=6)
SPACE = spaces.Dict(
    {
        "map": spaces.Box(0.0, 1.0, SIZES.map_shape, np.float32),
        "vector": spaces.Box(-1.0, 1.0, (SIZES.numbers,), np.float32),
        "privileged": spaces.Box(-1.0, 1.0, (3,), np.float32),
    }
)
WORLDS, STEPS, LENGTH = 3, 8, 4


@pytest.fixture
def actor():
    torch.manual_seed(0)
    made = Actor(SIZES)
    torch.nn.init.normal_(made.head.weight)  # a new one hardly moves
    return made


def states(seed, count=WORLDS):
    rng = np.random.default_rng(seed)
    return {name: rng.random((count, *space.shape), dtype=np.float32) for name, space in SPACE.spaces.items()}


def test_a_sequence_is_its_steps_one_after_the_other_and_begins_anew_where_an_episode_does():
    torch.manual_seed(1)
    memory, features = Memory(4, 3), torch.randn(2, 5, 4)
    stored, after = torch.zeros(2, 5, 3), torch.zeros(2, 5, 3)
    stored[1, 0] = 0.3  # the second sequence begins in the middle of an episode
    for step in range(5):
        if step:
            stored[:, step] = after[:, step - 1]
        if step == 3:
            stored[0, step] = 0.0  # and an episode begins within the first
        after[:, step] = memory.cell(features[:, step], stored[:, step])
    # what was stored after the first step is not looked at: the weights may be others by now
    stale = torch.where(stored == 0.0, stored, torch.full_like(stored, 0.9))
    stale[:, 0] = stored[:, 0]
    together = memory(features.flatten(0, 1), stale.flatten(0, 1), 5)
    torch.testing.assert_close(together.view(2, 5, 3), after)


def test_an_agent_remembers_until_its_episode_ends_and_its_neighbours_go_on(actor):
    agent = LearnedAgent(actor)
    first, second = agent.act(states(0)), agent.act(states(0))
    assert (np.abs(second - first).max(axis=1) > 1e-6).all()  # the same was seen, but not for the first time
    agent.reset(np.array([False, True, False]))
    third = agent.act(states(0))
    np.testing.assert_allclose(third[1], first[1], atol=1e-6)
    assert (np.abs(third - first).max(axis=1) > 1e-6).tolist() == [True, False, True]


def test_an_agent_with_other_worlds_than_before_begins_anew(actor):
    agent = LearnedAgent(actor)
    first = agent.act(states(0))
    agent.act(states(0, 2))
    np.testing.assert_array_equal(agent.act(states(0)), first)


def seat(actor):
    return Seat(
        SPACE, WORLDS, STEPS, seed=0, actor=actor, fitted=True, spread=0.2, sequence_steps=LENGTH,
        batch_size=2 * LENGTH, n_epochs=1, policy_kwargs={"filters": SIZES.filters, "hidden": SIZES.hidden},
    )  # fmt: skip


def played(learner):
    """Play a rollout in which the second world's episode ends after the third step."""
    learner.begin_rollout()
    for step in range(STEPS):
        state = states(step)
        done = np.array([False, step == 2, False])
        learner.remember(state, learner.choose(state), np.ones(WORLDS), np.zeros(WORLDS), done)


def test_what_is_learnt_from_was_as_probable_as_it_is_found_to_be(actor):
    learner = seat(actor)
    played(learner)
    buffer = learner.ppo.rollout_buffer
    buffer.compute_returns_and_advantage(last_values=torch.zeros(WORLDS), dones=np.zeros(WORLDS, dtype=np.bool_))
    batches = list(buffer.get(2 * LENGTH, LENGTH))
    assert sum(len(batch.actions) for batch in batches) == WORLDS * STEPS
    for batch in batches:
        found = learner.ppo.policy.evaluate(batch.observations, batch.actions, LENGTH)
        torch.testing.assert_close(found.log_probs, batch.old_log_prob)
        torch.testing.assert_close(found.values.flatten(), batch.old_values)
        # and torn out of their order they would not be
        torn = {name: array.flip(0) for name, array in batch.observations.items()}
        wrong = learner.ppo.policy.evaluate(torn, batch.actions.flip(0), LENGTH).log_probs.flip(0)
        assert (wrong - batch.old_log_prob).abs().max() > 1e-4


def test_a_seat_forgets_where_an_episode_ends(actor):
    learner = seat(actor)
    played(learner)
    stored = learner.ppo.rollout_buffer.observations["memory"]  # (STEPS, WORLDS, M)
    begins = ~stored.any(axis=2)
    assert begins[0].all()
    assert np.argwhere(begins[1:]).tolist() == [[2, 1]]
    learner.begin_episodes()
    assert not learner.memory.any()


def test_the_memory_learns_from_what_lies_back(actor):
    learner = seat(actor)
    before = learner.ppo.policy.actor.memory.cell.weight_hh.clone()
    for _ in range(2):  # the first rollout only tells how numbers are to be scaled
        played(learner)
        learner.learn(states(9))
    assert not torch.equal(before, learner.ppo.policy.actor.memory.cell.weight_hh)


@pytest.mark.parametrize("steps", [6, 11])  # the second does not fit into the ring
def test_sequences_are_of_one_world_in_the_order_in_which_they_were(steps):
    shown = Demonstrations(20, (1, 8, 8), 2, memory_width=1)
    for step in range(steps):
        for world in range(WORLDS):  # one by one or all together, it is one row
            vector = np.array([[world, step]], dtype=np.float32)
            shown.add(
                np.zeros((1, 1, 8, 8), np.float32), vector, np.zeros((1, 2)), None, torch.full((1, 1), float(step))
            )
    drawn = shown.drawn(400, torch.Generator().manual_seed(0), length=LENGTH, apart=WORLDS)
    worlds, times = drawn.vectors.view(100, LENGTH, 2).unbind(dim=2)
    assert (worlds == worlds[:, :1]).all()
    assert (times == times[:, :1] + torch.arange(LENGTH)).all()
    assert torch.equal(drawn.memories.flatten(), drawn.vectors[:, 1])
    oldest = max(0, steps * WORLDS - 20)
    starts = {(int(time) * WORLDS + int(world)) for world, time in zip(worlds[:, 0], times[:, 0], strict=True)}
    assert min(starts) == oldest
    assert max(starts) == steps * WORLDS - 1 - (LENGTH - 1) * WORLDS
