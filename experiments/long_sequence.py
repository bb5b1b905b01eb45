"""One gradient over a million steps of text, in 64 MB.

A character model reads the bytes of Python's help topics and of its standard library, memory-mapped, and the
gradient of its loss flows through the whole sequence: no truncation. The plan is printed first, then a bar with
what was forecast and what is, then both next to each other.
"""

from __future__ import annotations

import argparse
import os
import pydoc_data.topics
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import rnnbp as rb


def text() -> Iterator[bytes]:
    """Python's help topics, then the sources of its standard library in the order of their names."""
    for name in sorted(pydoc_data.topics.topics):
        yield pydoc_data.topics.topics[name].encode()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        yield path.read_bytes()


def write_text(path: Path, length: int) -> None:
    """Write the first ``length`` bytes of the text."""
    with path.open("wb") as file:
        for part in text():
            file.write(part[: length - file.tell()])
            if file.tell() == length:
                return
        raise SystemExit(
            f"long_sequence: the text has {file.tell():,} bytes, not {length:,}; ask for fewer steps"
        )


def build(units: int, embedding: int) -> rb.Sequential:
    """(T, B) bytes → (T, B, 256) logits of the next byte."""
    rng = np.random.default_rng(0)
    return rb.Sequential(
        rb.Embedding(256, embedding, rng=rng),
        rb.LSTM(embedding, units, rng=rng),
        rb.Dense(units, 256, rng=rng),
    )


def row(what: str, forecast: object, actual: object) -> str:
    return f"{what:<16} {forecast!s:>14} {actual!s:>14}"


def report(plan: rb.Plan, found: rb.Gradients, used: rb.memory.HighWater) -> None:
    """What was forecast and what happened."""
    stats, told = found.stats, plan.forecast
    print(row("", "forecast", "actual"))
    print(row("bytes held", f"{told.peak_bytes:,}", f"{stats.peak_bytes:,}"))
    print(row("steps run again", f"{told.steps_rerun:,}", f"{stats.steps_rerun:,}"))
    print(row("steps rebuilt", f"{told.steps_rebuilt:,}", f"{stats.steps_rebuilt:,}"))
    print(row("seconds", f"{told.seconds:.3g}", f"{stats.seconds:.3g}"))
    print(
        f"the process grew by {used.high_water_bytes or 0:,} bytes at the most (the mapped text among them)"
    )
    norm = np.sqrt(
        sum(float((grad.astype(np.float64) ** 2).sum()) for grad in found.grads.values())
    )
    print(f"loss {found.loss / np.log(2):.4f} bits per byte, gradient norm {norm:.6g}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1_000_000, help="length of the sequence")
    parser.add_argument("--budget", default="64 MB", help="bytes that the engine may hold")
    parser.add_argument(
        "--disk", default=None, help="bytes that checkpoints may take on disk, as '1 GB'"
    )
    parser.add_argument("--units", type=int, default=64, help="units of the LSTM")
    parser.add_argument("--embedding", type=int, default=32, help="size of the embedding")
    options = parser.parse_args()
    model, loss = build(options.units, options.embedding), rb.losses.CrossEntropy()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        write_text(path, options.steps + 1)
        mapped = np.memmap(path, np.uint8, "r")[:, None]  # (T + 1, 1)
        plan = rb.plan(
            model,
            loss,
            steps=options.steps,
            batch=1,
            budget=options.budget,
            disk=options.disk,
            dx=False,
        )
        print(plan, end="\n\n")
        with rb.memory.high_water() as used:
            found = rb.bptt(model, mapped[:-1], mapped[1:], loss, checkpoint=plan, progress=True)
        report(plan, found, used)
        del mapped
    assert found.stats.peak_bytes <= plan.budget, (
        f"{found.stats.peak_bytes} bytes exceed {os.fspath(path)}"
    )


if __name__ == "__main__":
    main()
