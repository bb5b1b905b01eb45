"""Training of an estimator's model, and what is left of it in attributes."""

from __future__ import annotations

import math

import numpy as np
from sklearn.base import BaseEstimator

from rnnbp.estimators.settings import COSINE, Seeds
from rnnbp.inputs.given import ModelLike
from rnnbp.losses import Loss
from rnnbp.numerics import Array
from rnnbp.optim import Cosine
from rnnbp.train import Source, fit


def train(
    estimator: BaseEstimator,
    model: ModelLike,
    data: Source,
    loss: Loss,
    seeds: Seeds,
    validation: Source | None,
) -> None:
    """Train a model by Adam, and set ``model_``, ``history_``, ``loss_curve_`` and ``n_iter_``.

    Args:
        estimator: has the parameters; its attributes are set when all has gone well.
        model, data, loss: as ``rnnbp.fit`` takes them.
        seeds: dropout's is used.
        validation: for early stopping, or None.
    """
    given = estimator.get_params(deep=False)
    rate, epochs = given["learning_rate"], given["epochs"]
    if given["schedule"] == COSINE:
        rate = Cosine(rate, epochs * data.batches_per_epoch)
    how = {"epochs": epochs, "learning_rate": rate, "clip_norm": given["clip_norm"]}
    if given["memory"] is not None:
        how["checkpoint"] = given["memory"]
    if validation is not None:
        how |= {"validation": validation, "patience": given["n_iter_no_change"]}
    history = fit(
        model, data, loss, "adam", seed=seeds.dropout, progress=bool(given["verbose"]), **how
    )
    estimator.model_, estimator.history_ = model, history
    estimator.n_iter_ = math.ceil(history.steps / data.batches_per_epoch)
    parts = np.array_split(history.losses, range(0, history.steps, data.batches_per_epoch)[1:])
    estimator.loss_curve_ = [_mean(part) for part in parts]


def _mean(losses: Array) -> float:
    """That of an epoch's batches, of which those whose series all weigh 0 have no loss."""
    known = losses[~np.isnan(losses)]
    return float(np.mean(known if len(known) else losses))
