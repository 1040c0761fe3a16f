"""From frames to the state: the parts of perception as one object, for a robot and for many worlds alike."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rspt.perception.belief import SECTORS, Belief
from rspt.perception.camera import CameraModel, camera_rows
from rspt.perception.frame import POSE_JUMPED, Expectation, Frame
from rspt.perception.intake import Intake, IntakeSettings
from rspt.perception.localization import Localization, Localizer, MaskLocalizer
from rspt.perception.painting import paint
from rspt.perception.prediction import Prediction, Predictor, make_predictor
from rspt.perception.reconstruction import LocalMap
from rspt.perception.state import MAP_CHANNELS, VECTOR_WIDTH, Body, State, describe
from rspt.perception.track import Track, TrackSettings
from rspt.perception.usable_depth import Share, at_once
from rspt.perception.ways import WAY_M, WAYS
from rspt.perception.window import EgoWindow

LocalizerName = Literal["mask", "box", "video"]
LOCALIZERS: tuple[LocalizerName, ...] = ("mask", "box", "video")
_NEEDS = {"mask": "target_mask", "box": "target_box_xyxy", "video": "rgb"}
"""What each frame must bring for a localizer."""
_BELIEF = [channel.name for channel in MAP_CHANNELS].index("belief")
_MARGIN_M = 0.2
"""So much farther than its radius from the target's axis nothing is taken for an obstacle: masks are ragged."""
_TRUSTED_S = 1.0
"""Unseen for longer than this, in seconds, the target is nowhere in particular, and nothing is left out of the map."""


class Perception:
    """Localises the target, reconstructs the surroundings, predicts the trajectory, and joins them into the state.

    Args:
        camera: one for all worlds, or one for each; images of one size.
        num_worlds: B; 1 for a robot.
        localizer: `mask` (a target mask comes with each frame), `box` (a bounding box does), `video` (a box comes
            with the first frame, colours with each), or a Localizer.
        predictor: `learned`, `kalman`, `constant_velocity`, `constant_position`, a file of weights, a Predictor, or
            None for a state without prediction.
        local_map: the map that is fused; one with default settings if None.
        fused: False shows what a single frame shows: the map is forgotten before each frame.
        mapped: False leaves the map empty.
        believing: False leaves out where an unseen target may be.
        window: what the state's map shows.
        target_radius_m: radius of the target's body in metres.
        speed_max_mps: forward speed of the action 1 in m/s, part of the state.
        turn_max_radps: turn rate of the action 1 in rad/s, part of the state.
        intake: limits of what a robot may deliver, for a fast one, say; the default ones if None.
        share: runs the work on parts of the worlds; one after another in this thread if None.

    Attributes:
        cameras: (B, 18) rows of `CameraModel.row`.
        body: what the robots can do and see.
        window: likewise.
        local_map: the fused map.
        track: the target over time, in the odometry frame.
        belief: where it may be.
        localization: of the last frame.
        prediction: of the last frame, in the ego frame.
        times_s: (K,) seconds ahead of its steps.
        state: `map` (B, C, G, G) and `vector` (B, D), see `rspt.perception.state`; overwritten by the next frame.
        frame: the last one, as it was understood; None before the first.

    Raises:
        ValueError: naming the argument, its value and what is allowed.
        PredictorError: for a file of weights that cannot be used.
    """

    def __init__(
        self,
        camera: CameraModel | Sequence[CameraModel] | None = None,
        *,
        num_worlds: int = 1,
        localizer: LocalizerName | Localizer = "mask",
        predictor: str | Predictor | None = "learned",
        local_map: LocalMap | None = None,
        fused: bool = True,
        mapped: bool = True,
        believing: bool = True,
        window: EgoWindow | None = None,
        target_radius_m: float = 0.25,
        speed_max_mps: float = 2.0,
        turn_max_radps: float = 2.0,
        intake: IntakeSettings | None = None,
        share: Share | None = None,
    ) -> None:
        if num_worlds < 1:
            raise ValueError(f"num_worlds must be at least 1, not {num_worlds}")
        models = (
            [camera or CameraModel.level()] * num_worlds
            if camera is None or isinstance(camera, CameraModel)
            else list(camera)
        )
        self.num_worlds = num_worlds
        self.cameras = camera_rows(models, num_worlds)
        self.body = Body(
            speed_max_mps=np.full(num_worlds, float(speed_max_mps)),
            turn_max_radps=np.full(num_worlds, float(turn_max_radps)),
            hfov_rad=np.array([model.hfov_rad for model in models]),
            camera_height_m=np.array([model.height_m for model in models]),
        )
        self.window = window or EgoWindow()
        self.local_map = local_map or LocalMap(num_worlds)
        self.track = Track(num_worlds, TrackSettings())
        self.belief = Belief(num_worlds)
        self.localization = Localization.empty(num_worlds)
        self._localizer = (
            make_localizer(localizer, num_worlds, target_radius_m) if isinstance(localizer, str) else localizer
        )
        self._predictor = make_predictor(predictor, num_worlds) if isinstance(predictor, str) else predictor
        self.times_s = np.zeros(0) if self._predictor is None else self._predictor.times_s
        modes = 1 if self._predictor is None else self._predictor.num_modes
        self.prediction = Prediction.empty(num_worlds, modes, len(self.times_s))
        cells = self.window.cells
        self.state: State = {
            "map": np.zeros((num_worlds, len(MAP_CHANNELS), cells, cells), dtype=np.float32),
            "vector": np.zeros((num_worlds, VECTOR_WIDTH), dtype=np.float32),
        }
        self.frame: Frame | None = None
        self._intake = Intake(num_worlds, models[0].height, models[0].width, intake)
        self._needs = _NEEDS.get(localizer) if isinstance(localizer, str) else None
        self._needed_by = localizer
        self._exclude = np.full((num_worlds, 3), np.nan)
        self._exclude_m = target_radius_m + _MARGIN_M
        self._last_action = np.zeros((num_worlds, 2))
        self._ways_m = np.full((num_worlds, WAYS), WAY_M)
        self._sectors = np.zeros((num_worlds, 2, SECTORS))
        self._fused, self._mapped, self._believing = fused, mapped, believing
        self._share: Share = share or at_once

    def reset(self, worlds: NDArray[np.int64] | None = None) -> None:
        """Forget everything about the given worlds (n,); about all if None."""
        which = self._all() if worlds is None else worlds
        self._intake.reset(which)
        self._forget(which)
        self._last_action[which] = 0.0
        for array in self.state.values():
            array[which] = 0.0

    def mount(self, world: int, camera: CameraModel, *, speed_max_mps: float, turn_max_radps: float) -> None:
        """Give one world another camera of the same image size, and other limits of its action."""
        self.cameras[world] = camera.row
        values = (speed_max_mps, turn_max_radps, camera.hfov_rad, camera.height_m)
        for array, value in zip(self.body, values, strict=True):
            array[world] = value

    def update(
        self,
        *,
        stamp_s: ArrayLike,
        depth: NDArray[Any],
        pose: ArrayLike,
        velocity: ArrayLike | None = None,
        rgb: NDArray[Any] | None = None,
        target_mask: NDArray[Any] | None = None,
        target_box_xyxy: ArrayLike | None = None,
        last_action: ArrayLike | None = None,
        worlds: NDArray[np.int64] | None = None,
    ) -> State:
        """Take in one frame of each world.

        With one world the leading axis may be left out everywhere.

        Args:
            stamp_s: (B,) or one number: time in seconds.
            depth: (B, H, W) along the optical axis: float metres (NaN or 0 invalid, +Inf beyond range) or uint16
                millimetres (0 invalid).
            pose: (B, 3) x, y in metres and yaw in radians of the robot's base, from odometry or SLAM.
            velocity: (B, 2) forward in m/s, turn in rad/s; from the poses if None.
            rgb: (B, H, W, 3) uint8, for the `video` localizer.
            target_mask: (B, H, W) bool or uint8, for the `mask` localizer; with any localizer its pixels are kept out
                of the map.
            target_box_xyxy: (B, 4) left, upper, right, lower edge in pixels; NaN where there is none.
            last_action: (B, 2) in [-1, 1] that the robot carried out since the last frame; 0 if None.
            worlds: (n,) the worlds to take in; the rows of the others are not looked at. All if None.

        Returns:
            `self.state`: `map` (B, C, G, G) and `vector` (B, D); copy what is to outlive the next frame.

        Raises:
            ValueError: for input that cannot be meant, see `rspt.perception.intake`; nothing has changed then.
        """
        which = self._all() if worlds is None else worlds
        given = {"target_mask": target_mask, "target_box_xyxy": target_box_xyxy, "rgb": rgb}
        if self._needs and given[self._needs] is None:
            raise ValueError(f"the {self._needed_by} localizer needs {self._needs} with each frame")
        actions = self._checked_actions(last_action)
        frame = self._intake.take(
            which,
            self.cameras,
            stamp_s=stamp_s,
            depth=depth,
            pose=pose,
            velocity=velocity,
            rgb=rgb,
            target_mask=target_mask,
            target_box_xyxy=target_box_xyxy,
            share=self._share,
        )
        self._last_action[which] = actions[which]
        if frame.trouble is not None:
            jumped = which[frame.trouble[which] == POSE_JUMPED]
            if len(jumped):  # the odometry frame is another one now
                self._forget(jumped)
        self.frame = frame
        self.track.advance(which, frame.stamp_s)
        expected = self.track.expectation(frame.pose)
        self._share(lambda part: self._perceive(part, frame, expected), which)
        return self.state

    def _perceive(self, worlds: NDArray[np.int64], frame: Frame, expected: Expectation) -> None:
        """The data path of some worlds, whose frames were checked."""
        track, prediction, maps = self.track, self.prediction, self.state["map"]
        self._localizer.localize(worlds, frame, self.cameras, expected, self.localization)
        track.observe(worlds, frame.stamp_s, frame.pose, self.localization)
        self._ways_m[worlds] = WAY_M
        if self._mapped:
            if not self._fused:
                self.local_map.reset(worlds)
            self._shield(worlds)
            self.local_map.update(worlds, frame, self.cameras, self._exclude)
            self.local_map.crop(worlds, frame.pose, self.window, maps[:, :2])
            self.local_map.ways(worlds, frame.pose, self._ways_m)
        if self._predictor is not None:
            self._predictor.predict(worlds, track, self.local_map, frame.pose, prediction)
        paint(worlds, track, prediction, self.times_s, frame, self.window, maps)
        if self._believing:
            self.belief.update(worlds, frame, self.cameras, track, self.local_map)
            self.belief.paint(worlds, frame.pose, self.window, maps[:, _BELIEF])
            self.belief.sectors(worlds, frame.pose, self._sectors)
        vectors, actions, ways_m = self.state["vector"], self._last_action, self._ways_m
        describe(worlds, track, prediction, self.times_s, frame, actions, self.body, ways_m, self._sectors, vectors)

    def _shield(self, worlds: NDArray[np.int64]) -> None:
        """Keep the surroundings of a target whose place is known out of the map."""
        known = self.track.age_s[worlds] <= _TRUSTED_S
        self._exclude[worlds, :2] = self.track.position[worlds]
        self._exclude[worlds, 2] = np.where(known, self._exclude_m, np.nan)

    def _forget(self, worlds: NDArray[np.int64]) -> None:
        for part in (self._localizer, self.local_map, self.track, self._predictor, self.belief):
            if part is not None:
                part.reset(worlds)

    def _checked_actions(self, last_action: ArrayLike | None) -> NDArray[np.float64]:
        if last_action is None:
            return np.zeros((self.num_worlds, 2))
        actions = np.asarray(last_action, dtype=np.float64)
        if actions.shape != (self.num_worlds, 2) and not (self.num_worlds == 1 and actions.shape == (2,)):
            raise ValueError(f"last_action must be ({self.num_worlds}, 2), not {actions.shape}")
        return actions.reshape(-1, 2)

    def _all(self) -> NDArray[np.int64]:
        return np.arange(self.num_worlds)


def make_localizer(name: str, num_worlds: int, target_radius_m: float = 0.25) -> Localizer:
    """A localizer by its name.

    Raises:
        ValueError: if there is none of that name.
    """
    if name == "mask":
        return MaskLocalizer(body_radius_m=target_radius_m)
    if name == "box":
        from rspt.perception.localization import BoxLocalizer

        return BoxLocalizer(body_radius_m=target_radius_m)
    if name == "video":
        from rspt.perception.video import VideoLocalizer  # loads OpenCV

        return VideoLocalizer(num_worlds, body_radius_m=target_radius_m)
    raise ValueError(f"localizer {name!r} is unknown; allowed: {', '.join(LOCALIZERS)}, or a Localizer")
