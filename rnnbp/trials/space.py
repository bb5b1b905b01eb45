"""The runs of a sweep: every combination of the grid, the random samples and the seeds."""

from __future__ import annotations

import json
import math
from itertools import product
from typing import TypeAlias

from rnnbp.rng import generator
from rnnbp.storage import JSON
from rnnbp.trials.config import Config
from rnnbp.trials.errors import ConfigError

MOST = 100_000
"""Runs of a sweep at most: more are a slip."""

Trial: TypeAlias = dict[str, JSON]
"""The options of a run, by name."""

FREE = ("minutes", "snapshot_minutes")
"""Options that do not decide what a run computes, and may change when it goes on."""


def trials(config: Config) -> list[Trial]:
    """The options of each run, each once. Raises ConfigError for too many."""
    count = math.prod(map(len, config.grid.values())) * config.samples * max(len(config.seeds), 1)
    if count > MOST:
        raise ConfigError(f"{config.path}: these are {count:,} runs, more than {MOST:,}")
    seeds: list[Trial] = [{"seed": seed} for seed in config.seeds] or [{}]
    found = [
        config.fixed | dict(zip(config.grid, point, strict=True)) | sample | seed
        for point in product(*config.grid.values())
        for sample in samples(config)
        for seed in seeds
    ]
    return list({identity(trial): trial for trial in reversed(found)}.values())[::-1]


def samples(config: Config) -> list[Trial]:
    """The random options of each sample; of more samples the first are the same."""
    if not config.random:
        return [{}]
    rng = generator(config.draws)
    return [
        {name: config.random[name].draw(rng) for name in sorted(config.random)}
        for _ in range(config.samples)
    ]


def identity(trial: Trial) -> str:
    """Equal for runs that compute the same."""
    return json.dumps({k: v for k, v in trial.items() if k not in FREE}, sort_keys=True)
