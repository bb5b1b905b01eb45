"""Attributes that an object does not have: the error says what to do, or the nearest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rnnbp.support.nearest import hint, unknown

CPU = "everything runs on the CPU; leave it out"
FIT = "rnnbp.fit(model, data, loss) trains it"
LIVE = "model.params is a dict of the live arrays"
COPIES = (
    "model.params.copy() is a dict of copies, and rnnbp.save_weights(model, path) writes a file"
)
UPDATE = (
    "rnnbp.load_weights(model, arrays_or_path) does it, with rename='torch' for PyTorch's names"
)
MODES = "a model has no modes: fit and bptt train, predict and evaluate do not; leave it out"
FROZEN = "the optimiser says what it updates: rnnbp.optim.Adam(model, frozen={frozen})"
GRADS = "rnnbp.bptt(model, x, target, loss).grads has the gradients"
CLEARED = (
    "gradients are returned, nothing is accumulated that would have to be cleared; leave it out"
)
PREDICT = "rnnbp.predict(model, x) returns outputs and state"
EVALUATE = "rnnbp.evaluate(model, data, loss) does it"
FILES = (
    "rnnbp.save(model, path) writes the whole model, rnnbp.load(path) reads it; of weights alone "
    "there are rnnbp.save_weights(model, path) and rnnbp.load_weights(model, path)"
)
STATES = (
    "a state is returned, and given to the next call: "
    "y, state = rnnbp.predict(model, x, state=state)"
)
WHOLE = "a network is built with all its layers: rnnbp.Sequential(...); model.layers has them"
PLAN = (
    "rnnbp.plan(model, loss, steps=T, batch=B, budget=checkpoint, dx=False, optimizer='adam') "
    "returns what is chosen for a batch (T, B, ...) within a budget"
)
SIZES = "print(model.summary()) shows shapes and parameters"


def _table(*rows: tuple[str, str]) -> dict[str, str]:
    return {name: way for names, way in rows for name in names.split()}


MODEL = _table(
    ("fit train_on_batch train_step fit_generator", FIT),
    ("predict predict_on_batch call apply forward", PREDICT),
    (
        "predict_proba",
        "rnnbp.predict(model, x) returns what the last layer does; Softmax()(y) makes "
        "probabilities",
    ),
    *(
        (name, f"it is a function: rnnbp.{name}({arguments})")
        for name, arguments in (
            ("plan", "model, loss, steps=T, batch=B, budget='64 MB'"),
            ("forecast", "model, loss, steps=T, batch=B"),
            ("bptt", "model, x, target, loss"),
            ("backprop", "model, x, target, loss"),
            ("check_grads", "model, x, target, loss"),
            ("calibrate", "model, batch=B"),
            ("explain", "model"),
        )
    ),
    ("compare sweep", "it is a function: rnnbp.compare.sweep(model, x, target, loss)"),
    ("evaluate score test test_on_batch", EVALUATE),
    (
        "parameters named_parameters weights trainable_weights trainable_variables variables "
        "get_weights",
        LIVE,
    ),
    ("state_dict", COPIES),
    ("load_state_dict set_weights", UPDATE),
    ("train training", MODES),
    ("eval inference_mode", "rnnbp.predict and rnnbp.evaluate run it in evaluation mode as it is"),
    (
        "compile",
        "nothing is compiled before: rnnbp.fit(model, data, loss, 'adam') takes loss and optimiser",
    ),
    ("freeze unfreeze trainable requires_grad requires_grad_", FROZEN),
    ("zero_grad", CLEARED),
    ("backward grad grads", GRADS),
    ("to cuda cpu device", CPU),
    ("double float half type", "model.astype('float64') is a copy in another dtype"),
    ("save load save_weights load_weights save_pretrained to_json get_config", FILES),
    ("to_onnx onnx export", "rnnbp.interchange.to_onnx(model, path) writes a file of ONNX"),
    ("to_torch torch to_keras", "rnnbp.interchange has to_torch(model) and to_keras(model)"),
    ("reset_states reset_state reset_hidden init_hidden initial_state", STATES),
    ("add append pop insert modules children named_modules named_children get_layer", WHOLE),
    ("count_params num_parameters n_parameters num_params input_shape output_shape", SIZES),
    ("hidden_size input_size units in_features out_features", SIZES),
    ("clone copy", "copy.deepcopy(model) is a copy"),
    ("reset_parameters init_weights", "build it anew: layers take rng= and initializers"),
    (
        "optimizer loss history metrics",
        FIT + ", and returns its History; rnnbp.Trainer keeps optimiser and loss",
    ),
)
"""Of a network or layer; its parameters are named by ``_parameter``."""
TRAINER = _table(
    ("train run train_step train_epoch", "it is called fit here: trainer.fit(data, epochs=10)"),
    ("test validate eval score", "it is called evaluate here: trainer.evaluate(data)"),
    ("save save_model save_checkpoint load load_checkpoint state_dict load_state_dict", "Trainer(..., folder='run') "
     "writes snapshots, trainer.resume reads them; rnnbp.save_weights(trainer.model, path) writes "
     "the weights"),
    ("losses best best_loss best_step epoch epochs steps current_epoch global_step", "trainer.history has them"),
    ("lr lr_scheduler scheduler", "it is called learning_rate here"),
    ("plan plans chosen schedule", PLAN),
    ("params parameters weights", "trainer.model.params has them"),
    ("compile", "Trainer(model, optimizer, loss) takes all"),
    ("zero_grad backward", CLEARED),
)  # fmt: skip
HISTORY = _table(
    (
        "history",
        "history.losses and history.validation_losses are lists, history.metrics a dict of lists",
    ),
    ("loss train_loss train_losses training_losses", "history.losses is the list of each step"),
    ("val_loss val_losses validation_loss", "history.validation_losses is the list"),
    (
        "accuracy acc val_accuracy val_acc mse mae",
        "history.metrics['accuracy'] and ['validation_accuracy'] are lists",
    ),
    ("epoch epochs", "it counts steps: history.steps, history.best_step"),
    (
        "best_epoch best_value best_score best_metric best_metrics best_accuracy best_val_loss "
        "best_val_accuracy",
        "history.best has epoch, step, monitor, value and metrics",
    ),
    (
        "learning_rates learning_rate lrs lr rates",
        "a callback sees each step's, event.metrics['lr'], and with folder= the lines of "
        "metrics.jsonl have it",
    ),
    (
        "grad_norms grad_norm",
        "a callback sees each step's, event.metrics['grad_norm'], and with folder= the lines of "
        "metrics.jsonl have it",
    ),
    (
        "stats peak_bytes object_bytes memory bytes peak",
        "of one batch rnnbp.bptt(model, x, target, loss).stats has the bytes; of all of fit "
        "'with rnnbp.memory.measure() as used:' around it",
    ),
    ("plan plans chosen schedule", PLAN),
    ("model params weights", "fit updates the model that it is given, in place"),
    ("keys items values", "history.metrics is a dict of lists, history.losses a list"),
    ("plot", "matplotlib's plt.plot(history.losses) does it"),
)
GRADIENTS = _table(
    ("backward gradients dparams grad", "its grads is a dict of the gradients by name"),
    ("items keys values", "its grads is the dict"),
    ("output outputs y_pred predictions", "bptt(..., return_y=True).y has the outputs"),
    ("h hidden h_n final_state last_state", "its state is that after the last step"),
    ("value item", "its loss is a float"),
    ("peak_bytes peak memory", "it is stats.peak_bytes"),
    *((name, f"it is stats.{name}") for name in ("seconds", "steps_run", "steps_rerun")),
    ("time elapsed", "it is stats.seconds"),
)
COST = _table(
    (
        "peak bytes nbytes memory peak_memory max_memory total_bytes memory_bytes peak_mb",
        "the most bytes of arrays at once are its peak_bytes; Python's objects take about "
        "object_bytes more",
    ),
    ("time elapsed duration runtime wall_time", "it is called seconds here"),
    ("bytes_by_kind kinds breakdown", "it is called peak_bytes_by_kind here"),
    ("slots checkpoints", "the most at once are its peak_slots; how many were made, its writes"),
)
"""Of what a run takes, predicted or measured."""
SET = {"trainable": FROZEN, "requires_grad": FROZEN, "training": MODES}
"""What other libraries set, and would change nothing here."""
WEIGHTS = ("weight", "bias", "initial_")
"""What names of parameters begin with."""


class Instead:
    """What classes share whose errors of unknown attributes say what to do here."""

    __slots__ = ()
    _instead: ClassVar[Mapping[str, str]] = {}
    """By the names of other libraries."""

    if not TYPE_CHECKING:  # which says itself what there is

        def __getattr__(self, name: str) -> object:
            """Raise AttributeError; of a property that raises one, its own."""
            kind = type(self)
            if name.startswith("_") or hasattr(kind, name):
                return object.__getattribute__(self, name)
            way = kind._instead.get(name) or _parameter(kind, name)
            text = (
                f"; {with_example(way, self)}"
                if way
                else hint(name, [n for n in dir(self) if n[0] != "_"])
            )
            raise unknown(f"{kind.__name__!r} object has no attribute {name!r}", text, name, self)


def with_example(way: str, owner: object) -> str:
    """A text in which ``{frozen}`` becomes what freezes a layer, or the first of a network."""
    return way.replace("{frozen}", _frozen(owner)) if "{frozen}" in way else way


def _frozen(owner: object) -> str:
    params = getattr(owner, "params", None)
    first = next(iter(params), "") if isinstance(params, Mapping) else ""
    name = getattr(owner, "name", None) or first.partition(".")[0] * ("." in first)
    return repr(f"{name}.*") if name else "layer"


def _parameter(kind: type[Instead], name: str) -> str:
    """Where a parameter is that is called so."""
    if kind._instead is not MODEL or not name.startswith(WEIGHTS):
        return ""
    own = re.sub(r"_l\d+$", "", name)  # PyTorch's number of a layer
    return f"parameters are in a dict by name, as params[{own!r}]; list(params) shows the names"
