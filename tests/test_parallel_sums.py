"""Sums over shards: the same bits for any number of processes, here as threads."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.parallel import messages, tree
from rnnbp.parallel.tree import Node
from tests.simulated_processes import run, shards_of, tree_by_halves

pytestmark = pytest.mark.alike
MOST = 16


@pytest.mark.quick
@pytest.mark.parametrize("shards", range(1, MOST + 1))
def test_every_process_has_the_sum_of_the_tree(shards: int) -> None:
    values = shards_of(shards)
    before = [value.copy() for value in values]
    wanted = tree_by_halves(values)
    for processes in range(1, shards + 1):
        sums = run(processes, shards, lambda p: rb.parallel.tree_sum((values[k] for k in p.own), p))
        assert len(sums) == processes
        assert all(np.array_equal(found, wanted) for found in sums), processes
    assert np.array_equal(rb.parallel.tree_sum(values, rb.parallel.Alone(shards=shards)), wanted)
    assert np.array_equal(values, before)


@pytest.mark.parametrize("shards", [4, 7, 16])
def test_other_orders_have_other_bits(shards: int) -> None:
    """So that a wrong tree would be seen."""
    values = shards_of(shards)
    wanted, in_order = tree_by_halves(values), sum(values[1:], values[0])
    other_pairs = tree_by_halves([*values[1:], values[0]])
    assert not np.array_equal(wanted, in_order)
    assert not np.array_equal(wanted, other_pairs)


@pytest.mark.parametrize("dtype", ["float16", "float64", "complex64", "int64", ">f4"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3, 4)])
def test_dtypes_and_shapes_are_kept(dtype: str, shape: tuple[int, ...]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        values = [v.clip(-1e4, 1e4).astype(dtype) for v in shards_of(6, "float64", shape)]
        wanted = tree_by_halves(values)
    sums = run(4, 6, lambda p: rb.parallel.tree_sum((values[k] for k in p.own), p))
    assert all(
        found.shape == shape and found.dtype == np.dtype(dtype).newbyteorder("=") for found in sums
    )
    assert all(np.array_equal(found, wanted) for found in sums)


@pytest.mark.parametrize("shards", [1, 2])
def test_the_sum_is_a_new_array(shards: int) -> None:
    value = np.ones(3)
    found = rb.parallel.tree_sum(
        [value.T, *[value] * (shards - 1)], rb.parallel.Alone(shards=shards)
    )
    assert not np.shares_memory(found, value)


def test_arrays_in_other_orders_of_memory_are_summed() -> None:
    values = [np.asfortranarray(v) for v in shards_of(4)]
    sums = run(3, 4, lambda p: rb.parallel.tree_sum((values[k] for k in p.own), p))
    assert all(np.array_equal(found, tree_by_halves(values)) for found in sums)


def test_subnormal_numbers_and_infinities_are_summed() -> None:
    tiny, huge = np.float32(1e-45), np.float32(3e38)
    values = [np.array([tiny, huge]), np.array([tiny, huge])]
    assert rb.parallel.tree_sum(values, rb.parallel.Alone(shards=2)).tolist() == [2 * tiny, np.inf]


def by_name(value: np.ndarray) -> dict[str, np.ndarray]:
    """A float32 array as several, of two dtypes in between each other, and one without elements."""
    wide = value.astype("float64") / 3
    return {"a": value, "wide": wide[0], "none": value[:0], "b": value.T[1:], "number": wide[1, 1]}


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
def test_arrays_by_name_are_summed_like_single_ones(processes: int) -> None:
    values = [by_name(value) for value in shards_of(5)]
    wanted = {name: tree_by_halves([each[name] for each in values]) for name in values[0]}
    for found in run(processes, 5, lambda p: rb.parallel.tree_sums([values[k] for k in p.own], p)):
        assert [*found] == [*wanted]
        assert all(found[name].shape == wanted[name].shape for name in wanted)
        assert all(found[name].dtype == wanted[name].dtype for name in wanted)
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_no_names_are_an_empty_sum() -> None:
    assert rb.parallel.tree_sums([{}, {}], TWO) == {}


def test_an_array_may_be_used_again() -> None:
    buffer = np.empty(3)

    def values() -> Iterator[np.ndarray]:
        for shard in range(4):
            buffer[:] = 10**shard
            yield buffer

    assert rb.parallel.tree_sum(values(), rb.parallel.Alone(shards=4)).tolist() == [1111.0] * 3


@pytest.mark.parametrize(("processes", "shards"), [(2, 2), (4, 8), (8, 8), (16, 32)])
def test_powers_of_two_swap_once_a_level(processes: int, shards: int) -> None:
    def log(p: rb.parallel.Exchange) -> list[tuple[str, int]]:
        rb.parallel.tree_sum([1.0] * len(p.own), p)
        return p.log

    levels = processes.bit_length() - 1
    assert run(processes, shards, log) == [
        [("swap", rank ^ (1 << level)) for level in range(levels)] for rank in range(processes)
    ]


@pytest.mark.parametrize("shards", range(1, 40))
def test_blocks_are_contiguous_and_even(shards: int) -> None:
    for processes in range(1, shards + 1):
        blocks = [tree.block(shards, processes, rank) for rank in range(processes)]
        assert [shard for own in blocks for shard in own] == [*range(shards)]
        assert {len(own) for own in blocks} <= {shards // processes, -(-shards // processes)}
        assert [tree.owner(shards, processes, shard) for own in blocks for shard in own] == [
            rank for rank, own in enumerate(blocks) for _ in own
        ]


def test_a_block_is_made_of_the_largest_nodes() -> None:
    assert [*tree.whole(8, range(1, 7))] == [Node(0, 1), Node(1, 1), Node(1, 2), Node(0, 6)]
    assert [*tree.whole(7, range(4, 7))] == [Node(2, 1)]
    assert [*tree.whole(5, range(5))] == [Node(3, 0)]


def test_a_generator_is_read_one_array_at_a_time() -> None:
    alive: list[int] = []
    most = 0

    class Counted(np.ndarray):
        def __del__(self) -> None:
            alive.remove(id(self))

    def values() -> Iterator[np.ndarray]:
        nonlocal most
        for _ in range(64):
            array = np.ones(4).view(Counted)
            alive.append(id(array))
            most = max(most, len(alive))
            yield array
            del array

    rb.parallel.tree_sum(values(), rb.parallel.Alone(shards=64))
    assert most <= 2 * 6 + 2


def test_messages_are_cut() -> None:
    array = np.arange(10, dtype="float32").reshape(2, 5)
    pieces = [*messages.pieces(array, 16)]
    assert [len(piece) for piece in pieces] == [16, 16, 8]
    pieces[2][:] = 0
    assert array.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 0, 0]]
    assert messages.MOST < 2**31


def test_mpi_without_mpi4py_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    messages.world.cache_clear()
    for name in ("mpi4py", "mpi4py.MPI"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"parallel.MPI needs mpi4py, .*'rnnbp\[mpi\]'"):
        rb.parallel.MPI(shards=2)


TWO = rb.parallel.Alone(shards=2)
BAD = {
    "too few": (lambda: rb.parallel.tree_sum([1.0], TWO), ValueError, "values has 1 entries, and this process owns 2 shards; give one for each"),
    "none": (lambda: rb.parallel.tree_sum([], TWO), ValueError, "values has 0 entries"),
    "too many": (lambda: rb.parallel.tree_sum([1.0] * 9, TWO), ValueError, "values has at least 3 entries"),
    "shapes": (lambda: rb.parallel.tree_sum([np.ones(2), np.ones(3)], TWO), rb.ShapeError, r"tree_sum: shard 1 has shape \(3,\), and shard 0 \(2,\)"),
    "dtypes": (lambda: rb.parallel.tree_sum([np.ones(2), np.ones(2, "float32")], TWO), rb.DtypeError, "shard 1 has dtype float32, and shard 0 float64"),
    "objects": (lambda: rb.parallel.tree_sum([np.array([None]), 1.0], TWO), rb.DtypeError, "tree_sum: shard 0"),
    "bools": (lambda: rb.parallel.tree_sum([np.array([True]), np.array([True])], TWO), rb.DtypeError, "tree_sum: shard 0"),
    "no shards": (lambda: rb.parallel.Alone(shards=0), ValueError, "Alone: shards must be at least 1, found 0"),
    "half a shard": (lambda: rb.parallel.Alone(shards=2.5), TypeError, "Alone: shards must be an integer, found 2.5"),
    "unknown": (lambda: rb.parallel.Alone(shard=2), TypeError, "unknown option 'shard'"),
    "alone": (lambda: TWO.send(1, np.ones(2)), ValueError, "there is no process 1, only this one"),
    "more processes": (lambda: run(3, 2, lambda p: p.own), ValueError, "3 processes cannot share 2 shards.*start at most 2"),
    "the base": (lambda: rb.parallel.Exchange(shards=2), TypeError, "Exchange: it is a base of classes"),
    "no exchange": (lambda: rb.parallel.tree_sum([1.0], 8), TypeError, "parallel is an Exchange, as rnnbp.parallel.Alone.shards=8., found 8"),
    "no values": (lambda: rb.parallel.tree_sum(1.0, TWO), TypeError, "values is a list or a generator, found 1.0"),
    "not a dict": (lambda: rb.parallel.tree_sums([1.0, 1.0], TWO), TypeError, "tree_sums: shard 0 has 1.0; give arrays by name"),
    "a dict of lists": (lambda: rb.parallel.tree_sums({"a": [1.0, 1.0]}, TWO), TypeError, "tree_sums: values is a list or a generator"),
    "names": (lambda: rb.parallel.tree_sums([{"a": 1.0}, {"b": 1.0}], TWO), ValueError, r"shard 1 has the names \['b'\], and shard 0 \['a'\]"),
    "a shape by name": (lambda: rb.parallel.tree_sums([{"a": 1.0}, {"a": [1.0]}], TWO), rb.ShapeError, r"shard 1, a has shape \(1,\), and shard 0 \(\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error(case: str) -> None:
    call, error, message = BAD[case]
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_repr_can_be_read_back() -> None:
    assert repr(TWO) == "Alone(shards=2)"
