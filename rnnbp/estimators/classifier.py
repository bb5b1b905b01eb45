"""A class for each series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, check_consistent_length
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from rnnbp.estimators.base import RecurrentEstimator
from rnnbp.estimators.settings import keep
from rnnbp.estimators.targets import check_there, weights_of
from rnnbp.estimators.whole_fits import whole
from rnnbp.losses import CrossEntropy
from rnnbp.numerics import Array, shown
from rnnbp.wording.arguments import takes


class RecurrentClassifier(ClassifierMixin, RecurrentEstimator):  # type: ignore[misc]  # no types
    """Recurrent layers that say which class each series is of.

    X is (n, T, features), as of ``rnnbp.Sequences``; a list of n arrays or DataFrames
    (T_k, features), of several lengths, or arrays (T_k,) of one feature; or a table (n, T), an
    array, DataFrame or nested list, whose rows are series of one feature, as in sktime and aeon.
    sktime and aeon have arrays (n, features, T): give np.swapaxes(X, 1, 2). X is not scaled: put a
    ``SequenceScaler`` before it, or for tables a ``StandardScaler``, in a ``Pipeline``. Sparse
    matrices, text and NaN are refused.

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
        class_weight: a dict of weights by class, "balanced" for weights inverse to how often each
            occurs, or None.
        early_stopping: True to hold back a share of the series of each class, and stop when the
            loss on them has not improved for some epochs; the model is then the best one.
        validation_fraction: that share.
        n_iter_no_change: those epochs.
        dtype: "float32" or "float64".
        verbose: 0, or 1 for a progress bar.
        random_state: an int for the same bits in each fit, a RandomState, or None.

    Attributes:
        classes_: (classes,) in the order of ``predict_proba``.
        n_features_in_: features; of a table X (n, T) its columns.
        feature_names_in_: names of the columns, if X had any that are text.
        model_: the model, as ``rnnbp.predict`` and ``rnnbp.save`` take it.
        history_: the ``rnnbp.train.History`` of its training.
        loss_curve_: the mean loss of each epoch.
        n_iter_: epochs.

    ``score`` is the accuracy. ``save`` writes a fitted one, ``joblib.dump`` a pipeline with it.

    >>> import numpy as np, rnnbp as rb
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> rng = np.random.default_rng(0)
    >>> y = ["low", "high"] * 30
    >>> X = [rng.normal(y[k] == "high", 1, (rng.integers(5, 20), 3)) for k in range(60)]
    >>> classifier = rb.estimators.RecurrentClassifier(
    ...     units=8, epochs=10, learning_rate=0.03, random_state=0
    ... )
    >>> pipeline = make_pipeline(rb.estimators.SequenceScaler(), classifier)
    >>> search = GridSearchCV(pipeline, {"recurrentclassifier__cell": ["gru", "lstm"]}, cv=2)
    >>> fitted = search.fit(X[:40], y[:40])
    >>> fitted.predict(X[40:]).shape, bool(fitted.score(X[40:], y[40:]) > 0.8)
    ((20,), True)
    """

    def __init__(
        self,
        *,
        cell: str = "lstm",
        units: int = 64,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        pooling: str = "mean",
        epochs: int = 20,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        schedule: str = "constant",
        clip_norm: float | None = 1.0,
        memory: int | str | None = None,
        class_weight: Mapping[object, float] | str | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        dtype: str = "float32",
        verbose: int = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        keep(self, locals())

    @takes()
    @whole
    def fit(self, X: object, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new network.

        Args:
            X: n series, as above.
            y: (n,) classes: integers or text.
            sample_weight: (n,) numbers ≥ 0, or None for 1. The loss of a batch is the weighted mean
                of those of its series.

        Returns:
            Itself.

        Raises ValueError or TypeError for what it cannot take.
        """
        given = self._read(X)
        check_there(self, y)
        check_consistent_length(given.x, y)
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        classes, target = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"RecurrentClassifier: y has 1 class, {shown(classes.tolist()[0])}; give at least 2"
            )
        weight = weights_of(self, sample_weight, len(target))
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, labels)
            weight = by_class if weight is None else weight * by_class
        self._train(given, target.astype(np.int64), weight, CrossEntropy(), len(classes))
        self.classes_ = classes
        return self

    @takes()
    def predict_proba(self, X: object) -> Array:
        """(n, classes) Probabilities of the classes in the order of ``classes_``, float64."""
        check_is_fitted(self)
        found: Array = softmax(self._outputs(X), axis=-1)
        return found

    @takes()
    def predict(self, X: object) -> Array:
        """(n,) The most probable class of each series."""
        best = self.predict_proba(X).argmax(axis=-1)
        found: Array = self.classes_[best]
        return found
