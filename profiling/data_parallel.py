"""rnnbp next to torch.distributed (gloo, DistributedDataParallel): two processes of one thread train the same model.

PyTorch has the same weights (``rb.interchange.to_torch``), the same rows in each process, Adam (fused) and clipping;
its batches are tensors before the clock runs, and states are not carried from batch to batch. rnnbp trains by
``Trainer`` with two shards. Then both train 50 steps on one process and on two, and their parameters are compared.
Processes stay alive and take turns; a round counts if other processes left them alone, as in ``two_ranks.py``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from processes import dispatch, fresh, save, table
from ranks import Contender, Turns, is_quiet, once, rounds
from ranks_problem import BATCH, PROBLEMS, USUAL, by_fit, trainer_of
from training_steps import CLIP, RATE

import rnnbp as rb

STEPS = 50
"""After which parameters are compared."""


def torch_step(problem: str, rank: int, processes: int) -> tuple[Any, Callable[[], None]]:
    """A module, and what makes its next update from the rows of this process."""
    import torch

    torch.set_num_threads(1)
    given = PROBLEMS[problem]()
    own = np.s_[:, rank * BATCH // processes : (rank + 1) * BATCH // processes]
    count = min(STEPS, given.data.batches_per_epoch - 1 or 1)
    arrays = [(b.x[own], b.target[own].astype(np.int64)) for b in map(given.batch, range(count))]
    batches = [tuple(map(torch.tensor, pair)) for pair in arrays]
    module = rb.interchange.to_torch(given.model)
    learner = torch.nn.parallel.DistributedDataParallel(module) if processes > 1 else module
    optimizer = torch.optim.Adam(learner.parameters(), RATE, fused=True)
    taken = 0

    def step() -> None:
        nonlocal taken
        x, target = batches[taken % count]
        optimizer.zero_grad()
        logits = learner(x.long() if x.dtype == torch.uint8 else x)
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), CLIP)
        optimizer.step()
        taken += 1

    return module, step


def torchs(*, problem: str, folder: str, processes: int = 2) -> dict[str, Any]:
    """Start the processes of PyTorch; with parameters.npz in ``folder`` as the result if there is no pipe there."""
    import torch

    torch.multiprocessing.spawn(torch_rank, (problem, folder, processes), processes)
    return {}


def torch_rank(rank: int, problem: str, folder: str, processes: int) -> None:
    """One process of PyTorch."""
    import torch

    where = Path(folder) / "store"
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{where}", rank=rank, world_size=processes
    )
    module, step = torch_step(problem, rank, processes)
    if (Path(folder) / str(rank)).exists():
        turns = Turns(folder, rank)
        while turns.more():
            step()
    else:
        for _ in range(STEPS):
            step()
        found = {name: p.detach().numpy() for name, p in module.named_parameters()}
        np.savez(Path(folder) / f"torch {processes} {rank}.npz", **found)
    torch.distributed.destroy_process_group()


def ours(*, problem: str, folder: str) -> dict[str, Any] | None:
    """50 steps of ``Trainer`` in these processes."""
    parallel, given = rb.parallel.MPI(shards=2), PROBLEMS[problem]()
    trainer_of(given, parallel).fit(given.data, until_steps=STEPS)
    number = f"rnnbp {parallel.processes} {parallel.rank}"
    np.savez(Path(folder) / f"{number}.npz", **given.model.params)
    return None if parallel.rank else {}


def apart(problem: str) -> dict[str, float]:
    """The largest difference of a parameter after 50 steps on one process and on two, of both libraries."""
    with tempfile.TemporaryDirectory() as name:
        for processes in (1, 2):
            once("ours", processes, problem=problem, folder=name)
            (folder := Path(name) / f"{processes}").mkdir()
            fresh("torch", threads=1, problem=problem, folder=str(folder), processes=processes)
        paths = {"rnnbp": [Path(name) / f"rnnbp {P} 0.npz" for P in (1, 2)]}
        paths["PyTorch"] = [Path(name) / f"{P}" / f"torch {P} 0.npz" for P in (1, 2)]
        return {library: _apart(*map(np.load, pair)) for library, pair in paths.items()}


def _apart(one: Any, two: Any) -> float:
    equal = all(np.array_equal(one[key], two[key]) for key in one)
    found = max(float(np.abs(one[key] - two[key]).max()) for key in one)
    assert equal == (found == 0), "differences and equality agree"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", default=USUAL, choices=[*PROBLEMS])
    parser.add_argument("--rounds", type=int, default=15, help="quiet ones that are wanted")
    parser.add_argument("--seconds", type=float, default=60, help="of rounds at most")
    parser.add_argument("--out", type=Path, default=Path("runs/data_parallel"))
    options = parser.parse_args()
    if not find_spec("torch"):
        raise SystemExit("data_parallel.py needs PyTorch; install it with: pip install '.[peers]'")
    rows = []
    for problem in options.problems:
        row: dict[str, Any] = {"problem": problem, "apart": apart(problem)}
        teams = {"rnnbp": Contender("by_fit", 2, problem=problem, shards=2)}
        teams["PyTorch"] = Contender("torch", 2, alone=True, problem=problem)
        turns = [*rounds(teams, options.rounds, options.seconds)]
        for team in teams.values():
            team.close()
        good = [turn for turn in turns if is_quiet(turn)]
        for key in ("seconds", "work"):
            row[key] = {name: median(t[name][key] for t in good or turns) for name in teams}
            ratios = [turn["PyTorch"][key] / turn["rnnbp"][key] for turn in good or turns]
            row[f"ratio of {key}"] = median(ratios)
        rows.append(row | {"quiet": len(good), "rounds": len(turns)})
        save(options.out, "data_parallel", rows, torch=version("torch"))
    print(table(
        ["problem", "library", "steps/s", "apart after 50", "PyTorch / rnnbp", "quiet"],
        [[r["problem"], name, f"{1 / r['seconds'][name]:.1f}", f"{r['apart'][name]:.1e}",
          f"{r['ratio of seconds']:.2f}", f"{r['quiet']} of {r['rounds']}"]
         for r in rows for name in r["seconds"]],
    ))  # fmt: skip
    print(f"Written to {options.out}.")


if __name__ == "__main__":
    dispatch(main, {"torch": torchs, "by_fit": by_fit, "ours": ours})
