"""Losses of other libraries, which take tensors: what they are here."""

from __future__ import annotations

LOGITS = ", which takes logits"
OURS = {
    "MeanSquaredError": "MSELoss mse_loss MeanSquaredError mean_squared_error MSE mse l2_loss l2",
    "MeanAbsoluteError": "L1Loss l1_loss MeanAbsoluteError mean_absolute_error MAE mae l1",
    "Huber": "HuberLoss huber_loss SmoothL1Loss smooth_l1_loss smooth_l1 Huber huber",
    "CrossEntropy": "CrossEntropyLoss cross_entropy NLLLoss nll_loss nll SparseCategoricalCrossentropy CE ce "
    "CategoricalCrossentropy sparse_categorical_crossentropy categorical_crossentropy crossentropy "
    "sparse_softmax_cross_entropy_with_logits softmax_cross_entropy_with_logits "
    "softmax_cross_entropy",
    "Quantile": "QuantileLoss Pinball PinballLoss quantile_loss quantile pinball pinball_loss "
    "mean_pinball_loss",
    "BinaryCrossEntropy": "BCELoss BCEWithLogitsLoss binary_cross_entropy binary_cross_entropy_with_logits "
    "BinaryCrossentropy binary_crossentropy sigmoid_cross_entropy_with_logits BCE bce",
}
"""By name here, the names elsewhere."""
OWN = (
    "it does not exist here: write rnnbp.losses.PerStep(f), with f(y, target) -> (values, dy), or "
    "WholeSequence(f); help(rnnbp.losses) has an example"
)
NOT_HERE = (
    "CosineSimilarity CosineEmbeddingLoss "
    "KLDivLoss KLDivergence KLDiv CTCLoss GaussianNLLLoss PoissonNLLLoss Poisson Hinge "
    "HingeEmbeddingLoss LogCosh MAPE Focal FocalLoss MeanAbsolutePercentageError "
    "MeanSquaredLogarithmicError RMSE MSLE Dice TripletMarginLoss MarginRankingLoss"
)
LIBRARIES = {
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "jax": "JAX",
    "optax": "Optax",
}
"""By the first part of a module's name."""


def ours(name: str) -> str:
    """The loss here that another library calls ``name``, or ""."""
    return next((own for own, others in OURS.items() if name in others.split()), "")


def instead_of(loss: object) -> str:
    """Returns what to use instead of a loss of a different library; "" for anything else."""
    loss = getattr(loss, "func", loss)  # of functools.partial
    for named in (loss, *getattr(loss, "__mro__", ()), *type(loss).__mro__):
        module, other = getattr(named, "__module__", None), getattr(named, "__name__", None)
        other = other if isinstance(other, str) else type(named).__name__
        library = LIBRARIES.get(module.partition(".")[0]) if isinstance(module, str) else None
        if library is not None:
            cure = (
                f"give rnnbp.{built(name)}{LOGITS * name.endswith('CrossEntropy')}"
                if (name := ours(other))
                else OWN
            )
            return f"it is {library}'s {other}, which takes tensors; {cure}"
    return ""


def built(name: str) -> str:
    """A call that builds the loss of a name."""
    return f"losses.{name}({'0.9' * (name == 'Quantile')})"
