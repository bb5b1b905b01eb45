"""What the environment says of machine code, by the names of its variables."""

from __future__ import annotations

import os
from contextlib import suppress

VARIABLE = "RNNBP_BACKEND"
"""The backend that is used where none is named."""
TAPE_BITS = "RNNBP_TAPE_BITS"
"""Bits of numbers on tapes where no backend is named; empty for those of the dtype."""
PRECISION = "RNNBP_PRECISION"
"""How products round where no backend is named; empty for their dtype."""
THREADS = "RNNBP_NUM_THREADS"
"""Threads that kernels use; where it is not set, as many as BLAS uses."""
MOST_THREADS = 1024
"""The largest number that is accepted."""
# More than processors have: a larger number is a slip, and one beyond C's integers would reach BLAS
# as a crash.

ALIASES = {"numba": "llvm"}
"""Numba's compiler is LLVM, through llvmlite; kernels are handed to it without Numba in between."""
START = ""
"""The folder in which the process started; empty if it is gone."""
with suppress(OSError):
    START = os.getcwd()
