"""How the players of a duel are seated."""

from gymnasium import spaces

from agents.networks import Actor
from agents.seat import Seat
from rspt.training.duel_settings import PpoSettings


def make_seat(
    space: spaces.Dict,
    worlds: int,
    steps: int,
    settings: PpoSettings,
    actor: Actor,
    *,
    fitted: bool,
    seed: int,
    device: str,
    sequence_steps: int = 1,
) -> Seat:
    """A learner that begins with an actor, its PPO as the settings want it.

    Args:
        space: of its states.
        worlds: that it plays in.
        steps: of a rollout.
        settings: how it learns.
        actor: to begin with.
        fitted: whether its numbers are standardised already.
        seed: of what is drawn.
        device: where it learns.
        sequence_steps: of a world that are learnt from together, if the actor has a memory.
    """
    sizes = {"filters": actor.sizes.filters, "hidden": actor.sizes.hidden}
    together = sequence_steps if actor.sizes.memory else 1
    return Seat(
        space,
        worlds,
        steps,
        seed=seed,
        actor=actor,
        fitted=fitted,
        spread=settings.spread,
        persistence=settings.persistence,
        device=device,
        policy_kwargs={**sizes, "critic_shapes": settings.critic_shapes},
        n_epochs=settings.epochs,
        sequence_steps=together,
        batch_size=together * _divisor(worlds * steps // together, max(settings.batch_size // together, 1)),
        learning_rate=lambda left: settings.learning_rate * (0.1 + 0.9 * left),
        gamma=settings.discount,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        ent_coef=settings.entropy_weight,
        vf_coef=settings.value_weight,
        target_kl=settings.target_kl,
    )


def _divisor(number: int, most: int) -> int:
    """The greatest divisor of a number that is not above `most`: all batches of a rollout are of one size."""
    return next(divisor for divisor in range(min(most, number), 0, -1) if number % divisor == 0)
