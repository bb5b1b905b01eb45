"""README: its example runs as printed, and its commands are there."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from safetensors.numpy import save_file

import rnnbp as rb
from rnnbp.cli.main import build_parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(marker: str, text: str = README) -> str:
    """The code block after a marker."""
    found = re.findall(rf"<!-- {marker} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert len(found) == 1, f"there are {len(found)} blocks after the marker {marker}"
    return str(found[0])


def test_the_example_runs_as_printed(tmp_path: Path) -> None:
    code = block("example")
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-W", "error", "example.py"]
    found = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert found.returncode == 0, found.stderr
    first, last = map(
        float, re.findall(r"loss ([\d.]+) at first, ([\d.]+) in the end", found.stdout)[0]
    )
    assert first > 1.2
    assert last < 0.05
    kept, rerun = (
        int(n.replace(",", "")) for n in re.findall(r"([\d,]+) (?:bytes|with)", found.stdout)
    )
    assert rerun < kept / 2


@pytest.mark.long
def test_the_page_on_networks_over_time_runs_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Its examples one after the other, as they share names."""
    text, names = (ROOT / "docs/over_time.md").read_text(encoding="utf-8"), dict[str, object]()
    printed = dict[str, str]()
    for marker in re.findall(r"<!-- ([\w ]+) -->", text):
        exec(block(marker, text), names)
        printed[marker] = capsys.readouterr().out
    accuracy, shape = re.findall(r"'accuracy': ([\d.]+)\} (.+)\n", printed["classify"])[0]
    assert (float(accuracy) > 0.8, shape) == (True, "(40, 2)")
    of_bptt, of_evaluate, *padded = re.findall(r"\d+\.?\d*", printed["by hand"])
    np.testing.assert_allclose(float(of_bptt), float(of_evaluate), rtol=1e-6)
    assert padded[1:] == ["8", "2"]
    heads = ast.literal_eval(printed["heads"])
    assert heads["loss"] == pytest.approx(heads["tags_loss"] + 0.5 * heads["kind_loss"])
    assert printed["forecast"] == "(12, 64, 1, 3)\n"
    assert 1.5 < float(printed["attention"]) < 3
    assert printed["plan"].startswith("network    3 sweeps")
    assert printed["plan"].endswith("True\n")


def test_the_usual_jobs_run_as_printed(tmp_path: Path) -> None:
    """With the weights of a module of PyTorch, by its names, in the file that it would write."""
    sizes = {"weight_ih": (64, 3), "weight_hh": (64, 16), "bias_ih": (64,), "bias_hh": (64,)}
    tensors = {f"lstm.{name}_l0": np.full(shape, 0.25, "f4") for name, shape in sizes.items()}
    tensors |= {"head.weight": np.full((2, 16), -0.5, "f4"), "head.bias": np.zeros(2, "f4")}
    save_file(tensors, tmp_path / "net.safetensors")
    (tmp_path / "jobs.py").write_text(
        block("jobs") + "\nprint('gates', *np.unique(model.params['lstm.weight_hh']))\n"
    )
    found = subprocess.run(
        [sys.executable, "-W", "error", "jobs.py"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    assert found.returncode == 0, found.stderr
    assert float(re.findall(r"'accuracy': ([\d.]+)", found.stdout)[0]) >= 0.9
    assert found.stdout.endswith("gates 0.25\n")  # the layer was frozen


def test_it_stays_short() -> None:
    assert len(README.splitlines()) < 200


def test_there_are_two_commands_of_one_line_each() -> None:
    assert block("tests") == "python -m pip install '.[dev]' && python -m pytest -n 2\n"
    assert "```sh\npython -m pip install . && rnnbp train\n```" in README


def test_every_command_that_is_named_parses() -> None:
    named = re.findall(r"`(rnnbp [^`]*)`|&& (rnnbp [^\n]*)", README)
    commands = {a or b for a, b in named}
    assert {"rnnbp train", "rnnbp train --resume runs/char-lstm", "rnnbp sample"} <= commands
    for command in commands - {"rnnbp sample"}:
        build_parser().parse_all(shlex.split(command)[1:])
    build_parser().parse_all(["sample", "runs/char-lstm"])


@pytest.mark.parametrize("space", [rb.layers, rb.optim], ids=["layers", "optimisers"])
def test_every_class_is_in_the_table(space: ModuleType) -> None:
    table = README[README.index("## What there is") : README.index("## The default run")]
    public = [getattr(space, name) for name in space.__all__]
    classes = [
        c
        for c in public
        if isinstance(c, type) and issubclass(c, (rb.layers.Layer, rb.optim.Optimizer))
    ]
    names = {c.__name__ for c in classes} - {"Layer", "Optimizer"}
    assert names
    assert not names - set(re.findall(r"\w+", table))


def test_links_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "experiments/README.md", "profiling/README.md"):
        page = ROOT / name
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{name}: {link}"
