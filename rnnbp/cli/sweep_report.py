"""What ``rnnbp sweep`` prints and writes: progress, a table, a file of figures, a picture."""

from __future__ import annotations

import math
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, field

from rnnbp.cli.tables import table
from rnnbp.cli.train_options import DEFAULT
from rnnbp.compare.files import can_draw
from rnnbp.numerics import escaped
from rnnbp.storage import JSON, write_atomic
from rnnbp.support.printing import for_stdout
from rnnbp.trials.config import Config
from rnnbp.trials.outcome import FAILED, FINISHED, INTERRUPTED, TIME, WAITING, Outcome, outcome
from rnnbp.trials.picture import picture
from rnnbp.trials.results import SEED, Results, Row
from rnnbp.trials.space import Trial

TABLE, PICTURE = "sweep.csv", "sweep.png"
STATES = (FINISHED, TIME, FAILED, INTERRUPTED, WAITING)
CURE = "there is no picture: python -m pip install 'rnnbp[plot]'"


@dataclass
class Report:
    """The report of a sweep. ``lost`` has errors of runs whose folders could not take them."""

    config: Config
    runs: dict[str, Trial]
    quiet: bool
    lost: dict[str, str] = field(default_factory=dict)
    to_run: int = 0
    count: int = 0

    def outcome(self, name: str) -> Outcome:
        """That of a run, by its folder."""
        cell = str(self.runs[name].get("cell", DEFAULT.cell))
        found = outcome(self.config.folder / name, cell)
        lost = self.lost.get(name, "")
        return Outcome(FAILED, {}, lost) if lost and found.state != FAILED else found

    def left(self, *, retry: bool) -> dict[str, Trial]:
        """The runs that are not finished; with ``retry`` those that failed too."""
        done = {FINISHED} if retry else {FINISHED, FAILED}
        return {k: trial for k, trial in self.runs.items() if self.outcome(k).state not in done}

    def begin(self, to_run: int, jobs: int, dask: str | None) -> None:
        """Print what is about to be done."""
        self.to_run = to_run
        where = f"workers of {dask}" if dask else f"{jobs} at a time"
        self._print(f"sweep   {self._size()}")
        self._print(f"folder  {escaped(str(self.config.folder))}; {self._states()}")
        threads = self.config.fixed.get("threads", 1) if self.config.function is None else 1
        how = f"{where}, {threads} thread{'s' if threads != 1 else ''} each"
        self._print(f"runs    {to_run} to run, {how}" if to_run else "runs    none is left to run")

    def _size(self) -> str:
        config = self.config
        parts = [
            f"{name} × {len(values)}" for name, values in config.grid.items() if len(values) > 1
        ]
        parts += [f"{config.samples} random samples"] if config.random else []
        parts += [f"{len(config.seeds)} seeds"] if len(config.seeds) > 1 else []
        total = f"{len(self.runs)} run{'s' if len(self.runs) != 1 else ''}"
        return f"{total}: {', '.join(parts)}" if parts else total

    def _states(self) -> str:
        found = Counter(self.outcome(name).state for name in self.runs)
        return ", ".join(f"{found[state]} {_word(state)}" for state in STATES if found[state])

    def ended(self, name: str, error: str) -> None:
        """Print a line about a run that has ended."""
        if error:
            self.lost[name] = error
        found = self.outcome(name)
        if found.state == WAITING:  # it was stopped before it began
            return
        self.count += 1
        options = ", ".join(
            f"{key} {_text(self.runs[name].get(key))}" for key in self.config.varied
        )
        line = f"{self.count} of {self.to_run}: {name}{f', {options}' if options else ''}: "
        metric = (self.config.sort_by or next(iter(found.figures), "")).removeprefix("-")
        if found.state == FAILED:
            line += f"failed: {found.error}"
        elif metric in found.figures:
            line += f"{metric} {_number(found.figures[metric])}"
            line += f", {_word(TIME)}" if found.state == TIME else ""
        else:
            line += _word(found.state)
        self._print(escaped(line))

    def end(self) -> int:
        """Print the table, write it and the picture; returns 1 if a run failed, else 0."""
        rows = [Row(name, trial, self.outcome(name)) for name, trial in self.runs.items()]
        results = Results.of(rows, self.config.varied, self.config.sort_by)
        self._print("", *_table(results), *_mean_table(results))
        written = [self.config.folder / TABLE]
        write_atomic(written[0], results.to_csv().encode())
        if results.measured and can_draw():
            written.append(self.config.folder / PICTURE)
            write_atomic(written[1], picture(results))
        self._print(f"\nWritten: {', '.join(escaped(str(path)) for path in written)}")
        if not can_draw():
            self._print(CURE)
        failed = results.failed
        if failed:
            what = f"{len(failed)} of {len(rows)} runs failed"
            cure = "try them again with --retry"
            first = self.config.folder / failed[0].name
            print(f"rnnbp: {what}, the first in {escaped(str(first))}; {cure}", file=sys.stderr)
        return 1 if failed else 0

    def _print(self, *lines: str) -> None:
        if not self.quiet:
            print(*map(for_stdout, lines), sep="\n", flush=True)


def _table(results: Results) -> list[str]:
    """A line for each run, best first."""
    figures, errors = results.figures[:5], bool(results.failed)
    header = ["run", "state", *results.varied, *figures, *(["error"] if errors else [])]
    rows = []
    for row in results.rows:
        numbers = [_number(row.outcome.figures.get(name, math.nan)) for name in figures]
        options = [_text(row.options.get(name)) for name in results.varied]
        last = [row.outcome.error] if errors else []
        rows.append([row.name, _word(row.outcome.state), *options, *numbers, *last])
    return table(header, rows, [*results.varied, *figures])


def _mean_table(results: Results) -> list[str]:
    """Means over seeds, best first, if there are several seeds."""
    names = [name for name in results.varied if name != SEED]
    means = results.means()
    if SEED not in results.varied or not names or not means:
        return []
    metric = results.metric
    header = [*names, f"mean {metric}", "deviation", "seeds"]
    rows = [
        [
            *(_text(options.get(name)) for name in names),
            _number(statistics.fmean(values)),
            _number(statistics.stdev(values)) if len(values) > 1 else "",
            str(len(values)),
        ]
        for options, values in means
    ]
    return ["", "Over seeds", *table(header, rows, header)]


def _word(state: str) -> str:
    return "ended by minutes" if state == TIME else state


def _text(value: JSON) -> str:
    return "" if value is None else escaped(str(value), 40)


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if 1e5 <= abs(value) < 1e9 else f"{value:.5g}"
