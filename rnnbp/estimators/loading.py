"""Estimators from the files that they wrote."""

from __future__ import annotations

from collections.abc import Mapping

from rnnbp.estimators.classifier import RecurrentClassifier
from rnnbp.estimators.files import FITTED, KIND, PARAMS, VERSION
from rnnbp.estimators.forecaster import Forecaster
from rnnbp.estimators.packing import unpacked
from rnnbp.estimators.regressor import RecurrentRegressor
from rnnbp.inputs.given import ModelLike
from rnnbp.numerics import StorageError, shown
from rnnbp.saving.models import read
from rnnbp.storage import PathLike, as_path
from rnnbp.wording.arguments import takes

Estimator = RecurrentClassifier | RecurrentRegressor | Forecaster
KINDS: dict[str, type[Estimator]] = {
    kind.__name__: kind for kind in (RecurrentClassifier, RecurrentRegressor, Forecaster)
}
ATTRIBUTES = {
    "_fitted_on_table", "_one_output", "_scale", "_frame", "_one_series", "_one_target", "_past",
    "classes_", "feature_names_in_", "history_", "loss_curve_", "n_features_in_", "n_iter_",
    "quantiles_",
}  # fmt: skip
"""What a file may set."""


@takes()
def load(path: PathLike) -> Estimator:
    """Read a fitted estimator that ``save`` wrote.

    Args:
        path: the file.

    Returns:
        A RecurrentClassifier, RecurrentRegressor or Forecaster with the same parameters, whose
        predictions have the same bits.

    Raises StorageError for a file that is damaged, of a newer version, or holds no estimator.

    >>> import os, tempfile, numpy as np, rnnbp as rb
    >>> X, y = np.random.default_rng(0).normal(size=(20, 5, 3)), ["a", "b"] * 10
    >>> fitted = rb.estimators.RecurrentClassifier(units=4, epochs=1, random_state=0).fit(X, y)
    >>> path = os.path.join(tempfile.mkdtemp(), "classifier.safetensors")
    >>> fitted.save(path)
    >>> loaded = rb.estimators.load(path)
    >>> loaded, bool((loaded.predict_proba(X) == fitted.predict_proba(X)).all())
    (RecurrentClassifier(epochs=1, random_state=0, units=4), True)
    """
    model, more = read(as_path("load: path", path))
    if not isinstance(more, dict) or more.get(KIND) not in KINDS:
        raise StorageError(
            f"{path} has a model without an estimator, or of a kind that is not known; rnnbp.load "
            "reads the model"
        )
    if more.get("version") != VERSION:
        raise StorageError(
            f"{path} has an estimator of format {shown(more.get('version'))}, and this rnnbp reads "
            f"{VERSION}; update rnnbp"
        )
    try:
        return _built(model, more)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(
            f"{path} has an estimator that cannot be built ({error}); fit it again"
        ) from None


def _built(model: ModelLike, more: Mapping[str, object]) -> Estimator:
    params, own = (_dict(more[name]) for name in (PARAMS, FITTED))
    if not own.keys() <= ATTRIBUTES:
        raise ValueError(f"it has the attributes {list(own.keys() - ATTRIBUTES)}")
    found = KINDS[str(more[KIND])](**params)  # type: ignore[arg-type]  # unknown names are refused
    for name, value in {**own, "model_": model}.items():
        setattr(found, name, value)
    return found


def _dict(given: object) -> dict[str, object]:
    if not isinstance(given, dict):
        raise TypeError(f"a dict is {shown(given)}")
    return {str(name): unpacked(value) for name, value in given.items()}
