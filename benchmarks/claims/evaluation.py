"""The measures of a trained network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BINS = 15
EMBEDDINGS = {"uniformity": "lower is more evenly spread", "tightness": "lower is tighter classes"}


@torch.no_grad()
def outputs(model: nn.Module, images: Tensor) -> Tensor:
    """(N, C) logits in eval mode; the model's mode is restored."""
    training = model.training
    model.eval()
    logits: Tensor = model(images)
    model.train(training)
    return logits


def error(logits: Tensor, labels: Tensor) -> float:
    """Percent of rows whose largest logit is not the label's."""
    return 100.0 * float((logits.argmax(1) != labels).double().mean())


def nll(logits: Tensor, labels: Tensor) -> float:
    """Mean negative log-likelihood, nats."""
    return float(F.cross_entropy(logits.double(), labels))


def ece(logits: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv 1706.04599, equation 3): sum over bins of equal width of the
    bin's share times |accuracy - mean confidence|, in [0, 1]."""
    confidence, predicted = logits.double().softmax(1).max(1)
    right = (predicted == labels).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1  # bins are ((b - 1) / bins, b / bins]
    gaps = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, right - confidence)
    return float(gaps.abs().sum() / len(labels))


def uniformity(embeddings: Tensor) -> float:
    """log mean_{i != j} exp(-2 |z_i - z_j|²) of embeddings scaled to length 1 (Wang & Isola 2020, arXiv 2005.10242,
    equation 2 with t = 2): 0 if all are one point, lower the more evenly they cover the sphere."""
    z = F.normalize(embeddings.double(), dim=1)
    return float(torch.pdist(z).square().mul(-2).exp().mean().log())


def tightness(embeddings: Tensor, labels: Tensor) -> float:
    """Mean squared distance of two embeddings of one class, scaled to length 1; lower is tighter."""
    z = F.normalize(embeddings.double(), dim=1)
    inside = [torch.pdist(z[labels == c]).square() for c in labels.unique()]
    return float(torch.cat(inside).mean())


def embedding_scores(embeddings: Tensor, labels: Tensor) -> dict[str, float]:
    """The metrics of `EMBEDDINGS`."""
    return {"uniformity": uniformity(embeddings), "tightness": tightness(embeddings, labels)}
