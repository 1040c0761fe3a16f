"""Perception of the trackers of a batch of worlds: from the steps of the worlds to the structure-aware state."""

from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import ValidationError, field_validator

from envs.arrays import Array
from envs.batch import PrivilegedView, WorldBatch
from envs.jit import announced_compilation
from envs.physics import CONTROL_DT_S
from envs.sensors.camera import CameraSettings, camera_row
from envs.sensors.target_box import target_boxes
from envs.settings import Settings, sentence, unknown
from envs.status import VISIBLE_SHARE_MIN
from envs.threads import Threads
from envs.workers import ShardedBatch
from envs.world_settings import WorldSettings
from rspt.frame_state import FRAME_CHANNELS, FrameState
from rspt.perception.camera import CameraModel
from rspt.perception.pipeline import LocalizerName, Perception
from rspt.perception.reconstruction import LocalMap
from rspt.perception.state import MAP_CHANNELS, State, vector_bounds
from rspt.perception.window import EgoWindow
from rspt.truth import TrueFuture, TrueMap
from rspt.warmup import WarmUp

Ablation = Literal["none", "no_map", "single_frame", "true_map", "no_prediction", "no_belief", "true_future", "frames"]
VIDEO_RESOLUTION_MIN = (160, 120)
_WINDOW = EgoWindow()


class PerceptionSettings(Settings):
    """How the state is made of what the sensors deliver."""

    localizer: LocalizerName = "mask"
    """Who finds the target: `mask` (the observation's target mask), `box` (the mask's bounding box alone), or `video`
    (colours and depth, initialised by the box of the first frame)."""
    predictor: str = "learned"
    """Who predicts its trajectory: `learned`, `kalman`, `constant_velocity`, `constant_position`, or a weights file."""
    ablation: Ablation = "none"
    """What the state lacks or knows: `no_map` (no surroundings, and no belief in them), `single_frame` (not fused over
    time), `true_map`, `no_prediction` (neither a path nor a belief), `no_belief`, `true_future`, or `frames` (none of
    it: depth image and target mask instead of the map)."""

    @field_validator("predictor")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value:
            raise ValueError("must be a predictor's name or a file of weights")
        return value


def state_space(ablation: Ablation = "none", camera: CameraSettings | None = None) -> spaces.Dict:
    """The observation space of a tracker that sees the state, or frames of a camera, the default one if None."""
    low, high = vector_bounds()
    size = camera or CameraSettings()
    maps = (len(MAP_CHANNELS), _WINDOW.cells, _WINDOW.cells)
    images = (len(FRAME_CHANNELS), size.height, size.width)
    return spaces.Dict(
        {
            "map": spaces.Box(0.0, 1.0, images if ablation == "frames" else maps, np.float32),
            "vector": spaces.Box(low, high, dtype=np.float32),
        }
    )


def perception_settings(**arguments: Any) -> PerceptionSettings:
    """Settings from keyword arguments.

    Raises:
        ValueError: naming the argument, its value and what is allowed.
    """
    try:
        return PerceptionSettings(**arguments)
    except ValidationError as error:
        raise ValueError("; ".join(sentence(PerceptionSettings, problem) for problem in error.errors())) from None


def settings_for(perception: PerceptionSettings, arguments: dict[str, Any], *own: str) -> dict[str, Any]:
    """The arguments of the worlds with what a localizer needs: colours at 160x120 for `video`, if nothing else is said.

    Args:
        perception: settings of it.
        arguments: of the worlds.
        own: names of the other arguments of the environment, for the message about an unknown one.

    Raises:
        ValueError: for an unknown argument, a resolution that the localizer cannot work with, or colours switched off.
    """
    known = [*PerceptionSettings.model_fields, *own, *WorldSettings.model_fields, "resolution"]
    for name in arguments:
        if name not in known:
            raise ValueError(f"unknown argument {unknown(name, known)}")
    if perception.localizer != "video":
        return arguments
    if arguments.get("rgb") is False:
        raise ValueError("localizer='video' needs colours: leave out rgb=False")
    given = {"rgb": True, **arguments}
    if "camera" not in given:
        given.setdefault("resolution", VIDEO_RESOLUTION_MIN)
    return given


class Perceiver:
    """Follows the steps of a batch of worlds with perception.

    `begin` after every reset of the batch, `follow` after every step.

    Args:
        batch: the worlds.
        settings: of perception.
        threads: at most so many for the compiled kernels; one per core if None.

    Attributes:
        state: `map` (W, C, G, G) and `vector` (W, D) of the present frames; overwritten by the next step.
        final_state: the state before the reset of worlds that a step finished, with autoreset `same_step`; the rows of
            the other worlds mean nothing.

    Raises:
        ValueError: for settings that do not fit the worlds'.
        PredictorError: for a file of weights that cannot be used.
    """

    def __init__(
        self, batch: WorldBatch | ShardedBatch, settings: PerceptionSettings, *, threads: int | None = None
    ) -> None:
        self._batch, self.settings = batch, settings
        self._warm_up = WarmUp()
        self._world = _fitting(batch.settings, settings)
        self._threads = Threads(threads)
        self._finishing = False
        self._actions = np.zeros((batch.num_worlds, 2))
        self._future: TrueFuture | None = None
        predictor: Any = settings.predictor
        if settings.ablation == "no_prediction":
            predictor = None
        elif settings.ablation == "true_future":
            whole = _in_process(batch, settings)
            predictor = self._future = TrueFuture(self._truth, whole.foreseen)
        local_map: LocalMap | None = None
        if settings.ablation == "true_map":
            _in_process(batch, settings)
            local_map = TrueMap(batch.num_worlds, self._truth)
        camera = batch.settings.camera
        self._eye: Perception | FrameState = (
            FrameState(batch.num_worlds, (camera.height, camera.width), camera.range_max_m)
            if settings.ablation == "frames"
            else self._made(predictor, local_map)
        )
        self.state: State = self._eye.state
        self.final_state: State = {}
        if batch.autoreset == "same_step":
            self.final_state = {name: np.zeros_like(array) for name, array in self.state.items()}

    def _made(self, predictor: Any, local_map: LocalMap | None) -> Perception:
        batch, settings = self._batch, self.settings
        return Perception(
            _model(batch.settings.camera),
            num_worlds=batch.num_worlds,
            localizer=settings.localizer,
            predictor=predictor,
            local_map=local_map,
            fused=settings.ablation != "single_frame",
            mapped=settings.ablation != "no_map",
            believing=settings.ablation not in ("no_map", "no_prediction", "no_belief"),
            window=_WINDOW,
            share=self._threads.share,
        )

    @property
    def perception(self) -> Perception:
        """Of all worlds.

        Raises:
            ValueError: with the ablation `frames`, which knows nothing but the frames.
        """
        if self.knows_frames_only:
            raise ValueError("ablation='frames' has no map, track and prediction")
        assert isinstance(self._eye, Perception)
        return self._eye

    @property
    def knows_frames_only(self) -> bool:
        """Whether there is no `perception`, but only what the last frame shows."""
        return isinstance(self._eye, FrameState)

    @property
    def state_space(self) -> spaces.Dict:
        """Of the state of one world."""
        return state_space(self.settings.ablation, self._world.camera)

    def begin(self, worlds: NDArray[np.int64] | None = None) -> State:
        """Look at the first frames of new episodes in the worlds (n,); in all if None."""
        which = np.arange(self._batch.num_worlds) if worlds is None else worlds
        if not len(which):
            return self.state
        with announced_compilation():
            self._warm_up.finish()
        body = self._batch.out.body
        for world in which.tolist():
            camera = self._world.camera.model_copy(
                update={"hfov_deg": float(body["hfov_deg"][world]), "height_m": float(body["camera_height_m"][world])}
            )
            self._eye.mount(
                world,
                _model(camera),
                speed_max_mps=float(body["speed_max_mps"][world]),
                turn_max_radps=float(body["turn_max_radps"][world]),
            )
        self._eye.reset(which)
        self._actions[which] = 0.0
        self._look(which, self._batch.out.observation, self._batch.out.info["step"], first=True)
        return self.state

    def follow(self, actions: NDArray[Any]) -> State:
        """Look at the frames after a step with the trackers' actions (W, 2)."""
        out = self._batch.out
        self._actions[:] = actions
        same_step = self._batch.autoreset == "same_step"
        fresh = out.done if same_step else out.restarted
        self._look(np.flatnonzero(~fresh), out.observation, out.info["step"])
        finished = np.flatnonzero(fresh)
        if same_step and len(finished):
            self._finishing = True
            self._look(finished, out.final_observation, out.final_info["step"])
            self._finishing = False
            for name, array in self.state.items():
                self.final_state[name][finished] = array[finished]
        return self.begin(finished)

    def close(self) -> None:
        """End the threads."""
        self._threads.close()

    def _look(
        self, worlds: NDArray[np.int64], observation: dict[str, Array], steps: Array, *, first: bool = False
    ) -> None:
        if not len(worlds):
            return
        if self._future is not None:
            self._future.look_ahead()
        with announced_compilation():
            self._perceive(worlds, observation, steps, first=first)

    def _perceive(self, worlds: NDArray[np.int64], observation: dict[str, Array], steps: Array, *, first: bool) -> None:
        mask: Array | None = observation["target_mask"]
        box: NDArray[np.float64] | None = None
        if self.settings.localizer == "box":
            box, mask = _boxes_of(observation["target_mask"], worlds), None
        elif self._told_the_first_box:
            box = self._first_boxes(worlds) if first else np.full((self._batch.num_worlds, 4), np.nan)
            if self.settings.localizer == "video":
                mask = None
        self._eye.update(
            stamp_s=CONTROL_DT_S * np.asarray(steps, dtype=np.float64),
            depth=observation["depth"],
            pose=observation["pose"],
            velocity=observation["velocity"],
            rgb=observation.get("rgb") if self.settings.localizer == "video" else None,
            target_mask=mask,
            target_box_xyxy=box,
            last_action=self._actions,
            worlds=worlds,
        )

    @property
    def _told_the_first_box(self) -> bool:
        """Whether the sensors alone cannot say which of several bodies the target is."""
        return self.settings.localizer == "video" or self._world.mask == "class"

    def _first_boxes(self, worlds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Boxes (W, 4) around the visible targets of the given worlds, as a person would draw them at the start."""
        out, camera = self._batch.out, self._world.camera
        rows = np.stack(
            [
                camera_row(camera.model_copy(update={"hfov_deg": float(hfov), "height_m": float(height)}))
                for hfov, height in zip(out.body["hfov_deg"], out.body["camera_height_m"], strict=True)
            ]
        )
        boxes = target_boxes(out.status.poses, rows, camera.height, camera.width)
        told = np.zeros(len(boxes), dtype=np.bool_)
        told[worlds] = out.status.visible_share[worlds] >= VISIBLE_SHARE_MIN
        boxes[~told] = np.nan
        return boxes

    def _truth(self) -> PrivilegedView:
        batch = _in_process(self._batch, self.settings)
        return batch.final_view() if self._finishing else batch.privileged_view()


def _in_process(batch: WorldBatch | ShardedBatch, settings: PerceptionSettings) -> WorldBatch:
    if isinstance(batch, ShardedBatch):
        raise ValueError(f"ablation={settings.ablation!r} needs the truth of all worlds in this process: num_workers=0")
    return batch


def _fitting(world: WorldSettings, perception: PerceptionSettings) -> WorldSettings:
    size = (world.camera.width, world.camera.height)
    if perception.ablation == "frames":
        if perception.localizer != "mask":
            raise ValueError(
                f"ablation='frames' shows the target's mask: localizer='mask', not {perception.localizer!r}"
            )
        if size[0] % 8 or size[1] % 8:
            raise ValueError(f"ablation='frames' needs images whose sides are multiples of 8, got {size}")
    if perception.localizer == "video":
        if not world.rgb:
            raise ValueError("localizer='video' needs colours: rgb=True")
        if size[0] < VIDEO_RESOLUTION_MIN[0] or size[1] < VIDEO_RESOLUTION_MIN[1]:
            raise ValueError(
                f"localizer='video' needs a resolution of {VIDEO_RESOLUTION_MIN} (width, height) or larger, got {size}"
            )
    return world


def _model(camera: CameraSettings) -> CameraModel:
    return CameraModel.level(
        width=camera.width,
        height=camera.height,
        hfov_deg=camera.hfov_deg,
        height_m=camera.height_m,
        range_min_m=camera.range_min_m,
        range_max_m=camera.range_max_m,
    )


def _boxes_of(mask: NDArray[np.uint8], worlds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Bounding boxes (W, 4) of the masks of the given worlds; NaN for an empty mask and for the other worlds."""
    boxes = np.full((len(mask), 4), np.nan)
    for world in worlds.tolist():
        rows, columns = np.flatnonzero(mask[world].any(axis=1)), np.flatnonzero(mask[world].any(axis=0))
        if len(rows):
            boxes[world] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return boxes
