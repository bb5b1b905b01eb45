"""The machine and the libraries that digests depend on."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

import numpy as np

LIBRARIES = ("numpy", "scipy", "llvmlite")


def surroundings() -> dict[str, str]:
    """What decides bits apart from the library: processor, its vectors, Python, the libraries."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    found = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "NumPy's vectors": " ".join(simd.get("found", ())),
        "Python": platform.python_version(),
    }
    return found | {name: _version(name) for name in LIBRARIES}


def _processor() -> str:
    """Its model, as Linux names it; elsewhere as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "none"
