"""All cases by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import rnnbp as rb
from tests.corpus.case import Case
from tests.corpus.layers import LAYERS, Leaf
from tests.corpus.losses import LOSSES
from tests.corpus.models import CELLS, LARGE, NETWORKS, WRITTEN
from tests.corpus.planned import Explained, Forecast, Planned
from tests.corpus.runs import FEEDS, Gradient, Prediction
from tests.corpus.schedules import SCHEDULES, UNSIZED, Simulated
from tests.corpus.training import OPTIMISERS, SOURCES, Resumed, Search, Training

DTYPES, BACKENDS = ("float32", "float64"), ("llvm", "numpy", "interpreter")
RULES = (
    *("constants", "parts", "sums", "ordered", "gathered", "scaled tanh"),
    *("products", "turned", "joined", "recomputed", "hoisted"),
)


def cells() -> Iterator[Case]:
    """Every cell, every dtype, every backend; built-in ones also with rules left out."""
    for name, model in (CELLS | WRITTEN).items():
        for dtype in DTYPES:
            for backend in BACKENDS:
                run = Gradient(model, dtype, options={"return_y": True}, backend=backend)
                yield Case(f"cells/{name}/{dtype}/{backend}", run)
        yield Case(f"explained/{name}", Explained(model))
    for rule in RULES:
        for name in ("lstm, plain", "gru, plain", "rnn, plain"):
            for backend in BACKENDS[:2]:
                run = Gradient(CELLS[name], backend=backend, without=(rule,))
                yield Case(f"rules/{name}/without {rule}/{backend}", run)


def networks() -> Iterator[Case]:
    """Models of several layers: backends, chunks, masks, states, feeds."""
    for name, model in NETWORKS.items():
        for dtype in DTYPES:
            for backend in BACKENDS:
                run = Gradient(model, dtype, options={"return_y": True})
                yield Case(f"networks/{name}/{dtype}/{backend}", run, backend)
        usual = Gradient(model, "float32")
        for chunk in (1, 5, 11, None):
            yield Case(f"chunks/{name}/{chunk}", replace(usual, chunk=chunk))
        for mask in ("bool", "weights", "tail"):
            yield Case(f"masks/{name}/{mask}", replace(usual, mask=mask))
        yield Case(f"states/{name}", replace(usual, state=True, chunk=3))
        yield Case(f"evaluation mode/{name}", replace(usual, options={"training": False}))
        for feed in FEEDS[1:]:
            yield Case(
                f"feeds/{name}/{feed}",
                replace(usual, feed=feed, mask="bool" if feed == "mapped" else ""),
            )
    for name in ("dropped", "residual", "deep"):
        for backend in BACKENDS:
            lost = Gradient(NETWORKS[name], mask="tail", lost=True, options={"return_y": True})
            yield Case(f"lost/{name}/{backend}", lost, backend)
            for dtype, times in (("float32", 1e30), ("float64", 1e200)):
                yield Case(
                    f"overflow/{name}/{dtype}/{backend}",
                    Gradient(NETWORKS[name], dtype, times=times),
                    backend,
                )
        yield Case(f"without dx/{name}", Gradient(NETWORKS[name], options={"dx": False}))
        for schedule in ("sqrt", "revolve 1", "thin", "disk revolve 1"):
            run = Gradient(
                NETWORKS[name],
                steps=31,
                state=True,
                mask="weights",
                checkpoint=SCHEDULES[schedule](8),
            )
            yield Case(f"states/{name}/{schedule}", run)
    for name in ("regression", "dropped", "stack"):
        run = Gradient(NETWORKS[name], steps=1, batch=1, chunk=None)
        yield Case(f"one step/{name}", run)
        yield Case(f"one row/{name}", replace(run, steps=70))
        yield Case(f"many chunks/{name}", replace(run, steps=300, batch=2, chunk=2))


def schedules() -> Iterator[Case]:
    """Every schedule on numbers, and over several models."""
    for name, schedule in SCHEDULES.items():
        yield Case(f"schedules/{name}", Simulated(schedule), portable=True)
        for network, backend in (
            ("dropped", "llvm"),
            ("residual", "llvm"),
            ("stack", "numpy"),
            ("deep", "llvm"),
        ):
            run = Gradient(
                NETWORKS[network], steps=31, checkpoint=schedule(8), options={"return_y": True}
            )
            yield Case(f"schedules/{name}/{network}/{backend}", run, backend)
        run = Gradient(
            WRITTEN["network in cell"], "float64", 31, checkpoint=schedule(8), backend="interpreter"
        )
        yield Case(f"schedules/{name}/network in cell/interpreter", run)
    for name, unsized in UNSIZED.items():
        yield Case(f"schedules/unsized/{name}", Gradient(NETWORKS["deep"], checkpoint=unsized))
    for slots in (1, 2, 4):
        for feed in ("stream", "unknown"):
            online = Gradient(
                NETWORKS["deep"], steps=31, checkpoint=rb.schedules.Online(slots), feed=feed
            )
            yield Case(f"schedules/online {slots}/{feed}", online)
    for horizon in (4, 8, 12):
        for name in ("all", "sqrt", "revolve 1", "thin", "disk revolve 1"):
            run = Gradient(
                NETWORKS["dropped"],
                steps=31,
                checkpoint=SCHEDULES[name](8),
                options={"horizon": horizon},
            )
            yield Case(f"horizons/{horizon}/{name}", run)


def losses() -> Iterator[Case]:
    """Every loss, masks, and both ways to run it."""
    for name in LOSSES:
        for dtype in DTYPES:
            for backend in BACKENDS[:2]:
                run = Gradient(NETWORKS["deep"], dtype, loss=name)
                yield Case(f"losses/{name}/{dtype}/{backend}", run, backend)
        if name != "function of y":
            for mask in ("bool", "weights"):
                if not (name == "function" and mask == "weights"):
                    yield Case(
                        f"losses/{name}/mask {mask}",
                        Gradient(NETWORKS["deep"], loss=name, mask=mask),
                    )
    whole = Gradient(NETWORKS["deep"], loss="whole sequence", steps=31)
    for name in ("sqrt", "revolve 3", "thin"):
        yield Case(f"losses/whole sequence/{name}", replace(whole, checkpoint=SCHEDULES[name](8)))
    for name in ("one hot", "table", "stack"):
        for loss in ("classes", "smoothed", "weighted"):
            yield Case(f"losses/{loss}/{name}", Gradient(NETWORKS[name], loss=loss, mask="weights"))


def threads() -> Iterator[Case]:
    """Models that are large enough for several threads, on one and on two; all options of layers alone."""
    for name, (model, batch) in LARGE.items():
        for dtype in DTYPES:
            for n in (1, 2):
                run = Gradient(model, dtype, steps=9, batch=batch, options={"return_y": True})
                yield Case(f"threads/{name}/{dtype}/{n}", run, threads=n)
        run = Gradient(model, steps=9, batch=batch, checkpoint="sqrt")
        yield Case(f"threads/{name}/numpy", replace(run, backend="numpy"), "numpy", threads=2)
        yield Case(
            f"threads/{name}/thin", replace(run, checkpoint=rb.schedules.ThinTapes(k=2)), threads=2
        )
        yield Case(f"threads/{name}/outputs", Prediction(model, steps=9, batch=batch), threads=2)
    for name, (build, x) in LAYERS.items():
        for dtype in DTYPES:
            yield Case(f"layers/{name}/{dtype}", Leaf(build, x, dtype))
        yield Case(f"layers/{name}/numpy", Leaf(build, x, "float32"), "numpy")


def outputs() -> Iterator[Case]:
    """``predict`` and ``evaluate``."""
    for name in (
        "regression",
        "residual",
        "deep",
        "dropped",
        "feedforward",
        "convolutions",
        "stack",
    ):
        usual = Prediction(NETWORKS[name])
        for backend in BACKENDS:
            yield Case(f"outputs/{name}/{backend}", usual, backend)
        yield Case(f"outputs/{name}/last", replace(usual, options={"last": True}, mask="tail"))
        yield Case(f"outputs/{name}/mask", replace(usual, mask="bool", state=True))
        training = {"training": True, "seed": 4}
        yield Case(
            f"outputs/{name}/training mode",
            replace(usual, options=training, dtype="float64", chunk=None),
        )


def training() -> Iterator[Case]:
    """``fit``: every optimiser, every source, every setting."""
    for name in OPTIMISERS:
        for dtype in DTYPES:
            for backend in BACKENDS[:2]:
                yield Case(
                    f"optimisers/{name}/{dtype}/{backend}",
                    Training(optimiser=name, dtype=dtype),
                    backend,
                )
    of_source: dict[str, dict[str, Any]] = {
        "examples": {"network": "feedforward"},
        "text": {"network": "stack", "loss": "classes"},
    }
    for name in SOURCES:
        for dtype in DTYPES:
            run = Training(source=name, dtype=dtype, steps=5, **of_source.get(name, {}))
            yield Case(f"sources/{name}/{dtype}", run)
    settings: dict[str, dict[str, Any]] = {
        "sqrt": {"checkpoint": "sqrt", "chunk": 2},
        "clip norm": {"clip_norm": 0.1},
        "clip value": {"clip_value": 0.01},
        "accumulate": {"accumulate": 2},
        "validation": {
            "validation": SOURCES["last"]("float32"),
            "validate_every": 2,
            "metrics": ["mae"],
        },
        "keep best": {
            "validation": SOURCES["last"]("float32"),
            "keep_best": True,
            "patience": 1,
            "validate_every": 1,
        },
        "another seed": {"seed": 9},
        "plateau": {
            "learning_rate": rb.optim.OnPlateau(0.1, patience=0),
            "validation": SOURCES["last"]("float32"),
        },
    }
    for name, options in settings.items():
        run = Training("dropped", "last", steps=4, options=options)
        yield Case(f"settings/{name}", run)
    for budget in (500_000, "2 MB"):
        yield Case(f"settings/plan of {budget}", Training("dropped", steps=4, budget=budget))
    for name in ("sequences", "windows", "text"):
        yield Case(f"resumed/{name}", Resumed(name, **of_source.get(name, {})))
    for dtype in DTYPES:
        yield Case(f"lbfgs/{dtype}", Search(dtype))


def plans() -> Iterator[Case]:
    """Plans and forecasts, by all backends."""
    for name in ("regression", "dropped", "deep", "stack", "residual"):
        model = NETWORKS[name]
        for budget in (750_000, "1 MB", "2 MB", "9 MB"):
            yield Case(f"plans/{name}/{budget}", Planned(model, budget))
        for backend in BACKENDS[1:]:
            yield Case(
                f"plans/{name}/{backend}", Planned(model, "1.1 MB", options={"backend": backend})
            )
        yield Case(f"plans/{name}/disk", Planned(model, "800 kB", options={"disk": "1 MB"}))
        long = Planned(
            model,
            "4 MB",
            steps=20_000,
            run_it=False,
            options={"dx": False},
            dtype="float64",
            adam=True,
        )
        yield Case(f"plans/{name}/long", long)
        yield Case(
            f"plans/{name}/outputs",
            Planned(model, "3 MB", options={"return_y": True}, loss="whole sequence"),
        )
        for schedule in (
            "all",
            "sqrt",
            "revolve 3",
            "thin 2",
            "optimal 7",
            "sqrt on disk",
            "online 2",
        ):
            for backend in BACKENDS:
                forecast = Forecast(model, SCHEDULES[schedule](32), backend=backend)
                yield Case(
                    f"forecasts/{name}/{schedule}/{backend}",
                    forecast,
                    backend,
                    portable=backend != "llvm",
                )


def all_cases() -> list[Case]:
    """In the order in which they are run; names are distinct."""
    parts = (cells, networks, schedules, losses, threads, outputs, training, plans)
    found = [case for part in parts for case in part()]
    assert len({case.name for case in found}) == len(found), "two cases have one name"
    return found
