"""Plans on torch tensors: the same numbers as on arrays, differentiable, compiled, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup.methods import REGISTRY, Contours, CutMix, FMix, Form, Method, MixUp, ResizeMix

NAMES = sorted(REGISTRY)
SIZE = (20, 23)
EVERY = MixPolicy([kind() for kind in REGISTRY.values()], granularity="sample", prob=0.9)


def plan_of(policy: MixPolicy, rows: int, step: int = 0) -> MixPlan:
    return policy.plan(rows, *SIZE, seed=3, epoch=0, step=step)


def policies(name: str) -> list[MixPolicy]:
    method = REGISTRY[name]()
    granularities: tuple[Any, ...] = (
        ("batch", "pair", "sample") if method.columns == 2 else ("batch", "sample")
    )
    return [MixPolicy(method, granularity=granularity) for granularity in granularities]


def noise(rows: int, dtype: torch.dtype = torch.float32) -> Tensor:
    numbers = torch.randint(0, 256, (rows, 3, *SIZE), generator=torch.Generator().manual_seed(0))
    return numbers.to(dtype)


def unlike_numpy(x: Tensor) -> Tensor:
    """The same numbers in a form that NumPy does not mix."""
    return x.clone().requires_grad_() if x.is_floating_point() else x.as_subclass(type("Sub", (Tensor,), {}))


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.int64, torch.float16, torch.float32, torch.float64], ids=str
)
@pytest.mark.parametrize("name", NAMES)
def test_numpys_and_torchs_arithmetic_agree(name: str, dtype: torch.dtype) -> None:
    for policy in policies(name):
        for rows in (1, 5):
            plan, x = plan_of(policy, rows), noise(rows, dtype)
            first, second = plan.apply(x), plan.apply(unlike_numpy(x)).detach()
            assert first.dtype == second.dtype
            np.testing.assert_array_equal(first.numpy(), plan.apply(x.numpy()))
            exact = not dtype.is_floating_point or policy.all_methods[0].form != Form.RESIZE
            rtol = 0 if exact else {torch.float16: 1e-3, torch.float32: 1e-6}.get(dtype, 1e-12)
            torch.testing.assert_close(torch.Tensor.as_subclass(second, Tensor), first, rtol=rtol, atol=rtol)


def test_all_forms_in_one_batch() -> None:
    for step in range(4):
        plan, x = plan_of(EVERY, 40, step), noise(40)
        assert set(plan.form.tolist()) == set(Form)
        torch.testing.assert_close(plan.apply(unlike_numpy(x)), plan.apply(x), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_large_batches_are_divided_among_threads(rows: int) -> None:
    x = torch.rand(rows, 3, 700, 800)
    policy = MixPolicy([kind() for kind in REGISTRY.values()], granularity="sample")
    plan = policy.plan(rows, 700, 800, seed=0, epoch=0, step=1)
    torch.testing.assert_close(plan.apply(x), torch.from_numpy(plan.apply(x.numpy())), rtol=0, atol=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_memory_layout_is_kept(layout: torch.memory_format) -> None:
    x = noise(6).contiguous(memory_format=layout)
    mixed = plan_of(EVERY, 6).apply(x)
    assert mixed.is_contiguous(memory_format=layout)


def test_tensors_that_share_memory_among_their_rows() -> None:
    x = noise(1).expand(6, -1, -1, -1)
    plan = plan_of(EVERY, 6)
    torch.testing.assert_close(plan.apply(x), plan.apply(x.contiguous()), rtol=0, atol=0)


def test_bfloat16_is_mixed_in_float32() -> None:
    plan = plan_of(MixPolicy(MixUp(1.0), granularity="sample"), 50)
    x = torch.rand(50, 3, *SIZE).to(torch.bfloat16)
    mixed = plan.apply(x)
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed, plan.apply(x.float()).to(torch.bfloat16), rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_the_derivative(name: str) -> None:
    policy = MixPolicy(REGISTRY[name](), granularity="sample", partners="derangement")
    plan = policy.plan(3, 4, 5, seed=0, epoch=0, step=0)
    x = torch.rand(3, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: plan.apply(x, axes=(2, 3)), (x,))


def test_functional_transforms() -> None:
    plan, x, other = plan_of(EVERY, 12), noise(12).double(), noise(12).double().flip(0)
    _, derivative = torch.func.jvp(plan.apply, (x,), (other,))
    torch.testing.assert_close(derivative, plan.apply(other))  # every method is linear in the images
    both = torch.func.vmap(lambda x: plan.apply(x, axes=(2, 3)))(torch.stack([x, other]))
    torch.testing.assert_close(both[1], plan.apply(other))


def test_no_gradient_is_followed_where_none_is_wanted() -> None:
    x = noise(5).requires_grad_()
    with torch.no_grad():
        assert not plan_of(EVERY, 5).apply(x).requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_images_without_channels_stay_without(name: str) -> None:
    for policy in policies(name):
        plan, x = plan_of(policy, 5), torch.zeros(5, 0, *SIZE)
        assert plan.apply(unlike_numpy(x)).shape == plan.apply(x).shape == x.shape


@pytest.mark.parametrize("name", NAMES)
def test_torchs_default_device_does_not_matter(name: str) -> None:
    """Also where a gradient is followed, so that torch's arithmetic is used."""
    plan, x = plan_of(policies(name)[0], 6), unlike_numpy(noise(6))
    expected = plan.apply(x)
    with torch.device("meta"):
        found = plan.apply(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def counting(graphs: list[Any]) -> Any:
    """A backend that runs a graph as it is and notes that there was another one."""

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph

    return backend


@pytest.mark.parametrize("method", [MixUp(), CutMix(), FMix(), ResizeMix()], ids=repr)
def test_one_graph_serves_all_plans(method: Method) -> None:
    """The plan's numbers are inputs of the compiled graph."""
    torch._dynamo.reset()
    graphs: list[Any] = []
    compiled = torch.compile(lambda x, plan: plan.apply(x) + 1, fullgraph=True, backend=counting(graphs))
    x = noise(5)
    for step in range(4):
        plan = plan_of(MixPolicy(method), 5, step)
        torch.testing.assert_close(compiled(x, plan), plan.apply(x) + 1, rtol=1e-6, atol=1e-4)
    assert len(graphs) == 1


@pytest.mark.parametrize(("height", "width"), [(64, 70), (165, 161)])
def test_masks_on_grids_are_worked_out_by_torch(height: int, width: int) -> None:
    torch._dynamo.reset()
    graphs: list[Any] = []
    compiled = torch.compile(lambda x, plan: plan.apply(x), fullgraph=True, backend=counting(graphs))
    x = torch.rand(6, 3, height, width)
    for step, lam in enumerate((None, None, 0.0, 1.0)):
        policy = MixPolicy(FMix(lam=lam), granularity="sample", partners="roll")
        plan = policy.plan(6, height, width, seed=0, epoch=0, step=step)
        assert isinstance(plan.masks, Contours)
        expected = plan.apply(x.numpy())
        np.testing.assert_array_equal(plan.apply(unlike_numpy(x)).detach().numpy(), expected)
        np.testing.assert_array_equal(compiled(x, plan).numpy(), expected)
    assert len(graphs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_compiled_to_machine_code(name: str) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(lambda x, plan: plan.apply(x), fullgraph=True)
    for policy in policies(name):
        plan, x = plan_of(policy, 5), noise(5)
        torch.testing.assert_close(compiled(x, plan), plan.apply(x), rtol=1e-6, atol=1e-4)


def test_under_autocast() -> None:
    plan, x = plan_of(EVERY, 20), noise(20)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = plan.apply(unlike_numpy(x))
    torch.testing.assert_close(mixed, plan.apply(x), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), "pad or crop"),
        (torch.zeros(2, 3).to_sparse(), "to_dense"),
        ([torch.zeros(2), torch.zeros(3)], "pad or crop"),
    ],
    ids=["nested", "sparse", "list"],
)
def test_what_is_not_one_dense_tensor_is_refused(x: Any, message: str) -> None:
    plan = MixPolicy(MixUp()).plan(2, seed=0, epoch=0, step=0)
    with pytest.raises(TypeError, match=message):
        plan.apply(x)


def test_another_number_of_rows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 3, 20, 23\).*5 rows"):
        plan_of(EVERY, 5).apply(noise(4))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_mixes_the_same(name: str, dtype: torch.dtype) -> None:
    for policy in policies(name):
        plan, x = plan_of(policy, 5), noise(5, dtype)
        mixed = plan.apply(x.cuda())
        assert mixed.is_cuda
        torch.testing.assert_close(
            mixed.cpu(), plan.apply(x), rtol=1e-2 if dtype.itemsize == 2 else 1e-6, atol=1e-4
        )
