"""The linearity of each layer between training points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup.latent.layers import Layers, check_output, check_runs, resolve_layers
from dali_mixup.latent.mixing import check_floating, compute_dtype, mix_tuples, readable
from dali_mixup.targets import check_tensor

SOFTMAX = "softmax"


class LinearityProbe:
    """The linearity gap of every layer, over all batches passed to `update`:

        g_l = sqrt( E_i |h_l(sum_j w_ij x_{P_ij}) - sum_j w_ij h_l(x_{P_ij})|²  /  E_{i != j} |h_l(x_i) - h_l(x_j)|² )

    0 is linear on these points; the denominator, over all pairs of a batch, makes layers comparable. Mixtures may have
    any number k of parts. The question is that of Chaudhry et al. (arXiv 2210.16413); the normalisation is new. The
    softmax of the model's output is measured too, under the name "softmax".

    Args:
        model: from (B, ...) to logits (B, C).
        layers: names of submodules whose outputs are measured, or a function from the model to such modules. Each must
            run once per forward pass and return one tensor with the batch first.

    Raises:
        ValueError, TypeError: unknown layers, or one called "softmax".

    Example:
        >>> probe = LinearityProbe(model, ["layer1", "layer2"])
        >>> for images, _ in loader:
        ...     partners = torch.stack([torch.arange(len(images)), torch.randperm(len(images))], 1)
        ...     probe.update(images, partners, dirichlet(1.0, tuple(partners.shape)))
        >>> probe.gaps()
        {'layer1': 0.13, 'layer2': 0.17, 'softmax': 0.35}
    """

    def __init__(self, model: nn.Module, layers: Layers) -> None:
        self._model = model
        self._modules = resolve_layers("LinearityProbe", model, layers)
        if SOFTMAX in self._modules:
            raise ValueError(
                f"LinearityProbe: layers contains {SOFTMAX!r}, the name under which the softmax of the model's output "
                "is measured; expected another name: leave it out, or give nn.Sequential(model), which calls this "
                f"layer '0.{SOFTMAX}'"
            )
        self.layers: tuple[str, ...] = (*self._modules, SOFTMAX)
        self._gap: dict[str, list[Tensor]] = {name: [] for name in self.layers}
        self._spread: dict[str, list[Tensor]] = {name: [] for name in self.layers}
        self._rows: list[int] = []

    @torch.no_grad()
    def update(self, images: Tensor, partners: Tensor, weights: Tensor, mixed: Tensor | None = None) -> None:
        """Measures one batch: two forward passes in eval mode, without gradient. The model's modes are restored.

        Args:
            images: (B, ...) clean; floating, if they are mixed here.
            partners: (N, k) int64, rows of `images`.
            weights: (N, k) floating, rows sum to 1.
            mixed: (N, ...) the mixtures, if they were made elsewhere (by the loader); by default they are made here.

        Raises:
            TypeError, ValueError: arguments outside the above, less than two images, logits that are not (B, C), or an
                output of a layer that is not one tensor with the batch first.
            RuntimeError: a layer that does not run once.
        """
        given = {"images": images, "partners": partners, "weights": weights}
        for name, value in (given if mixed is None else {**given, "mixed": mixed}).items():
            check_tensor("LinearityProbe", name, value)
        _check_mixtures(len(images), partners, weights)
        if mixed is None:
            check_floating("LinearityProbe", "images", images)
        elif mixed.shape != (expected := (len(partners), *images.shape[1:])):
            raise ValueError(
                f"LinearityProbe: mixed {tuple(mixed.shape)}, expected {expected}: one mixture for each row of partners"
            )
        partners, weights = partners.to(images.device), weights.to(images.device)
        inputs = mix_tuples(images, partners, weights) if mixed is None else mixed
        clean, points = self._outputs(images), self._outputs(inputs)
        for name in self.layers:
            # Seen from one of the samples, an output that does not vary is exactly 0, whatever its mean rounds to.
            seen, there = clean[name] - clean[name][:1], points[name] - clean[name][:1]
            error = there - mix_tuples(seen, partners, weights)
            centred = seen - seen.mean(0)
            # The mean over ordered pairs i != j of |h_i - h_j|² is twice the unbiased total variance.
            self._gap[name].append(error.square().sum(1).mean())
            self._spread[name].append(2.0 * centred.square().sum() / (len(images) - 1))
        self._rows.append(len(partners))

    def gaps(self) -> dict[str, float]:
        """g_l by layer in the order given, then "softmax"; expectations weigh batches by their number of mixtures.

        A layer that has one output for all samples and mixtures, such as a dead ReLU, is linear on these points: 0.
        With one output for all samples, and another for a mixture, g_l is infinite.

        Raises:
            RuntimeError: nothing was measured yet.
        """
        if not self._rows:
            raise RuntimeError("LinearityProbe: no batch was measured, expected update() before gaps()")
        rows = torch.tensor(self._rows, dtype=torch.float64, device="cpu")
        return {
            name: _ratio(_total(self._gap[name], rows), _total(self._spread[name], rows))
            for name in self.layers
        }

    def _outputs(self, images: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        with _eval_mode(self._model), _captured(self._modules, found, len(images)):
            logits = self._model(images)
        if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != len(images):
            shown = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(
                f"LinearityProbe: the model returned {shown}, expected logits ({len(images)}, C)"
            )
        found[SOFTMAX] = F.softmax(logits.to(compute_dtype(logits)), dim=1)
        return found


@contextmanager
def _captured(modules: dict[str, nn.Module], found: dict[str, Tensor], rows: int) -> Iterator[None]:
    """Inside the block, the outputs of the modules (rows, d) go into `found`."""
    runs = dict.fromkeys(modules, 0)

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            runs[name] += 1
            check_output("LinearityProbe", name, output, rows)
            # A copy: an in-place ReLU after the layer would change what was captured.
            found[name] = output.reshape(rows, -1).to(compute_dtype(output), copy=True)

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    for name, times in runs.items():
        check_runs("LinearityProbe", name, times)


def _check_mixtures(images: int, partners: Tensor, weights: Tensor) -> None:
    if partners.shape != weights.shape or partners.dim() != 2:
        raise ValueError(
            f"LinearityProbe: partners {tuple(partners.shape)} and weights {tuple(weights.shape)}, expected both (N, k)"
        )
    if images < 2:
        raise ValueError(f"LinearityProbe: a batch of {images}, expected at least 2: g needs pairs")
    if partners.dtype != torch.int64 or not weights.is_floating_point():
        raise TypeError(
            f"LinearityProbe: partners of type {partners.dtype} and weights of type {weights.dtype}, expected "
            "torch.int64 and a floating type"
        )
    if partners.numel() == 0:
        raise ValueError(
            f"LinearityProbe: partners {tuple(partners.shape)}, expected at least one mixture of one part"
        )
    if readable(partners) and not 0 <= int(partners.min()) <= int(partners.max()) < images:
        low, high = int(partners.min()), int(partners.max())
        raise ValueError(
            f"LinearityProbe: partners from {low} to {high}, expected rows of the images, 0 to {images - 1}"
        )
    if readable(weights) and not bool(((weights.double().sum(1) - 1.0).abs() < 0.01).all()):
        raise ValueError(
            "LinearityProbe: weights whose rows do not sum to 1, expected shares of the partners"
        )


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _total(values: list[Tensor], rows: Tensor) -> Tensor:
    return (torch.stack(values).cpu().double() * rows).sum()


def _ratio(gap: Tensor, spread: Tensor) -> float:
    return 0.0 if float(gap) == float(spread) == 0.0 else float((gap / spread).sqrt())
