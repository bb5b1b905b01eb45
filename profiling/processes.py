"""What the scripts here share: a piece of work in a fresh process, its result as JSON; tables; files of results."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What sets the threads of BLAS and of PyTorch; they read it once, when they are loaded."""
GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Makes glibc return freed arrays to the system at once, which costs time; as it is, resident memory does not fall."""
CHILD = "--child"


def dispatch(main: Callable[[], None], children: Mapping[str, Callable[..., Any]]) -> None:
    """Run ``main``; or, in a process that ``fresh`` started, the child that it names."""
    if sys.argv[1:2] != [CHILD]:
        main()
        return
    _, _, name, arguments = sys.argv
    given = json.loads(arguments)
    print(json.dumps(children[name](**given)))


def fresh(child: str, *, threads: int, gives_back: bool = False, **arguments: Any) -> Any:
    """The result of a child of this script, run in a process of its own with that many BLAS threads."""
    command = [sys.executable, os.path.abspath(sys.argv[0]), CHILD, child, json.dumps(arguments)]
    env = {**os.environ, **dict.fromkeys(POOLS, str(threads)), **(GIVES_BACK if gives_back else {})}
    found = subprocess.run(command, env=env, capture_output=True, text=True)
    if found.returncode:
        last = (found.stderr.strip().splitlines() or ["it said nothing"])[-1]
        cure = (
            "it may have been stopped for want of memory"
            if found.returncode < 0
            else "run it alone to see all"
        )
        raise SystemExit(
            f"the process for {child} ended with status {found.returncode}: {last}; {cure}:\n{command}"
        )
    return json.loads(found.stdout.splitlines()[-1])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under heads: the first column to the left, the others to the right."""
    widths = [max(len(row[k]) for row in [heads, *rows]) for k in range(len(heads))]
    lines = [
        [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [heads, *rows]
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def megabytes(n: float | None) -> str:
    """Bytes as MB of 10**6, or a dash."""
    return "-" if n is None else f"{n / 1e6:.3f}"


def save(folder: Path, name: str, rows: Sequence[Mapping[str, Any]], **more: Any) -> None:
    """Rows as ``name.json``, with whatever else there is, and as ``name.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(
        json.dumps({**more, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
