"""How far predictions are off on unseen families, and on real pedestrian tracks: displacement errors with intervals.

    cd benchmarks; python -m perception_parts.prediction [--episodes N] [--seed N] [--split NAME ...] [--tracks FOLDER]

The worlds run through the whole of perception with realistic noise. Half of the targets are followed by `pid`, which
loses them now and then, half by `oracle`, which hardly does. Errors are those of the point estimate,
`Prediction.best()`. ADE is the mean error from now to the given time, FDE the error at that time. Moments at which the
localizer saw something else last, more than half a metre off, are left out: nobody can predict from there.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from perception_parts.tracks import OBSERVED, STEP_S, Windows, read_windows

from envs.batch import WorldBatch
from envs.world_settings import world_settings
from rspt.build import make_agent
from rspt.perceiver import Perceiver, PerceptionSettings
from rspt.perception.frame import to_ego
from rspt.perception.localization import Localization
from rspt.perception.prediction import PREDICTORS, Prediction, Predictor, make_predictor
from rspt.perception.reconstruction import LocalMap, MapSettings
from rspt.perception.track import Track

SPLITS = {"validation": ("rooms", "office"), "test": ("corridors", "maze", "warehouse", "parking")}
GROUPS = {"visible": (-1.0, 0.0), "lost": (0.0, 2.05)}
"""Seconds for which the target has been unseen: more than the first, at most the second."""
SECONDS = (1, 2)
STEPS = 250
FIRST_STEP, EVERY_STEPS = 5, 5
RESAMPLES = 1000
DECEIVED_M = 0.5
TRACKS = Path(__file__).parents[3] / "shared" / "data" / "trajectories"
SHORT = {"constant_position": "cp", "constant_velocity": "cv", "kalman": "kalman", "learned": "learned"}


class Errors(NamedTuple):
    """Errors of one predictor at n moments.

    Attributes:
        distance_m: (n, K) of the point estimate from the truth.
        age_s: (n,) seconds since the target was seen.
        episode: (n,) the same for moments of one episode, or of one recorded person.
    """

    distance_m: NDArray[np.float64]
    age_s: NDArray[np.float64]
    episode: NDArray[np.int64]


def measure(
    *,
    episodes: int,
    seed: int,
    tracks: Path | None = None,
    predictors: Sequence[str] = PREDICTORS,
    splits: dict[str, tuple[str, ...]] = SPLITS,
) -> dict[str, float]:
    """Print the tables and return their figures; `episodes` of each family."""
    figures: dict[str, float] = {}
    print(f"{'split':11} {'target':8} {'predictor':18} {'moments':>8}" + "".join(
        f"{f'{kind} {at} s':>24}" for at in SECONDS for kind in ("ADE", "FDE")))  # fmt: skip
    for split, families in splits.items():
        errors = _worlds(families, episodes, seed, predictors)
        figures |= _table(split, errors)
    figures |= _real(TRACKS if tracks is None else tracks, predictors)
    return figures


def _table(split: str, errors: dict[str, Errors]) -> dict[str, float]:
    """Print the errors of all predictors in one split; figures of the test split have no prefix."""
    figures = {}
    prefix = "" if split == "test" else f"{split}_"
    for group, (least, most) in GROUPS.items():
        for name, error in errors.items():
            chosen = (error.age_s > least) & (error.age_s <= most)
            cells = []
            for at in SECONDS:
                steps = round(at / 0.2)
                distance = error.distance_m[chosen, :steps]
                for kind, values in (("ade", distance.mean(axis=1)), ("fde", distance[:, -1])):
                    mean, low, high = interval(values, error.episode[chosen])
                    cells.append(f"{mean:8.3f} [{low:.3f}, {high:.3f}]")
                    figures[f"{prefix}{kind}{at}s_{group}_{SHORT.get(name, name)}"] = mean
            print(f"{split:11} {group:8} {name:18} {chosen.sum():8}" + "".join(f"{cell:>24}" for cell in cells))
        if {"kalman", "learned"} <= set(errors):
            _compare(split, group, errors, (least, most))
    return figures


def _compare(split: str, group: str, errors: dict[str, Errors], ages: tuple[float, float]) -> None:
    """Print by how much the learned predictor's FDE at 2 s is less than the filter's, paired by episode."""
    learned, kalman = errors["learned"], errors["kalman"]
    chosen = (learned.age_s > ages[0]) & (learned.age_s <= ages[1])
    step = round(2.0 / 0.2) - 1
    values = np.stack([learned.distance_m[chosen, step], kalman.distance_m[chosen, step]], axis=1)
    gains = 1.0 - _resampled(values, learned.episode[chosen]) @ np.array([1.0, 0.0]) / (
        _resampled(values, learned.episode[chosen]) @ np.array([0.0, 1.0])
    )
    mean = 1.0 - values[:, 0].mean() / values[:, 1].mean()
    low, high = np.quantile(gains, (0.025, 0.975))
    told = f"{-100 * mean:+.1f} % [{-100 * high:+.1f}, {-100 * low:+.1f}]"
    print(f"{split:11} {group:8} learned against kalman, FDE at 2 s: {told}")


def interval(values: NDArray[np.float64], episode: NDArray[np.int64]) -> tuple[float, float, float]:
    """Mean over all moments and its 95 % interval, by drawing episodes with replacement."""
    if not len(values):
        return (np.nan,) * 3
    low, high = np.quantile(_resampled(values[:, None], episode), (0.025, 0.975))
    return float(values.mean()), float(low), float(high)


def _resampled(values: NDArray[np.float64], episode: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means (RESAMPLES, C) of values (n, C) over episodes drawn with replacement; the draws are always the same."""
    _, index = np.unique(episode, return_inverse=True)
    counts = np.bincount(index)
    sums = np.stack([np.bincount(index, weights=column) for column in values.T], axis=1)
    drawn = np.random.default_rng(0).integers(0, len(counts), (RESAMPLES, len(counts)))
    means: NDArray[np.float64] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)[:, None]
    return means


def _worlds(families: Sequence[str], episodes: int, seed: int, predictors: Sequence[str]) -> dict[str, Errors]:
    """Errors over `episodes` episodes of each family."""
    parts: dict[str, list[Errors]] = defaultdict(list)
    for number, family in enumerate(families):
        for name, error in _family(family, episodes, seed, predictors).items():
            parts[name].append(error._replace(episode=error.episode + number * episodes))
    return {name: Errors(*(np.concatenate(arrays) for arrays in zip(*errors, strict=True)))
            for name, errors in parts.items()}  # fmt: skip


def _family(family: str, episodes: int, seed: int, predictors: Sequence[str]) -> dict[str, Errors]:
    settings = world_settings(layout=family, noise="realistic", lost_after_steps=100_000, episode_steps=STEPS + 1)
    worlds = WorldBatch(settings, episodes)
    perceiver = Perceiver(worlds, PerceptionSettings(predictor="constant_position"))
    made = {name: make_predictor(name, episodes) for name in predictors}
    worlds.reset([seed + world for world in range(episodes)])
    perceiver.begin()
    pid, oracle = make_agent("pid"), make_agent("oracle")
    pid.reset(np.ones(episodes, dtype=np.bool_))
    knowing = np.arange(1, episodes, 2)
    oracle.reset(np.ones(len(knowing), dtype=np.bool_))
    target, robot = np.zeros((STEPS, episodes, 2)), np.zeros((STEPS, episodes, 3))
    broken = np.zeros(episodes, dtype=np.bool_)
    deceived = np.zeros(episodes, dtype=np.bool_)
    looks: list[tuple[int, NDArray[np.bool_], NDArray[np.float64], dict[str, NDArray[np.float64]]]] = []
    for step in range(STEPS):
        poses = worlds.out.status.poses
        target[step], robot[step] = poses[:, 1, :2], poses[:, 0]
        deceived = _deceived(perceiver, to_ego(poses[:, 1:2, :2], poses[:, 0])[:, 0], deceived)
        if step >= FIRST_STEP and step % EVERY_STEPS == 0 and step + 20 < STEPS:
            looks.append((step, deceived, perceiver.perception.track.age_s.copy(), _predicted(made, perceiver)))
        view = worlds.privileged_view()
        actions = pid.act(perceiver.state)
        if len(knowing):
            actions[knowing] = oracle.act({}, view.of(knowing))
        worlds.step(actions)
        broken |= worlds.out.restarted | (worlds.out.done & (step < STEPS - 1))
        perceiver.follow(actions)
    perceiver.close()
    worlds.close()
    parts: dict[str, list[Errors]] = defaultdict(list)
    for step, wrong, age_s, predictions in looks:
        use = np.flatnonzero(np.isfinite(age_s) & ~broken & ~wrong)
        when = step + 2 * np.arange(1, 11)
        future = to_ego(target[when].transpose(1, 0, 2), robot[step])  # (W, 10, 2)
        for name, positions in predictions.items():
            distance = np.linalg.norm(positions[:, :10] - future, axis=-1)
            parts[name].append(Errors(distance[use], age_s[use], use))
    return {name: Errors(*(np.concatenate(arrays) for arrays in zip(*errors, strict=True)))
            for name, errors in parts.items()}  # fmt: skip


def _deceived(perceiver: Perceiver, target_ego: NDArray[np.float64], before: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the last sighting of each target was of something else, given where the targets (W, 2) are in truth."""
    perception = perceiver.perception
    assert perception.frame is not None
    off_m = np.linalg.norm(to_ego(perception.track.position[:, None], perception.frame.pose)[:, 0] - target_ego, axis=1)
    return np.where(perception.track.age_s <= 0.0, off_m > DECEIVED_M, before)


def _predicted(predictors: dict[str, Predictor], perceiver: Perceiver) -> dict[str, NDArray[np.float64]]:
    """The point estimates (W, K, 2) of all predictors in the ego frame."""
    perception = perceiver.perception
    assert perception.frame is not None
    worlds, found = np.arange(perception.num_worlds), {}
    for name, predictor in predictors.items():
        out = Prediction.empty(perception.num_worlds, predictor.num_modes, len(predictor.times_s))
        predictor.predict(worlds, perception.track, perception.local_map, perception.frame.pose, out)
        found[name] = out.best()
    return found


def _real(folder: Path, predictors: Sequence[str]) -> dict[str, float]:
    """The standard protocol on recorded pedestrians: 8 positions in, 12 out, 0.4 s apart, no map."""
    scenes = read_windows(folder)
    if not scenes:
        print(f"real tracks: none in {folder}; left out")
        return {}
    figures: dict[str, float] = {}
    errors: dict[str, list[Errors]] = defaultdict(list)
    print(f"{'real tracks':27} {'predictor':18} {'windows':>8} {'ADE':>23} {'FDE at 4.8 s':>23}")
    for number, scene in enumerate(scenes):
        for name in predictors:
            error = _errors_on(scene, make_predictor(name, len(scene.positions)))
            errors[name].append(error._replace(episode=error.episode + 100_000 * number))
            _real_line(scene.scene, name, error)
    for name in predictors:
        joined = Errors(*(np.concatenate(arrays) for arrays in zip(*errors[name], strict=True)))
        ade, fde = _real_line("all", name, joined)
        figures[f"ade_real_{SHORT.get(name, name)}"], figures[f"fde_real_{SHORT.get(name, name)}"] = ade, fde
    return figures


def _real_line(scene: str, name: str, error: Errors) -> tuple[float, float]:
    cells = [interval(error.distance_m.mean(axis=1), error.episode), interval(error.distance_m[:, -1], error.episode)]
    told = "".join(f"{f'{mean:.3f} [{low:.3f}, {high:.3f}]':>24}" for mean, low, high in cells)
    print(f"{scene:27} {name:18} {len(error.distance_m):8}{told}")
    return cells[0][0], cells[1][0]


def _errors_on(scene: Windows, predictor: Predictor) -> Errors:
    count = len(scene.positions)
    track, rows = Track(count), np.arange(count)
    pose, given = np.zeros((count, 3)), Localization.empty(count)
    # nobody watches: a robot 4 m behind where the person was first
    pose[:, :2] = scene.positions[:, 0] - 4.0 * _directions(scene.positions[:, :OBSERVED])
    given.found[:], given.confidence[:] = True, 1.0
    for step in range(OBSERVED):
        stamps = np.full(count, STEP_S * step)
        given.position_ego[:] = scene.positions[:, step] - pose[:, :2]
        track.advance(rows, stamps)
        track.observe(rows, stamps, pose, given)
    out = Prediction.empty(count, predictor.num_modes, len(predictor.times_s))
    predictor.predict(rows, track, LocalMap(count, MapSettings(cells=32)), pose, out)
    future = scene.positions[:, OBSERVED:] - pose[:, None, :2]
    distance = np.linalg.norm(out.best()[:, 1::2] - future, axis=-1)
    return Errors(distance, np.zeros(count), scene.track)


def _directions(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (n, 2) from the first to the last of positions (n, T, 2); along x where they are the same."""
    moved = positions[:, -1] - positions[:, 0]
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    directions: NDArray[np.float64] = np.where(length > 1e-6, moved / np.maximum(length, 1e-6), [1.0, 0.0])
    return directions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=8, help="of each family (default: 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=tuple(SPLITS), nargs="*", help="splits to run (default: both)")
    parser.add_argument("--weights", nargs="*", default=[], metavar="FILE", help="further predictors to compare")
    parser.add_argument("--tracks", type=Path, help="folder of real pedestrian tracks")
    options = parser.parse_args()
    splits = {name: SPLITS[name] for name in (SPLITS if options.split is None else options.split)}
    names = (*PREDICTORS, *options.weights)
    measure(episodes=options.episodes, seed=options.seed, tracks=options.tracks, predictors=names, splits=splits)


if __name__ == "__main__":
    main()
