"""Sums of arrays over the shards of all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from tracemalloc import is_tracing

from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array
from rnnbp.parallel.exchange import Exchange, check_exchange
from rnnbp.parallel.given import counted, one, several
from rnnbp.parallel.packing import Packing, Shard
from rnnbp.parallel.totals import total
from rnnbp.support.ieee import ieee
from rnnbp.support.prepared import Remembered
from rnnbp.wording.arguments import takes

MEMORY = Remembered[Exchange, list[Reuse]](lambda parallel: [])
"""What the last sum of an Exchange leaves to the next, as touching fresh pages takes as long as
adding; a list, which is empty while a thread uses it.
"""


@takes()
@ieee
def tree_sum(values: Iterable[object], parallel: Exchange) -> Array:
    """Sum arrays over all shards, with the same bits for any number of processes.

    The shards are added in a fixed binary tree, (0 + 1) + (2 + 3) and so on, in the dtype of the
    arrays. All processes call it, equally often and in the same order, and get the same sum. Its
    memory, once the sum is no longer used, is left to the next sum of ``parallel``.

    Args:
        values: an array of numbers for each shard of ``parallel.own``, in this order; all of one
            shape and one dtype, in all processes. Each is copied or added when it is read; of a
            generator one is read at a time, and at most log2(shards) + 2 are in memory.
        parallel: the processes, ``Alone`` or ``MPI``.

    Returns:
        The sum over the shards of all processes, a new array.

    Raises ValueError for an array too few or too many, ShapeError or DtypeError for arrays that
    differ or are not numbers, TypeError for other arguments. A process that raises sends nothing:
    see ``MPI`` for how the others end then.

    >>> import numpy as np, rnnbp as rb
    >>> parallel, numbers = rb.parallel.Alone(shards=4), np.array([1e8, 1, -1e8, 1], "float32")
    >>> float(rb.parallel.tree_sum((numbers[k] for k in parallel.own), parallel))
    0.0
    >>> float(numbers[0] + numbers[1] + numbers[2] + numbers[3])
    1.0
    """
    return _summed("tree_sum", one, values, parallel)[""]


@takes()
@ieee
def tree_sums(values: Iterable[object], parallel: Exchange) -> dict[str, Array]:
    """``tree_sum`` of several arrays by name, such as gradients; those of a dtype go together.

    Args:
        values: a dict of arrays for each shard of ``parallel.own``, in this order; all with the
            same names, shapes and dtypes, in all processes; read as those of ``tree_sum``.
        parallel: the processes, ``Alone`` or ``MPI``.

    Returns:
        The sums over the shards of all processes, by name; views of new arrays.

    Raises as ``tree_sum`` does, and ValueError for names that differ.

    >>> import rnnbp as rb
    >>> found = rb.parallel.tree_sums([{"loss": 1.5}, {"loss": 2.0}], rb.parallel.Alone(shards=2))
    >>> float(found["loss"])
    3.5
    """
    return _summed("tree_sums", several, values, parallel)


def _summed(
    what: str,
    read: Callable[[str, object], dict[str, Array]],
    values: Iterable[object],
    parallel: Exchange,
) -> dict[str, Array]:
    check_exchange(f"{what}: parallel", parallel)
    packings: list[Packing] = []  # of the first shard

    def shards() -> Iterator[Shard]:
        for name, value in counted(what, values, parallel.own):
            arrays = read(name, value)
            if not packings:
                packings.append(Packing.of(name, arrays))
            packings[0].check(name, arrays)
            yield Shard(packings[0], arrays)

    with memory_of(parallel) as memory:
        found = total(shards(), parallel, memory)
        return packings[0].unpacked(found)


@contextmanager
def memory_of(parallel: Exchange) -> Iterator[Reuse]:
    """Memory for a sum, left to the next one of ``parallel`` unless tracemalloc traces."""
    kept = MEMORY.of(parallel)
    if is_tracing():
        kept.clear()
    try:
        memory = (
            kept.pop()
        )  # one call, between which and a look before it another thread could come
    except IndexError:
        memory = Reuse("sums")
    yield memory
    kept[:] = [memory] if memory.key else []
