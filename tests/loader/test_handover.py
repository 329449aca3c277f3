"""What comes beside images and targets: the record, clean images, views, unlabelled samples, neighbours.

The data are one-colour images, so a pixel tells which samples went into it and with what weight.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import Neighbours, Pool, Unlabelled, View, open_source
from dali_mixup._decide.alternation import Alternation
from dali_mixup._decide.policy import GRANULARITIES, MixPolicy
from dali_mixup._loader.companions import HandOver
from dali_mixup._loader.factory import train_loader
from dali_mixup.methods import MixUp
from tests.loader.companions import BOTH, loader
from tests.loader.pictures import WHOLE, green, red


@pytest.fixture
def defaults() -> Iterator[None]:
    """torch's defaults as a user may set them; the device stands for "cuda"."""
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            yield
    finally:
        torch.set_default_dtype(torch.float32)


class TestRecord:
    @pytest.mark.parametrize("granularity", GRANULARITIES)
    def test_it_explains_every_pixel_and_every_target(self, files: Any, granularity: str) -> None:
        policy = MixPolicy(BOTH, granularity=granularity, prob=0.8)
        made = loader(files[0], policy, handover=HandOver(clean=True), seed=4)
        for step, (images, targets, record) in enumerate(made):
            own = 20.0 * record.sample_ids.double()
            expected = (record.pixel_weights.double() * own[record.partners]).sum(1)
            assert (red(images) - expected).abs().max() < 1e-3
            assert torch.equal(red(record.clean), own)
            dense = torch.zeros(4, 4).scatter_add_(1, record.partner_labels, record.weights)
            assert torch.allclose(dense, targets)
            assert (record.epoch, record.step, record.seed) == (0, step, 4)
            assert torch.equal(record.labels, record.sample_ids % 4) and torch.equal(
                record.labels, record.true_labels
            )
            assert ((record.boxes[:, 2:] > record.boxes[:, :2]).all(1) == (record.method == 1)).all()

    def test_asking_for_it_changes_neither_images_nor_targets(self, files: Any) -> None:
        policy = MixPolicy(BOTH, granularity="sample")
        plain = list(loader(files[0], policy))
        full = HandOver(clean=True, unlabelled=Unlabelled(files[1], views=[View(count=2)]))
        for (x, y), (u, t, _) in zip(plain, loader(files[0], policy, handover=full), strict=True):
            assert torch.equal(x, u) and torch.equal(y, t)

    def test_it_goes_to_a_device_as_a_whole(self, files: Any) -> None:
        """Lightning takes what has `to` for a part of the batch, and refuses any other frozen dataclass."""
        lightning = pytest.importorskip("lightning.fabric.utilities.apply_func")
        stream = Unlabelled(files[1], views=[View(), View()])
        made = loader(files[0], MixUp(), handover=HandOver(clean=True, unlabelled=stream))
        *_, record = next(iter(made))
        moved = lightning.move_data_to_device(record, torch.device("meta"))
        for field in dataclasses.fields(record):
            before, after = getattr(record, field.name), getattr(moved, field.name)
            if isinstance(before, torch.Tensor):
                assert after.device.type == "meta" and (after.shape, after.dtype) == (
                    before.shape,
                    before.dtype,
                )
            elif field.name == "unlabelled":
                assert [view.device.type for view in after] == ["meta", "meta"]
            else:
                assert after == before
        assert record.labels.device.type == record.clean.device.type == "cpu", "the record itself stays"

    def test_records_are_compared_without_an_error(self, files: Any) -> None:
        first, second = (loader(files[0], MixUp(), handover=HandOver()) for _ in range(2))
        (*_, a), (*_, b) = next(iter(first)), next(iter(second))
        assert a == a and a != b and len({a, b}) == 2  # tensors have no equality
        assert first.last_batch != second.last_batch and first.last_batch.plan == second.last_batch.plan

    def test_without_a_policy_the_regime_is_off(self, files: Any) -> None:
        images, labels, record = next(iter(loader(files[0], None, handover=HandOver(clean=True))))
        assert (
            record.regime == "off"
            and torch.equal(images, record.clean)
            and torch.equal(labels, record.labels)
        )

    @pytest.mark.parametrize("policy", [None, MixUp(1.0)], ids=str)
    @pytest.mark.parametrize("targets", ["dense", "compact"])
    def test_torchs_default_device_and_dtype_do_not_matter(
        self, files: Any, policy: Any, targets: str, defaults: None
    ) -> None:
        _, made, record = next(iter(loader(files[0], policy, targets=targets, handover=HandOver())))
        parts = [made] if targets == "dense" else [made.weights, made.labels]
        fields = [record.partners, record.partner_labels, record.boxes, record.method]
        shares = [record.weights, record.pixel_weights]
        assert {part.device.type for part in (*parts, *fields, *shares)} == {"cpu"}
        assert {part.dtype for part in (*parts[:1], *shares)} == {torch.float32}
        assert {field.dtype for field in fields} == {torch.int64}
        if policy is None:
            assert record.weights.tolist() == [[1.0]] * 4 and record.partners.tolist() == [[0], [1], [2], [3]]

    def test_the_regime_alternates_and_clean_batches_are_clean(self, files: Any) -> None:
        policy = MixPolicy(MixUp(1.0), partners="derangement", alternation=Alternation(0.5))
        made = loader(files[0], policy, handover=HandOver(clean=True))
        regimes = set()
        for _ in range(6):
            for images, _, record in made:
                regimes.add(record.regime)
                assert torch.equal(images, record.clean) == (record.regime == "clean")
        assert regimes == {"mixed", "clean"}


class TestUnlabelled:
    def test_the_stream_goes_round_and_round_and_takes_every_sample_equally_often(self, files: Any) -> None:
        made = loader(
            files[0],
            None,
            handover=HandOver(unlabelled=Unlabelled(files[1], batch_size=5, views=[View(count=2)])),
        )
        seen = []
        for _ in range(7):
            for _, _, record in made:
                assert len(record.unlabelled) == 2
                for view in record.unlabelled:
                    assert torch.equal(green(view), 30.0 * record.unlabelled_ids.double() + 10)
                seen += record.unlabelled_ids.tolist()
        assert len(seen) == 7 * 3 * 5
        for start in range(0, len(seen), 7):
            assert sorted(seen[start : start + 7]) == list(range(7))

    def test_ranks_share_the_stream(self, files: Any) -> None:
        three = HandOver(unlabelled=Unlabelled(files[1], batch_size=3))
        taken = [next(iter(loader(files[0], None, rank=r, world_size=2, handover=three)))[2] for r in (0, 1)]
        assert not set(taken[0].unlabelled_ids.tolist()) & set(taken[1].unlabelled_ids.tolist())

    def test_pool_partners_come_from_both_streams_and_are_marked(self, files: Any) -> None:
        policy = MixPolicy(MixUp(1.0), partners=Pool(Unlabelled(files[1])), granularity="sample")
        made = loader(files[0], policy, targets="compact", handover=HandOver())
        from_unlabelled = 0
        for _ in range(4):
            for images, targets, record in made:
                strange = record.partners[:, 1] >= 4
                from_unlabelled += int(strange.sum())
                assert torch.equal(targets.labels[:, 1] == -1, strange)
                ids = record.unlabelled_ids[(record.partners[:, 1] - 4).clamp(min=0)]
                expected = torch.where(strange, record.weights[:, 1].double() * (30 * ids + 10), 0.0)
                assert (green(images) - expected).abs().max() < 1e-3
        assert from_unlabelled > 5

    def test_what_does_not_fit_is_refused(self, files: Any) -> None:
        pool = MixPolicy(MixUp(), partners=Pool(Unlabelled(files[1])))
        with pytest.raises(ValueError, match="targets='compact'"):
            loader(files[0], pool)
        with pytest.raises(ValueError, match="two unlabelled streams"):
            loader(files[0], pool, targets="compact", handover=HandOver(unlabelled=Unlabelled(files[1])))
        with pytest.raises(TypeError, match=r"expected Unlabelled\(\.\.\.\)"):
            HandOver(unlabelled=files[1])
        with pytest.raises(TypeError, match=r"expected Unlabelled\(data"):
            Pool(files[1])
        with pytest.raises(ValueError, match="Unlabelled: batch_size=0"):
            Unlabelled(files[1], batch_size=0)
        with pytest.raises(TypeError, match=r"Unlabelled: views=2, expected a list of View"):
            Unlabelled(files[1], views=2)  # type: ignore[arg-type]

    def test_a_pool_hands_its_stream_over_whether_named_twice_or_once(self, files: Any) -> None:
        stream = Unlabelled(files[1], batch_size=3)
        policy = MixPolicy(MixUp(1.0), partners=Pool(stream))
        once, twice = (
            next(iter(loader(files[0], policy, targets="compact", handover=HandOver(unlabelled=given))))
            for given in (None, stream)
        )
        assert torch.equal(once[2].unlabelled[0], twice[2].unlabelled[0]) and len(once[2].unlabelled_ids) == 3

    def test_a_pool_resumes_with_its_data_given_in_another_form_but_not_with_other_views(
        self, files: Any
    ) -> None:
        def new(data: Any, **options: Any) -> Any:
            policy = MixPolicy(MixUp(1.0), partners=Pool(Unlabelled(data, batch_size=3, **options)))
            return loader(files[0], policy, targets="compact", handover=HandOver())

        whole = new(files[1])
        running = iter(whole)
        next(running)
        state, expected = whole.state_dict(), list(running)
        resumed = new(open_source(files[1]))
        resumed.load_state_dict(state)
        for (images, _, record), (images_before, _, record_before) in zip(resumed, expected, strict=True):
            assert torch.equal(images, images_before)
            assert torch.equal(record.unlabelled[0], record_before.unlabelled[0])
        with pytest.raises(ValueError, match="views"):
            new(files[1], views=[View(WHOLE), View(size=8)]).load_state_dict(state)


class TestNeighbours:
    TABLE = np.stack([(np.arange(12) + 1) % 12, (np.arange(12) + 2) % 12], axis=1)

    @pytest.mark.parametrize("granularity", ["batch", "sample"])
    def test_partners_are_the_samples_of_the_table(self, files: Any, granularity: str) -> None:
        policy = MixPolicy(BOTH, partners=Neighbours(self.TABLE), granularity=granularity)
        made = loader(files[0], policy, handover=HandOver(clean=True))
        offsets = set()
        for _ in range(4):
            for images, targets, record in made:
                lam = record.pixel_weights[:, 0].double()
                own = 20.0 * record.sample_ids.double()
                partner = ((red(images) - lam * own) / (1 - lam) / 20).round().long()
                offsets |= set(((partner - record.sample_ids) % 12).tolist())
                assert torch.equal(record.partner_labels[:, 1], partner % 4)
                dense = torch.zeros(4, 4).scatter_add_(1, record.partner_labels, record.weights)
                assert torch.allclose(dense, targets) and len(images) == 4
        assert offsets == {1, 2}

    def test_three_images_take_two_neighbours(self, files: Any) -> None:
        policy = MixPolicy(MixUp(1.0, k=3), partners=Neighbours(self.TABLE))
        for images, _, record in loader(files[0], policy, handover=HandOver()):
            assert record.partners.shape == (4, 3) and images.shape[0] == 4

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            (TABLE[:5], r"expected \(12, m\) indices in \[0, 12\)"),
            (TABLE * 2, "has samples up to 22"),
            (TABLE - 1, "names sample -1"),
            (TABLE.astype(float), "float64"),
            (None, r"shape \(\)"),
        ],
    )
    def test_bad_tables_are_refused(self, files: Any, table: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            loader(files[0], MixPolicy(MixUp(), partners=Neighbours(table)))


class TestResume:
    def test_with_another_batch_size_the_stream_keeps_its_rows_if_told(self, files: Any) -> None:
        def make(batch_size: int, rows: int | None = None) -> Any:
            stream = HandOver(unlabelled=Unlabelled(files[1], batch_size=rows))
            return loader(files[0], MixUp(), batch_size=batch_size, handover=stream, elastic=True)

        first = make(4)
        next(iter(first))
        state = first.state_dict()
        with pytest.raises(
            ValueError, match=r"unlabelled_rows: saved 4, now 3\); give Unlabelled\(batch_size=4\)"
        ):
            make(3).load_state_dict(state)
        second = make(3, rows=4)
        second.load_state_dict(state)
        images, _, record = next(iter(second))
        assert len(images) == 3 and len(record.unlabelled_ids) == 4

    def test_everything_handed_over_continues_bit_for_bit(self, files: Any, image_folder: Any) -> None:
        policy = MixPolicy(BOTH, granularity="sample", alternation=Alternation(0.3))

        def make() -> Any:
            extra = HandOver(clean=True, unlabelled=Unlabelled(files[1], batch_size=3))
            return train_loader(
                image_folder, policy=policy, batch_size=5, image_size=32, device="cpu", handover=extra
            )

        first = make()
        batches = iter(first)
        for _ in range(2):
            next(batches)
        second = make()
        second.load_state_dict(first.state_dict())
        for a, b in zip([*batches, *first], [*second, *second], strict=True):
            assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
            assert torch.equal(a[2].clean, b[2].clean)
            assert torch.equal(a[2].unlabelled[0], b[2].unlabelled[0]) and a[2].regime == b[2].regime

    def test_a_state_with_other_companions_is_refused(self, files: Any) -> None:
        state = loader(files[0], None, handover=HandOver()).state_dict()
        with pytest.raises(ValueError, match="unlabelled"):
            loader(files[0], None, handover=HandOver(unlabelled=Unlabelled(files[1]))).load_state_dict(state)
