"""Runs random models and compares what backends and schedules make of them.

    python -m tests.random_models --models 2000 --seed 3

A model is drawn from the seed and its number: --first says at which to begin, so that one can be run alone.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import traceback
import warnings
from collections import Counter

from tests.generator.byte_checks import check_bytes, make_room
from tests.generator.checks import DiffersError, check, ends_in_probabilities
from tests.generator.draws import Seeded
from tests.generator.runs import case_of

LARGE, MEASURED, WILD, WIDE = 8, 32, 20, 4
"""One model in LARGE is large; one in MEASURED has its bytes checked as well; one in WILD overflows; one in WIDE, but
for those that overflow, has cells wider than a panel."""


def run_one(seed: int, number: int, *, bytes_of: str = "large") -> None:
    """Draw a model and check all of it; the bytes of every second "large" one, "all" or "none".

    Raises DiffersError, or what the library raises.
    """
    draw = Seeded(seed, number)
    large, wild = number % LARGE == 0, number % WILD == 1
    case = case_of(draw, large=large, wild=wild, wide=number % WIDE == 3 and not wild)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("error")
        warnings.filterwarnings("always", "the model ends in")
        warnings.filterwarnings(
            "ignore", "mask of shape"
        )  # a square one may look like lengths by chance
        warnings.filterwarnings("ignore", ".* backend 'llvm' was named, and NumPy runs")
        check(case, draw)
        if not wild and (bytes_of == "all" or (bytes_of == "large" and number % MEASURED == 0)):
            check_bytes(case)
        if bool(warned) != ends_in_probabilities(case):
            said = ", ".join(str(warning.message) for warning in warned) or "nothing"
            raise DiffersError("warning", f"of the model's last layer: {said}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.random_models", description=__doc__)
    parser.add_argument("--models", type=int, default=100, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first model")
    parser.add_argument(
        "--step", type=int, default=1, help="take every N-th model, for several processes at once"
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    choices = ["large", "all", "none"]
    parser.add_argument(
        "--bytes",
        choices=choices,
        default="large",
        help="whose bytes to compare with tracemalloc's",
    )
    parser.add_argument("--trace", action="store_true", help="show where an error came from")
    given = parser.parse_args(arguments)
    make_room()
    gc.freeze()  # what is imported, which each comparison of bytes would go through
    start, kinds, done = time.monotonic(), Counter[str](), 0
    for number in range(given.first, given.first + given.models, given.step):
        if time.monotonic() - start > given.seconds:
            break
        try:
            run_one(given.seed, number, bytes_of=given.bytes)
        except Exception as error:
            kind = error.kind if isinstance(error, DiffersError) else type(error).__name__
            kinds[kind] += 1
            print(f"model {number} of seed {given.seed}: {kind}: {error}", flush=True)
            print(
                f"    python -m tests.random_models --seed {given.seed} --first {number} --models 1 --trace"
            )
            if given.trace:
                traceback.print_exc()
        done += 1
    found = ", ".join(f"{n} × {kind}" for kind, n in kinds.items()) or "no difference"
    print(f"{done} models of seed {given.seed} in {time.monotonic() - start:.0f} s: {found}")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
