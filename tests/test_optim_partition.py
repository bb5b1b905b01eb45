"""Optimisers whose state is spread over processes, here threads: the bits of whole ones."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.optim.base import Optimizer
from rnnbp.optim.clipping import norm_of, squares
from rnnbp.optim.extents import Extent, extents
from rnnbp.optim.flat import flats
from rnnbp.optim.part_extents import part_extents, part_norm
from rnnbp.parallel import Exchange
from tests.simulated_processes import Simulated, run

SHARDS = 8
SHAPES = {"weight": (100, 350), "bias": (7,), "none": (0, 2), "scale": (), "head": (50, 360)}
"""Two of several blocks, the others within one."""
GROUPS: dict[str, dict[str, object]] = {
    "*e*": {"weight_decay": 0.3},
    "head": {"learning_rate": 0.004},
    "bias": {"learning_rate": rb.optim.Cosine(0.1, steps=9)},
}
RULES: dict[str, Callable[[dict[str, Array]], Optimizer]] = {
    "sgd": lambda p: rb.optim.SGD(p, 0.1),
    "momentum": lambda p: rb.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01, groups={"head": {"momentum": 0.0}}),
    "nesterov": lambda p: rb.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: rb.optim.Adam(p, 0.01),
    "adam, groups": lambda p: rb.optim.Adam(p, 0.01, weight_decay=0.02, groups=GROUPS),
    "adamw": lambda p: rb.optim.AdamW(p, rb.optim.WarmUp(rb.optim.Constant(0.01), steps=3), groups={"*a*": {"weight_decay": 0.0}}, frozen="scale"),
    "rmsprop": lambda p: rb.optim.RMSProp(p, 0.01, momentum=0.5),
    "rmsprop, alone": lambda p: rb.optim.RMSProp(p, 0.01, frozen=("weight", "none")),
    "adagrad": lambda p: rb.optim.Adagrad(p, 0.1, lr_decay=0.1, initial_accumulator=0.2),
}  # fmt: skip


def arrays(seed: int, kinds: str = "fffdd") -> dict[str, Array]:
    """An array of each name, of several sizes and two dtypes."""
    return {name: array.copy() for name, array in drawn(seed, kinds).items()}


@cache
def drawn(seed: int, kinds: str) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        name: np.asarray(rng.normal(size=shape) * 10.0 ** rng.integers(-3, 3, shape), kind)
        for (name, shape), kind in zip(SHAPES.items(), kinds, strict=True)
    }


def trained(rule: str, cut: Exchange | None, steps: int = 3) -> tuple[dict[str, Array], Optimizer]:
    """The parameters after some steps, and the optimiser."""
    params = arrays(0)
    optimizer = RULES[rule](params)
    step(optimizer, 1)
    if cut is not None:
        optimizer.partition(cut)
    for number in range(2, 2 + steps):
        step(optimizer, number)
    return params, optimizer


def step(optimizer: Optimizer, number: int) -> None:
    """One step, by gradients that are the same in all processes."""
    grads = arrays(number)
    optimizer.step({name: grads[name] for name in optimizer.params})


def steps(optimizer: Optimizer, grads: dict[str, Array]) -> None:
    """Three by the same gradients, of which Adagrad sums up the squares."""
    for _ in range(3):
        optimizer.step({name: grads[name] for name in optimizer.params})


def assert_equal(found: dict[str, Array], wanted: dict[str, Array]) -> None:
    assert [*found] == [*wanted]
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize(
    ("rule", "processes"), [*((rule, 3) for rule in RULES), ("adam", 1), ("adam", 2), ("adam", 8)]
)
def test_every_process_has_the_bits_of_a_whole_optimiser(rule: str, processes: int) -> None:
    params, whole = trained(rule, None)
    state = whole.state_dict()

    def work(p: Simulated) -> None:
        own, optimizer = trained(rule, p)
        assert_equal(own, params)
        assert_equal(optimizer.state_dict(), state)
        assert optimizer.steps == whole.steps
        assert {k: (x.shape, x.dtype) for k, x in optimizer.state_like().items()} == {
            k: (x.shape, x.dtype) for k, x in state.items()
        }

    run(processes, SHARDS, work)
    changed = [not np.array_equal(params[name], start) for name, start in arrays(0).items()]
    assert sum(changed) >= 3


@pytest.mark.parametrize("rule", ["nesterov", "rmsprop", "adagrad"])
def test_parts_that_are_larger_than_the_scratch_are_updated_in_pieces(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnbp.optim.stateful.SCRATCH", 1000)
    params, _ = trained(rule, None)
    run(2, SHARDS, lambda p: assert_equal(trained(rule, p)[0], params))


@pytest.mark.parametrize(("rule", "before", "after"), [("adam, groups", 2, 3), ("momentum", 3, 1)])
def test_a_state_goes_on_in_another_number_of_processes(rule: str, before: int, after: int) -> None:
    wanted, _ = trained(rule, None, steps=5)

    def first(p: Simulated) -> tuple[dict[str, Array], dict[str, Array]]:
        params, optimizer = trained(rule, p)
        return params, optimizer.state_dict()

    params, state = run(before, SHARDS, first)[0]

    def second(p: Simulated) -> None:
        own = {name: array.copy() for name, array in params.items()}
        optimizer = RULES[rule](own)
        optimizer.partition(p)
        optimizer.load_state_dict(state)
        step(optimizer, 5)
        step(optimizer, 6)
        assert_equal(own, wanted)

    run(after, SHARDS, second)


def test_each_process_holds_its_part_alone() -> None:
    whole = rb.optim.Adam(arrays(0))
    sizes = run(4, 4, lambda p: trained("adam", p)[1].nbytes)
    slots = sum(x.nbytes for x in whole.state_dict().values()) - 8
    scratch = whole.nbytes - slots
    assert max(sizes) <= slots / 4 + scratch + 2 * 8 * 2**14  # within a block
    assert sum(sizes) >= slots


def sliced(p: Simulated, scale: float) -> tuple[dict[str, Array], float, dict[str, Extent]]:
    """The extents and the norm of gradients, of which the process has its elements."""
    grads = {name: g * g.dtype.type(scale) for name, g in arrays(3, "ddddd").items()}
    optimizer = rb.optim.SGD(arrays(0, "ddddd"))
    optimizer.partition(p)
    partition = optimizer.cut
    assert partition is not None
    found = part_extents(partition, partition.views(grads))
    return grads, part_norm(partition, partition.views(grads), found), found


@pytest.mark.parametrize("scale", [1.0, 1e150, 1e-200])
@pytest.mark.parametrize("processes", [1, 2, 5])
def test_a_norm_has_the_same_bits_for_any_number_of_parts(processes: int, scale: float) -> None:
    for grads, norm, found in run(processes, SHARDS, lambda p: sliced(p, scale)):
        whole = extents([*grads.values()])
        assert norm == norm_of([*grads.values()], whole)
        assert [e.largest for e in found.values()] == [e.largest for e in whole]
        assert [*found] == [*grads]


def test_squares_are_added_up_in_the_order_of_blocks() -> None:
    grads = {"p": np.random.default_rng(0).normal(size=30 * 2**14 + 5)}
    (whole,) = extents([*grads.values()])
    wanted = whole.squares or squares(grads["p"])

    def work(p: Simulated) -> None:
        optimizer = rb.optim.SGD({"p": np.zeros_like(grads["p"])})
        optimizer.partition(p)
        assert optimizer.cut is not None
        found = part_extents(optimizer.cut, optimizer.cut.views(grads))
        assert found["p"].squares == wanted

    run(3, SHARDS, work)


def test_a_gradient_that_is_not_finite_is_seen_in_all_processes() -> None:
    for _, _, found in run(3, SHARDS, lambda p: sliced(p, np.inf)):
        assert np.isnan(found["weight"].largest)
        assert found["none"].largest == 0


@pytest.mark.parametrize(("rule", "size"), [("adam, groups", 1e19), ("adagrad", 9e18)])
def test_a_gradient_that_is_too_large_is_refused_by_all_processes(rule: str, size: float) -> None:
    def refused(cut: Exchange | None) -> str:
        params, optimizer = trained(rule, cut)
        grads = arrays(2)
        before = {name: p.copy() for name, p in params.items()}
        grads["weight"][-1, -1] = size
        with pytest.raises(FloatingPointError) as caught:
            steps(optimizer, grads)
        assert np.array_equal(params["scale"], before["scale"]) == (optimizer.steps == 4)
        return str(caught.value)

    assert run(3, SHARDS, refused) == [refused(None)] * 3
    assert "the gradient of 'weight' has size" in refused(None)


def test_a_copy_and_a_pickle_are_partitioned_too() -> None:
    params, optimizer = trained("adam", rb.parallel.Alone(shards=2))
    wanted, _ = trained("adam", None, steps=4)
    again = pickle.loads(pickle.dumps(optimizer))
    other = copy.deepcopy(optimizer)
    for each in (optimizer, again, other):
        step(each, 5)
        assert_equal(each.params, wanted)
    assert_equal(params, wanted)


def test_parts_are_even_but_for_a_block() -> None:
    found = flats(arrays(0), 4)
    assert [flat.size for flat in found] == [100 * 350 + 7, 1 + 50 * 360]
    assert [flat.cuts for flat in found] == [
        (0, 16384, 16384, 32768, 35007),
        (0, 1, 16385, 16385, 18001),
    ]
    (large,) = flats({"p": np.broadcast_to(0.0, 10**7)}, 7)
    assert np.ptp(np.diff(large.cuts)) <= 2 * 2**14
    names = [name for part in range(4) for name in found[0].within(part)]
    assert names == ["weight", "weight", "weight", "bias"]


class Own(Optimizer):
    """A rule whose step depends on the norm of the parameter."""

    options = ()

    def _update(
        self, p: Array, g: Array, slots: dict[str, Array], lr: float, a: Array, b: Array
    ) -> None:
        p -= lr * np.linalg.norm(p) * g


TWICE = rb.optim.SGD(arrays(0))
TWICE.partition(rb.parallel.Alone(shards=1))
BAD: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no exchange": (lambda: rb.optim.SGD(arrays(0)).partition(4),  # type: ignore[arg-type]
        TypeError, "SGD.partition: parallel is an Exchange"),
    "not by element": (lambda: Own(arrays(0), 0.1).partition(rb.parallel.Alone(shards=1)), ValueError, "Own.partition: its class does not say"),
    "twice": (lambda: TWICE.partition(rb.parallel.Alone(shards=1)), ValueError, "it is partitioned already"),
    "strided": (lambda: rb.optim.SGD({"p": np.ones((3, 4)).T}).partition(rb.parallel.Alone(shards=1)), ValueError, "parameter 'p' is not in C order"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_partitioned_is_refused(case: str) -> None:
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()
