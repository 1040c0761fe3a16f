"""Regrets of actions: interpolated in what the oracle has compared."""

import numpy as np
import pytest
import torch

from agents.regrets import Regrets, regret_of


def regrets(table, low=(-0.5, -2.0), high=(2.0, 2.0), units=(2.0, 0.5, 2.0)):
    rows = [torch.tensor(values, dtype=torch.float32)[None] for values in (low, high, units)]
    return Regrets(torch.as_tensor(table, dtype=torch.float32)[None], *rows)


def test_a_corner_and_the_middle_between_four():
    table = [[0.0, 1.0], [2.0, 5.0]]
    assert regret_of(torch.tensor([[-1.0, -1.0]]), regrets(table)).item() == 0.0  # as slow and as far right as it goes
    assert regret_of(torch.tensor([[1.0, 1.0]]), regrets(table)).item() == 5.0
    # 0.75 m/s lies in the middle of -0.5 to 2
    assert regret_of(torch.tensor([[0.375, 0.0]]), regrets(table)).item() == pytest.approx(2.0)


def test_outside_the_edge_counts():
    table = [[0.0, 1.0], [2.0, 5.0]]
    assert regret_of(torch.tensor([[3.0, -4.0]]), regrets(table)).item() == 2.0


def test_the_slope_leads_to_the_better_action():
    action = torch.tensor([[0.375, 0.0]], requires_grad=True)
    regret_of(action, regrets([[0.0, 1.0], [2.0, 5.0]])).sum().backward()
    assert action.grad is not None
    # (1 - 0 + 5 - 2) / 2 a turn of 2, (2 - 0 + 5 - 1) / 2 over 2.5 m/s, of which 1 is 2 m/s
    np.testing.assert_allclose(action.grad.numpy(), [[3.0 * 2.0 / 2.5, 2.0 * 2.0 / 4.0]], rtol=1e-6)
