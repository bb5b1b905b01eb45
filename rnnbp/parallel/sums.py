"""Sums of arrays over the shards of all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rnnbp.numerics import Array
from rnnbp.parallel.exchange import Exchange, check_exchange
from rnnbp.parallel.given import counted, one, several
from rnnbp.parallel.packing import Packing
from rnnbp.parallel.totals import Flat, total
from rnnbp.support.ieee import ieee
from rnnbp.wording.arguments import takes


@takes()
@ieee
def tree_sum(values: Iterable[object], parallel: Exchange) -> Array:
    """Sum arrays over all shards, with the same bits for any number of processes.

    The shards are added in a fixed binary tree, (0 + 1) + (2 + 3) and so on, in the dtype of the
    arrays. All processes call it, equally often and in the same order, and get the same sum.

    Args:
        values: an array of numbers for each shard of ``parallel.own``, in this order; all of one
            shape and one dtype, in all processes. Each is copied when it is read; of a generator
            one is read at a time, and at most 2 log2(shards) + 2 are in memory.
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

    def packed() -> Iterator[Flat]:
        for name, value in counted(what, values, parallel.own):
            arrays = read(name, value)
            if not packings:
                packings.append(Packing.of(name, arrays))
            packings[0].check(name, arrays)
            yield packings[0].packed(arrays)

    found = total(packed(), parallel)
    return packings[0].unpacked(found)
