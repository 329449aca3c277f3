"""The views that a loader makes of each image, from what the user gave. A pure function; `_graph.views` makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dali_mixup._decide.partners import Pool
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.options import Output
from dali_mixup._graph.views import DTYPES, ViewSpec
from dali_mixup.augment import TrainTransform
from dali_mixup.augment.by_pixels import refuse_operations
from dali_mixup.augment.view import View, as_views, refuse_labels_of_unlabelled, refuse_other_window


@dataclass(frozen=True)
class Views:
    """The views of a loader: those of the labelled samples first, then those of unlabelled ones that are different.

    Attributes:
        specs: all of them.
        policies: one for each of them; None: it is not mixed.
        labelled: how many of them labelled samples have.
        of_unlabelled: number of the view that each view of the unlabelled samples is.
        several: whether the labelled samples have a list of views, and batches have tuples.
    """

    specs: tuple[ViewSpec, ...]
    policies: tuple[MixPolicy | None, ...]
    labelled: int = 1
    of_unlabelled: tuple[int, ...] = ()
    several: bool = False


@dataclass(frozen=True)
class _Kind:
    """A view before it has a number."""

    transform: TrainTransform
    output: Output
    shared: bool
    policy: MixPolicy | None

    @property
    def can_be_of_part(self) -> bool:
        """True if it can be made of some rows alone. Plans and PixMix name rows of the whole batch, and constants and
        random operators of a user's functions have all of its rows."""
        of_all = self.policy is not None or self.transform.draws.pictures
        return not of_all and all(extra.place == "batch" for extra in self.transform.extra)


def policies_of(owner: str, views: Any, policy: MixPolicy | None) -> tuple[MixPolicy | None, ...]:
    """The policy of each view of a labelled sample."""
    if views is None:
        return (policy,)
    if policy is not None:
        raise ValueError(
            f"{owner}: policy={policy!r} beside views=; give it to the views that are to be mixed: View(policy=...)"
        )
    return tuple(view.mixing for view in as_views(owner, views) for _ in range(view.count))


def resolved(
    owner: str,
    views: Any,
    policy: MixPolicy | None,
    transform: TrainTransform,
    output: Output,
    *,
    clean: bool,
    stream: Any,
    beside: bool,
) -> Views:
    """The views of a training loader.

    Args:
        views: the argument; None: one, with `policy`.
        transform, output: of views that have none of their own.
        clean: hand out the images before mixing too.
        stream: the `Unlabelled` samples, or None.
        beside: whether a batch has rows that are neither labelled samples of its own nor unlabelled.

    Raises:
        TypeError, ValueError: views of another kind, or that do not fit together.
    """
    several = views is not None
    if several and clean:
        raise ValueError(
            f"{owner}: HandOver(clean=True) beside views=; add a View without a policy: View(window='shared')"
        )
    asked = as_views(owner, views) if several else (View(policy=policy),)
    own = _kinds(owner, asked, transform, output)
    other = _of_stream(stream, own[0], transform, output)
    same = [k < len(own) and _same(own[k], kind) for k, kind in enumerate(other)]
    # A shared window is that of the stream's own first view.
    same = [is_same and (same[0] or not kind.shared) for is_same, kind in zip(same, other, strict=True)]
    _refuse_other_pool(owner, own, same)
    alone = [kind for kind, is_same in zip(other, same, strict=True) if not is_same]
    _refuse_extras_of_batches(owner, [*(own if several else []), *alone])
    numbers = _numbers(len(own), same)
    _refuse_other_pictures(owner, own, alone, numbers)
    specs = []
    for k, kind in enumerate(own):
        of_some = beside or (stream is not None and k not in numbers)
        of_part = of_some and kind.can_be_of_part
        specs.append(_spec(owner, kind, 0 if kind.shared else k, of_part, clean))
    for k, kind in zip(numbers, other, strict=True):
        if k >= len(own):
            specs.append(_spec(owner, kind, numbers[0] if kind.shared else k, kind.can_be_of_part, False))
    _refuse_other_pixels(owner, specs)
    return Views(
        tuple(specs),
        tuple(kind.policy for kind in [*own, *alone]),
        len(own),
        numbers,
        several,
    )


def one(owner: str, transform: Any, output: Output) -> Views:
    """The only view of a loader without mixing."""
    return Views((_spec(owner, _Kind(transform, output, False, None), 0, False, False),), (None,))


def _kinds(owner: str, views: Sequence[View], transform: TrainTransform, output: Output) -> list[_Kind]:
    """One for each image."""
    kinds: list[_Kind] = []
    for number, view in enumerate(views):
        made = view.transformed(transform)
        if view.window == "shared":
            refuse_other_window(owner, number, made, kinds[0].transform)
        kinds += [_Kind(made, view.output or output, view.window == "shared", view.mixing)] * view.count
    return kinds


def _of_stream(stream: Any, first: _Kind, transform: TrainTransform, output: Output) -> list[_Kind]:
    """One for each image of an unlabelled sample; without views that is one as the first of a labelled sample."""
    if stream is None:
        return []
    if stream.views is None:
        return [_Kind(first.transform, first.output, False, None)]
    kinds = _kinds("Unlabelled", as_views("Unlabelled", stream.views), transform, output)
    for kind in kinds:
        if kind.policy is not None:
            refuse_labels_of_unlabelled(kind.policy)
    return kinds


def _refuse_other_pool(owner: str, own: Sequence[_Kind], same: Sequence[bool]) -> None:
    """Raise ValueError if samples would be mixed with unlabelled ones of another view."""
    if not any(kind.policy is not None and isinstance(kind.policy.rule, Pool) for kind in own):
        return
    if len(own) > 1:
        raise ValueError(f"{owner}: partners=Pool(...) beside views=; expected one view, without views=")
    if not same[0]:
        raise ValueError(
            f"{owner}: partners=Pool(...) mixes labelled and unlabelled samples, so the first view of both is the "
            "same; leave views= out of the Unlabelled, or give it a first View of the loader's transform"
        )


def _refuse_other_pictures(
    owner: str, labelled: Sequence[_Kind], unlabelled: Sequence[_Kind], numbers: Sequence[int]
) -> None:
    """Raise ValueError if images would be mixed with pictures that are not there, or that are made in another way.

    Args:
        unlabelled: the views that only unlabelled samples have.
        numbers: those of the views of unlabelled samples.
    """
    lacking = any(kind.transform.draws.pictures and k not in numbers for k, kind in enumerate(labelled))
    if lacking or any(kind.transform.draws.pictures for kind in unlabelled):
        raise ValueError(
            f"{owner}: pixmix mixes images with pictures that are made by the same view; give "
            "handover=HandOver(unlabelled=Unlabelled(pictures)), with the loader's own views= if that is not the first"
        )


def _refuse_extras_of_batches(owner: str, kinds: Sequence[_Kind]) -> None:
    """Raise ValueError for functions on (images, targets) of views, which have no targets of their own."""
    for kind in kinds:
        for extra in kind.transform.extra:
            if extra.place == "batch":
                raise ValueError(
                    f"{owner}: extra {extra.name} at place='batch' in a view; expected another place, or call it in "
                    "your loop"
                )


def _refuse_other_pixels(owner: str, specs: Sequence[ViewSpec]) -> None:
    """Raise ValueError for views of different pixels: all are made from one decode."""
    for number, spec in enumerate(specs):
        if spec.kind != specs[0].kind:
            raise ValueError(
                f"{owner}: the first view has an output of {specs[0].kind} and view {number} one of {spec.kind}, but "
                "an image is decoded once for all of them; give them the same channels and bits"
            )


def _same(labelled: _Kind, unlabelled: _Kind) -> bool:
    """True if a view of both kinds of samples can be made at once."""
    return unlabelled.policy is None and (labelled.transform.resolved, labelled.output, labelled.shared) == (
        unlabelled.transform.resolved,
        unlabelled.output,
        unlabelled.shared,
    )


def _numbers(labelled: int, same: Sequence[bool]) -> tuple[int, ...]:
    """The number of each unlabelled view: that of the labelled one that is the same, else a further one."""
    numbers, coming = [], labelled
    for k, is_same in enumerate(same):
        numbers.append(k if is_same else coming)
        coming += not is_same
    return tuple(numbers)


def _spec(owner: str, kind: _Kind, window: int, of_part: bool, clean: bool) -> ViewSpec:
    output = kind.output
    if not isinstance(output, Output):
        raise TypeError(f"{owner}: output={output!r}, expected Output(...)")
    if output.dtype not in DTYPES:
        raise ValueError(
            f"{owner}: output has dtype={output.dtype!r}, expected one of {', '.join(map(repr, DTYPES))}"
        )
    mean, std = output.of_pixels(owner)
    refuse_operations(owner, kind.transform, output.kind)
    return ViewSpec(
        kind.transform,
        mean,
        std,
        output.dtype,
        output.channels_last,
        window,
        of_part,
        clean,
        output.kind,
    )
