"""Several processes that work as one, with the same bits for any number of them.

Each name has its own help, as ``help(rnnbp.parallel.tree_sum)``. Work is cut into a fixed number of
shards; a process owns some of them, and sums over all of them are taken in a fixed order.

    tree_sum               the sum of an array over all shards, in every process
    tree_sums              of several by name, such as gradients
    MPI                    the processes that mpiexec started; pip install 'rnnbp[mpi]'
    Alone                  all shards in this process, without another library
    Exchange               the base of both, for a way of your own to carry arrays
    ProcessError           raised where another process has raised an error

A ``Trainer`` takes one of them, and the same script then runs under ``mpiexec -n 4 python
script.py``, or without it in one process, and ends with the same bits:

    >>> import numpy as np, rnnbp as rb
    >>> parallel = rb.parallel.Alone(shards=8)  # or MPI(shards=8)
    >>> x = np.random.default_rng(0).normal(size=(32, 20, 3)).astype("float32")
    >>> data = rb.Sequences(x, x.cumsum(axis=1), batch_size=16)
    >>> model = rb.Sequential(rb.LSTM(3, 8, rng=0), rb.Dense(8, 3, rng=1))
    >>> trainer = rb.Trainer(model, "adam", rb.losses.MeanSquaredError(), parallel=parallel)
    >>> trainer.fit(data, epochs=2).steps
    4

Each process reads the rows of its shards alone, from sources that read by rows, as ``Sequences``,
``Examples`` and ``Windows``. Sequences of several lengths are dealt by length, so that shards have
like work; lanes stay with their shards. A process that begins with other data, options,
libraries or parameters is refused. An error in one process is raised in all, and so a signal
to one ends all after the same step. The first process writes the folder; a run goes on from it with
any other number of processes. Callbacks, ``evaluate`` and ``predict`` run in every process; print
in the first alone, ``if parallel.rank == 0``. With ``MPI(shards=8, partition=True)`` each process
holds and updates a part of the optimiser's state alone, with the same bits.

Training by hand, with 32 sequences in 8 shards:

    >>> x = np.ascontiguousarray(x.swapaxes(0, 1))  # time first
    >>> y, rows = x.cumsum(axis=0), np.array_split(np.arange(32), parallel.shards)
    >>> model = rb.Sequential(rb.LSTM(3, 8, rng=0), rb.Dense(8, 3, rng=1))
    >>> optimizer, loss, losses = rb.optim.Adam(model, 0.05), rb.losses.MeanSquaredError(), []
    >>> def part(shard):  # its mean, and the gradient of that
    ...     of = np.s_[:, rows[shard]]
    ...     run = rb.bptt(model, x[of], y[of], loss, seed=1000 * len(losses) + shard)
    ...     return {"loss": run.loss, **run.grads}
    >>> for step in range(20):
    ...     total = rb.parallel.tree_sums((part(shard) for shard in parallel.own), parallel)
    ...     losses.append(float(total.pop("loss")) / parallel.shards)
    ...     optimizer.step({name: g / parallel.shards for name, g in total.items()})
    >>> losses[-1] < losses[0]
    True
"""

from typing import TYPE_CHECKING

from rnnbp.parallel.agreement import ProcessError
from rnnbp.parallel.alone import Alone
from rnnbp.parallel.exchange import Exchange
from rnnbp.parallel.messages import MPI
from rnnbp.parallel.sums import tree_sum, tree_sums
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

__all__ = ["MPI", "Alone", "Exchange", "ProcessError", "tree_sum", "tree_sums"]

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.parallel", __all__)
