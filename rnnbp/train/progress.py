"""The progress bar."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from rnnbp.support import bars, late_bars
from rnnbp.train.named_figures import PENALTY
from rnnbp.train.source import UNKNOWN, Source


def progress_bar(
    shown: bool | None, done: int, total: int | None, unit: str = " steps"
) -> contextlib.AbstractContextManager[bars.Bar | None]:
    """A tqdm bar of ``total`` units; None if it is not ``shown``.

    By default it is shown on a terminal and in a notebook only.
    """
    return (
        bars.bar(total, initial=done, unit=unit)
        if late_bars.wanted(shown)
        else contextlib.nullcontext()
    )


def show_step(bar: bars.Bar | None, metrics: Mapping[str, object]) -> None:
    """Advance a bar, if there is one, by a step: its loss, and those of several outputs, or how
    many were skipped.
    """
    if bar is not None:
        kind = "loss" if metrics["loss"] is not None else "skipped"
        shown = {kind: metrics[kind]}
        of_outputs = (name for name in metrics if name.endswith("_loss"))
        more = [name for name in of_outputs if not name.startswith("validation")]
        shown |= {name: metrics[name] for name in (*more, PENALTY) if name in metrics}
        bar.set_postfix(shown, refresh=False)
        bar.update()


def bar_of_batches(
    name: str, progress: bool | None, source: Source
) -> contextlib.AbstractContextManager[late_bars.LateBar | None]:
    """A bar of an epoch's batches: True shows it at once, None late and only to a user."""
    count = source.batches_per_epoch
    return late_bars.late(
        progress,
        None if count == UNKNOWN else count,
        desc=name,
        unit=" batches",
        dynamic_ncols=True,
    )
