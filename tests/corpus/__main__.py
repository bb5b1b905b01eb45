"""Digests of what the library computes and forecasts, before a change and after it, on one machine.

    python -m tests.corpus record FILE
    python -m tests.corpus check FILE

``record`` runs all cases and writes digests of every loss, gradient, state, output and parameter, and the figures
of every plan and forecast. ``check`` runs them again and prints each case that differs, and in what. Digests depend
on the processor and on the libraries: ``check`` refuses a file of another machine. A change that is not to change a
number is right where nothing differs; figures that may change are left out by name, as ``--except object_bytes``.

Schedules, and forecasts without kernels, are the same on every machine: tests/data/forecasts.json holds them, written
by ``record tests/data/forecasts.json --portable``, and a test compares them.
"""

from __future__ import annotations

import argparse
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

from tests.corpus.case import Case
from tests.corpus.cases import all_cases
from tests.corpus.machine import surroundings
from tests.corpus.recording import Findings, differences, found_by, portable, read, write

MOST = 12
"""Lines that are printed of a case."""


def main(arguments: list[str] | None = None) -> int:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m tests.corpus", description=__doc__, formatter_class=usage
    )
    parser.add_argument("command", choices=["record", "check", "list"])
    parser.add_argument("file", type=Path, nargs="?", help="where the digests are; not for list")
    parser.add_argument(
        "--only", default="*", help="a pattern of the names of cases, as 'losses/*'"
    )
    parser.add_argument(
        "--except", default=[], nargs="+", dest="leave_out", help="names that are not compared"
    )
    parser.add_argument(
        "--portable", action="store_true", help="only what is the same on every machine"
    )
    given = parser.parse_args(arguments)
    cases = [
        case
        for case in all_cases()
        if fnmatch(case.name, given.only) and case.portable >= given.portable
    ]
    if given.command == "list":
        print("\n".join(case.name for case in cases))
        return 0
    if given.file is None:
        parser.error(f"{given.command} needs a file")
    if not cases:
        parser.error(f"no case is called {given.only}; list shows their names")
    if given.command == "check":
        return check(given.file, cases, given.leave_out)
    return record(given.file, cases, {} if given.portable else surroundings())


def record(path: Path, cases: list[Case], where: dict[str, str]) -> int:
    start, findings = time.monotonic(), run(cases)
    failed = {name: found["error"] for name, found in findings.items() if "error" in found}
    if not where:
        findings = {name: portable(found) for name, found in findings.items()}
    for name, error in failed.items():
        print(f"{name} failed: {error}")
    if failed:
        print(f"{len(failed)} of {len(cases)} cases failed, and nothing was written")
        return 1
    write(path, where, findings)
    values = sum(map(len, findings.values()))
    print(f"{len(cases)} cases, {values:,} values, in {time.monotonic() - start:.0f} s: {path}")
    return 0


def check(path: Path, cases: list[Case], leave_out: list[str]) -> int:
    start, (there, before) = time.monotonic(), read(path)
    elsewhere = differences({**there}, {**surroundings()})
    if there and elsewhere:
        print(
            f"{path} was recorded elsewhere, so its digests say nothing here:",
            *elsewhere,
            sep="\n    ",
        )
        return 2
    differing = 0
    for name, found in run([case for case in cases if case.name in before]).items():
        lines = differences(before[name], found if there else portable(found), leave_out)
        if lines:
            differing += 1
            more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
            print(name, *lines[:MOST], *more, sep="\n    ", flush=True)
    known = {case.name for case in all_cases()}
    unknown = [name for name in before if name not in known]
    new = [case.name for case in cases if case.name not in before]
    for names, what in ((unknown, "are no more"), (new, "were not recorded")):
        if names:
            print(f"{len(names)} cases {what}: {', '.join(names[:MOST])}")
    print(f"{differing} of {len(cases) - len(new)} cases differ; {time.monotonic() - start:.0f} s")
    return 1 if differing or unknown else 0


def run(cases: list[Case]) -> Findings:
    """What each case finds, with the number of those done on a terminal."""
    findings: Findings = {}
    for k, case in enumerate(cases):
        if sys.stderr.isatty():
            print(
                f"\r{k + 1}/{len(cases)} {case.name[:60]:<60}", end="", file=sys.stderr, flush=True
            )
        findings[case.name] = found_by(case)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return findings


if __name__ == "__main__":
    sys.exit(main())
