"""How well the localizers keep to the target: overlap, success and identity switches, with and without distractors.

python benchmarks/perception_parts/localizers.py [--episodes N] [--steps N] [--seed N] [--mil N]

The oracle drives, so that all localizers see the same frames of 160x120 pixels: rgb and depth, and masks of the
target's look. Distractors look like the target. All localizers are given the target's box in the first frame, and the
track tells each of them where it should be from what it found itself.

Conditions: no distractor, three, and three with `realistic` noise and a target that evades.

* IoU: of the box that a localizer gives and the box around the target's visible pixels, over the frames in which the
  target is visible; 0 where the localizer says that it is missing.
* found: share of these frames in which it gives a position; error: distance of that position from the true one.
* false: share of the frames given a position in which this is more than 1 m off, visible or not.
* success: of the last ten frames in which the target is visible, IoU > 0.3 or error < 0.5 m in at least half.
* switches: runs of three and more frames in which the position is nearer to a distractor than to the target.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.batch import WorldBatch
from envs.physics import CONTROL_DT_S
from envs.sensors.camera import camera_rows as sensor_rows
from envs.sensors.raycast import RaycastCamera
from envs.sensors.target_box import target_boxes
from envs.world_settings import world_settings
from rspt.build import make_agent
from rspt.perception.camera import CameraModel, camera_rows
from rspt.perception.frame import Frame, to_ego
from rspt.perception.localization import Localization, Localizer, MaskLocalizer
from rspt.perception.track import Track
from rspt.perception.video import MilLocalizer, VideoLocalizer

FAMILIES = ("blocks", "mixed", "rooms", "office")
CONDITIONS: dict[str, dict[str, Any]] = {
    "0": {"distractors": 0},
    "3": {"distractors": 3},
    "3_hard": {"distractors": 3, "noise": "realistic", "target_policy": "evade"},
}
"""Arguments of the worlds by the name of a condition."""
RESOLUTION = (160, 120)
MIL_EPISODES = 1
"""Of each family: the reference takes 50 ms per frame."""
VISIBLE_SHARE = 0.1
FINAL_FRAMES, FINAL_GOOD = 10, 5
SWITCH_FRAMES = 3


class Seen(NamedTuple):
    """What is true of a frame, for W worlds.

    Attributes:
        frame: as the localizers get it.
        visible: (W,)
        box: (W, 4) around the target's visible pixels, NaN if there are none.
        bodies_ego: (W, M - 1, 2) true positions of target and distractors.
    """

    frame: Frame
    visible: NDArray[np.bool_]
    box: NDArray[np.float64]
    bodies_ego: NDArray[np.float64]


class Run(NamedTuple):
    """A localizer's results over T frames of W worlds.

    Attributes:
        visible: (T, W)
        found: (T, W)
        iou: (T, W)
        error_m: (T, W) NaN where it is missing.
        confused: (T, W) whether the position is nearer to a distractor than to the target.
    """

    visible: NDArray[np.bool_]
    found: NDArray[np.bool_]
    iou: NDArray[np.float64]
    error_m: NDArray[np.float64]
    confused: NDArray[np.bool_]


class Follower:
    """A localizer with the track that tells it what to expect."""

    def __init__(self, localizer: Localizer, cameras: NDArray[np.float64]) -> None:
        num_worlds = len(cameras)
        self.localizer, self.cameras, self.track = localizer, cameras, Track(num_worlds)
        self.worlds, self.found = np.arange(num_worlds), Localization.empty(num_worlds)

    def follow(self, frame: Frame) -> Localization:
        """Take in a frame of the worlds."""
        worlds = self.worlds
        self.track.advance(worlds, frame.stamp_s)
        expected = self.track.expectation(frame.pose)
        self.localizer.localize(worlds, frame, self.cameras, expected, self.found)
        self.track.observe(worlds, frame.stamp_s, frame.pose, self.found)
        return self.found


def measure(*, episodes: int, steps: int, seed: int, mil_episodes: int = MIL_EPISODES) -> dict[str, float]:
    """Run all localizers on the same frames, print the table, and return its figures."""
    figures: dict[str, float] = {}
    print(f"localizers, {RESOLUTION[0]}x{RESOLUTION[1]}, {', '.join(FAMILIES)}, {steps} steps, mean (95 % interval)")
    columns = ("IoU", "success", "switches", "error m", "found", "false")
    print(f"{'':6} {'distractors':>11} {'n':>4} " + " ".join(f"{name:>18}" for name in columns))
    makers: dict[str, tuple[int, Callable[[int], Localizer]]] = {
        "video": (episodes, lambda worlds: VideoLocalizer(worlds)),
        "mask": (episodes, lambda worlds: MaskLocalizer()),
        "mil": (min(mil_episodes, episodes), lambda worlds: MilLocalizer(worlds)),
    }
    for condition, arguments in CONDITIONS.items():
        runs: dict[str, list[Run]] = {name: [] for name in makers}
        for family in FAMILIES:
            for name, run in follow_all(family, makers, steps, seed, **arguments).items():
                runs[name].append(run)
        for name, of_families in runs.items():
            scores = np.concatenate([scores_of(run) for run in of_families])
            cells = []
            for label, values in zip(columns, scores.T, strict=True):
                mean, low, high = interval(values, np.random.default_rng(seed))
                cells.append(f"{mean:6.3f} {low:5.2f}-{high:5.2f}")
                figures[f"localizer_{name}_{condition}_{label.split()[0].lower()}"] = mean
            print(f"{name:6} {condition:>11} {len(scores):4} " + " ".join(f"{cell:>18}" for cell in cells))
    return figures


def follow_all(
    family: str,
    makers: dict[str, tuple[int, Callable[[int], Localizer]]],
    steps: int,
    seed: int,
    **arguments: Any,
) -> dict[str, Run]:
    """The results of localizers, each in the first so many worlds."""
    episodes = max(worlds for worlds, _ in makers.values())
    cameras = camera_rows(CameraModel.level(width=RESOLUTION[0], height=RESOLUTION[1]), episodes)
    followers = {name: Follower(make(worlds), cameras[:worlds]) for name, (worlds, make) in makers.items()}
    rows: dict[str, list[tuple[NDArray[Any], ...]]] = {name: [] for name in makers}
    for seen in frames(family, episodes, steps, seed, **arguments):
        for name, follower in followers.items():
            rows[name].append(judged(follower.follow(part(seen.frame, len(follower.worlds))), seen))
    return {name: Run(*(np.stack(column) for column in zip(*of, strict=True))) for name, of in rows.items()}


def frames(family: str, episodes: int, steps: int, seed: int, **arguments: Any) -> Iterator[Seen]:
    """What the worlds of a family show while the oracle follows the target; the arrays are overwritten."""
    settings = world_settings(
        layout=family,
        distractor_look="same",
        mask="class",
        rgb=True,
        resolution=RESOLUTION,
        lost_after_steps=100_000,
        episode_steps=steps + 1,
        **arguments,
    )
    batch, player = WorldBatch(settings, episodes, autoreset="disabled"), make_agent("oracle")
    out = batch.reset([seed + world for world in range(episodes)])
    player.reset(np.ones(episodes, dtype=np.bool_))
    cameras = sensor_rows(settings.camera, episodes)
    eye = RaycastCamera(
        episodes, settings.num_movers, batch.senses.scene, cameras, settings.camera.height, settings.camera.width
    )
    shape = out.observation["depth"].shape
    depth, mask = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.uint8)
    nowhere = np.full((episodes, 4), np.nan)
    for step in range(steps):
        if step:
            batch.step(player.act(out.observation, batch.privileged_view()))
        poses = out.status.poses
        eye.render(np.arange(episodes), poses, depth, mask)
        frame = Frame(
            np.full(episodes, step * CONTROL_DT_S),
            out.observation["depth"],
            out.observation["pose"].astype(np.float64),
            out.observation["velocity"].astype(np.float64),
            out.observation["target_mask"],
            nowhere if step else target_boxes(poses, cameras, settings.camera.height, settings.camera.width),
            out.observation["rgb"],
        )
        visible = (out.status.visible_share >= VISIBLE_SHARE) & mask.any(axis=(1, 2))
        yield Seen(
            frame, visible, np.stack([box_around(image) for image in mask]), to_ego(poses[:, 1:, :2], poses[:, 0])
        )
    batch.close()


def part(frame: Frame, worlds: int) -> Frame:
    """The frame of the first worlds."""
    return Frame(*(None if array is None else array[:worlds] for array in frame))


def box_around(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The box (4,) around the marked pixels of an image, NaN if there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.full(4, np.nan)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union (W,) of boxes (W, 4); 0 where one is NaN."""
    low, high = np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=1)
    union = sum(np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (one, other)) - common
    return np.nan_to_num(common / union)


def judged(found: Localization, seen: Seen) -> tuple[NDArray[Any], ...]:
    """One row of a Run, for the worlds of the localisation."""
    worlds = len(found.found)
    away = np.linalg.norm(seen.bodies_ego[:worlds] - found.position_ego[:, None], axis=2)  # (W, M - 1)
    others = away[:, 1:].min(axis=1, initial=np.inf)
    iou = overlap(found.box_xyxy, seen.box[:worlds])
    return seen.visible[:worlds], found.found.copy(), iou, away[:, 0], others < away[:, 0]


def scores_of(run: Run) -> NDArray[np.float64]:
    """Scores (W, 6) of the episodes: IoU, success, switches, mean error in metres, found, false."""
    scores = np.full((run.found.shape[1], 6), np.nan)
    for world in range(len(scores)):
        visible, found, error = run.visible[:, world], run.found[:, world], run.error_m[:, world]
        iou = run.iou[:, world]
        good = (iou > 0.3) | (error < 0.5)
        final = good[visible][-FINAL_FRAMES:]
        switches = runs_of(run.confused[:, world] & found, SWITCH_FRAMES)
        scores[world] = (
            iou[visible].mean(),
            final.sum() >= FINAL_GOOD / FINAL_FRAMES * len(final),
            switches,
            error[found & visible].mean() if (found & visible).any() else np.nan,
            found[visible].mean(),
            (error[found] > 1.0).mean() if found.any() else 0.0,
        )
    return scores


def runs_of(flags: NDArray[np.bool_], least: int) -> int:
    """How many runs of at least so many flags in a row there are."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((ends[1::2] - ends[::2] >= least).sum())


def interval(values: NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float, float]:
    """Mean over the episodes and its 95 % interval, by drawing episodes again."""
    values = values[np.isfinite(values)]
    means = values[rng.integers(0, len(values), (1000, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=8, help="of each family (default: 8)")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mil", type=int, default=MIL_EPISODES, help="episodes of each family for MIL")
    options = parser.parse_args()
    measure(episodes=options.episodes, steps=options.steps, seed=options.seed, mil_episodes=options.mil)
