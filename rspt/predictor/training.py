"""Training of the predictor: record, learn, keep what predicts unseen families best."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

import rspt
from agents.one_thread import one_thread
from rspt.errors import UsageError
from rspt.perception.inputs import AGE, SLOTS
from rspt.perception.weights import save_weights
from rspt.predictor.augmentation import mirrored, unknown_rays
from rspt.predictor.network import Network
from rspt.predictor.recording import record
from rspt.predictor.samples import Samples
from rspt.predictor.settings import PredictorSettings, recording_digest
from rspt.predictor.walkers import walkers
from rspt.signals import StopRequest

WEIGHTS, CHECKPOINT, TRACKS, SCALARS = "predictor.safetensors", "checkpoint.pt", "tracks", "tensorboard"
"""What a training writes into its folder: the weights, what `resume` needs, the recorded tracks, the curves."""
_LOST_MAX_S = 2.05
_GRADIENT_MAX = 1.0
_WARM_UP_SHARE = 0.1
_EVALUATED_AT_ONCE = 8192
_WALKER_BATCH = 900
"""Number of the walkers among the batches, far from those of the worlds, so that no seed is used twice."""


class Data(NamedTuple):
    """Samples as tensors.

    Attributes:
        numbers: (n, WIDTH).
        rays: (n, RAYS, RAY_WIDTH) float16.
        future: (n, K, 2).
        past: (n, SLOTS, 2).
    """

    numbers: Tensor
    rays: Tensor
    future: Tensor
    past: Tensor

    @classmethod
    def of(cls, samples: Samples) -> "Data":
        """The tensors of samples."""
        return cls(*(torch.from_numpy(array) for array in samples[:4]))


class Errors(NamedTuple):
    """Mean errors over the validation families.

    Attributes:
        score: mean of the average displacement errors over 4.8 s of visible and of just lost targets, in metres.
        fde2s_visible: final displacement error in metres at 2 s, target in sight.
        fde2s_lost: the same, target unseen for 0.1 to 2 s.
        likelihood: mean log-likelihood of a step.
    """

    score: float
    fde2s_visible: float
    fde2s_lost: float
    likelihood: float


def train(settings: PredictorSettings, out: Path, *, resume: bool, stop: StopRequest, console: Console) -> bool:
    """Train into the folder `out`.

    Returns:
        Whether the training came to its end; False if it was asked to stop before, with a checkpoint to resume from.

    Raises:
        UsageError: if there is nothing to resume, or it belongs to other settings, or something would be overwritten.
    """
    checkpoint = _checkpoint_to_resume(settings, out) if resume else None
    if not resume and (out / CHECKPOINT).exists():
        raise UsageError(f"{out} holds a training already; go on with it by --resume, or choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    with one_thread():
        console.print(f"Recording the tracks, kept in {out / TRACKS} ...", highlight=False)
        data = _tracks(settings, out / TRACKS, stop, console)
        if data is None:
            return False
        return _Trainer(settings, out, data[0], data[1], console).run(checkpoint, stop)


def _checkpoint_to_resume(settings: PredictorSettings, out: Path) -> dict[str, Any] | None:
    """What an interrupted training has kept; None if it was interrupted before its first epoch was over."""
    path = out / CHECKPOINT
    if not path.is_file():
        if (out / TRACKS).is_dir():
            return None
        raise UsageError(f"{out}: holds no training to resume")
    try:
        checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:  # of pickle, zipfile or torch, whichever meets the damage first
        raise UsageError(f"{path}: is no whole checkpoint ({error}); remove it to begin anew") from None
    if checkpoint.get("settings") != settings.digest():
        raise UsageError(f"{path}: belongs to a training with other settings; choose another --out or that config")
    return checkpoint


def _tracks(
    settings: PredictorSettings, folder: Path, stop: StopRequest, console: Console
) -> tuple[Samples, Samples] | None:
    """Samples to learn from and to validate with; None if asked to stop before all are recorded."""
    folder.mkdir(exist_ok=True)
    recording, steps = settings.recording, settings.network.steps
    digest = f"{recording_digest(recording)}-{steps}"
    learnt: list[Samples] = []
    validated: list[Samples] = []
    jobs = [(learnt, "train", batch) for batch in range(recording.batches)]
    jobs += [(validated, "validation", batch) for batch in range(recording.validation_batches)]
    for part, name, batch in jobs:
        if stop:
            return None
        path, start = folder / f"{name}-{batch:03}.npz", time.perf_counter()
        samples = Samples.load(path, digest) if path.exists() else None
        if samples is None:
            families = recording.families if name == "train" else recording.validation_families
            samples = record(recording, families, batch=batch, steps_ahead=steps, masked=name == "train")
            samples.save(path, digest)
            took = time.perf_counter() - start
            console.print(f"  {path.name}: {len(samples.kind):,} moments in {took:.0f} s", highlight=False)
        part.append(samples)
    if settings.walkers:
        learnt.append(walkers(settings.walkers, steps, np.random.default_rng([recording.seed, _WALKER_BATCH])))
    return Samples.joined(learnt), Samples.joined(validated)


class _Trainer:
    """The network, its optimiser, and where they stand."""

    def __init__(
        self, settings: PredictorSettings, out: Path, learnt: Samples, validated: Samples, console: Console
    ) -> None:
        self._settings, self._out, self._console = settings, out, console
        self._data, self._validation = Data.of(learnt), Data.of(validated)
        if len(learnt.kind) < settings.batch_size:
            raise UsageError(
                f"{len(learnt.kind)} moments were recorded, fewer than the batch_size {settings.batch_size}"
            )
        self._unknown = unknown_rays()
        self._random = torch.Generator().manual_seed(settings.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self._network = Network(settings.network.sizes, dropout=settings.dropout)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._updates = settings.epochs * (len(learnt.kind) // settings.batch_size)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, self._rate)
        self._epoch, self._best, self._best_epoch = 0, float("inf"), 0

    def run(self, checkpoint: dict[str, Any] | None, stop: StopRequest) -> bool:
        """Learn until the end, or until asked to stop."""
        settings, console = self._settings, self._console
        if checkpoint is not None:
            self._restore(checkpoint)
            console.print(f"Going on after epoch {self._epoch}.", highlight=False)
        console.print(
            f"Learning from {len(self._data.future):,} moments of {', '.join(settings.recording.families)};"
            f" {len(self._validation.future):,} of {', '.join(settings.recording.validation_families)} decide.",
            highlight=False,
        )
        console.print("epoch   loss   score m   FDE at 2 s m: visible   just lost   seconds", highlight=False)
        with torch.random.fork_rng(devices=[]), SummaryWriter(str(self._out / SCALARS)) as scalars:
            while self._epoch < settings.epochs and self._epoch - self._best_epoch < settings.patience:
                if stop:
                    return False
                start = time.perf_counter()
                loss = self._learn()
                errors = self._validate()
                self._epoch += 1
                kept = errors.score < self._best
                if kept:
                    self._best, self._best_epoch = errors.score, self._epoch
                    self._save_weights(errors)
                self._save_checkpoint()
                for name, value in (("loss", loss), *errors._asdict().items()):
                    scalars.add_scalar(f"predictor/{name}", value, self._epoch)
                console.print(
                    f"{self._epoch:5} {loss:6.3f} {errors.score:9.3f} {errors.fde2s_visible:23.3f}"
                    f" {errors.fde2s_lost:11.3f} {time.perf_counter() - start:9.1f}{'   kept' if kept else ''}",
                    highlight=False,
                )
        return True

    def _learn(self) -> float:
        """One pass over all samples; the mean loss."""
        settings = self._settings
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=self._random)))  # for the dropout
        self._network.train()
        total, updates = 0.0, 0
        for numbers, rays, future, past in self._batches():
            mixture, filled = self._network.told(numbers, rays)
            distance = torch.sqrt(((mixture.point() - future) ** 2).sum(dim=-1) + 1e-6).mean()
            loss = settings.mean_weight * distance - mixture.log_likelihood(future).mean()
            loss = loss + settings.infill_weight * _gap_distance(filled, numbers, past)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_MAX)
            self._optimizer.step()
            self._schedule.step()
            total, updates = total + loss.item(), updates + 1
        return total / updates

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """All samples in a random order, some of them in a mirror, some of them without a map."""
        size, random = self._settings.batch_size, self._random
        order = torch.randperm(len(self._data.future), generator=random)
        for rows in torch.split(order[: len(order) // size * size], size):
            numbers, rays, future, past = (tensor[rows] for tensor in self._data)
            rays = torch.where(
                (torch.rand(size, generator=random) < self._settings.map_dropout)[:, None, None],
                self._unknown,
                rays.float(),
            )
            yield mirrored(torch.rand(size, generator=random) < 0.5, numbers, rays, future, past)

    @torch.no_grad()
    def _validate(self) -> Errors:
        self._network.eval()
        distances, likelihoods = [], []
        for part in zip(*(torch.split(tensor, _EVALUATED_AT_ONCE) for tensor in self._validation), strict=True):
            numbers, rays, future, _ = part
            mixture = self._network.mixture(numbers, rays.float())
            distances.append(torch.linalg.vector_norm(mixture.point() - future, dim=-1))
            likelihoods.append(mixture.log_likelihood(future))
        distance, age = torch.cat(distances), self._validation.numbers[:, AGE]
        groups = [distance[age <= 0.0], distance[(age > 0.0) & (age <= _LOST_MAX_S)]]
        at_2s = min(10, distance.shape[1]) - 1
        visible, lost = (float(group[:, at_2s].mean()) if len(group) else float("nan") for group in groups)
        averages = [float(group.mean()) for group in groups if len(group)]
        return Errors(sum(averages) / len(averages), visible, lost, float(torch.cat(likelihoods).mean()))

    def _rate(self, update: int) -> float:
        """Learning rate as a share of the greatest: up along a line, down along a cosine."""
        warm_up = max(1, round(_WARM_UP_SHARE * self._updates))
        if update < warm_up:
            return (update + 1) / warm_up
        share = (update - warm_up) / max(1, self._updates - warm_up)
        return 0.5 * (1.0 + float(np.cos(np.pi * min(share, 1.0))))

    def _save_weights(self, errors: Errors) -> None:
        recording = self._settings.recording
        about = {
            "rspt": rspt.__version__,
            "families": ",".join(recording.families),
            "validation_families": ",".join(recording.validation_families),
            "seed": str(self._settings.seed),
            "settings": self._settings.digest(),
            "epoch": str(self._epoch),
            **{f"validation_{name}": f"{value:.4f}" for name, value in errors._asdict().items()},
        }
        save_weights(self._out / WEIGHTS, self._network.tensors(), self._network.sizes, about=about)

    def _save_checkpoint(self) -> None:
        unfinished = self._out / f".{CHECKPOINT}.unfinished"
        torch.save(
            {
                "settings": self._settings.digest(),
                "network": self._network.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "schedule": self._schedule.state_dict(),
                "random": self._random.get_state(),
                "progress": [float(self._epoch), self._best, float(self._best_epoch)],
            },
            unfinished,
        )
        unfinished.replace(self._out / CHECKPOINT)

    def _restore(self, checkpoint: dict[str, Any]) -> None:
        self._network.load_state_dict(checkpoint["network"])
        self._optimizer.load_state_dict(checkpoint["optimizer"])
        self._schedule.load_state_dict(checkpoint["schedule"])
        self._random.set_state(checkpoint["random"])
        epoch, self._best, best_epoch = checkpoint["progress"]
        self._epoch, self._best_epoch = int(epoch), int(best_epoch)


def _gap_distance(filled: Tensor, numbers: Tensor, past: Tensor) -> Tensor:
    """Mean distance in metres of the past (n, SLOTS, 2) that the network fills in from the truth, where unseen."""
    seen = numbers[:, 2 : 3 * SLOTS : 3] > 0.0
    known = ~seen & torch.isfinite(past[..., 0])
    off = torch.where(known[..., None], filled - past.nan_to_num(), torch.zeros(()))
    return torch.sqrt((off**2).sum(dim=-1) + 1e-6).sum() / known.sum().clamp(min=1)
