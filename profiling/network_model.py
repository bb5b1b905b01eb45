"""How long a step takes on P processes and V shards: the formula, its costs measured here, and larger networks.

A process runs its shards one after the other, adds them along the tree, swaps sums with the processes of the other side
of each node, and updates. With V shards, of which a process has v = V/P, and n bytes of gradients, for powers of two

    T(P, V) = v S(V) + n (max(1, v / 2) c + (v - 1) a) + log2(P) (l + n (b + a)) + U

S seconds of a shard, c and a of copying and adding a byte, l of a message, b of a byte in it, U of the update; every
second shard is added without being copied; all of these while as many processes work as there are cores, or P, if that
is less. Other P and V: the messages of the tree, each of which begins when both its processes have come to it. More
processes than cores share them: all but messages takes P / cores times as long, and messages are those measured with as
many processes.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from network_costs import Network, Work, fitted, messages, overlap, work
from processes import dispatch, save, table
from ranks import Contender, is_quiet, once, rounds
from ranks_problem import PROBLEMS, USUAL, by_hand

from rnnbp.parallel.tree import Node, block, members, root
from rnnbp.parallel.tree import messages as at_node

ASSUMED = {
    "Ethernet, 1 Gbit/s": Network(50e-6, 8 / 1e9),
    "Ethernet, 10 Gbit/s": Network(25e-6, 8 / 1e10),
    "RDMA, 100 Gbit/s": Network(2e-6, 8 / 1e11),
}
"""Assumptions, not measurements: usual latencies of TCP and RDMA between two machines, and the nominal bandwidth."""
STYLES = "-", "--", ":"
MANY = tuple(2**k for k in range(11))
MEASURED = (1, 2), (2, 2), (1, 4), (2, 4), (3, 4), (4, 4), (2, 8), (4, 8)
"""Processes and shards."""


def predicted(processes: int, shards: int, seconds: float, one: Work, net: Network) -> float:
    """Seconds of a step, of ``seconds`` a shard."""
    add, copy = one.add * one.nbytes, one.copy * one.nbytes
    clocks = []
    for rank in range(processes):
        own = len(block(shards, processes, rank))
        clocks.append(own * seconds + (own - 1) * add + -(-own // 2) * copy)
    _along(root(shards), shards, clocks, net.message(one.nbytes), add)
    return max(clocks) + one.update


def _along(node: Node, shards: int, clocks: list[float], message: float, add: float) -> None:
    """Move the clocks of processes through the messages below a node and at it."""
    processes = len(clocks)
    if len(members(shards, processes, node)) < 2:
        return
    for side in node.sides:
        _along(side, shards, clocks, message, add)
    for left, right, _, _ in at_node(shards, processes, node):
        clocks[left] = clocks[right] = max(clocks[left], clocks[right]) + message
    for rank in members(shards, processes, node) if node.sides[1].shards(shards) else ():
        clocks[rank] += add


def shared(one: Work, processes: int, cores: int) -> tuple[Work, float]:
    """The work of a process that has a part of a core, and how many times longer it takes."""
    times = max(1.0, processes / cores)
    return replace(
        one, update=one.update * times, add=one.add * times, copy=one.copy * times
    ), times


def _as_work(found: dict[str, Any]) -> Work:
    return Work(**found | {"shard": {int(k): s for k, s in found["shard"].items()}})


def compared(
    problem: str, busy: dict[int, Work], nets: dict[int, Network], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Predictions next to measurements of training by hand.

    Args:
        busy: the work of a process while as many work at once.
    """
    cases = [case for case in MEASURED if case[0] <= max(nets)]
    teams = {str(case): _team(problem, *case) for case in cases}
    turns = [*rounds(teams, options.rounds, options.seconds)]
    for team in teams.values():
        team.close()
    good, rows = [turn for turn in turns if is_quiet(turn)], list[dict[str, Any]]()
    for case in cases:
        processes, shards = case
        one = busy[min(processes, options.cores)]
        mine, times = shared(one, processes, options.cores)
        seconds = predicted(*case, one.shard[shards] * times, mine, nets[processes])
        found = [turn[str(case)]["seconds"] for turn in good or turns]
        row = {"problem": problem, "processes": processes, "shards": shards, "predicted": seconds}
        rows.append(row | {"measured": median(found), "fastest": min(found), "quiet": len(good)})
    return rows


def _team(problem: str, processes: int, shards: int) -> Contender:
    return Contender("by_hand", processes, problem=problem, shards=shards)


def larger(problem: str, one: Work) -> list[dict[str, Any]]:
    """Speedups over one process, for each network: 32 rows a process, and 1,024 shards of a row each."""
    rows = []
    for name, net in ASSUMED.items():
        for count in MANY:
            alone = count * (one.shard[1] + one.update)
            growing = alone / predicted(count, count, one.shard[1], one, net)
            fixed = predicted(1, MANY[-1], one.shard[32], one, net)
            fixed /= predicted(count, MANY[-1], one.shard[32], one, net)
            row = {"problem": problem, "network": name, "processes": count}
            rows.append(row | {"growing": growing, "fixed": fixed})
    return rows


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """The speedups, with both axes logarithmic."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
    titles = {"growing": "a shard of 32 rows a process", "fixed": "1,024 shards of one row"}
    for ax, (kind, title) in zip(axes, titles.items(), strict=True):
        ax.plot(MANY, MANY, color="0.7", linestyle=":", label="ideal")
        for problem, style in zip(dict.fromkeys(r["problem"] for r in rows), STYLES, strict=False):
            for k, name in enumerate(ASSUMED):
                of = [r for r in rows if (r["problem"], r["network"]) == (problem, name)]
                ax.plot(
                    MANY, [r[kind] for r in of], style, color=f"C{k}", label=f"{problem}, {name}"
                )
        ax.set(xscale="log", yscale="log", xlabel="processes", title=title)
    axes[0].set_ylabel("speed over one process (predicted)")
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def show(rows: list[dict[str, Any]], many: list[dict[str, Any]]) -> None:
    """Both tables."""
    print(table(
        ["problem", "P", "V", "predicted ms", "measured ms", "ratio"],
        [[r["problem"], str(r["processes"]), str(r["shards"]), f"{1e3 * r['predicted']:.2f}",
          f"{1e3 * r['measured']:.2f}", f"{r['predicted'] / r['measured']:.2f}"] for r in rows],
    ))  # fmt: skip
    some = MANY[1::2] + MANY[-1:]
    for kind in ("growing", "fixed"):
        found = {(r["problem"], r["network"], r["processes"]): r[kind] for r in many}
        lines = [
            [f"{problem}, {name}", *(f"{found[problem, name, count]:.1f}" for count in some)]
            for problem in dict.fromkeys(r["problem"] for r in many)
            for name in ASSUMED
        ]
        print(f"\nSpeed over one process, {kind}:")
        print(table(["P", *map(str, some)], lines))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", default=USUAL, choices=[*PROBLEMS])
    parser.add_argument("--rounds", type=int, default=15, help="quiet ones that are wanted")
    parser.add_argument("--seconds", type=float, default=120, help="of rounds of a problem at most")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--most", type=int, default=4, help="processes")
    parser.add_argument("--out", type=Path, default=Path("runs/network_model"))
    options = parser.parse_args()
    costs = {n: once("messages", n, repeats=300) for n in (2, 4) if options.most >= n}
    nets = {n: fitted(one["bytes"], one["swap"]) for n, one in costs.items()}
    for count, net in nets.items():
        print(
            f"{count} processes: {1e6 * net.latency:.1f} µs a message, {1e9 * net.per_byte:.3f} ns a byte"
        )
        print(table(["bytes", "swap µs", "one way µs"], [
            [f"{n:,}", f"{1e6 * a:.1f}", f"{1e6 * b:.1f}"]
            for n, a, b in zip(*(costs[count][key] for key in ("bytes", "swap", "one way")), strict=True)
        ]))  # fmt: skip
    nets |= {1: nets[2], 3: nets[max(nets)]}
    gained = once("overlap", 2, nbytes=1_000_000, repeats=300)
    print("µs of a swap of 1 MB and other work: " + ", ".join(
        f"{name} {1e6 * seconds:.0f}" for name, seconds in gained.items()
    ))  # fmt: skip
    rows, many = list[dict[str, Any]](), list[dict[str, Any]]()
    works = {}
    for problem in options.problems:
        works[problem] = {n: once("work", n, problem=problem) for n in {1, options.cores}}
        busy = {n: _as_work(found) for n, found in works[problem].items()}
        for n, one in busy.items():
            shards = ", ".join(f"{1e3 * s:.2f} (V = {k})" for k, s in one.shard.items())
            print(
                f"{problem}, {n} at once: {one.nbytes:,} bytes; ms of a shard {shards}; update "
                f"{1e3 * one.update:.2f}"
            )
        rows += compared(problem, busy, nets, options)
        many += larger(problem, busy[1])
    show(rows, many)
    options.out.mkdir(parents=True, exist_ok=True)
    if find_spec("matplotlib"):
        draw(many, options.out / "network_model.png")
    lines = {count: asdict(net) for count, net in nets.items()}
    save(
        options.out,
        "network_model",
        rows,
        costs=costs,
        overlap=gained,
        nets=lines,
        work=works,
        larger=many,
    )
    print(f"Written to {options.out}.")


if __name__ == "__main__":
    dispatch(main, {"messages": messages, "work": work, "overlap": overlap, "by_hand": by_hand})
