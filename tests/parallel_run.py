"""A process of a parallel run: ``mpiexec -n P python -m mpi4py -m tests.parallel_run WHAT FOLDER``.

With ``run`` each process writes arrays into files of its own, by number: sums over several numbers of shards;
parameters, the optimiser's state and losses after a training by hand. ``train`` likewise for
Trainers, ``partition`` for those whose optimiser is partitioned, ``held`` for
the bytes of one. With ``raise`` the last
process raises an exception, while the others wait for it. ``one shard`` is for all of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.parallel import MPI, Exchange, messages, tree_sum, tree_sums
from tests.parallel_trainings import KINDS, everything
from tests.partitioned_trainings import OPTIONS, trained
from tests.simulated_processes import shards_of

CASES = [(4, "float32"), (5, "float64"), (8, "float32"), (11, "float16"), (16, "complex64")]
"""Shards and dtypes."""
SHAPE, MOST = (41, 5), 100
"""Arrays, and the bytes of a message, so that they are cut into several."""


def sums(exchange: type[Exchange]) -> dict[str, Array]:
    """The sums of all cases, by case."""
    found = {}
    for shards, dtype in CASES:
        parallel, values = exchange(shards=shards), shards_of(shards, dtype, SHAPE)
        found[f"{shards} {dtype}"] = tree_sum((values[k] for k in parallel.own), parallel)
    return found


def training(exchange: type[Exchange]) -> dict[str, Array]:
    """What 50 steps of 6 shards end with: ragged sequences, dropout, clipping, Adam."""
    rng, parallel = np.random.default_rng(0), exchange(shards=6)
    x, lengths = rng.normal(size=(12, 20, 3)).astype("float32"), rng.integers(1, 13, 20)
    y, rows = x.cumsum(axis=0), np.array_split(np.arange(20), parallel.shards)
    loss, losses = rb.losses.MeanSquaredError(), list[float]()
    layers = rb.LSTM(3, 8, dropout=0.3, rng=0), rb.Dropout(0.2), rb.Dense(8, 3, rng=1)
    model = rb.Sequential(*layers)
    optimizer = rb.optim.Adam(model, 0.02)

    def part(shard: int) -> dict[str, Array]:
        own, seed = rows[shard], 1000 * len(losses) + shard
        run = rb.bptt(model, x[:, own], y[:, own], loss, lengths=lengths[own], seed=seed)
        weight = lengths[own].sum().astype("float32")  # of its mean in that of all
        named = {"loss": run.loss, **run.grads}
        return {"weight": weight} | {name: weight * value for name, value in named.items()}

    for _ in range(50):
        total = tree_sums((part(shard) for shard in parallel.own), parallel)
        weight = total.pop("weight")
        losses.append(float(total.pop("loss") / weight))
        grads = {name: g / weight for name, g in total.items()}
        rb.optim.clip_norm(grads, 0.5)
        optimizer.step(grads)
    state = {f"state {name}": array for name, array in optimizer.state_dict().items()}
    return {**model.params, "losses": np.array(losses)} | state


def trainings(exchange: type[Exchange]) -> dict[str, Array]:
    """What Trainers end with after 50 steps of 8 shards, in float32 and float64: ragged batches
    and lanes, dropout, clipping, validation, metrics.
    """
    found = dict[str, Array]()
    for kind in ("ragged", "float64", "windows"):
        trainer = KINDS[kind](exchange(shards=8), 50)
        found |= {f"{kind} {name}": array for name, array in everything(trainer).items()}
    return found


def partitioned(exchange: type[Exchange]) -> dict[str, Array]:
    """What Trainers end with whose optimiser's state is spread over the processes of MPI."""
    parallel = exchange(shards=8, partition=exchange is MPI)
    found = dict[str, Array]()
    for rule, options, steps in (("adam", "norm", 50), ("adamw", "both", 5), ("sgd", "several", 5)):
        ended = trained(parallel, rule, steps, **OPTIONS[options])
        found |= {f"{rule} {name}": array for name, array in ended.items()}
    return found | everything(KINDS["float64"](parallel, 5))


def held(exchange: type[Exchange]) -> dict[str, Array]:
    """Bytes that a run holds between its steps, with its parameters and Adam's state, in units of
    the parameters; the second time, so that caches are not counted.
    """
    x = np.random.default_rng(0).normal(size=(8, 4, 32)).astype("float32")
    data, found = rb.Sequences(x, x, batch_size=8), 0.0
    for _ in range(2):
        with rb.memory.measure() as used:
            model = rb.Sequential(rb.LSTM(32, 512, rng=0), rb.Dense(512, 32, rng=1))
            optimizer, loss = rb.optim.Adam(model), rb.losses.MeanSquaredError()
            parallel = exchange(shards=4, partition=True)
            rb.Trainer(model, optimizer, loss, parallel=parallel).fit(data, steps=2)
        found = used.kept_bytes / sum(p.nbytes for p in model.params.values())
    return {"held": np.array(found)}


def results(exchange: type[Exchange]) -> dict[str, Array]:
    """All of it, by name."""
    return sums(exchange) | training(exchange)


RUNS = {"run": results, "train": trainings, "partition": partitioned, "held": held}

LARGER = {"partition": 100, "held": 10_000}
"""How many times as long messages may be where arrays are larger."""


def main(what: str, folder: str) -> None:
    """One process."""
    messages.MOST = MOST * LARGER.get(what, 1)
    parallel = MPI(shards=1 if what == "one shard" else 8)
    if what == "raise" and parallel.rank == parallel.processes - 1:
        raise RuntimeError("a fault of one process")
    for number, array in enumerate(RUNS.get(what, results)(MPI).values()):
        np.save(Path(folder) / f"{parallel.rank} {number}.npy", array)


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        main(*sys.argv[1:])
