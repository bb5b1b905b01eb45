"""Numbers for each series."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import Tags, check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from rnnbp.estimators.base import RecurrentEstimator
from rnnbp.estimators.targets import Scale, check_there, weights_of
from rnnbp.estimators.whole_fits import whole
from rnnbp.losses import MeanSquaredError
from rnnbp.numerics import Array
from rnnbp.wording.arguments import takes

MOST = 2
"""Axes of y."""


class RecurrentRegressor(RegressorMixin, RecurrentEstimator):  # type: ignore[misc]  # no types
    """Recurrent layers that say a number, or several, of each series.

    X is (n, T, features), as of ``rnnbp.Sequences``; a list of n arrays or DataFrames
    (T_k, features), of several lengths, or arrays (T_k,) of one feature; or a table (n, T), an
    array, DataFrame or nested list, whose rows are series of one feature, as in sktime and aeon.
    sktime and aeon have arrays (n, features, T): give np.swapaxes(X, 1, 2). X is not scaled: put a
    ``SequenceScaler`` before it, or for tables a ``StandardScaler``, in a ``Pipeline``. Sparse
    matrices, text and NaN are refused.
    y is brought to mean 0 and deviation 1 for training, and what is predicted brought back, so it
    needs no scaler.

    Args:
        cell: "lstm", "gru", "rnn", "mingru", "minlstm", "indrnn" or "slstm".
        units: of each layer and direction.
        layers: recurrent layers, one on the outputs of the other.
        bidirectional: True for layers that also read from the last step to the first.
        dropout: share of the features that are 0 in training, between layers and before the last.
        pooling: what the last layer reads of a series: "mean" or "max" over its steps, or "last",
            the output at its last step.
        epochs: passes through the data, at most.
        batch_size: series in a batch.
        learning_rate: of Adam.
        schedule: "constant", or "cosine" for a learning rate that falls to 0 until the last epoch.
        clip_norm: limit of the norm of the gradients, or None.
        memory: bytes that training may hold, as "64 MB": what does not fit is computed again. None
            keeps all.
        early_stopping: True to hold back a share of the series, and stop when the loss on them has
            not improved for some epochs; the model is then the best one.
        validation_fraction: that share.
        n_iter_no_change: those epochs.
        dtype: "float32" or "float64".
        verbose: 0, or 1 for a progress bar.
        random_state: an int for the same bits in each fit, a RandomState, or None.

    Attributes:
        n_features_in_: features; of a table X (n, T) its columns.
        feature_names_in_: names of the columns, if X had any that are text.
        model_: the model, as ``rnnbp.predict`` and ``rnnbp.save`` take it.
        history_: the ``rnnbp.train.History`` of its training.
        loss_curve_: the mean loss of each epoch.
        n_iter_: epochs.

    The loss is the mean squared error, in units of the variance of y. ``score`` is R².

    >>> import numpy as np, rnnbp as rb
    >>> from sklearn.model_selection import cross_val_score
    >>> X = np.random.default_rng(0).normal(size=(100, 6, 2))
    >>> regressor = rb.estimators.RecurrentRegressor(
    ...     units=8, epochs=20, learning_rate=0.03, memory="1 MB", random_state=0
    ... )
    >>> bool(cross_val_score(regressor, X, 100 + X[:, :, 1].sum(axis=1), cv=2).min() > 0.5)
    True
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @takes()
    @whole
    def fit(self, X: object, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new network.

        Args:
            X: n series, as above.
            y: (n,) or (n, outputs), numbers.
            sample_weight: (n,) numbers ≥ 0, or None for 1. The loss of a batch is the weighted mean
                of those of its series.

        Returns:
            Itself.

        Raises ValueError or TypeError for what it cannot take.
        """
        given = self._read(X)
        check_there(self, y)
        check_consistent_length(given.x, y)
        if (found := np.asarray(y)).ndim > MOST:
            raise ValueError(
                f"RecurrentRegressor: y has shape {found.shape}; it is (n,) or (n, outputs), for "
                "each series. For a target at each step train a model by rnnbp.fit"
            )
        numbers = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
        weight = weights_of(self, sample_weight, len(numbers))
        columns = numbers.reshape(len(numbers), -1)
        scale = Scale.of(columns, weight)
        target = scale.down(columns).astype(self.dtype)
        self._train(given, target, weight, MeanSquaredError(), columns.shape[1])
        self._one_output = numbers.ndim == 1
        self._scale = scale
        return self

    @takes()
    def predict(self, X: object) -> Array:
        """(n,), or (n, outputs) as y was, float64."""
        check_is_fitted(self)
        found = self._scale.up(self._outputs(X))
        return found[:, 0] if self._one_output else found
