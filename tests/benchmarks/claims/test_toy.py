"""The measures of a decision surface, against logistic regression by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from benchmarks.claims.zhang.toy import EDGE, SHAPES, Plane, Surface


class Logistic(nn.Module):
    """p(y=1|x) = sigmoid(slope * x[0])."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, points: Tensor) -> Tensor:
        return torch.stack([torch.zeros(len(points)), self.slope * points[:, 0]], dim=1)


def test_the_confident_area_is_what_lies_beyond_the_logit() -> None:
    surface = Surface.of(Logistic(4.0), side=1001)
    for level in (0.6, 0.95):
        inside = math.log(level / (1 - level)) / 4.0
        assert surface.at_least(level) == pytest.approx(100 * (1 - inside / EDGE), abs=0.2)
    assert surface.at_least(0.5) == 100.0


def test_the_steepness_is_the_root_mean_square_of_the_derivative() -> None:
    x = torch.linspace(-EDGE, EDGE, 20_001, dtype=torch.float64)
    p = torch.sigmoid(4.0 * x)
    derivative = torch.diff(p) / torch.diff(x)
    expected = float(derivative.square().mean().sqrt())
    assert Surface.of(Logistic(4.0), side=501).steepness == pytest.approx(expected, rel=5e-3)
    assert Surface.of(Logistic(8.0), side=501).steepness > 1.3 * expected


@pytest.mark.parametrize("shape", SHAPES)
def test_points_are_standardised_and_halved_and_a_section_runs_through_them(shape: str) -> None:
    plane = Plane.drawn(shape, 0.1, points=100, fresh=60, seed=0)
    torch.testing.assert_close(plane.train.x.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(plane.train.x.std(0), torch.ones(2), atol=1e-5, rtol=0)
    assert [len(part.x) for part in (plane.train, plane.validation, plane.test)] == [100, 100, 60]
    assert all(part.y.double().mean() == 0.5 for part in (plane.train, plane.validation, plane.test))
    assert not torch.equal(plane.train.x, plane.validation.x)
    places, line = plane.section((0.0, 1.0), (3.0, 5.0), 11)
    assert places[0] == 0.0 and places[-1] == pytest.approx(5.0)
    torch.testing.assert_close(line[5] * plane.std + plane.mean, torch.tensor([1.5, 3.0]))
