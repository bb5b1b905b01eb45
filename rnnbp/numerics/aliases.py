"""Types of arrays, shapes and nests of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

# Any: most code is for arrays of every dtype; where that matters it is checked at run time.
Array: TypeAlias = npt.NDArray[Any]
Dtype: TypeAlias = np.dtype[Any]  # Any: as above
Shape: TypeAlias = tuple[int, ...]
Saved: TypeAlias = tuple[Array, ...]
"""What a layer keeps of a forward pass: arrays whose leading axes are the batch axes."""
Nest: TypeAlias = "Array | Sequence[Nest] | Mapping[int, Nest] | None"
"""Arrays in tuples, lists and dicts."""
