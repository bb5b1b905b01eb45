"""The TOML file of a sweep.

::

    [sweep]
    seeds = [0, 1, 2]
    jobs = 2
    sort_by = "bits_per_character"    # "-accuracy": the highest first
    folder = "runs/units"             # by default runs/ and the name of the file

    [train]                           # fixed options of rnnbp train
    text = "words.txt"
    epochs = 2

    [grid]                            # every combination
    units = [64, 128]

    [random]                          # this number of draws, with every combination
    samples = 10
    seed = 0                          # of the draws
    lr = {log-uniform = [1e-4, 1e-1]}
    dropout = {uniform = [0, 0.5]}
    batch = {integers = [8, 64]}
    cell = {choice = ["lstm", "gru"]}

With ``function = "module:function"`` in ``[sweep]`` the options are those of a function of your
own. Paths are from the folder of the file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from rnnbp.numerics import shown
from rnnbp.storage import JSON, read_bounded
from rnnbp.support.nearest import hint
from rnnbp.trials.distributions import Distribution, distribution
from rnnbp.trials.errors import ConfigError

LARGEST = 1 << 20
"""Bytes of a file."""

TABLES = ("sweep", "train", "grid", "random")
SWEEP = ("folder", "function", "jobs", "seeds", "sort_by")
"""The names in [sweep]; those of other tables are options."""


@dataclass(frozen=True)
class Config:
    """What a file says; ``function``, ``sort_by`` and ``jobs`` are None where it has none.

    ``samples`` and ``draws`` are the number of random samples, and the seed of the draws.
    """

    path: Path
    folder: Path
    function: str | None
    jobs: int | None
    sort_by: str | None
    seeds: tuple[int, ...]
    fixed: dict[str, JSON]
    grid: dict[str, list[JSON]]
    random: dict[str, Distribution]
    samples: int
    draws: int

    def sections(self) -> dict[str, dict[str, JSON]]:
        """What decides the runs, by table and name."""
        drawn: dict[str, JSON] = {name: each.as_json() for name, each in self.random.items()}
        if self.random:
            drawn |= {"samples": self.samples, "seed": self.draws}
        return {
            "sweep": {"function": self.function, "seeds": list(self.seeds)},
            "train": dict(self.fixed),
            "grid": dict(self.grid),
            "random": drawn,
        }

    @property
    def varied(self) -> list[str]:
        """The names of the options that differ between runs; the seed is the last."""
        several = [name for name, values in self.grid.items() if len(values) > 1]
        return [*several, *self.random, *(["seed"] if len(self.seeds) > 1 else [])]


def read(path: Path) -> Config:
    """The sweep that a file describes. Raises ConfigError or StorageError."""
    tables = _tables(path)
    sweep, fixed = tables.get("sweep", {}), tables.get("train", {})
    for name in sweep:
        if name not in SWEEP:
            raise ConfigError(
                f"{path}: [sweep] has no {name!r}{hint(name, SWEEP)}; it takes {', '.join(SWEEP)}"
            )
    drawn = dict(tables.get("random", {}))
    samples, draws = drawn.pop("samples", None), drawn.pop("seed", 0)
    if drawn and samples is None:
        raise ConfigError(f"{path}: [random] needs the number of samples; add samples = 10")
    found = Config(
        path.resolve(),
        path.resolve().parent / _text(path, sweep, "folder", f"runs/{path.stem}"),
        _text(path, sweep, "function") if "function" in sweep else None,
        _whole(path, "[sweep] jobs", sweep["jobs"], 1) if "jobs" in sweep else None,
        _text(path, sweep, "sort_by") if "sort_by" in sweep else None,
        tuple(_whole(path, "[sweep] seeds", seed, 0) for seed in _list(path, sweep, "seeds")),
        fixed,
        {name: _values(path, name, values) for name, values in tables.get("grid", {}).items()},
        {name: distribution(f"{path}: [random] {name}", value) for name, value in drawn.items()},
        1 if samples is None else _whole(path, "[random] samples", samples, 1),
        _whole(path, "[random] seed", draws, 0),
    )
    _check_once(found)
    return found


def _tables(path: Path) -> dict[str, dict[str, JSON]]:
    if not path.is_file():
        near = hint(path.name, [each.name for each in path.parent.glob("*.toml")])
        raise ConfigError(f"there is no file {path}{near}; name the TOML file of a sweep")
    try:
        found = tomllib.loads(read_bounded(path, LARGEST).decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not TOML: it is not UTF-8 ({error.reason})") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    for name, table in found.items():
        if name not in TABLES:
            known = ", ".join(f"[{each}]" for each in TABLES)
            raise ConfigError(f"{path}: {name!r} is no table{hint(name, TABLES)}; use {known}")
        if not isinstance(table, dict):
            raise ConfigError(
                f"{path}: {name} must be a table, found {shown(table)}; write [{name}]"
            )
        for key, value in table.items():
            _check_plain(f"{path}: [{name}] {key}", value)
    return found


def _check_plain(where: str, value: object) -> None:
    """Raise ConfigError for dates, which no option takes, and for numbers that are not finite."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_plain(where, each)
    elif not isinstance(value, str | int | float) or value in (float("inf"), -float("inf")):
        raise ConfigError(f"{where} must be a text, a finite number, true or false, found {value}")
    elif value != value:
        raise ConfigError(f"{where} must be finite, found nan")


def _values(path: Path, name: str, values: JSON) -> list[JSON]:
    if not isinstance(values, list) or not values:
        raise ConfigError(
            f"{path}: [grid] {name} must be a list of at least one value, found {shown(values)}; "
            f"an option with one value goes into [train]"
        )
    return _once(values)


def _text(path: Path, table: dict[str, JSON], name: str, default: str = "") -> str:
    value = table.get(name, default)
    if not isinstance(value, str) or not value or "\0" in value:
        raise ConfigError(f"{path}: [sweep] {name} must be a text, found {shown(value)}")
    return value


def _list(path: Path, table: dict[str, JSON], name: str) -> list[JSON]:
    value = table.get(name, [])
    if not isinstance(value, list) or (name in table and not value):
        raise ConfigError(
            f"{path}: [sweep] {name} must be a list of whole numbers, as [0, 1, 2], found "
            f"{shown(value)}"
        )
    return _once(value)


def _once(values: list[JSON]) -> list[JSON]:
    """Each value once; 1, 1.0 and true are different."""
    return list({repr(value): value for value in reversed(values)}.values())[::-1]


def _whole(path: Path, where: str, value: JSON, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(
            f"{path}: {where} must be a whole number of at least {least}, found {shown(value)}"
        )
    return value


def _check_once(config: Config) -> None:
    """Raise ConfigError for an option that stands in two tables."""
    places: dict[str, str] = {"seed": "[sweep] as seeds"} if config.seeds else {}
    for table, names in (
        ("train", config.fixed),
        ("grid", config.grid),
        ("random", config.random),
    ):
        for name in names:
            if name in places:
                raise ConfigError(
                    f"{config.path}: {name} is in [{table}] and in {places[name]}; leave out one"
                )
            places[name] = f"[{table}]"
