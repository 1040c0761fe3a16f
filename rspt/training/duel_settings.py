"""Everything that can be set about the duel."""

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from envs.rewards import RewardSettings, TargetWeights, TrackerWeights
from envs.settings import Settings
from rspt.training.lesson import LessonSettings


class PpoSettings(Settings):
    """How one player learns."""

    epochs: int = Field(3, ge=1, le=100)
    """Passes over each rollout."""
    batch_size: int = Field(1024, ge=1, le=1_000_000)
    """Samples of one update, or less: the greatest divisor of what a rollout holds."""
    learning_rate: float = Field(2e-4, gt=0.0, le=1.0)
    """Step size of Adam at the beginning; it falls along a line to a tenth."""
    discount: float = Field(0.98, ge=0.0, lt=1.0)
    """γ."""
    gae_lambda: float = Field(0.95, ge=0.0, le=1.0)
    """λ of the advantages."""
    clip_range: float = Field(0.2, gt=0.0, le=1.0)
    """How far the probability of an action may change before it no longer counts."""
    entropy_weight: float = Field(0.0, ge=0.0, le=1.0)
    """Of the entropy of the actions."""
    value_weight: float = Field(0.1, ge=0.0, le=10.0)
    """Of the critic's squared error."""
    target_kl: float | None = Field(0.03, gt=0.0, le=1.0)
    """A rollout is not learnt from further when the policy has changed by 1.5 times so much."""
    spread: float = Field(0.15, gt=0.0, le=2.0)
    """Standard deviation of the actions at the beginning."""
    persistence: float = Field(0.0, ge=0.0, lt=1.0)
    """Correlation of the exploration from one step to the next: what is kept up for a while shows what it is worth."""
    critic_shapes: bool = False
    """Whether the critic's error shapes the convolutions too, for a player that begins with nothing."""
    reward_scale: float = Field(0.1, gt=0.0, le=100.0)
    """Rewards are multiplied by it before they are learnt from, so that values are of the order of 1: else the critic's
    error drowns the actor's gradient, as both share the limit of its norm."""


class DuelSettings(Settings):
    """The duel, or PPO against scripted targets where no world has a learning one."""

    total_steps: int = Field(2_000_000, ge=1, le=10_000_000_000)
    """Steps of the worlds, each of which is one of the tracker."""
    rollout_steps: int = Field(64, ge=1, le=10_000)
    """Steps of each world between two updates."""
    scripted_share: float = Field(0.6, ge=0.0, le=1.0)
    """Share of the worlds in which a script moves the target."""
    pool_share: float = Field(0.15, ge=0.0, le=1.0)
    """Share of the worlds in which a past snapshot of the learning target plays; it plays itself in the rest."""
    pool_size: int = Field(8, ge=1, le=1000)
    """Snapshots that are kept."""
    snapshot_steps: int = Field(150_000, ge=1, le=1_000_000_000)
    """Steps between two snapshots."""
    critic_steps: int = Field(60_000, ge=0, le=1_000_000_000)
    """Steps at the beginning in which only the critics learn."""
    lesson: LessonSettings | None = LessonSettings(buffer=50_000, batch_size=384, sight_tolerance=2.0)
    """How the privileged planner goes on teaching the tracker where targets follow scripts: to search while they are
    out of sight, and in sight what to leave alone. Null for no lesson."""
    lesson_share: float = Field(0.2, ge=0.0, le=1.0)
    """Share of the steps in sight in which the planner is asked; out of sight it always is."""
    lesson_weight: float = Field(0.1, ge=0.0, le=100.0)
    """Of the lesson's losses."""
    search_steps: int = Field(5, ge=1, le=10_000)
    """Steps out of sight from which on, where the target follows a script, only the lesson teaches the tracker what to
    do. In the open clutter of a training it pays to wait until a target comes round its obstacle; in a building that
    loses it."""
    auxiliary_weight: float = Field(0.1, ge=0.0, le=100.0)
    """Of the target's foretelling of the tracker's reward (AD-VAT)."""
    average_steps: int = Field(400_000, ge=1, le=1_000_000_000)
    """Steps over which the tracker that learns is averaged, exponentially."""
    interpolation: float = Field(0.65, ge=0.0, le=1.0)
    """How far the tracker that is kept and judged lies on the way from the weights that the stage began with to that
    average; all the way if those knew nothing. Between the two it is as good in the layouts of the training, and knows
    more of others (Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, CVPR 2022)."""
    tracker_learns: bool = True
    """Whether the tracker learns, too; if not, it does what it does best, and the target learns to escape it."""
    tracker: PpoSettings = PpoSettings(discount=0.97, gae_lambda=0.9, spread=0.12, persistence=0.8)
    """How the tracker learns."""
    target: PpoSettings = PpoSettings(epochs=5, learning_rate=5e-4, entropy_weight=0.003, spread=0.4)
    """How the target learns."""
    reward: RewardSettings = RewardSettings(
        zero_sum_part=1.0,
        discount=0.98,
        tracker=TrackerWeights(
            reward_tracking=0.0, reward_in_sight=1.0, cost_contact=3.0, cost_ramming=1.0, cost_lost=1.0
        ),
        target=TargetWeights(
            reward_escape=0.5,
            reward_hidden=0.7,
            reward_lost=1.0,
            cost_collision=1.0,
            cost_ramming=4.0,
            cost_near=1.0,
        ),
    )
    """What both are rewarded for."""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.scripted_share + self.pool_share > 1.0 + 1e-9:
            raise ValueError(
                f"scripted_share {self.scripted_share} and pool_share {self.pool_share} must not exceed 1 together"
            )
        return self


class EscapeSettings(DuelSettings):
    """A target learns to escape a tracker that does not learn: in the duel it is an opponent from the beginning."""

    total_steps: int = Field(300_000, ge=1, le=10_000_000_000)
    """Steps of the worlds."""
    tracker_learns: bool = False
    """As in the duel."""
    scripted_share: float = Field(0.0, ge=0.0, le=1.0)
    """As in the duel."""
    pool_share: float = Field(0.0, ge=0.0, le=1.0)
    """As in the duel."""
    critic_steps: int = Field(20_000, ge=0, le=1_000_000_000)
    """As in the duel."""
    trackers: tuple[str, ...] = ()
    """Trackers to escape: `pretrained`, paths, or those that are not learned, such as `oracle`. One world after the
    other takes the next. If none are named, the tracker of the training is in all worlds."""
    anneal_from: float | None = Field(None, ge=0.05, le=2.0)
    """The target's greatest speed as a share of the tracker's at the beginning: who is as fast gets away often enough
    to learn how. It goes along a line to `worlds.speed_ratio`, which holds from the beginning if this is null."""
    anneal_steps: int = Field(300_000, ge=1, le=1_000_000_000)
    """Steps of the worlds until it is there."""
    flat_steps: int | None = Field(None, ge=1, le=1_000_000_000)
    """Steps of the worlds in which episodes are counted, in one such stretch after the other once the speed ratio is
    there: the stage ends when the share of those in which the target got away has not risen from one stretch to the
    next. A multiple of `checkpoint_steps`, at which episodes are cut, makes the stretches alike. If it is null, only
    `total_steps` ends the stage."""
    flat_tolerance: float = Field(0.02, ge=0.0, le=1.0)
    """A share that has risen by no more has not risen."""

    @field_validator("trackers", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _escapes(self) -> Self:
        if self.trackers and self.tracker_learns:
            raise ValueError(f"trackers {', '.join(self.trackers)} do not learn, but tracker_learns is true")
        if self.anneal_from is not None and self.anneal_steps > self.total_steps:
            raise ValueError(
                f"anneal_steps {self.anneal_steps} must not exceed total_steps {self.total_steps}: the speed ratio of"
                " the worlds would never be reached"
            )
        return self
