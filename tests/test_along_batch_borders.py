"""A recording that is streamed block by block, batch-first: the second block tells."""

import weakref

import numpy as np
import pytest

import rnnbp as rb

rng = np.random.default_rng(0)
LSTM = rb.LSTM(3, 4, rng=0)
MSE = rb.losses.MeanSquaredError()
RECORDING = rng.normal(size=(120, 3)).astype("float32")
LANES = rng.normal(size=(5, 120, 3)).astype("float32")
FORTRAN = np.asfortranarray(LANES)
SAID = r"goes on with the state of the last block, .* give x.swapaxes\(0, 1\)"


def streamed(blocks, run=lambda block, state: rb.predict(LSTM, block, state=state)):
    """The blocks by one after the other, each with the state of the one before."""
    state = None
    for block in blocks:
        _, state = run(block, state)


def evaluated(block, state):
    value = rb.evaluate(LSTM, block, np.zeros((*block.shape[:2], 4)), MSE, state=state)
    return value[0], value[1]


BATCH_FIRST = {
    "one recording": lambda: np.split(RECORDING[None], 6, axis=1),
    "by slices": lambda: [RECORDING[None, a : a + 20] for a in range(0, 120, 20)],
    "several": lambda: np.split(LANES, 6, axis=1),
    "single steps": lambda: [LANES[:, a : a + 1] for a in range(120)],
    "in the order of Fortran": lambda: np.split(FORTRAN, 6, axis=1),
}


@pytest.mark.parametrize("case", BATCH_FIRST)
@pytest.mark.parametrize("run", [lambda b, s: rb.predict(LSTM, b, state=s), evaluated])
def test_blocks_along_axis_1_are_noticed_at_the_users_line(case, run):
    with pytest.warns(UserWarning, match=SAID) as caught:
        streamed(BATCH_FIRST[case](), run)
    assert {each.filename for each in caught} == {__file__}


TIME_FIRST = {
    "one recording": lambda: np.split(RECORDING[:, None], 6),
    "several": lambda: np.split(LANES.swapaxes(0, 1), 6),
    "several, in order": lambda: np.split(np.ascontiguousarray(LANES.swapaxes(0, 1)), 6),
    "single steps": lambda: [x[None] for x in np.ascontiguousarray(LANES.swapaxes(0, 1))],
    "single steps by slices": lambda: [RECORDING[a : a + 1, None] for a in range(120)],
    "of one lane": lambda: [RECORDING.reshape(120, 1, 3)[a : a + 1] for a in range(120)],
    "single steps, of one lane": lambda: [RECORDING[None, a : a + 1] for a in range(120)],
    "of one lane, several": lambda: np.split(RECORDING.reshape(120, 1, 3), 6),
    "the same block": lambda: [RECORDING[:20, None]] * 3,
    "copies": lambda: [b.copy() for b in np.split(LANES, 6, axis=1)],
    "in the order of Fortran": lambda: np.split(FORTRAN.swapaxes(0, 1), 6),
    "one lane after the other": lambda: [LANES[a : a + 1].swapaxes(0, 1) for a in range(5)],
    "other lanes of a batch": lambda: [LANES[:, 5:10], LANES[:, :5]],
}


@pytest.mark.parametrize("case", TIME_FIRST)
def test_there_are_no_false_alarms(case):
    streamed(TIME_FIRST[case]())  # warnings are errors


def test_groups_of_sequences_with_a_state_of_their_own_are_no_stream():
    state = rb.predict(LSTM, np.zeros((1, 20, 3), "float32"))[1]
    for group in np.split(LANES, 6, axis=1):
        rb.predict(LSTM, group, state=state)


def test_the_array_and_the_state_are_not_kept_alive():
    x = np.zeros((2, 40, 3), "float32")
    state = rb.predict(LSTM, x[:, :20])[1]
    held = [weakref.ref(x), weakref.ref(state[0][0])]
    del x, state
    assert [each() for each in held] == [None, None]
