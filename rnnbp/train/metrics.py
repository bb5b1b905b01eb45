"""Metrics by name, as accuracy, or as functions of the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from rnnbp.bptt.networks import LossesLike
from rnnbp.inputs.objective import LossLike
from rnnbp.losses import BinaryCrossEntropy
from rnnbp.losses.penalised import data_loss
from rnnbp.numerics import shown
from rnnbp.runners.rounding import ROUNDING
from rnnbp.support.nearest import hint, meant, nearest
from rnnbp.sweeps.given_losses import unweighted
from rnnbp.train.averages import Metric
from rnnbp.train.metric_values import Accuracy, MetricFunction, Own, Values, differences, squares
from rnnbp.train.named_figures import PENALTY
from rnnbp.train.output_losses import by_output
from rnnbp.train.suited_metrics import suited, suits

MetricsLike: TypeAlias = (
    str
    | Sequence[str | MetricFunction]
    | Mapping[str, str | MetricFunction]
    | Mapping[str | int, "MetricsLike"]
)
TAKEN = (
    "step",
    "epoch",
    "loss",
    PENALTY,
    "grad_norm",
    "lr",
    "seconds",
    "weight",
    "validation",
    "skipped",
    "nonfinite",
    ROUNDING,
)
"""Names in a line of metrics."""
OTHER_NAMES = {
    "acc": "accuracy",
    "sparse_accuracy": "accuracy",
    "categoricalaccuracy": "accuracy",
    "top1": "accuracy",
    "rmse": "mse",
    "l1": "mae",
    "l2": "mse",
    "binary_accuracy": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
}
"""What other libraries call them."""


NO_MEAN = (
    "metrics are means over steps, which it is not: compute it from y = rnnbp.predict(model, data)"
)
ELSEWHERE = (
    ("r2 r2score r2_score", "from metrics=['mse'] it is 1 - mse / np.var(target)"),
    ("rmse root_mean_squared_error rootmeansquarederror", "it is the root of 'mse'"),
    ("mape mean_absolute_percentage_error", "give lambda y, target: abs(y / target - 1)"),
    ("perplexity ppl", "it is np.exp of the loss"),
    (
        "f1 f1score f1_score precision recall auc auroc roc_auc mcc kappa iou corr correlation "
        "pearson pearsonr spearman confusion_matrix explained_variance",
        NO_MEAN,
    ),
)
"""Metrics that other libraries have, and the way to them."""


def as_metrics(what: str, given: MetricsLike, loss: LossesLike) -> tuple[Metric, ...]:
    """Metrics by name, or functions of the user's.

    Args:
        what: the argument, for errors.
        loss: decides whether y is logits, as for BinaryCrossEntropy; of losses by output metrics
            are too, or names for the outputs that each suits.

    Raises TypeError or ValueError for anything else.
    """
    if by_output(loss):
        return _of_outputs(what, given, loss)
    pairs: list[tuple[str, object]]
    if isinstance(given, Mapping):
        pairs = [*given.items()]
    elif isinstance(given, (list, tuple)):
        pairs = [("", metric) for metric in given]
    else:
        pairs = [("", given)]
    found = tuple(_metric(what, name, metric, loss) for name, metric in pairs)
    names = [metric.name for metric in found]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{what}: two are called {repeated!r}; give a dict of names and functions")
    return found


def _of_outputs(what: str, given: object, losses: LossesLike) -> tuple[Metric, ...]:
    """Metrics of several outputs, from a dict by output, or names for the outputs that each suits.

    Names begin with that of the output.
    """
    items = losses.items() if isinstance(losses, Mapping) else enumerate(losses)
    known = {key: unweighted("loss", loss)[1] for key, loss in items if loss is not None}
    if not given:
        return ()
    if not isinstance(given, Mapping):
        for name in given if isinstance(given, list | tuple) else [given]:
            if isinstance(name, str):
                _metric(what, "", name, None)  # whose error says which names there are
        given = suited(what, given, known)
    found: list[Metric] = []
    for key, each in given.items():
        if key not in known:
            keys = ", ".join(map(repr, known))
            raise ValueError(
                f"{what} has {key!r}, which is no output with a loss"
                f"{hint(key, [k for k in known if isinstance(k, str)])}; they are {keys}"
            )
        for metric in as_metrics(f"{what}[{key!r}]", each, known[key]):
            found.append(replace(metric, name=_free(what, f"{key}_{metric.name}"), output=key))
    return tuple(found)


def _metric(what: str, name: object, given: object, loss: LossLike | None) -> Metric:
    if isinstance(given, str):
        known: dict[str, Values] = {
            "accuracy": Accuracy(
                isinstance(data_loss(loss), BinaryCrossEntropy), suits("accuracy", loss) is False
            ),
            "mse": squares,
            "mae": differences,
        }
        if given not in known:
            cure = f"they are {', '.join(map(repr, known))}, or a function (y, target) -> values"
            near = f"{_meant(given.lower(), known)} {cure}"
            raise ValueError(f"{what}: no metric is called {given!r}{near}")
        return Metric(_free(what, name or given), known[given], given)
    if isinstance(given, type) or not callable(given):
        raise TypeError(
            f"{what}: a metric is a name or a function (y, target) -> values, found {shown(given)}"
        )
    called = _free(what, name or getattr(given, "__name__", type(given).__name__))
    return Metric(called, Own(called, given))


def _meant(name: str, known: Iterable[str]) -> str:
    """What to do for a metric of a different library, or the nearest of ``known``."""
    if way := next((way for names, way in ELSEWHERE if name in names.split()), ""):
        return f"; {way};"
    near = OTHER_NAMES.get(name) or nearest(name, known)
    return f"{meant(repr(near))};" if near else ";"


def _free(what: str, name: object) -> str:
    """A name that is not in use in a line of metrics. Raises ValueError for others."""
    if not isinstance(name, str) or name in TAKEN:
        raise ValueError(
            f"{what}: a metric cannot be called {name!r}; give a dict of other names and functions"
        )
    return name
