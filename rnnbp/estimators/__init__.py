"""Recurrent networks as estimators of scikit-learn.

Each name has its own help, as ``help(rnnbp.estimators.Forecaster)``. They are trained by
``rnnbp.fit``, within a budget of memory with ``memory="64 MB"``, and work in pipelines, in searches
over parameters and in cross validation, in several processes too.

    RecurrentClassifier        a class for each series
    RecurrentRegressor         a number, or several, for each series
    Forecaster                 the steps after the end of a series, with quantiles
    SequenceScaler             features of mean 0 and deviation 1, for pipelines of series
    load                       reads an estimator from the file that its method save wrote

scikit-learn is imported with this module, not before: pip install 'rnnbp[estimators]'.
"""

from typing import TYPE_CHECKING

try:
    from sklearn.utils.validation import validate_data  # noqa: F401  # came with 1.6
except ImportError as error:
    raise ImportError(
        "rnnbp.estimators needs scikit-learn 1.6 or later: pip install 'rnnbp[estimators]'"
    ) from error

from rnnbp.estimators.classifier import RecurrentClassifier
from rnnbp.estimators.forecaster import Forecaster
from rnnbp.estimators.loading import load
from rnnbp.estimators.regressor import RecurrentRegressor
from rnnbp.estimators.scaler import SequenceScaler
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

__all__ = ["Forecaster", "RecurrentClassifier", "RecurrentRegressor", "SequenceScaler", "load"]

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.estimators", __all__)
