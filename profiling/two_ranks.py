"""Two processes of one thread each next to one process of one thread, which train the same model on the same batches.

One process runs the same shards, so that all end with the same bits; ``whole`` does not cut batches at all, and two
processes with "parts" share the optimiser (``partition=True``). All stay alive and take turns of a quarter of a second.
A round in which other processes took more than a tenth of a core in some turn does not count; ``--seconds`` is how long
to wait for quiet ones. ``work`` is processor time outside of messages.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from processes import dispatch, save, table
from ranks import Contender, is_quiet, rounds
from ranks_problem import PROBLEMS, USUAL, by_fit, by_hand

WHOLE, PARTS = "whole", "2, parts"


def measured(problem: str, shards: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each contender: medians over quiet rounds, or over all if none was quiet."""
    child, team = f"by_{options.by}", partial(Contender, problem=problem)
    teams = {f"{P}": team(child, P, shards=shards) for P in (1, 2)}
    teams[WHOLE] = team("by_fit", 1, shards=None)
    if options.by == "fit":
        teams[PARTS] = team(child, 2, shards=shards, partition=True)
    turns = [*rounds(teams, options.rounds, options.seconds)]
    for each in teams.values():
        each.close()
    good = [turn for turn in turns if is_quiet(turn)]
    rows = []
    for name in teams:
        row: dict[str, Any] = {"problem": problem, "shards": shards, "processes": name}
        for key in ("seconds", "messages", "work", "others"):
            row[key] = median(turn[name][key] for turn in good or turns)
        for of in ("1", WHOLE):
            row[f"over {of}"] = median(t[of]["seconds"] / t[name]["seconds"] for t in good or turns)
            row[f"work over {of}"] = median(t[of]["work"] / t[name]["work"] for t in good or turns)
        rows.append(row | {"rounds": len(turns), "quiet": len(good)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", default=USUAL, choices=[*PROBLEMS])
    parser.add_argument("--shards", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--by", choices=["fit", "hand"], default="fit")
    parser.add_argument("--rounds", type=int, default=15, help="quiet ones that are wanted")
    parser.add_argument("--seconds", type=float, default=60, help="of rounds at most")
    parser.add_argument("--out", type=Path, default=Path("runs/two_ranks"))
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for problem in options.problems:
        for shards in options.shards:
            rows += measured(problem, shards, options)
            save(options.out, "two_ranks", rows)
    print(table(
        ["problem", "V", "P", "steps/s", "over P = 1", "over whole", "work", "messages", "quiet"],
        [[r["problem"], str(r["shards"]), r["processes"], f"{1 / r['seconds']:.1f}",
          f"{r['over 1']:.2f}", f"{r['over whole']:.2f}", f"{1e3 * r['work']:.2f} ms",
          f"{r['messages']:.1%}", f"{r['quiet']} of {r['rounds']}"] for r in rows],
    ))  # fmt: skip
    print(f"Written to {options.out}.")


if __name__ == "__main__":
    dispatch(main, {"by_hand": by_hand, "by_fit": by_fit})
