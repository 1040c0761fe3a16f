"""`rspt export`: a trained tracker as a file of stable-baselines3."""

import sys
from argparse import Namespace
from pathlib import Path

import torch
from stable_baselines3 import PPO

from agents.elsewhere import Elsewhere
from agents.networks import Actor
from agents.policy import PlayerPolicy
from rspt.actors import load_player
from rspt.errors import UsageError
from rspt.perceiver import state_space


def main(options: Namespace) -> int:
    """Write the file; 0."""
    path = export(load_player(options.agent, "tracker").actor, options.out)
    sys.stdout.write(f"{path}: stable_baselines3.PPO.load({str(path)!r}).predict(state, deterministic=True)\n")
    return 0


def export(actor: Actor, path: Path) -> Path:
    """Write a tracker as a model of stable-baselines3, whose critic knows nothing yet.

    Raises:
        UsageError: if the name does not end in .zip, or the tracker sees another state than `RSPT/TrackState-v0`.
        OSError: if the disk does not take it.
    """
    if path.suffix != ".zip":
        raise UsageError(f"--out {path}: the name of a model of stable-baselines3 ends in .zip")
    if actor.sizes.memory:
        raise UsageError(
            "the tracker has a memory: a model of stable-baselines3 can be made of one without a memory only"
        )
    sizes = {"filters": actor.sizes.filters, "hidden": actor.sizes.hidden}
    # without a seed: stable-baselines3 would set the one of the whole process
    with torch.random.fork_rng(devices=[]):
        model = PPO(PlayerPolicy, Elsewhere(state_space(), 1), policy_kwargs=sizes, device="cpu")
    assert isinstance(model.policy, PlayerPolicy)
    try:
        model.policy.actor.load_state_dict(actor.state_dict())
    except RuntimeError as error:
        raise UsageError(f"the tracker sees another state than RSPT/TrackState-v0 ({error})") from None
    model.save(path)
    return path
