"""Manifold Mixup: mixing the hidden states of one randomly chosen layer per step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor, nn

from dali_mixup._checks import boolean, concentration, integer
from dali_mixup.latent.backward import in_backward_pass
from dali_mixup.latent.draws import beta, drawn_on, permutation
from dali_mixup.latent.layers import Layers, check_output, check_runs, resolve_layers
from dali_mixup.latent.mixing import check_floating, mix_pair_targets, mix_pairs
from dali_mixup.latent.targets import check_targets
from dali_mixup.losses import Targets
from dali_mixup.targets import check_tensor

INPUT = "input"


class ManifoldDraw(NamedTuple):
    """The decisions of one step: the layer's name (or "input"), lam () float32 and partners (B,) int64."""

    layer: str
    lam: Tensor
    partners: Tensor


class ManifoldMixup:
    """Manifold Mixup (Verma et al., arXiv 1806.05236, eq. 1).

        l ~ U(layers),  lam ~ Beta(alpha, alpha),  pi a permutation of the batch
        h_l <- lam h_l + (1 - lam) h_l[pi],        y <- lam y + (1 - lam) y[pi]

    One layer, one lam and one permutation per step, as in the published code (alpha = 2; for PreAct ResNets the input
    and the outputs of the first two stages). The layers get forward hooks that stay in place and do nothing except
    during a call of this object, so evaluation, the EMA copy and `torch.compile` see an ordinary model. Create it with
    the bare model, BEFORE wrapping it in DistributedDataParallel or `torch.compile`, and call it with the wrapper.
    Copies and pickles of the model are ordinary models, which this object does not mix; it itself cannot be copied.

    A hooked layer must run once per forward pass, return one tensor with the batch first, and not lie INSIDE a region
    under activation checkpointing, which runs forward again during the backward pass, when nothing is mixed any more:
    the first backward pass raises RuntimeError. What is mixed must be floating: of a model of token ids mix the
    embedding's output, with include_input=False.

    Args:
        model: the bare model.
        layers: names of the submodules whose OUTPUT may be mixed, or a function from the model to such modules.
        alpha: parameter of the Beta law, > 0.
        include_input: whether the model's input is one of the candidates.

    Raises:
        ValueError, TypeError: unknown layers, no candidate at all, a layer called "input" beside the model's input, or
            alpha <= 0.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> mixup = ManifoldMixup(model, ["0", "1"], alpha=2.0)
        >>> logits, targets = mixup(model, torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2]))
        >>> logits.shape, targets.weights.shape
        (torch.Size([6, 3]), torch.Size([6, 2]))
    """

    def __init__(
        self, model: nn.Module, layers: Layers, *, alpha: float = 2.0, include_input: bool = True
    ) -> None:
        self.alpha = concentration("ManifoldMixup", "alpha", alpha)
        modules = resolve_layers("ManifoldMixup", model, layers)
        self.include_input = boolean("ManifoldMixup", "include_input", include_input)
        if self.include_input and INPUT in modules:
            raise ValueError(
                f"ManifoldMixup: layers contains {INPUT!r}, the name of the model's input among the candidates; "
                f"expected another name: give nn.Sequential(model), which calls this layer '0.{INPUT}', or "
                "include_input=False"
            )
        self.layers: tuple[str, ...] = (*([INPUT] if self.include_input else []), *modules)
        if not self.layers:
            raise ValueError(
                "ManifoldMixup: layers is empty and include_input=False, expected at least one layer"
            )
        self._now: ManifoldDraw | None = None
        self._used = False
        self._hits = 0
        self._handles = [module.register_forward_hook(_Hook(self, name)) for name, module in modules.items()]

    def __call__(
        self,
        forward: Callable[[Tensor], Tensor],
        inputs: Tensor,
        targets: Targets,
        *,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Targets]:
        """One forward pass with one mixed layer.

        Args:
            forward: the model, or its DDP or compiled wrapper.
            inputs: (B, ...), NOT mixed by the loader; floating if the input is one of the candidates.
            targets: (B,) int64, (B, C) floating or MixedTargets of B rows.
            generator: on the CPU (the host decides the layer; a GPU generator would make it wait for the device).

        Returns:
            The model's output and the mixed targets: dense in at least float32 if they were dense, MixedTargets
                otherwise. Pass both to `soft_cross_entropy`, or to `softmax_binary_cross_entropy` for the published
                code's loss.

        Raises:
            TypeError: inputs, or an output of the layer, that are not floating or not one tensor.
            ValueError: targets that are not those of the inputs.
            RuntimeError: a layer that does not run once.
        """
        check_tensor("ManifoldMixup", "inputs", inputs)
        check_targets("ManifoldMixup", targets, len(inputs))
        if self.include_input:
            advice = (
                "or include_input=False, which mixes hidden layers alone, such as an embedding of token ids"
            )
            check_floating("ManifoldMixup", "inputs", inputs, advice)
        draw = self.draw(len(inputs), generator=generator)
        self._used = True
        lam = draw.lam.to(inputs.device, non_blocking=True)
        partners = draw.partners.to(inputs.device, non_blocking=True)
        if self.include_input and draw.layer == INPUT:
            outputs = forward(mix_pairs(inputs, lam, partners))
        else:
            outputs = self._forward(forward, inputs, ManifoldDraw(draw.layer, lam, partners))
        return outputs, mix_pair_targets(targets, lam, partners)

    def draw(self, batch: int, *, generator: torch.Generator | None = None) -> ManifoldDraw:
        """The decisions of one step, on the CPU."""
        if generator is not None and drawn_on("cpu", generator).type != "cpu":
            raise ValueError(
                f"ManifoldMixup: generator on {generator.device}, expected one on the CPU: the layer is chosen by the "
                "host, and reading the choice back from a GPU would wait for it"
            )
        integer("ManifoldMixup", "batch", batch, at_least=0)
        layer = int(torch.randint(len(self.layers), (), device="cpu", generator=generator))
        lam = beta(self.alpha, (), generator=generator)
        return ManifoldDraw(self.layers[layer], lam, permutation(batch, generator=generator))

    def remove(self) -> None:
        """Remove the hooks from the model."""
        for handle in self._handles:
            handle.remove()

    def _forward(self, forward: Callable[[Tensor], Tensor], inputs: Tensor, draw: ManifoldDraw) -> Tensor:
        self._now, self._hits = draw, 0
        try:
            outputs = forward(inputs)
        finally:
            self._now = None
        check_runs(
            "ManifoldMixup",
            draw.layer,
            self._hits,
            "; after remove(), or with hooks added after torch.compile, it is 0 times",
        )
        return outputs

    def _mixed(self, name: str, output: Any) -> Tensor | None:
        """The output of a layer, mixed; None if it stays as it is."""
        now = self._now
        if now is None and self._used and in_backward_pass():
            raise RuntimeError(
                f"ManifoldMixup: layer {name!r} runs again during the backward pass, when nothing is mixed any more, "
                "so its gradients would be wrong: it lies inside a region under activation checkpointing. Choose "
                "layers outside of it; to train without mixing from now on, call remove()"
            )
        if now is None or now.layer != name:
            return None
        self._hits += 1
        check_output("ManifoldMixup", name, output, len(now.partners))
        check_floating("ManifoldMixup", f"the output of layer {name!r}", output, "or another layer")
        return mix_pairs(output, now.lam, now.partners)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a ManifoldMixup cannot be pickled or copied: its hooks belong to one model. Keep it outside of the model, "
            "save the model's state_dict(), and make a new ManifoldMixup for a copy of the model"
        )


class _Hook:
    """A layer's forward hook. A copy of the model (an EMA teacher, a file) gets one that does nothing."""

    def __init__(self, owner: ManifoldMixup | None, name: str) -> None:
        self.owner, self.name = owner, name

    def __call__(self, _module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
        return None if self.owner is None else self.owner._mixed(self.name, output)

    def __reduce__(self) -> tuple[type[_Hook], tuple[None, str]]:
        return _Hook, (None, self.name)
