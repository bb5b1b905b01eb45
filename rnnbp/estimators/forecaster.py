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

from rnnbp.estimators.ahead import Ahead, ahead
from rnnbp.estimators.files import Saved
from rnnbp.estimators.forecast_windows import ForecastWindows, starts_of
from rnnbp.estimators.frame import MEDIAN, Frame
from rnnbp.estimators.networks import encoder_decoder
from rnnbp.estimators.rolling import roll
from rnnbp.estimators.settings import Seeds, check_settings, keep, seeds_of
from rnnbp.estimators.time_series import Read, TimeSeries, read_series
from rnnbp.estimators.training import train
from rnnbp.estimators.whole_fits import whole
from rnnbp.estimators.x_checks import is_list
from rnnbp.losses import MeanSquaredError, Quantile
from rnnbp.numerics import Array, positive_int, shown
from rnnbp.wording.arguments import Named, takes


class Forecaster(Named, RegressorMixin, Saved):  # type: ignore[misc]  # no types
    """Recurrent layers that forecast the steps after the end of a series, from its last window.

    Rows are steps of time: ``fit(X, y)`` takes a series y (T,) or (T, targets), in the order of
    time, and X (T, covariates), what is known in advance of each step, as the calendar, or None.
    ``predict(X)`` takes the covariates of the steps that follow, and returns a forecast for each
    row. So it works with ``TimeSeriesSplit``, whose test sets follow on what was fitted; what needs
    an X takes np.zeros((T, 1)) where nothing is known. Of several series, which one model learns
    from, X and y are lists.

    An encoder reads a window of y and X; a decoder begins with its last states, reads X of the
    steps to come and writes the forecasts of ``horizon`` steps at once. Steps after these are
    forecast from a window that ends with forecasts, and their quantiles do not say how uncertain
    those are. y is scaled inside. X is not: put a ``StandardScaler`` before it in a ``Pipeline``.

    Args:
        cell: "lstm", "gru", "rnn", "mingru", "minlstm", "indrnn" or "slstm".
        units: of each layer.
        layers: recurrent layers of the encoder, and of the decoder.
        window: steps that are read.
        horizon: steps that are forecast at once.
        quantiles: those that ``predict_quantiles`` returns, as (0.1, 0.9), learnt with the median,
            which ``predict`` returns; or None for the mean alone.
        center: True to read each window relative to its own mean, and forecast relative to it, for
            series whose level changes; False relative to the mean of all.
        stride: steps from one window that is learnt from to the next.
        dropout: share of the features that are 0 in training, between layers and before the last.
        epochs: passes through the windows, at most.
        batch_size: windows in a batch.
        learning_rate: of Adam.
        schedule: "constant", or "cosine" for a learning rate that falls to 0 until the last epoch.
        clip_norm: limit of the norm of the gradients, or None.
        memory: bytes that training may hold, as "64 MB": what does not fit is computed again. None
            keeps all.
        early_stopping: True to hold back the last windows of each series, and stop when the loss on
            them has not improved for some epochs; the model is then the best one. No step that is
            learnt as a target is among their targets.
        validation_fraction: the share of the windows.
        n_iter_no_change: those epochs.
        dtype: "float32" or "float64".
        verbose: 0, or 1 for a progress bar.
        random_state: an int for the same bits in each fit, a RandomState, or None.

    Attributes:
        n_features_in_, feature_names_in_: the number of covariates, and their names.
        quantiles_: those of ``predict_quantiles``, in order.
        model_, history_, loss_curve_, n_iter_: as of ``RecurrentClassifier``.

    Sources: I. Sutskever et al., Sequence to sequence learning with neural networks, 2014; R. Wen
    et al., A multi-horizon quantile recurrent forecaster, arXiv:1711.11053, 2017.

    >>> import numpy as np, rnnbp as rb
    >>> hour = np.arange(400)
    >>> X = np.stack([np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12)], axis=1)
    >>> y = 20 + 0.01 * hour + X[:, 0] + np.random.default_rng(0).normal(0, 0.1, 400)
    >>> forecaster = rb.estimators.Forecaster(
    ...     window=24, units=16, quantiles=(0.1, 0.9), epochs=10, learning_rate=0.01, random_state=0
    ... )
    >>> fitted = forecaster.fit(X[:376], y[:376])
    >>> fitted.predict(X[376:]).shape, bool(fitted.score(X[376:], y[376:]) > 0.8)
    ((24,), True)
    >>> fitted.predict_quantiles(X[376:388]).shape
    (12, 2)
    >>> late = fitted.predict(X[388:], past_X=X[:388], past_y=y[:388])  # when more has come
    >>> late.shape
    (12,)
    """

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
        verbose: int = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        keep(self, locals())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @takes()
    @whole
    def fit(self, X: object, y: object = None) -> Self:
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
        quantiles = self._quantiles()
        levels = tuple(sorted({*quantiles, MEDIAN})) if quantiles else ()
        frame = Frame.of(read.series, self, levels)
        seeds = seeds_of(self.random_state)
        held = self.validation_fraction if self.early_stopping else 0.0
        learnt, later = starts_of(read.series, frame, self.stride, held)
        data = self._windows(read, learnt, frame, seeds)
        validation = self._windows(read, later, frame, seeds) if self.early_stopping else None
        n_known = read.series[0].x.shape[1]
        outputs = (read.targets, len(levels)) if levels else (read.targets,)
        sizes = (read.targets + n_known, 1 + n_known)
        model = encoder_decoder(self, *sizes, outputs, seeds.weights)
        loss = Quantile(levels) if levels else MeanSquaredError()
        train(self, model, data, loss, seeds, validation)
        self.quantiles_ = quantiles
        self._frame, self._one_series, self._one_target = frame, read.one_series, read.one_target
        self._past = [
            TimeSeries(one.y[-self.window :].copy(), one.x[-self.window :].copy())
            for one in read.series
        ]
        return self

    @takes()
    def predict(
        self,
        X: object = None,
        *,
        steps: int | None = None,
        past_X: object = None,
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
        check_is_fitted(self)
        return self._outputs(self._frame.middle, ahead(self, X, steps, past_X, past_y))

    @takes()
    def predict_quantiles(
        self,
        X: object = None,
        *,
        steps: int | None = None,
        past_X: object = None,
        past_y: object = None,
    ) -> Array | list[Array]:
        """The quantiles of the steps to come; arguments as of ``predict``.

        Returns:
            (H, quantiles), or (H, targets, quantiles), in the order of ``quantiles``.
        """
        check_is_fitted(self)
        if not self.quantiles_:
            raise ValueError(
                "Forecaster: it was fitted without quantiles; build it with quantiles=(0.1, 0.9)"
            )
        order = [self._frame.levels.index(q) for q in self.quantiles_]
        return self._outputs(order, ahead(self, X, steps, past_X, past_y))

    @takes()
    def score(self, X: object, y: object, sample_weight: ArrayLike | None = None) -> float:
        """R² of the forecast of y, the steps after the end of the series."""
        truth = [np.asarray(one) for one in (y if is_list(y) else [y])]
        found = self.predict(X, steps=max(map(len, truth)) if X is None else None)
        guess = found if isinstance(found, list) else [found]
        if X is None:
            guess = [one[: len(true)] for one, true in zip(guess, truth, strict=False)]
        both = np.concatenate(truth), np.concatenate(guess)
        return float(r2_score(*both, sample_weight=sample_weight))

    def _outputs(self, which: int | list[int], asked: Ahead) -> Array | list[Array]:
        """One or several outputs of the network for each step and target, in the form of y."""
        every = roll(self.model_, self._frame, asked.past, asked.future)
        found = [one[:, 0, which] if self._one_target else one[..., which] for one in every]
        return found[0] if asked.one_series else found

    def _check(self) -> None:
        check_settings(self)
        for name in ("window", "horizon", "stride"):
            positive_int(f"Forecaster: {name}", getattr(self, name))

    def _quantiles(self) -> tuple[float, ...]:
        """The quantiles in the order of the user; none for the mean."""
        given = self.quantiles
        if given is None:
            return ()
        if isinstance(given, str) or np.ndim(given) != 1 or not len(given):
            raise ValueError(
                f"Forecaster: quantiles must be numbers between 0 and 1, as (0.1, 0.5, 0.9), or "
                f"None, found {shown(given)}"
            )
        loss = Quantile(tuple(given))
        assert isinstance(loss.q, tuple)  # as what it is built from
        return loss.q

    def _check_lengths(self, series: Sequence[TimeSeries]) -> None:
        least = self.window + self.horizon
        for k, one in enumerate(series):
            if len(one.y) < least:
                which = f"series {k}" if len(series) > 1 else "the series"
                raise ValueError(
                    f"Forecaster: {which} has {len(one.y)} samples, and window={self.window} and "
                    f"horizon={self.horizon} need at least {least}; give smaller ones"
                )

    def _windows(self, read: Read, starts: Array, frame: Frame, seeds: Seeds) -> ForecastWindows:
        if not len(starts):
            raise ValueError(
                "Forecaster: too few windows for early stopping; give a longer series or a "
                "different validation_fraction"
            )
        return ForecastWindows(read.series, starts, frame, self.batch_size, seeds.order)
