"""ManifoldMixup against a forward pass written out by hand."""

from __future__ import annotations

import io
import pickle
from copy import copy, deepcopy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dali_mixup.latent import ManifoldMixup
from dali_mixup.losses import soft_cross_entropy, softmax_binary_cross_entropy
from dali_mixup.targets import MixedTargets


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 6)
        self.body = nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True))
        self.head = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(torch.tanh(self.stem(x))))


def case(dtype: torch.dtype = torch.float64) -> tuple[Net, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return Net().to(dtype), torch.randn(8, 4, dtype=dtype), torch.randint(3, (8,))


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_hand(net: Net, x: torch.Tensor, layer: str, lam: float, partners: list[int]) -> torch.Tensor:
    def mix(h: torch.Tensor, here: str) -> torch.Tensor:
        if here != layer:
            return h
        return torch.stack([lam * h[i] + (1 - lam) * h[j] for i, j in enumerate(partners)])

    h = mix(x, "input")
    h = mix(net.stem(h), "stem")
    h = mix(net.body(torch.tanh(h)), "body")
    return net.head(h)


@pytest.mark.parametrize("seed", range(12))
def test_one_layer_is_mixed_and_the_targets_with_it(seed):
    net, x, labels = case()
    mixup = ManifoldMixup(net, ["stem", "body"], alpha=2.0)
    draw = mixup.draw(8, generator=gen(seed))
    logits, targets = mixup(net, x, labels, generator=gen(seed))
    lam, partners = float(draw.lam), draw.partners.tolist()
    expected = by_hand(net, x, draw.layer, lam, partners)
    torch.testing.assert_close(logits, expected, atol=1e-10, rtol=1e-10)
    pair = lam * F.cross_entropy(expected, labels) + (1 - lam) * F.cross_entropy(
        expected, labels[draw.partners]
    )
    torch.testing.assert_close(soft_cross_entropy(logits, targets), pair, atol=1e-7, rtol=1e-7)
    mixed = lam * F.one_hot(labels, 3) + (1 - lam) * F.one_hot(labels, 3)[draw.partners]
    published = nn.BCELoss()(torch.softmax(expected, 1), mixed.double())
    torch.testing.assert_close(softmax_binary_cross_entropy(logits, targets), published, atol=1e-7, rtol=1e-7)


def test_every_layer_has_its_turn_equally_often():
    net, _, _ = case()
    mixup = ManifoldMixup(net, ["stem", "body"])
    g = gen(0)
    counts = dict.fromkeys(mixup.layers, 0)
    for _ in range(3000):
        counts[mixup.draw(2, generator=g).layer] += 1
    assert set(counts) == {"input", "stem", "body"}
    assert all(abs(c - 1000) < 120 for c in counts.values())  # s.d. 25.8: 4.6 s.d.


def test_lam_and_the_permutation_are_one_per_batch():
    net, _, _ = case()
    draw = ManifoldMixup(net, ["stem"]).draw(16, generator=gen(0))
    assert draw.lam.shape == () and sorted(draw.partners.tolist()) == list(range(16))


def test_gradients_flow_through_the_mixed_layer():
    net, x, labels = case()
    for name in ("stem", "body"):
        mixup = ManifoldMixup(net, [name], include_input=False)

        def loss(inputs: torch.Tensor, mixup: ManifoldMixup = mixup) -> torch.Tensor:
            logits, targets = mixup(net, inputs, labels, generator=gen(3))
            return soft_cross_entropy(logits, targets)

        assert torch.autograd.gradcheck(loss, (x.clone().requires_grad_(),))
        mixup.remove()


def test_the_model_is_ordinary_outside_of_the_call():
    net, x, labels = case()
    before = net(x)
    mixup = ManifoldMixup(net, ["stem", "body"], include_input=False)
    torch.testing.assert_close(net(x), before, atol=0, rtol=0)
    mixup(net, x, labels)
    torch.testing.assert_close(net(x), before, atol=0, rtol=0)
    torch.testing.assert_close(deepcopy(net)(x), before, atol=0, rtol=0)
    mixup.remove()
    assert not any(m._forward_hooks for m in net.modules())


def test_the_model_is_ordinary_after_a_failed_call():
    net, x, labels = case()
    mixup = ManifoldMixup(net, ["stem"], include_input=False)
    before = net(x)
    with pytest.raises(RuntimeError, match="shape"):
        mixup(net, x[:, :3], labels)
    torch.testing.assert_close(net(x), before, atol=0, rtol=0)


def saved_and_loaded(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [deepcopy, saved_and_loaded])
def test_copies_of_the_model_are_ordinary_models(copied):
    net, x, labels = case()
    mixup = ManifoldMixup(net, ["stem"], include_input=False)
    twin = copied(net)

    class Both(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.stack([net(inputs), twin(inputs)], 1)

    logits, _ = mixup(Both(), x, labels, generator=gen(1))
    torch.testing.assert_close(logits[:, 1], net(x), atol=0, rtol=0)
    assert not torch.equal(logits[:, 0], net(x))
    with pytest.raises(RuntimeError, match="'stem' ran 0 times"):
        mixup(twin, x, labels)
    again, _ = ManifoldMixup(twin, ["stem"], include_input=False)(twin, x, labels, generator=gen(1))
    torch.testing.assert_close(again, logits[:, 0], atol=0, rtol=0)


@pytest.mark.parametrize("copied", [copy, deepcopy, pickle.dumps])
def test_it_cannot_be_copied_itself(copied):
    net, _, _ = case()
    with pytest.raises(TypeError, match=r"a ManifoldMixup cannot be pickled or copied.* state_dict\(\)"):
        copied(ManifoldMixup(net, ["stem"]))


@pytest.mark.parametrize("layers", [["stem", "body"], lambda m: [m.stem, m.body]])
def test_layers_are_names_or_a_function(layers):
    net, _, _ = case()
    assert ManifoldMixup(net, layers).layers == ("input", "stem", "body")


def test_dense_and_compact_targets_keep_their_form():
    net, x, labels = case()
    mixup = ManifoldMixup(net, ["stem"])
    compact = MixedTargets(labels.unsqueeze(1), torch.ones(8, 1), 0.1)
    _, from_compact = mixup(net, x, compact, generator=gen(1))
    _, from_dense = mixup(net, x, compact.dense(3), generator=gen(1))
    assert isinstance(from_compact, MixedTargets) and isinstance(from_dense, torch.Tensor)
    torch.testing.assert_close(from_compact.dense(3), from_dense)
    _, from_half = mixup(net, x, compact.dense(3).half(), generator=gen(1))
    assert from_half.dtype == torch.float32


class Twice(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.stem(x) + self.stem(2 * x)))


class Unused(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stem(x)


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x.unsqueeze(1))[0].squeeze(1)


def test_layers_that_do_not_run_once_are_refused():
    _, x, labels = case(torch.float32)
    for net, times in ((Twice(), 2), (Unused(), 0)):
        layer = "stem" if times == 2 else "body"
        mixup = ManifoldMixup(net, [layer], include_input=False)
        with pytest.raises(RuntimeError, match=f"'{layer}' ran {times} times"):
            mixup(net, x, labels)


def test_layers_that_return_no_tensor_are_refused():
    _, x, labels = case(torch.float32)
    net = Pair()
    with pytest.raises(TypeError, match="'inner' returned tuple"):
        ManifoldMixup(net, ["inner"], include_input=False)(net, x, labels)


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 4)
        self.places = nn.Identity()
        self.head = nn.Linear(8, 3)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(self.places(ids)).flatten(1))


def test_token_ids_are_refused_and_their_embeddings_mixed():
    """A mixture of ids was truncated to the id of another token."""
    torch.manual_seed(0)
    net, ids, labels = Tokens(), torch.tensor([[100, 200], [300, 900]]), torch.tensor([0, 1])
    for seed in range(6):  # whatever layer is drawn
        with pytest.raises(TypeError, match=r"inputs of type torch.int64.* include_input=False"):
            ManifoldMixup(net, ["embedding"])(net, ids, labels, generator=gen(seed))
    with pytest.raises(TypeError, match=r"the output of layer 'places' of type torch.int64"):
        ManifoldMixup(net, ["places"], include_input=False)(net, ids, labels)
    mixup = ManifoldMixup(net, ["embedding"], include_input=False)
    draw = mixup.draw(2, generator=gen(0))
    logits, _ = mixup(net, ids, labels, generator=gen(0))
    rows = net.embedding(ids)
    expected = net.head((draw.lam * rows + (1 - draw.lam) * rows[draw.partners]).flatten(1))
    torch.testing.assert_close(logits, expected)
    assert draw.partners.tolist() == [1, 0]


def test_bad_construction_is_refused():
    net, _, _ = case()
    with pytest.raises(ValueError, match="did you mean 'stem'"):
        ManifoldMixup(net, ["stemm"])
    with pytest.raises(ValueError, match="twice"):
        ManifoldMixup(net, ["stem", "stem"])
    with pytest.raises(TypeError, match=r"\['stem'\]"):
        ManifoldMixup(net, "stem")
    with pytest.raises(ValueError, match="a list of modules that are parts of the model"):
        ManifoldMixup(net, lambda m: [nn.Linear(1, 1)])
    with pytest.raises(ValueError, match="at least one layer"):
        ManifoldMixup(net, [], include_input=False)
    for alpha in (0, 1e-310):
        with pytest.raises(ValueError, match=f"alpha={alpha}"):
            ManifoldMixup(net, ["stem"], alpha=alpha)
    with pytest.raises(TypeError, match=r"batch=2\.5"):
        ManifoldMixup(net, ["stem"]).draw(2.5)
    with pytest.raises(TypeError, match="include_input='no' is a str, expected True or False"):
        ManifoldMixup(net, ["stem"], include_input="no")


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_model_mixes_the_same_layer(backend):
    net, x, labels = case()
    mixup = ManifoldMixup(net, ["stem", "body"])
    compiled = torch.compile(net, backend=backend)
    seen = set()
    for seed in range(6):
        seen.add(mixup.draw(8, generator=gen(seed)).layer)
        eager, _ = mixup(net, x, labels, generator=gen(seed))
        logits, _ = mixup(compiled, x, labels, generator=gen(seed))
        torch.testing.assert_close(logits, eager)
    assert seen == {"input", "stem", "body"}
    torch.testing.assert_close(compiled(x), net(x))


def test_autocast_mixes_in_the_layers_dtype():
    net, x, labels = case(torch.float32)
    mixup = ManifoldMixup(net, ["stem", "body"])
    for seed in range(4):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, targets = mixup(net, x, labels, generator=gen(seed))
        exact, _ = mixup(net, x, labels, generator=gen(seed))
        assert logits.dtype == torch.bfloat16
        torch.testing.assert_close(logits.float(), exact, atol=5e-2, rtol=5e-2)
        assert torch.isfinite(soft_cross_entropy(logits, targets))


@pytest.mark.gpu
def test_the_gpu_gives_the_cpus_step():
    net, x, labels = case()
    mixup = ManifoldMixup(net, ["stem", "body"])
    here = [soft_cross_entropy(*mixup(net, x, labels, generator=gen(s))) for s in range(4)]
    net.cuda()
    there = [soft_cross_entropy(*mixup(net, x.cuda(), labels.cuda(), generator=gen(s))) for s in range(4)]
    torch.testing.assert_close(torch.stack(there).cpu(), torch.stack(here))
    with pytest.raises(ValueError, match="CPU"):
        mixup(net, x.cuda(), labels.cuda(), generator=torch.Generator("cuda"))
