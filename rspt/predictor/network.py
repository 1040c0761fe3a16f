"""The predictor's network in torch, for training; `rspt.perception.learned` runs the same without torch."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rspt.perception.inputs import AGE, SLOTS, VELOCITY, WIDTH
from rspt.perception.learned import LOG_SPREAD_MAX, LOG_SPREAD_MIN, SCALE_M, SCALE_MPS
from rspt.perception.prediction import STEP_S
from rspt.perception.surroundings import RAY_WIDTH, RAYS
from rspt.perception.weights import Sizes


class Mixture(NamedTuple):
    """Futures as M modes, in the frames of the targets.

    Attributes:
        mean: (n, M, K, 2) metres.
        log_spread: (n, M, K) logarithm of the standard deviation per axis in metres.
        logits: (n, M) of the modes.
    """

    mean: Tensor
    log_spread: Tensor
    logits: Tensor

    def point(self) -> Tensor:
        """The mean of the modes (n, K, 2), which `Prediction.best` gives."""
        return (torch.softmax(self.logits, dim=-1)[..., None, None] * self.mean).sum(dim=1)

    def log_likelihood(self, future: Tensor) -> Tensor:
        """Of whole futures (n, K, 2), per step: (n,)."""
        square = ((self.mean - future[:, None]) ** 2).sum(dim=-1)  # (n, M, K)
        steps = -2.0 * self.log_spread - 0.5 * square * torch.exp(-2.0 * self.log_spread) - math.log(2.0 * math.pi)
        modes = torch.log_softmax(self.logits, dim=-1) + steps.sum(dim=-1)
        return torch.logsumexp(modes, dim=-1) / future.shape[1]


class Network(nn.Module):
    """The past asks questions; attention over the rays answers; both together give M futures.

    Args:
        sizes: of the network.
        dropout: share of the joined features that are left out in training.
    """

    def __init__(self, sizes: Sizes, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes = sizes
        questions = sizes.heads * sizes.token
        self.encoder = nn.Linear(WIDTH, sizes.encoder)
        self.token = nn.Linear(RAY_WIDTH, sizes.token, bias=False)
        self.token_bias = nn.Parameter(0.3 * torch.randn(RAYS, sizes.token))
        self.query = nn.Linear(sizes.encoder, questions)
        self.first = nn.Linear(sizes.encoder + questions, sizes.hidden)
        self.second = nn.Linear(sizes.hidden, sizes.hidden)
        self.head = nn.Linear(sizes.hidden, sizes.outputs)
        self.skip = nn.Linear(WIDTH, sizes.outputs, bias=False)
        self.infill = nn.Linear(sizes.hidden, 2 * SLOTS)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.skip.weight)

    def forward(self, numbers: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (n, O) to numbers (n, WIDTH) and rays (n, RAYS, RAY_WIDTH), and the past (n, SLOTS, 2) in metres.

        The past is asked for in training alone, where it teaches the network to bridge what was not seen.
        """
        sizes = self.sizes
        past = functional.relu(self.encoder(numbers))
        tokens = functional.relu(self.token(rays) + self.token_bias)  # (n, RAYS, token)
        queries = self.query(past).view(-1, sizes.heads, sizes.token)
        shares = torch.softmax(queries @ tokens.transpose(1, 2) / math.sqrt(sizes.token), dim=-1)  # (n, heads, RAYS)
        answers = (shares @ tokens).flatten(1)
        joined = functional.relu(self.first(torch.cat([past, answers], dim=1)))
        joined = functional.relu(self.second(self.dropout(joined)))
        return self.head(joined) + self.skip(numbers), self.infill(joined).view(-1, SLOTS, 2)

    def mixture(self, numbers: Tensor, rays: Tensor) -> Mixture:
        """The futures of n targets."""
        return self.told(numbers, rays)[0]

    def told(self, numbers: Tensor, rays: Tensor) -> tuple[Mixture, Tensor]:
        """The futures of n targets, and their past (n, SLOTS, 2)."""
        (outputs, past), sizes = self(numbers, rays), self.sizes
        values = outputs[:, : 3 * sizes.modes * sizes.steps].view(-1, sizes.modes, sizes.steps, 3)
        after_s = numbers[:, AGE : AGE + 1] + STEP_S * torch.arange(1, sizes.steps + 1)  # (n, K)
        straight = after_s[..., None] * numbers[:, None, VELOCITY : VELOCITY + 2]  # (n, K, 2)
        scale = (SCALE_M + SCALE_MPS * after_s)[:, None]
        mean = straight[:, None] + scale[..., None] * values[..., :2]
        log_spread = values[..., 2].clamp(LOG_SPREAD_MIN, LOG_SPREAD_MAX) + torch.log(scale)
        return Mixture(mean, log_spread, outputs[:, 3 * sizes.modes * sizes.steps :]), past

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """The weights as `rspt.perception.weights` has them."""
        state = {name: tensor.detach().numpy() for name, tensor in self.state_dict().items()}
        state["token.bias"] = state.pop("token_bias")
        return {name: state[name] if name.endswith("bias") else state[name].T for name in self.sizes.shapes()}
