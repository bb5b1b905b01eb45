"""The steps after the end of a series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from rnnbp.estimators.files import Saved
from rnnbp.estimators.forecast_windows import ForecastWindows, Frame, starts_of
from rnnbp.estimators.given import is_list
from rnnbp.estimators.networks import encoder_decoder
from rnnbp.estimators.rolling import roll
from rnnbp.estimators.settings import Seeds, check_settings, seeds_of
from rnnbp.estimators.time_series import (
    Read,
    TimeSeries,
    covariates,
    covariates_of_several,
    read_series,
)
from rnnbp.estimators.training import train
from rnnbp.losses import MeanSquaredError, Quantile
from rnnbp.numerics import Array, positive_int
from rnnbp.wording.arguments import Named, takes

MEDIAN = 0.5


class Forecaster(Named, RegressorMixin, Saved):  
    """todo"""

    def __init__(
        self,
        *,
        cell: str = "lstm",
        units: int = 64,
        layers: int = 1,
        window: int = 24,
        horizon: int = 12,
        quantiles: Sequence[float] | None = None,
        center: bool = True,
        stride: int = 1,
        dropout: float = 0.0,
        epochs: int = 20,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        schedule: str = "constant",
        clip_norm: float | None = 1.0,
        memory: int | str | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        dtype: str = "float32",
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.cell, self.units, self.layers = cell, units, layers
        self.window, self.horizon, self.quantiles = window, horizon, quantiles
        self.center, self.stride, self.dropout = center, stride, dropout
        self.epochs, self.batch_size = epochs, batch_size
        self.learning_rate, self.schedule = learning_rate, schedule
        self.clip_norm, self.memory, self.early_stopping = clip_norm, memory, early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.dtype, self.verbose, self.random_state = dtype, verbose, random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @takes()
    def fit(self, X: object, y: object = None) -> Self:  # noqa: N803
        """Train a new network on windows of a series.

        Args:
            X: (T, covariates) known in advance, or None. Of several series a list.
            y: (T,) or (T, targets), the series, in the order of time; or a list of series.

        Returns:
            Itself.

        Raises ValueError or TypeError for what it cannot take.
        """
        self._check()
        read = read_series(self, X, y, reset=True)
        self._check_lengths(read.series)
        levels = self._levels()
        how = {"center": self.center, "dtype": self.dtype}
        frame = Frame.of(read.series, self.window, self.horizon, **how)
        seeds = seeds_of(self.random_state)
        held = self.validation_fraction if self.early_stopping else 0.0
        learnt, later = starts_of(read.series, frame, self.stride, held)
        data, validation = (
            self._windows(read, starts, frame, seeds) if used else None
            for starts, used in ((learnt, True), (later, self.early_stopping))
        )
        n_targets, n_known = read.series[0].y.shape[1], read.series[0].x.shape[1]
        outputs = (n_targets, len(levels)) if levels else (n_targets,)
        sizes = (n_targets + n_known, 1 + n_known)
        model = encoder_decoder(self, *sizes, outputs, seeds.weights)
        loss = Quantile(levels) if levels else MeanSquaredError()
        train(self, model, data, loss, seeds, validation)
        self._frame, self._one_series, self._one_target = frame, read.one_series, read.one_target
        self._past = [
            TimeSeries(one.y[-self.window :].copy(), one.x[-self.window :].copy())
            for one in read.series
        ]
        return self

    @takes()
    def predict(
        self,
        X: object = None,  # noqa: N803
        *,
        steps: int | None = None,
        past_X: object = None,  # noqa: N803
        past_y: object = None,
    ) -> Array | list[Array]:
        """Forecast the steps after the end of the series, or after a past that is passed.

        Args:
            X: (H, covariates) of the steps to come, from the first one on; None if it was fitted
                without. Of several series a list.
            steps: how many without covariates; ``horizon`` by default.
            past_X, past_y: what comes before, at least ``window`` steps; by default the end of what
                it was fitted on.

        Returns:
            (H,) or (H, targets), as y was, float64; of several series a list of these.
        """
        outputs, one_series = self._ahead(X, steps, past_X, past_y)
        k = self._middle()
        found = [one[:, 0, k] if self._one_target else one[..., k] for one in outputs]
        return found[0] if one_series else found

    @takes()
    def predict_quantiles(
        self,
        X: object = None,  # noqa: N803
        *,
        steps: int | None = None,
        past_X: object = None,  # noqa: N803
        past_y: object = None,
    ) -> Array | list[Array]:
        """The quantiles of the steps to come; arguments as of ``predict``.

        Returns:
            (H, quantiles), or (H, targets, quantiles), in the order of ``quantiles``.
        """
        check_is_fitted(self)
        levels = self._levels()
        if not levels:
            raise ValueError(
                "Forecaster: it was fitted without quantiles; build it with quantiles=(0.1, 0.9)"
            )
        order = [levels.index(float(q)) for q in self.quantiles or ()]
        outputs, one_series = self._ahead(X, steps, past_X, past_y)
        found = [(one[:, 0] if self._one_target else one)[..., order] for one in outputs]
        return found[0] if one_series else found

    @takes()
    def score(self, X: object, y: object, sample_weight: ArrayLike | None = None) -> float:  # noqa: N803
        """R² of the forecast of y, the steps after the end of the series."""
        check_is_fitted(self)
        several = is_list(y)
        truth = np.concatenate(list(y)) if several else np.asarray(y)
        found = self.predict(X, steps=None if several or X is not None else len(truth))
        guess = np.concatenate(found) if isinstance(found, list) else found
        return float(r2_score(truth, guess, sample_weight=sample_weight))

    def _check(self) -> None:
        check_settings(self)
        for name in ("window", "horizon", "stride"):
            positive_int(f"Forecaster: {name}", getattr(self, name))

    def _levels(self) -> tuple[float, ...]:
        """The quantiles that are learnt, in order; none for the mean."""
        given = () if self.quantiles is None else tuple(self.quantiles)
        return tuple(sorted({*map(float, given), MEDIAN})) if given else ()

    def _middle(self) -> int:
        levels = self._levels()
        return levels.index(MEDIAN) if levels else 0

    def _check_lengths(self, series: Sequence[TimeSeries]) -> None:
        least = self.window + self.horizon
        for k, one in enumerate(series):
            if len(one.y) < least:
                which = f"series {k}" if len(series) > 1 else "the series"
                raise ValueError(
                    f"Forecaster: {which} has {len(one.y)} sample(s), and window={self.window} and "
                    f"horizon={self.horizon} need at least {least}; give smaller ones"
                )

    def _windows(self, read: Read, starts: Array, frame: Frame, seeds: Seeds) -> ForecastWindows:
        if not len(starts):
            raise ValueError(
                "Forecaster: too few windows for early stopping; give a longer series or a "
                "different validation_fraction"
            )
        how = {"quantiles": bool(self._levels()), "batch_size": self.batch_size}
        return ForecastWindows(read.series, starts, frame, seed=seeds.order, **how)

    def _ahead(
        self,
        X: object,  # noqa: N803
        steps: int | None,
        past_X: object,  # noqa: N803
        past_y: object,
    ) -> tuple[list[Array], bool]:
        """(H, targets, outputs) of each series, and whether there is one that is not in a list."""
        check_is_fitted(self)
        past, one_series = self._past, self._one_series
        if past_y is not None:
            read = read_series(self, past_X, past_y, reset=False)
            past, one_series = read.series, read.one_series
            for one in past:
                if len(one.y) < self.window:
                    raise ValueError(
                        f"Forecaster: past_y has {len(one.y)} steps; window={self.window} are read"
                    )
        count = self.horizon if steps is None else positive_int("Forecaster: steps", steps)
        if one_series:
            future = [covariates(self, X, count, reset=False)]
        else:
            lengths = [len(part) for part in X] if is_list(X) else [count] * len(past)
            future = covariates_of_several(self, X, lengths, reset=False)
        return roll(self.model_, self._frame, past, future, self._middle()), one_series
