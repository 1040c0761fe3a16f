"""How well the map agrees with the true layout: occupancy IoU and free-space precision over all families.

python benchmarks/perception_parts/reconstruction.py [--episodes N] [--steps N] [--seed N] [--speed] [--pictures FOLDER]
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from envs.batch import WorldBatch
from envs.jit import kernel
from envs.layouts import FAMILIES
from envs.layouts.layout import BODY_CLEARANCE_M, BOX, Prisms
from envs.world_settings import world_settings
from rspt.build import make_agent
from rspt.perception.camera import CameraModel, camera_rows, mounted
from rspt.perception.frame import Frame
from rspt.perception.pipeline import Perception
from rspt.perception.reconstruction import LocalMap, MapSettings
from rspt.perception.window import EgoWindow

OBSERVED = 0.1
"""From this value on a cell counts as occupied or free."""
EVERY_STEPS = 10
COUNTS = (
    "tp",
    "fp",
    "fn",
    "strict_tp",
    "strict_fp",
    "strict_fn",
    "free",
    "free_wrong",
    "free_true",
    "found",
    "cells",
    "observed",
)
ROWS: dict[str, dict[str, Any]] = {
    "clean": {"noise": "none"},
    "realistic": {"noise": "realistic"},
    "movers": {"noise": "realistic", "distractors": 2, "distractor_look": "other"},
}


class Moment(NamedTuple):
    """One crop beside the truth.

    Attributes:
        world: which.
        occupied: (G, G) as the map has it, 0 to 1.
        free: likewise.
        overlapped: (G, G) whether an obstacle reaches into the cell.
        beside: (G, G) whether one does so within one cell.
        covered: (G, G) whether the middle of the cell lies in an obstacle.
        inside: (G, G) whether the middle of the cell lies in the arena.
    """

    world: int
    occupied: NDArray[np.float32]
    free: NDArray[np.float32]
    overlapped: NDArray[np.bool_]
    beside: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    inside: NDArray[np.bool_]


def measure(*, episodes: int, steps: int, seed: int) -> dict[str, float]:
    """Drive behind targets in every family, print the table, and return its figures."""
    figures: dict[str, float] = {}
    print(f"{'':10} {'family':10} {'IoU':>6} {'strict':>7} {'free precision':>15} {'free recall':>12} {'observed':>9}")
    for row, arguments in ROWS.items():
        counts = {family: _counted(family, arguments, episodes, steps, seed) for family in FAMILIES}
        for family, of_episodes in counts.items():
            print(f"{row:10} {family:10} {_line(_scores({family: of_episodes}))}")
        scores, spread = _scores(counts), _bootstrap(counts, np.random.default_rng(seed))
        print(f"{row:10} {'mean':10} {_line(scores)}")
        print(f"{'':10} {'95 %':10} " + "  ".join(f"{key} {low:.3f}-{high:.3f}" for key, (low, high) in spread.items()))
        for key, value in scores.items():
            name = key if key == "free_precision" and row == "clean" else f"{key}_{row}"
            figures[name] = value
            figures[f"{name}_low"], figures[f"{name}_high"] = spread[key]
    return figures


def moments(
    family: str, arguments: dict[str, Any], episodes: int, steps: int, seed: int, settings: MapSettings | None = None
) -> Iterator[Moment]:
    """Crops of the map while the oracle follows the target, one world for each episode."""
    window = EgoWindow()
    batch = WorldBatch(world_settings(layout=family, **arguments), episodes, threads=1)
    camera = batch.settings.camera
    perception = Perception(
        CameraModel.level(
            width=camera.width,
            height=camera.height,
            hfov_deg=camera.hfov_deg,
            height_m=camera.height_m,
            range_min_m=camera.range_min_m,
            range_max_m=camera.range_max_m,
        ),
        num_worlds=episodes,
        predictor=None,
        local_map=LocalMap(episodes, settings),
        window=window,
    )
    player, running = make_agent("oracle"), np.ones(episodes, dtype=np.bool_)
    seen = batch.reset([seed + world for world in range(episodes)]).observation
    player.reset(running)
    obstacles = [_obstacles(episode.place.layout.prisms) for episode in batch.episodes]
    bounds = [episode.place.layout.bounds for episode in batch.episodes]
    for step in range(steps):
        if step:
            running &= ~batch.out.done
            seen = batch.step(player.act(seen, batch.privileged_view())).observation
            running &= ~batch.out.restarted
        worlds = np.flatnonzero(running)
        maps = perception.update(
            stamp_s=np.full(episodes, 0.1 * step),
            depth=seen["depth"],
            pose=seen["pose"],
            velocity=seen["velocity"],
            target_mask=seen["target_mask"],
            worlds=worlds,
        )["map"]
        if step % EVERY_STEPS == EVERY_STEPS - 1:
            for world in worlds.tolist():
                pose = batch.out.status.poses[world, 0]
                occupied, free = maps[world, :2].copy()
                yield Moment(world, occupied, free, *truth(obstacles[world], bounds[world], pose, window))
    batch.close()


def truth(
    prisms: Prisms, bounds: tuple[float, float, float, float], pose: NDArray[np.float64], window: EgoWindow
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Cells that obstacles reach into, those within one cell, those whose middle one covers, those in the arena."""
    # one cell more on every side, for what is beside the outermost cells
    centers = EgoWindow(window.cells + 2, window.cell_m, window.behind_m + window.cell_m).centers()
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    x = pose[0] + cos * centers[..., 0] - sin * centers[..., 1]
    y = pose[1] + sin * centers[..., 0] + cos * centers[..., 1]
    overlapped, covered = np.zeros(x.shape, dtype=np.bool_), np.zeros(x.shape, dtype=np.bool_)
    _stamp(prisms.kind, prisms.center, prisms.half, prisms.yaw, x, y, pose[2], 0.5 * window.cell_m, overlapped, covered)
    inside = (x > bounds[0]) & (x < bounds[2]) & (y > bounds[1]) & (y < bounds[3])
    beside = binary_dilation(overlapped, np.ones((3, 3), dtype=np.bool_))
    return overlapped[1:-1, 1:-1], beside[1:-1, 1:-1], covered[1:-1, 1:-1], inside[1:-1, 1:-1]


def counted(moment: Moment) -> NDArray[np.int64]:
    """COUNTS of a crop."""
    near = np.ones((3, 3), dtype=np.bool_)
    occupied, free = moment.occupied > OBSERVED, moment.free > OBSERVED
    observed = occupied | free
    close_to_map = binary_dilation(occupied, near)
    open_ground = moment.inside & ~moment.overlapped
    parts = (
        occupied & moment.beside,
        occupied & ~moment.beside,
        moment.overlapped & observed & ~close_to_map,
        occupied & moment.overlapped,
        occupied & ~moment.overlapped,
        moment.overlapped & observed & ~occupied,
        free,
        free & (moment.covered | ~moment.inside),
        open_ground,
        open_ground & free,
        moment.inside,
        observed,
    )
    return np.array([part.sum() for part in parts])


def _counted(family: str, arguments: dict[str, Any], episodes: int, steps: int, seed: int) -> NDArray[np.int64]:
    """COUNTS (episodes, ...) summed over each episode."""
    sums = np.zeros((episodes, len(COUNTS)), dtype=np.int64)
    for moment in moments(family, arguments, episodes, steps, seed):
        sums[moment.world] += counted(moment)
    return sums


def _scores(counts: dict[str, NDArray[np.int64]]) -> dict[str, float]:
    """Means over the families of ratios of sums over their episodes."""
    sums = {family: dict(zip(COUNTS, rows.sum(axis=0).tolist(), strict=True)) for family, rows in counts.items()}
    ratios = {
        "iou": [c["tp"] / max(c["tp"] + c["fp"] + c["fn"], 1) for c in sums.values()],
        "iou_strict": [
            c["strict_tp"] / max(c["strict_tp"] + c["strict_fp"] + c["strict_fn"], 1) for c in sums.values()
        ],
        "free_precision": [1 - c["free_wrong"] / max(c["free"], 1) for c in sums.values()],
        "free_recall": [c["found"] / max(c["free_true"], 1) for c in sums.values()],
        "observed": [c["observed"] / max(c["cells"], 1) for c in sums.values()],
    }
    return {key: float(np.mean(values)) for key, values in ratios.items()}


def _bootstrap(counts: dict[str, NDArray[np.int64]], rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """95 % intervals of the scores, episodes drawn again within their families."""
    drawn = []
    for _ in range(400):
        again = {family: rows[rng.integers(0, len(rows), len(rows))] for family, rows in counts.items()}
        drawn.append(_scores(again))
    return {
        key: (float(np.quantile([d[key] for d in drawn], 0.025)), float(np.quantile([d[key] for d in drawn], 0.975)))
        for key in drawn[0]
    }


def _line(scores: dict[str, float]) -> str:
    return (
        f"{scores['iou']:6.3f} {scores['iou_strict']:7.3f} {scores['free_precision']:15.4f}"
        f" {scores['free_recall']:12.3f} {scores['observed']:9.3f}"
    )


def _obstacles(prisms: Prisms) -> Prisms:
    return prisms.subset(prisms.z[:, 0] < BODY_CLEARANCE_M)


def picture(moment: Moment, scale: int = 8) -> NDArray[np.uint8]:
    """The truth (red) beside the map: black occupied, white free, grey unknown; wrong cells in colours.

    Red: free but in an obstacle. Magenta: occupied but not within a cell of an obstacle. Orange: an obstacle that was
    observed, with nothing occupied within a cell.
    """
    near = np.ones((3, 3), dtype=np.bool_)
    free, occupied = moment.free > OBSERVED, moment.occupied > OBSERVED
    true = np.full((*free.shape, 3), 235, dtype=np.uint8)  # blue, green, red
    true[~moment.inside], true[moment.overlapped], true[moment.covered] = 120, (120, 120, 200), (40, 40, 160)
    grey = 150.0 + 105.0 * moment.free - 150.0 * moment.occupied
    mapped = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    mapped[free & (moment.covered | ~moment.inside)] = (0, 0, 255)
    mapped[occupied & ~moment.beside] = (255, 0, 255)
    mapped[moment.overlapped & (free | occupied) & ~binary_dilation(occupied, near)] = (0, 160, 255)
    both = np.concatenate([true, np.zeros((len(true), 1, 3), dtype=np.uint8), mapped], axis=1)
    return np.repeat(np.repeat(both, scale, axis=0), scale, axis=1)


def draw(folder: Path, steps: int, seed: int) -> None:
    """Write a picture for each family and row: four episodes after so many steps."""
    folder.mkdir(parents=True, exist_ok=True)
    for row, arguments in ROWS.items():
        for family in FAMILIES:
            last = {moment.world: picture(moment) for moment in moments(family, arguments, 4, steps, seed)}
            cv2.imwrite(str(folder / f"{family}_{row}.png"), np.concatenate(list(last.values())))


def measure_speed() -> dict[str, float]:
    """Print and return the time of the map alone, in one thread: the least of many runs, for others may be running."""
    figures = {}
    for size, worlds in (((64, 48), 64), ((640, 480), 1)):
        batch = WorldBatch(world_settings(layout="mixed", noise="realistic", resolution=size), worlds, threads=1)
        batch.reset(list(range(worlds)))
        seen = batch.out.observation
        frame = Frame(
            stamp_s=np.zeros(worlds),
            depth=seen["depth"],
            pose=seen["pose"].astype(np.float64),
            velocity=seen["velocity"].astype(np.float64),
            target_mask=seen["target_mask"],
        )
        level = CameraModel.level(width=size[0], height=size[1])
        pitched = replace(level, base_from_camera=mounted(0.8, pitch_rad=0.05))
        for name, camera in (("level", level), ("pitched", pitched)):
            local_map, window = LocalMap(worlds), EgoWindow()
            maps = np.zeros((worlds, 2, window.cells, window.cells), dtype=np.float32)
            which, rows, exclude = np.arange(worlds), camera_rows(camera, worlds), np.full((worlds, 3), np.nan)
            times = []
            for _ in range(300):
                start = time.perf_counter()
                local_map.update(which, frame, rows, exclude)
                middle = time.perf_counter()
                local_map.crop(which, frame.pose, window, maps)
                times.append((middle - start, time.perf_counter() - middle))
            update_us, crop_us = 1e6 * np.min(times, axis=0) / worlds
            print(f"{size[0]}x{size[1]} {name:8} update {update_us:7.1f} us   crop {crop_us:5.1f} us per world")
            figures[f"us_map_{size[0]}x{size[1]}_{name}"] = float(update_us + crop_us)
        batch.close()
    return figures


@kernel
def _stamp(
    kind: NDArray[np.int8],
    center: NDArray[np.float64],
    half: NDArray[np.float64],
    yaw: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    turn: float,
    edge: float,
    overlapped: NDArray[np.bool_],
    covered: NDArray[np.bool_],
) -> None:
    """Mark the squares (half edge `edge`, turned) that prisms reach into, and those whose middle they cover."""
    for i in range(len(kind)):
        cos, sin = np.cos(turn - yaw[i]), np.sin(turn - yaw[i])
        own_cos, own_sin = np.cos(yaw[i]), np.sin(yaw[i])
        reach = np.hypot(half[i, 0], half[i, 1]) + 1.5 * edge
        spread = edge * (abs(cos) + abs(sin))
        for row in range(x.shape[0]):
            for column in range(x.shape[1]):
                dx, dy = x[row, column] - center[i, 0], y[row, column] - center[i, 1]
                if dx * dx + dy * dy > reach * reach:
                    continue
                along, across = own_cos * dx + own_sin * dy, own_cos * dy - own_sin * dx  # in the prism's frame
                ahead, left = cos * along + sin * across, cos * across - sin * along  # in the square's frame
                if kind[i] == BOX:
                    covered[row, column] |= abs(along) <= half[i, 0] and abs(across) <= half[i, 1]
                    wide = abs(cos) * half[i, 0] + abs(sin) * half[i, 1] + edge
                    deep = abs(sin) * half[i, 0] + abs(cos) * half[i, 1] + edge
                    overlapped[row, column] |= (
                        abs(along) < half[i, 0] + spread
                        and abs(across) < half[i, 1] + spread
                        and abs(ahead) < wide
                        and abs(left) < deep
                    )
                else:
                    covered[row, column] |= along * along + across * across <= half[i, 0] ** 2
                    out = np.hypot(max(abs(ahead) - edge, 0.0), max(abs(left) - edge, 0.0))
                    overlapped[row, column] |= out < half[i, 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=6, help="for each family and row")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", action="store_true", help="time of the map alone")
    parser.add_argument("--pictures", type=Path, help="write pictures into this folder")
    arguments = parser.parse_args()
    if arguments.speed:
        measure_speed()
    elif arguments.pictures:
        draw(arguments.pictures, arguments.steps, arguments.seed)
    else:
        measure(episodes=arguments.episodes, steps=arguments.steps, seed=arguments.seed)


if __name__ == "__main__":
    main()
