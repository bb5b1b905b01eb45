"""Several processes that work as one, with the same bits for any number of them.

Each name has its own help, as ``help(rnnbp.parallel.tree_sum)``. Work is cut into a fixed number of
shards; a process owns some of them, and sums over all of them are taken in a fixed order.

    tree_sum               the sum of arrays over all shards, in every process
    MPI                    the processes that mpiexec started; pip install 'rnnbp[mpi]'
    Alone                  all shards in this process, without another library
    Exchange               the base of both, for a way of your own to carry arrays

A loss of 1000 rows and its gradient, in 8 shards; with ``MPI`` in place of ``Alone`` the same lines
run under ``mpiexec``, and end with the same bits:

    >>> import numpy as np, rnnbp as rb
    >>> x, w = np.random.default_rng(0).normal(size=(1000, 3)), np.ones(3)
    >>> parallel = rb.parallel.Alone(shards=8)
    >>> parts = np.array_split(x, parallel.shards)
    >>> gradients = (2 * parts[k].T @ (parts[k] @ w) for k in parallel.own)
    >>> bool(np.allclose(rb.parallel.tree_sum(gradients, parallel), 2 * x.T @ (x @ w)))
    True
"""

from typing import TYPE_CHECKING

from rnnbp.parallel.alone import Alone
from rnnbp.parallel.exchange import Exchange
from rnnbp.parallel.messages import MPI
from rnnbp.parallel.sums import tree_sum
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

__all__ = ["MPI", "Alone", "Exchange", "tree_sum"]

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.parallel", __all__)
