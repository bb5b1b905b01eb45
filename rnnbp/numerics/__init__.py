"""Internal: types of arrays, errors of shapes and dtypes, checks of arguments, shared functions."""

from rnnbp.numerics.aliases import Array, Dtype, Nest, Saved, Shape
from rnnbp.numerics.arguments import (
    check_x_shape,
    flag,
    float_dtype,
    optional_flag,
    positive_int,
    real_number,
    whole_number,
)
from rnnbp.numerics.errors import DtypeError, NonFiniteError, ShapeError, StorageError
from rnnbp.numerics.features import broadcast, mismatch, require_features
from rnnbp.numerics.finite import cast, first_bad, flush
from rnnbp.numerics.functions import at_most_zero, positive, reused, sigmoid
from rnnbp.numerics.layout import address, distinct, fix_sizes, lies, readable
from rnnbp.numerics.text import escaped, shown

__all__ = [
    "Array",
    "Dtype",
    "DtypeError",
    "Nest",
    "NonFiniteError",
    "Saved",
    "Shape",
    "ShapeError",
    "StorageError",
    "address",
    "at_most_zero",
    "broadcast",
    "cast",
    "check_x_shape",
    "distinct",
    "escaped",
    "first_bad",
    "fix_sizes",
    "flag",
    "float_dtype",
    "flush",
    "lies",
    "mismatch",
    "optional_flag",
    "positive",
    "positive_int",
    "readable",
    "real_number",
    "require_features",
    "reused",
    "shown",
    "sigmoid",
    "whole_number",
]
