"""Everything that can be set about a training of the tracker."""

from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from agents.networks import Sizes
from envs.settings import Settings
from rspt.training.teacher import TeacherSettings
from rspt.training.validation import ValidationSettings
from rspt.training.worlds import TrainingWorldsSettings


class NetworkSettings(Settings):
    """Size of the actor."""

    filters: tuple[int, int, int] = (16, 32, 32)
    """Of the three convolutions over the map."""
    hidden: int = Field(128, ge=4, le=2048)
    """Width of the layers that join map and vector."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not all(1 <= count <= 512 for count in self.filters):
            raise ValueError(f"filters must be three numbers from 1 to 512, got {self.filters}")
        return self

    def sizes(self, *, channels: int, cells: int, numbers: int) -> Sizes:
        """Sizes of an actor for maps and vectors of these shapes."""
        return Sizes(channels, cells, numbers, self.filters, self.hidden)


class TrackerSettings(Settings):
    """A training of the tracker by the teacher stage."""

    kind: Literal["tracker"] = "tracker"
    """What is trained."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Of everything that is drawn."""
    worlds: TrainingWorldsSettings = TrainingWorldsSettings()
    """The worlds."""
    network: NetworkSettings = NetworkSettings()
    """Size of the actor."""
    teacher: TeacherSettings = TeacherSettings()
    """Imitation of the planner."""
    validation: ValidationSettings = ValidationSettings()
    """How the tracker is judged at each checkpoint."""
    checkpoint_steps: int = Field(100_000, ge=1, le=1_000_000_000)
    """Steps of the worlds between two checkpoints; the episodes under way are cut there in any case, so that a training
    that was interrupted there goes on exactly as if it had not been."""
    keep_last: int = Field(3, ge=1, le=1000)
    """Checkpoints that are kept beside the best one."""
