"""Everything that can be set about learning from the privileged planner."""

from pydantic import Field

from envs.settings import Settings
from rspt.training.lesson import LessonSettings


class PupilSettings(Settings):
    """How a tracker learns what the planner would have done, wherever it comes itself (DAgger)."""

    slip_rate: float = Field(0.012, ge=0.0, le=1.0)
    """Share of the steps at which a world's tracker begins to do something else for a while, half of the times nothing
    at all: the target gets ahead and out of sight, and the teacher shows how it is found again."""
    slip_steps: int = Field(25, ge=1, le=100)
    """Steps that this lasts at the most."""
    reuse: float = Field(4.0, gt=0.0, le=100.0)
    """How often each demonstration is learnt from, on average."""
    learning_rate: float = Field(1e-3, gt=0.0, le=1.0)
    """Step size of Adam at the beginning; it falls along a cosine to a tenth."""
    lesson: LessonSettings = LessonSettings()
    """How the actor learns what the teacher shows."""


class TeacherSettings(PupilSettings):
    """Imitation of the planner on the actor's own way, among targets that follow scripts."""

    total_steps: int = Field(600_000, ge=1, le=1_000_000_000)
    """Steps of the worlds."""
    rollout_steps: int = Field(32, ge=1, le=1000)
    """Steps of each world between two rounds of learning."""
    mixing_steps: int = Field(60_000, ge=0, le=1_000_000_000)
    """Steps over which the teacher gives up driving: at first it drives everywhere, at last nowhere."""
