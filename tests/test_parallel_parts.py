"""Sums of which each process gets a part, and parts that all processes get; processes are threads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rnnbp.memory_pool import LEAST, Reuse
from rnnbp.numerics import Array
from rnnbp.parallel import tree
from rnnbp.parallel.packing import Packing, Shard
from rnnbp.parallel.portions import Cuts, even, part_of, parts_in_order, transfers
from rnnbp.parallel.scattering import gather, own_part, scattered
from tests.simulated_processes import Simulated, run, shards_of, tree_by_halves

pytestmark = pytest.mark.alike
MOST = 16


def two(value: Array) -> dict[str, Array]:
    """A float32 array, and a shorter one of another dtype."""
    return {"": value, "wide": value[0].astype("float64") / 3}


def parts_of(
    values: Iterator[dict[str, Array]], cuts: list[Cuts], p: Simulated
) -> tuple[Array, ...]:
    """The parts of the sums."""
    shards = (Shard(Packing.of("", arrays), arrays) for arrays in values)
    return scattered(shards, cuts, p, Reuse("sums"))


def part_and_whole(p: Simulated, values: list[Array], cuts: list[Cuts]) -> tuple[Array, ...]:
    """The parts of the sums; and the sums, of which each process has only its part before."""
    parts = parts_of((two(values[k]) for k in p.own), cuts, p)
    sums = [np.full(ends[-1], np.nan, part.dtype) for part, ends in zip(parts, cuts, strict=True)]
    for whole, part, ends in zip(sums, parts, cuts, strict=True):
        whole[own_part(ends, p)] = part
        gather(whole, ends, p)
    return *parts, *sums


def check(shards: int, processes: int, uneven: bool) -> None:
    values = shards_of(shards)
    wanted = [
        tree_by_halves([value.reshape(-1) for value in values]),
        tree_by_halves([value[0].astype("float64") / 3 for value in values]),
    ]
    cuts = [even(len(each), processes) for each in wanted]
    if uneven:
        cuts = [
            (0, *sorted(7 * k % (ends[-1] + 1) for k in range(1, processes)), ends[-1])
            for ends in cuts
        ]
    found = run(processes, shards, lambda p: part_and_whole(p, values, cuts))
    for rank, (*parts, first, second) in enumerate(found):
        k = part_of(processes, rank)
        for part, whole, ends in zip(parts, wanted, cuts, strict=True):
            assert np.array_equal(part, whole[ends[k] : ends[k + 1]]), (processes, rank)
        assert np.array_equal(first, wanted[0])
        assert np.array_equal(second, wanted[1])


@pytest.mark.quick
@pytest.mark.parametrize("shards", range(1, MOST + 1))
def test_every_process_has_its_part_of_the_sum_of_the_tree(shards: int) -> None:
    for processes in range(1, shards + 1):
        check(shards, processes, uneven=False)


@pytest.mark.parametrize(
    ("shards", "processes"), [(2, 2), (4, 4), (7, 3), (8, 5), (16, 6), (16, 16)]
)
def test_parts_may_be_of_any_lengths(shards: int, processes: int) -> None:
    check(shards, processes, uneven=True)


@pytest.mark.parametrize("processes", range(1, 40))
def test_every_process_has_one_part(processes: int) -> None:
    assert sorted(parts_in_order(processes)) == [*range(processes)]
    assert [part_of(processes, rank) for rank in parts_in_order(processes)] == [*range(processes)]
    sizes = np.diff(even(100, processes))
    assert sizes.sum() == 100
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("processes", [2, 4, 8, 16])
def test_powers_of_two_swap_halves(processes: int) -> None:
    size = 16 * processes

    def work(p: Simulated) -> list[tuple[str, int]]:
        ends = even(size, processes)
        (part,) = parts_of(iter([{"": np.ones(size)}]), [ends], p)
        up = p.log.copy()
        whole = np.empty(size)
        whole[own_part(ends, p)] = part
        gather(whole, ends, p)
        assert p.log[len(up) :] == up[::-1]
        return up

    levels = processes.bit_length() - 1
    assert run(processes, processes, work) == [
        [("swap", rank ^ (1 << level)) for level in range(levels)] for rank in range(processes)
    ]


def carried(shards: int, processes: int, size: int) -> Array:
    """The elements that each process sends and receives on the way to its part, (processes, 2)."""
    found, ends = np.zeros((processes, 2)), even(size, processes)
    waiting = [tree.root(shards)]
    while waiting:
        node = waiting.pop()
        sides = [side for side in node.sides if side.shards(shards)] if node.level else []
        waiting += sides
        for rank in range(processes * (len(sides) == 2)):
            for _, pair in transfers(shards, processes, node, ends, rank):
                for transfer in pair:
                    found[rank, int(transfer.receiver == rank)] += len(transfer.elements)
    return found / size


@pytest.mark.parametrize(("shards", "processes"), [(2, 2), (8, 4), (64, 16)])
def test_powers_of_two_carry_less_than_an_array(shards: int, processes: int) -> None:
    assert np.allclose(carried(shards, processes, 6400), 1 - 1 / processes)


@pytest.mark.parametrize("processes", range(2, 17))
def test_other_numbers_carry_little_more_than_an_array(processes: int) -> None:
    assert carried(processes, processes, 10000).max() <= 1.1
    assert carried(16, processes, 10000).max() <= 2.5  # of blocks that are no whole nodes


def test_a_part_does_not_keep_the_whole_sum() -> None:
    def work(p: Simulated) -> bool:
        (part,) = parts_of(iter([{"": np.ones(LEAST)}]), [even(LEAST, 4)], p)
        return part.base is None

    assert all(run(4, 4, work))
