"""Machine code that cannot be had: NumPy runs instead, with one warning.

What is asked for by name is an error.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

RUN = """
import warnings
import numpy as np
import rnnbp as rb
def run(**options):
    x = np.linspace(-1, 1, 30, dtype=np.float32).reshape(5, 2, 3)
    return rb.bptt(rb.LSTM(3, 4, rng=0), x, np.zeros((5, 2, 4), np.float32), rb.losses.MeanSquaredError(), **options)
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    losses = {float(run().loss) for _ in range(3)}
    rb.optim.Adam(rb.LSTM(3, 4, rng=0))
assert losses == {float(run(backend=USED).loss)}, losses
print(len(found), *(str(warning.message) for warning in found))
try:
    run(backend="llvm")
except ImportError as error:
    print(error)
"""
UNKNOWN = """
import llvmlite.binding as b
def unknown(): raise RuntimeError("features not known")
b.{} = unknown
"""
TEXT_REFUSED = """
import llvmlite.binding as b
def refuse(text): raise RuntimeError("LLVM IR parsing error")
b.parse_assembly = refuse
"""


def run(program: str, used: str, path: Path | None = None) -> str:
    """What the program prints, with a folder of kernels of its own."""
    code = program + RUN.replace("USED", repr(used))
    environment = {k: v for k, v in os.environ.items() if k != "RNNBP_BACKEND"} | {
        "RNNBP_KERNEL_CACHE": "off"
    }
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(not find_spec("llvmlite"), reason="needs llvmlite")
@pytest.mark.parametrize("function", ["get_host_cpu_features", "get_host_cpu_name"])
def test_a_processor_that_llvm_does_not_know(function: str) -> None:
    assert run(UNKNOWN.format(function), "llvm") == "0\n"


@pytest.mark.skipif(not find_spec("llvmlite"), reason="needs llvmlite")
def test_a_compiler_that_refuses() -> None:
    warning, error = run(TEXT_REFUSED, "numpy").splitlines()
    assert warning.startswith(
        "1 NumPy runs the cells, which is slower, as llvmlite does not work here (CompileError: "
    )
    assert "LLVM IR parsing error" in warning
    assert error.startswith(
        "backend 'llvm' needs llvmlite; run python -m pip install llvmlite, or use backend='numpy': llvmlite does"
    )


@pytest.mark.parametrize(
    ("module", "cause"),
    [
        (
            "raise OSError('cannot open shared object file')",
            "OSError: cannot open shared object file",
        ),
        ("raise ImportError('no binding')", "ImportError: no binding"),
        ("raise SyntaxError('of another Python')", "SyntaxError: of another Python"),
        (
            "x = 1",
            "ModuleNotFoundError: No module named 'llvmlite.binding'; 'llvmlite' is not a package",
        ),
    ],
)
def test_a_compiler_that_cannot_be_loaded(module: str, cause: str, tmp_path: Path) -> None:
    (tmp_path / "llvmlite.py").write_text(module)
    warning, error = run("", "numpy", tmp_path).splitlines()
    why = f"llvmlite does not work here ({cause})"
    assert (
        warning
        == f"1 NumPy runs the cells, which is slower, as {why}; RNNBP_BACKEND=numpy makes that a choice"
    )
    assert (
        error
        == f"backend 'llvm' needs llvmlite; run python -m pip install llvmlite, or use backend='numpy': {why}"
    )


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("import sys; sys.modules['llvmlite'] = None", "llvmlite is not installed"),
        (
            "import sys, types; sys.modules['llvmlite'] = types.ModuleType('llvmlite')",
            "llvmlite cannot be imported",
        ),
    ],
)
def test_a_compiler_that_is_missing(program: str, cause: str) -> None:
    warning, error = run(program, "numpy").splitlines()
    assert warning.startswith(f"1 NumPy runs the cells, which is slower, as {cause}; ")
    assert error.endswith(f"use backend='numpy': {cause}")
