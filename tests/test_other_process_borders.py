"""A run that another process resumes: orders of sets, comments, docstrings, globals may differ."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

PROGRAM = '''
import collections, dataclasses, functools, os, re, sys, types
import numpy as np
import rnnbp as rb
WORDS = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}
#COMMENT

@dataclasses.dataclass
class Conf:
    scale: float = SCALE
    names: set = dataclasses.field(default_factory=lambda: set(WORDS))
    frozen: frozenset = frozenset(WORDS)

    def __call__(self, y, target):
        """Value. DOCUMENTED"""
        return float((y - target).sum() * self.scale), np.full_like(y, self.scale)

class Counted:
    def __init__(self):
        self.calls, self.t, self.model = 0, 1, 2  # names of attributes, and of globals below
        self.pattern, self.kind = re.compile("a+", re.I), list[int]
        self.map = types.MappingProxyType({"a": 1})

    def __repr__(self):
        return f"called {os.getpid()} times"

    def __call__(self, y, target):
        """Value. DOCUMENTED"""
        return float((y - target).sum() * self.t * SCALE), np.full_like(y, self.t * SCALE)

def plain(y, target):
    """Value. DOCUMENTED"""
    known = "alpha" in {"alpha", "beta", "gamma"}  # a frozenset among the constants
    return float((y - target).sum() * known * SCALE), np.full_like(y, known * SCALE)

losses = {
    "object": Conf,
    "counted": Counted,
    "function": lambda: plain,
    "partial": lambda: functools.partial(Conf()),
}
x = np.random.default_rng(0).standard_normal((4, 3, 2)).astype(np.float32)
model = rb.Sequential(rb.RNN(2, 3, rng=0), rb.Dense(3, 1, rng=1))
t = None
t = rb.Trainer(model, rb.optim.SGD(model), losses[sys.argv[1]](), folder=sys.argv[1])
if os.path.exists(sys.argv[1]):
    t.resume()
t.fit(rb.Sequences(x, x[..., :1].copy(), batch_size=2), steps=int(sys.argv[2]))
'''
CASES = ["object", "counted", "function", "partial"]


def run(
    kind: str, steps: int, seed: int, *, scale: str = "1.0", comment: str = "", doc: str = ""
) -> str:
    """What a process that trains up to ``steps`` says on stderr."""
    program = (
        PROGRAM.replace("#COMMENT", comment).replace("DOCUMENTED", doc).replace("SCALE", scale)
    )
    known = os.environ | {"PYTHONHASHSEED": str(seed)}
    return subprocess.run(
        [sys.executable, "-c", program, kind, str(steps)],
        env=known,
        capture_output=True,
        text=True,
        check=False,
    ).stderr


@pytest.mark.parametrize("kind", CASES)
def test_what_changes_no_number_is_no_difference(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), *sys.path]))
    )
    assert run(kind, 1, 1) == ""
    assert run(kind, 2, 2, comment="# some\n# lines\n", doc="In other words.") == ""
    assert "the run was set up otherwise" in run(kind, 3, 2, scale="2.0")
