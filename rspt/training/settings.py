"""Everything that can be set about a training of the tracker."""

from typing import Literal, get_args

from pydantic import Field, model_validator
from typing_extensions import Self

from agents.networks import Sizes
from envs.settings import Settings
from rspt.predictor.settings import PredictorSettings
from rspt.training.clone import CloneSettings
from rspt.training.duel_settings import DuelSettings, EscapeSettings
from rspt.training.teacher import TeacherSettings
from rspt.training.validation import ValidationSettings
from rspt.training.worlds import TrainingWorldsSettings

StageName = Literal["teacher", "clone", "escape", "duel"]


class NetworkSettings(Settings):
    """Size of the actor."""

    filters: tuple[int, int, int] = (16, 32, 32)
    """Of the three convolutions over the map."""
    hidden: int = Field(128, ge=4, le=2048)
    """Width of the layers that join map and vector."""
    memory: int = Field(0, ge=0, le=2048)
    """Width of a recurrent layer (GRU) behind them; 0 for an actor that remembers nothing."""
    sequence_steps: int = Field(16, ge=1, le=1000)
    """Steps of a world through which what to remember is learnt, back in time; they divide `duel.rollout_steps`."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not all(1 <= count <= 512 for count in self.filters):
            raise ValueError(f"filters must be three numbers from 1 to 512, got {self.filters}")
        return self

    def sizes(self, map_shape: tuple[int, ...], numbers: int) -> Sizes:
        """Sizes of an actor for maps (C, H, W) and vectors of so many numbers."""
        channels, rows, columns = map_shape
        return Sizes(channels, rows, numbers, self.filters, self.hidden, 0 if rows == columns else columns, self.memory)


class TrackerSettings(Settings):
    """A training of the tracker: those of its stages that are given, one after the other."""

    kind: Literal["tracker"] = "tracker"
    """What is trained."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Of everything that is drawn."""
    start_from: str | None = None
    """The tracker to begin with: `pretrained`, or the path of a checkpoint, of a run or of a file of weights; a new one
    if it is null."""
    target_from: str | None = None
    """The learning target to begin with, likewise: `learned`, `learned-heldout`, or a path."""
    worlds: TrainingWorldsSettings = TrainingWorldsSettings()
    """The worlds."""
    network: NetworkSettings = NetworkSettings()
    """Size of the actor, if it is a new one."""
    predictor: PredictorSettings | None = None
    """Training of the trajectory predictor, in the folder `predictor` of the run; if it is null, that which
    `worlds.perception.predictor` names is used."""
    teacher: TeacherSettings | None = None
    """Imitation of the planner that knows everything."""
    clone: CloneSettings | None = None
    """Imitation of the script `evade` by the target that is to learn in the duel."""
    escape: EscapeSettings | None = None
    """Learning of the target alone, to escape the tracker of the teacher stage."""
    duel: DuelSettings | None = None
    """The duel of the tracker and the learning target, or PPO against scripts if its `scripted_share` is 1."""
    validation: ValidationSettings = ValidationSettings()
    """How the tracker is judged at each checkpoint."""
    checkpoint_steps: int = Field(100_000, ge=1, le=1_000_000_000)
    """Steps of the worlds between two checkpoints; the episodes under way are cut there in any case, so that a training
    that was interrupted there goes on exactly as if it had not been."""
    keep_last: int = Field(3, ge=1, le=1000)
    """Checkpoints that are kept beside the best one."""

    @property
    def stages(self) -> dict[StageName, TeacherSettings | CloneSettings | DuelSettings]:
        """The stages that are given, in their order."""
        stages = {name: getattr(self, name) for name in get_args(StageName)}
        return {name: stage for name, stage in stages.items() if stage is not None}

    @property
    def total_steps(self) -> int:
        """Steps of the worlds in all stages."""
        return sum(stage.total_steps for stage in self.stages.values())

    def with_total_steps(self, total_steps: int) -> Self:
        """The same with so many steps in all, shared out among the stages as they were.

        Raises:
            ValidationError: if a stage is too short then for what it is to do.
        """
        factor = total_steps / max(self.total_steps, 1)
        return self.model_copy(
            update={
                name: type(stage)(**{**dict(stage), "total_steps": max(1, round(factor * stage.total_steps))})
                for name, stage in self.stages.items()
            }
        )

    @model_validator(mode="after")
    def _whole_sequences(self) -> Self:
        length = self.network.sequence_steps
        for name in ("escape", "duel"):
            stage: DuelSettings | None = getattr(self, name)
            if self.network.memory and stage is not None and stage.rollout_steps % length:
                raise ValueError(
                    f"network.sequence_steps {length} must divide {name}.rollout_steps {stage.rollout_steps}: an actor"
                    " with a memory learns from whole sequences"
                )
        if self.network.memory and self.teacher is not None:
            limits = {
                "teacher.rollout_steps": self.teacher.rollout_steps,
                "teacher.lesson.batch_size": self.teacher.lesson.batch_size,
                "teacher.lesson.buffer / worlds.worlds": self.teacher.lesson.buffer // self.worlds.worlds,
            }
            for limit, steps in limits.items():
                if length > steps:
                    raise ValueError(f"network.sequence_steps {length} must not exceed {limit}, {steps}")
        return self

    @model_validator(mode="after")
    def _no_room_in_images(self) -> Self:
        if self.worlds.perception.ablation != "frames":
            return self
        lessons = {
            "teacher": None if self.teacher is None else self.teacher.lesson,
            "duel": None if self.duel is None else self.duel.lesson,
        }
        for name, lesson in lessons.items():
            if lesson is not None and lesson.backs_into_seen:
                raise ValueError(
                    f"{name}.lesson.backs_into_seen must be false with worlds.perception.ablation 'frames': images do"
                    " not tell what ground was seen"
                )
        return self

    @model_validator(mode="after")
    def _whole_rounds(self) -> Self:
        escape = self.escape
        if escape is None:
            return self
        round_steps = escape.rollout_steps * self.worlds.worlds
        if escape.flat_steps is not None and escape.flat_steps < round_steps:
            raise ValueError(
                f"escape.flat_steps {escape.flat_steps} must be at least escape.rollout_steps times worlds.worlds,"
                f" {round_steps}"
            )
        if len(escape.trackers) > self.worlds.worlds:
            raise ValueError(
                f"escape.trackers are {len(escape.trackers)}, worlds.worlds {self.worlds.worlds}: each needs a world"
            )
        return self

    @model_validator(mode="after")
    def _trains(self) -> Self:
        if self.total_steps == 0:
            *names, last = get_args(StageName)
            raise ValueError(
                f"at least one of the stages {', '.join(names)} and {last} must be given, such as `teacher: {{}}`"
            )
        return self
