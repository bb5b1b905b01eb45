"""What to do instead of arguments of cells and layers that are not there."""

from __future__ import annotations

from rnnbp.ways.way import BATCH_FIRST, BUILT_IN, CELLS, LAYERS, RUNS, Way

MODELS = (
    Way(
        CELLS,
        "bidirectional",
        "both directions are two layers: Bidirectional({what}(n_in, n), {what}(n_in, n))",
    ),
    Way(
        CELLS,
        "reverse go_backwards backward backwards reversed direction",
        "the other direction is an option, reverse=True, of {what} if it is a layer, else of "
        "Recurrent",
    ),
    Way(
        RUNS,
        "reverse go_backwards backward backwards reversed direction bidirectional",
        "a layer of the model has a direction, as LSTM(n_in, n, reverse=True), or both, as "
        "Bidirectional(LSTM(n_in, n), LSTM(n_in, n))",
    ),
    Way(
        BUILT_IN,
        "num_layers n_layers layers depth num_stacked_layers",
        "for several layers write Sequential({what}(n_in, n), {what}(n, n))",
    ),
    Way(
        BUILT_IN,
        "dropout dropout_rate p rate",
        "it is a layer: Sequential({what}(n_in, n), Dropout(0.1), {what}(n, n))",
    ),
    Way(
        "Recurrent Cell",
        "num_layers n_layers layers depth",
        "for several layers give several Recurrents to Sequential",
    ),
    Way(
        "Recurrent Cell",
        "dropout dropout_rate p rate",
        "it is a layer: put Dropout(0.1) between those of a Sequential, or call it on values of "
        "the Cell",
    ),
    Way(CELLS, "batch_first time_major", BATCH_FIRST),
    Way(
        CELLS,
        "return_sequences only_last last",
        "y has all steps; for the last one: predict(model, x, last=True), and Sequences(..., "
        "last=True) to train",
    ),
    Way(CELLS, "return_state", "predict always returns both, y, state = predict(model, x)"),
    Way(
        CELLS,
        "stateful carry",
        "a state is returned, and given to the next call: y, state = predict(model, x, "
        "state=state); Windows does so",
    ),
    Way(
        CELLS,
        "h0 hx c0 hidden init_hidden state",
        "a run is given its first state, as predict(model, x, state=...); initial='learned' trains "
        "one",
    ),
    Way(
        BUILT_IN,
        "proj_size",
        "for a smaller output write Sequential({what}(n_in, n), Dense(n, proj_size, bias=False)); "
        "for a smaller h too, LSTM(n_in, n, projection=p)",
    ),
    Way(
        CELLS,
        "recurrent_dropout zoneout layer_norm layernorm peephole peepholes recurrent_activation "
        "gate_activation activation nonlinearity weight_norm residual",
        "a Cell of your own can have it: help(rnnbp.Cell) shows one; help(rnnbp.LSTM) and "
        "help(rnnbp.GRU) have their equations",
    ),
    Way(
        f"{CELLS} {LAYERS}",
        "kernel_regularizer recurrent_regularizer bias_regularizer activity_regularizer l1 l2 "
        "weight_decay",
        "decay is the optimizer's: rnnbp.optim.AdamW(model, weight_decay=0.01)",
    ),
    Way(
        f"{CELLS} {LAYERS}",
        "kernel_constraint recurrent_constraint bias_constraint trainable requires_grad freeze",
        "the optimizer says what it updates, as optim.Adam(model, frozen='0.*'); a constrained "
        "weight is a function of a Parameter, as abs(w) @ h in a Cell: help(rnnbp.Parameter)",
    ),
    Way(LAYERS, "activation", "it is a layer of its own: Sequential({what}(...), Tanh())"),
    Way(
        "Embedding",
        "padding_idx mask_zero",
        "padding does not count where a mask says so: mask=ids != 0",
    ),
)
