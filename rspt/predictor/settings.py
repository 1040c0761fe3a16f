"""Everything that can be set about the training of the predictor."""

import hashlib
from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from envs.settings import Settings
from envs.speed_ratio import SpeedRatioRange
from rspt.perception.weights import Sizes

TargetPolicy = Literal["goal", "evade", "wander"]


class RecordingSettings(Settings):
    """The tracks that the predictor learns from; a change of these records them anew."""

    families: tuple[str, ...] = Field(("blocks", "pillars", "mixed"), min_length=1)
    """Families of layouts to learn from."""
    validation_families: tuple[str, ...] = Field(("rooms", "office"), min_length=1)
    """Families of layouts that decide when to stop."""
    target_policies: tuple[TargetPolicy, ...] = Field(("goal", "evade", "wander", "goal"), min_length=1)
    """Who acts for the target; one world after the other takes the next."""
    speed_ratio: SpeedRatioRange = (0.3, 1.0)
    """Range of the target's greatest speed as a share of the tracker's 2 m/s."""
    batches: int = Field(24, ge=1, le=1000)
    """Batches of worlds to record, each in a file of its own; every second one with realistic noise."""
    validation_batches: int = Field(4, ge=1, le=1000)
    """The same of the validation families."""
    worlds: int = Field(64, ge=1, le=1024)
    """Worlds of a batch."""
    episodes: int = Field(8, ge=1, le=1000)
    """Episodes of each world of a batch."""
    steps: int = Field(200, ge=60, le=500)
    """Steps of 0.1 s of an episode."""
    every_steps: int = Field(8, ge=1, le=100)
    """Steps between two moments at which a prediction is learnt."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of all recorded tracks."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        both = set(self.families) & set(self.validation_families)
        if both:
            raise ValueError(f"the family {min(both)!r} is both in families and in validation_families")
        return self


class NetworkSettings(Settings):
    """Size of the network."""

    encoder: int = Field(96, ge=4, le=1024)
    """Width of what the past becomes."""
    heads: int = Field(4, ge=1, le=32)
    """Questions that are put to the rays around the target."""
    token: int = Field(32, ge=4, le=256)
    """Width of what a ray becomes."""
    hidden: int = Field(128, ge=4, le=1024)
    """Width of the two layers that join past and rays."""
    modes: int = Field(3, ge=1, le=16)
    """Futures that are predicted, with weights."""
    steps: int = Field(24, ge=1, le=24)
    """Steps of 0.2 s of a future."""

    @property
    def sizes(self) -> Sizes:
        """The record that the weights are checked against."""
        return Sizes(**self.model_dump())


class PredictorSettings(Settings):
    """A training of the predictor."""

    kind: Literal["predictor"] = "predictor"
    """What is trained."""
    recording: RecordingSettings = RecordingSettings()
    """The tracks."""
    network: NetworkSettings = NetworkSettings()
    """The network."""
    walkers: int = Field(200_000, ge=0, le=10_000_000)
    """Walkers in the open, without a robot or a map, that are made up and learnt beside the recorded tracks."""
    epochs: int = Field(30, ge=1, le=10_000)
    """Passes over all samples at the most."""
    patience: int = Field(8, ge=1, le=10_000)
    """The training stops after so many passes without a better validation error."""
    batch_size: int = Field(512, ge=1, le=65_536)
    """Samples of one update."""
    learning_rate: float = Field(1.5e-3, gt=0.0, le=1.0)
    """Greatest step size of AdamW; it rises over the first tenth of the updates and then falls along a cosine."""
    weight_decay: float = Field(0.02, ge=0.0, le=10.0)
    """Of AdamW."""
    dropout: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of the joined features that are left out of an update."""
    map_dropout: float = Field(0.02, ge=0.0, le=1.0)
    """Share of the samples that are shown without a map, so that the predictor does without one."""
    mean_weight: float = Field(1.0, ge=0.0, le=100.0)
    """Weight of the mean's distance from the truth in metres, beside the likelihood of the mixture."""
    infill_weight: float = Field(0.3, ge=0.0, le=100.0)
    """Weight of the distance in metres from the truth at which gaps of the past are filled in."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of the network and of the order of the samples."""

    def digest(self) -> str:
        """A short hash of all settings."""
        return _digest(self)


def recording_digest(settings: RecordingSettings) -> str:
    """A short hash of what decides about the recorded tracks."""
    return _digest(settings)


def _digest(settings: Settings) -> str:
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:16]
