"""Pictures for docs/perception.md: maps beside the truth, and predictions beside what came, typical and worst ones.

python benchmarks/perception.py --pictures docs/images [--seed N]

Everything is chosen by a rule: of all moments of the episodes, those in the middle and at the end of the ranking by the
map's IoU, or by the distance of the prediction for 2 s ahead from where the target was then.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from perception_parts.reconstruction import Moment, counted, truth

from envs.batch import WorldBatch
from envs.layouts.layout import BODY_CLEARANCE_M
from envs.world_settings import world_settings
from rspt.build import make_agent
from rspt.perceiver import Perceiver, PerceptionSettings
from rspt.perception.drawing import draw_map, draw_perception
from rspt.perception.frame import to_ego
from rspt.perception.window import EgoWindow

FAMILIES = ("rooms", "office", "mixed")
EPISODES, STEPS, EVERY = 6, 240, 10
AHEAD = 20
PIXELS = 300
TRUE_COLOR, INK = (24, 150, 70), (36, 38, 42)
Picture = NDArray[np.uint8]


class Shot(NamedTuple):
    """A picture with the number it is ranked by, and where it was taken."""

    score: float
    picture: Picture
    place: tuple[str, int, int]


def draw(out: Path, seed: int) -> None:
    """Write maps.png and predictions.png into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    maps, predictions = [], []
    for family in FAMILIES:
        found = taken(family, seed)
        maps += found[0]
        predictions += found[1]
    save(out / "maps.png", maps, "IoU {:.2f}", "left: the fused map; right: the truth")
    save(out / "predictions.png", predictions, "{:.2f} m off", "green: where the hidden target went in 2 s")


def taken(family: str, seed: int) -> tuple[list[Shot], list[Shot]]:
    """Maps ranked by 1 - IoU and predictions for hidden targets ranked by their error, of one family."""
    batch = WorldBatch(world_settings(layout=family, noise="realistic", lost_after_steps=400), EPISODES)
    perceiver, player = Perceiver(batch, PerceptionSettings(predictor="learned")), make_agent("pid")
    batch.reset([seed + 100 + world for world in range(EPISODES)])
    player.reset(np.ones(EPISODES, dtype=np.bool_))
    state = perceiver.begin()
    perception, maps, pending, predictions = perceiver.perception, [], [], []
    for step in range(STEPS):
        actions = player.act(state, batch.privileged_view())
        batch.step(actions)
        state = perceiver.follow(actions)
        poses = batch.out.status.poses.copy()
        for world in range(EPISODES):
            age_s = perception.track.age_s[world]
            if 0.1 <= age_s <= 2.0 and step % 5 == 0:
                best_m = perception.prediction.best()[world, int(AHEAD / 2) - 1]
                picture = draw_perception(perception, world, pixels=PIXELS)
                pending.append((step, world, poses[world, 0], best_m, picture, [poses[world, 1, :2]]))
            if step % EVERY == 0 and step > 40:
                maps.append(map_shot(batch, perception.state["map"][world], world, (family, world, step)))
        for start, world, pose, best_m, picture, path in pending:
            if start < step <= start + AHEAD:
                path.append(poses[world, 1, :2])
            if step == start + AHEAD:
                ego = to_ego(np.array(path)[None], pose[None])[0]
                error_m = float(np.hypot(*(ego[-1] - best_m)))
                predictions.append(Shot(error_m, with_path(picture, ego, perception.window), (family, world, start)))
    batch.close()
    return maps, predictions


def map_shot(batch: WorldBatch, grid: NDArray[np.float32], world: int, place: tuple[str, int, int]) -> Shot:
    """The map of a world beside the true one."""
    window, layout = EgoWindow(), batch.episodes[world].place.layout
    prisms = layout.prisms.subset(layout.prisms.z[:, 0] < BODY_CLEARANCE_M)
    truly = truth(prisms, layout.bounds, batch.out.status.poses[world, 0], window)
    tp, fp, fn = counted(Moment(world, grid[0], grid[1], *truly))[:3]
    overlapped, inside = truly[0], truly[3]
    true_grid = np.stack([overlapped & inside, inside & ~overlapped]).astype(np.float32)
    pair = [draw_map(part, window, pixels=PIXELS // 2 * 2) for part in (grid[:2], true_grid)]
    return Shot(1.0 - tp / max(tp + fp + fn, 1), np.concatenate(pair, axis=1), place)


def with_path(picture: Picture, path_ego: NDArray[np.float64], window: EgoWindow) -> Picture:
    """The picture with the way (T, 2) that the target went."""
    per_m = PIXELS / window.size_m
    columns = (0.5 * window.size_m - path_ego[:, 1]) * per_m
    rows = (window.size_m - window.behind_m - path_ego[:, 0]) * per_m
    points = np.stack([columns, rows], axis=1).round().astype(np.int32)
    drawn = picture.copy()
    cv2.polylines(drawn, [points], False, TRUE_COLOR, 3, cv2.LINE_AA)
    cv2.circle(drawn, tuple(points[-1].tolist()), 6, TRUE_COLOR, -1, cv2.LINE_AA)
    return drawn


def save(path: Path, shots: Sequence[Shot], label: str, caption: str) -> None:
    """Two rows: three shots around the median, and the three worst, each of another episode."""
    ranked = sorted(shots, key=lambda shot: shot.score)
    rows = [chosen(ranked[len(ranked) // 2 :]), chosen(ranked[::-1])]
    lines = []
    for name, row in zip(("typical", "worst"), rows, strict=True):
        parts = []
        for shot in row:
            picture = shot.picture.copy()
            value = 1.0 - shot.score if "IoU" in label else shot.score
            text = f"{name}: {shot.place[0]}, {label.format(value)}"
            (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
            cv2.rectangle(picture, (0, 0), (width + 16, height + 14), (255, 255, 255), -1)
            cv2.putText(picture, text, (8, height + 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
            parts.append(cv2.copyMakeBorder(picture, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
        lines.append(np.concatenate(parts, axis=1))
    cv2.imwrite(str(path), np.concatenate(lines)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{path}: {len(shots)} moments; {caption}")
    for name, row in zip(("typical", "worst"), rows, strict=True):
        print(f"  {name}: " + "; ".join(f"{shot.place} {shot.score:.2f}" for shot in row))


def chosen(shots: Sequence[Shot]) -> list[Shot]:
    """The first three of different episodes."""
    found: list[Shot] = []
    for shot in shots:
        if all(shot.place[:2] != other.place[:2] for other in found):
            found.append(shot)
        if len(found) == 3:
            break
    return found
