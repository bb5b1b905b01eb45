"""The arguments of a Trainer that must fit together."""

from __future__ import annotations

from collections.abc import Iterator

from rnnbp.numerics import positive_int, real_number, shown
from rnnbp.optim import OnPlateau, Schedule
from rnnbp.train.source import Source, check_source


def counts(**given: int | None) -> Iterator[int | None]:
    """The values of optional counts, by name. Raises TypeError or ValueError unless they are from 1."""
    for name, value in given.items():
        yield None if value is None else positive_int(f"Trainer: {name}", value)


def check_options(
    validation: Source | None,
    validate_every: int | None,
    patience: int | None,
    learning_rate: Schedule | OnPlateau | None,
    on_nonfinite: str,
    snapshot_minutes: float | None,
) -> None:
    """Raise TypeError or ValueError for those that do not."""
    if validation is not None:
        check_source("Trainer: validation", validation)
    if not isinstance(on_nonfinite, str) or on_nonfinite not in ("raise", "skip"):
        raise ValueError(f"Trainer: on_nonfinite is 'raise' or 'skip', found {shown(on_nonfinite)}")
    if snapshot_minutes is not None:
        cure = "None writes none by time"
        real_number("Trainer: snapshot_minutes", snapshot_minutes, above=0, cure=cure)
    needing = [
        name for name, given in (("validate_every", validate_every), ("patience", patience)) if given is not None
    ]
    needing += ["learning_rate=OnPlateau"] * isinstance(learning_rate, OnPlateau)
    if validation is None and needing:
        needs = ", ".join(needing)
        raise ValueError(f"Trainer: {needs} needs validation losses; give validation=, a source")
