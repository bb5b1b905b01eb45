"""What takes most of the least bytes that any schedule needs."""

from __future__ import annotations

import math
from dataclasses import replace

from rnnbp.compensated import parted
from rnnbp.planning import tables
from rnnbp.planning.budget import shown
from rnnbp.planning.prices import least_of
from rnnbp.planning.sizes import Sizes
from rnnbp.support.reprs import counted


def most_of(sizes: Sizes, steps: int, least: int) -> list[str]:
    """What takes a fifth of the least bytes or more, the two largest."""
    _, length = least_of(sizes, steps)
    without = replace(sizes, dx=False).gradients(steps, parted=False)
    several = parted(math.ceil(steps / length), length)
    program = sizes.program(length) + tables.of_all(sizes, steps, length)
    tape = f"the tape of {counted(length, 'step')} takes {{}}"
    parts = {
        "dx takes {}: dx=False leaves it out": sizes.gradients(steps, parted=False) - without,
        "y of all steps takes {}: return_y=False leaves it out": sizes.kept_outputs(steps),
        "the gradients of the parameters take {}": sizes.gradients(0, parted=several),
        "packed weights and the workspace of kernels take {}": program,
        f"{tape}: a smaller batch needs less": sizes.tape(length),
        "static inputs, and what is computed from them, take {}": sizes.fixed.held,
    }
    large = [(n, text) for text, n in parts.items() if n >= max(1, least // 5)]
    return [text.format(shown(n)) for n, text in sorted(large, reverse=True)[:2]]
