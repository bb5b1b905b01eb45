"""A notebook that is run by a kernel: bars, and results as HTML."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pictures import drawn, tables

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytestmark = pytest.mark.long

CELLS = [
    """
    import time, numpy as np, rnnbp as rb
    x = np.random.default_rng(0).normal(size=(16, 20, 3)).astype("float32")
    model = rb.Sequential(rb.LSTM(3, 8, rng=1), rb.Dense(8, 2, rng=2))
    loss, data = rb.losses.MeanSquaredError(), rb.Sequences(x, x[..., :2], batch_size=4)
    slow = lambda event: time.sleep(0.05)
    """,
    "history = rb.fit(model, data, loss, epochs=10, validation=data, callbacks=[slow])\nhistory",
    "rb.bptt(model, np.zeros((20, 2, 3)), np.zeros((20, 2, 2)), loss, progress=True)",
    "rb.plan(model, loss, steps=400, batch=5, budget='260 kB')",
    "model.summary()",
]


def test_a_notebook_shows_bars_and_html() -> None:
    cells = [nbformat.v4.new_code_cell("\n".join(map(str.strip, c.splitlines()))) for c in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    _, fit, bptt, plan, summary = [
        [output["data"] for output in cell.outputs if "data" in output] for cell in notebook.cells
    ]
    assert [*fit[0]] == ["text/plain"]  # the bar, at its end
    assert fit[0]["text/plain"].startswith("100%|")
    assert " 40/40 " in fit[0]["text/plain"]
    assert len(fit) == 2
    assert named(fit[1])["losses"].endswith(" at last")
    assert len(drawn(fit[1]["text/html"]).dots) == 10
    assert tables(bptt[-1]["text/html"])[1][1][0] == "0.weight_ih"
    assert "step of the sequence" in drawn(plan[-1]["text/html"]).texts
    assert summary[-1]["text/plain"].startswith("Sequential: 434 parameters")


def named(data: Any) -> dict[str, str]:
    """The first table of an output."""
    return dict(tables(data["text/html"])[0])
