"""What the shards of an update add up to where each process gets its part of the gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rnnbp.numerics import Array
from rnnbp.optim.partition import Partition
from rnnbp.parallel import Exchange, tree_sum
from rnnbp.parallel.packing import Shard
from rnnbp.parallel.scattering import scattered
from rnnbp.parallel.sums import memory_of
from rnnbp.support.ieee import ieee
from rnnbp.train.shard_sums import GRADIENT, HEAD


@ieee
def part_sums(
    values: Iterable[Mapping[str, Array]], partition: Partition, parallel: Exchange
) -> dict[str, Array]:
    """The figures, whole, and this process's elements of the gradients, flat; summed over shards.

    Args:
        values: of each own shard of ``parallel`` what ``ShardSum.arrays`` returns.
        partition: of the optimiser.
        parallel: its processes, with the shards of the run.
    """
    heads: list[Array] = []

    def shards() -> Iterator[Shard]:
        for arrays in values:
            heads.append(arrays[HEAD])
            grads = {name: arrays[f"{GRADIENT}{name}"] for name in partition.names}
            yield Shard(partition.packing, grads)

    cuts = [flat.cuts for flat in partition.flats]
    with memory_of(parallel) as memory:
        parts = scattered(shards(), cuts, parallel, memory)
    found = {HEAD: tree_sum(heads, parallel)}
    for flat, part in zip(partition.flats, parts, strict=True):
        start = 0
        for name, held in flat.within(partition.part).items():
            found[f"{GRADIENT}{name}"] = part[start : start + held.stop - held.start]
            start += held.stop - held.start
    return found
