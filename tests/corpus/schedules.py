"""The schedules of the corpus, each for a number of chunks; and what they are on numbers alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rnnbp as rb
from tests.corpus.digests import Found, flat, of_actions

s = rb.schedules
SCHEDULES: dict[str, Callable[[int], Any]] = {
    "all": s.All,
    "every chunk": lambda n: s.EveryK(n, 1),
    "every 2": lambda n: s.EveryK(n, 2),
    "every 3 on disk": lambda n: s.EveryK(n, 3, tier="disk"),
    "sqrt": s.Sqrt,
    "sqrt on disk": lambda n: s.Sqrt(n, tier="disk"),
    "revolve 1": lambda n: s.Revolve(n, 1),
    "revolve 3": lambda n: s.Revolve(n, 3),
    "hsm 2": lambda n: s.HSM(n, 2),
    "ism 2": lambda n: s.ISM(n, 2),
    "msm 5": lambda n: s.MSM(n, 5, 2),
    "optimal 4": lambda n: s.Optimal(n, 4, 2),
    "optimal 7": lambda n: s.Optimal(n, 7, 3),
    "multistage 1 1": lambda n: s.Multistage(n, 1, 1),
    "multistage 2 3": lambda n: s.Multistage(n, 2, 3),
    "disk revolve 1": lambda n: s.DiskRevolve(n, 1, 2.0, 1.0),
    "disk revolve 2": lambda n: s.DiskRevolve(n, 2, 0.5, 0.5),
    "online 2": lambda n: s.Streamed(n, 2),
    "thin": s.ThinTapes,
    "thin 2": lambda n: s.ThinTapes(n, 2),
    "thin 3 on disk": lambda n: s.ThinTapes(n, 3, tier="disk"),
    "revolve 2, thinned": lambda n: list(s.thin(s.Revolve(n, 2))),
}
"""Every kind; a schedule that is added goes here too, and is run over several models."""
UNSIZED: dict[str, Any] = {
    "'sqrt'": "sqrt",
    "EveryK(k=2)": s.EveryK(k=2),
    "Revolve(slots=2)": s.Revolve(slots=2),
    "Online(2)": s.Online(2),
    "a function": lambda n: s.Revolve(n, min(n, 2)),
    "a list": [rb.actions.Record(0), rb.actions.Record(1), rb.actions.Record(2)]
    + [rb.actions.Backward(n) for n in (2, 1, 0)],
}
"""As ``bptt`` takes them without the number of chunks; the list is for three."""
COUNTS = (1, 2, 3, 4, 5, 7, 8, 13, 21, 40)


@dataclass(frozen=True)
class Simulated:
    """The actions of a schedule for several numbers of chunks, and what they take."""

    schedule: Callable[[int], Any]

    def run(self) -> Found:
        found: Found = {}
        for n in COUNTS:
            made = self.schedule(n)
            found[f"{n}.actions"] = of_actions(made)
            found |= flat(f"{n}.takes", rb.simulate(made, n, steps=4 * n - 1, chunk=4))
        return found
