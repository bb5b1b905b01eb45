"""Recurrent networks as estimators of scikit-learn."""

from rnnbp.estimators.classifier import RecurrentClassifier
from rnnbp.estimators.forecaster import Forecaster
from rnnbp.estimators.loading import load
from rnnbp.estimators.regressor import RecurrentRegressor
from rnnbp.estimators.scaler import SequenceScaler

__all__ = ["Forecaster", "RecurrentClassifier", "RecurrentRegressor", "SequenceScaler", "load"]
