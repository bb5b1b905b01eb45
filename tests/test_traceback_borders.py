"""Errors show the caller's line and a few of the library's; RNNBP_FULL_TRACEBACK=1 shows all."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb

HERE = str(Path(rb.__file__).parent)
X = np.zeros((7, 5, 3), "float32")
TARGET = np.zeros((7, 5), int)
LOSS = rb.losses.CrossEntropy()


def model() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2))


def data() -> rb.Sequences:
    return rb.Sequences(X[..., :2], TARGET, batch_size=2, batch_first=False)


def frames(call: Callable[[], object]) -> tuple[list[str], Exception]:
    """The files of an error's traceback, from the call on, and the error."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # of several classes
        call()
    return [
        frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)
    ], caught.value


def ours(files: list[str]) -> int:
    return sum(file.startswith(HERE) for file in files)


WRONG: dict[str, Callable[[], object]] = {
    "features of bptt": lambda: rb.bptt(model(), X[..., :2], TARGET, LOSS),
    "features of predict": lambda: rb.predict(model(), X[..., :2]),
    "features of fit": lambda: rb.fit(model(), data(), LOSS, epochs=1),
    "features of a Trainer": lambda: rb.Trainer(model(), rb.optim.Adam(model()), LOSS).fit(
        data(), epochs=1
    ),
    "target": lambda: rb.bptt(model(), X, TARGET[:3], LOSS),
    "target of evaluate": lambda: rb.evaluate(model(), X, TARGET[:3], LOSS),
    "budget": lambda: rb.bptt(model(), X, TARGET, LOSS, checkpoint="1 kB"),
    "epochs": lambda: rb.fit(model(), data(), LOSS, epochs="3"),  # type: ignore[arg-type]
    "option of fit": lambda: rb.fit(model(), data(), LOSS, epoch=3),
    "option of a layer": lambda: rb.Dense(3, 4, activation="relu"),  # type: ignore[call-arg]
    "learning rate": lambda: rb.optim.Adam(model(), "1e-3"),  # type: ignore[arg-type]
    "gradients": lambda: rb.optim.Adam(model()).step({"a": X}),
    "check_grads": lambda: rb.check_grads(model(), X[..., :2]),
    "layer": lambda: rb.Dense(3, 4)(X, X),
    "file": lambda: rb.load_weights(model(), "no such file"),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_a_wrong_argument_shows_the_callers_line_and_at_most_four_of_ours(
    call: Callable[[], object],
) -> None:
    files, _ = frames(call)
    assert files[0] == files[1] == __file__
    assert 1 <= ours(files) <= 4
    assert files[-1].startswith(HERE)


@pytest.mark.parametrize(("value", "least", "most"), [("1", 10, 100), ("0", 1, 4), ("", 1, 4)])
def test_an_environment_variable_shows_all(
    value: str, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_FULL_TRACEBACK", value)
    files, _ = frames(WRONG["features of fit"])
    assert least <= ours(files) <= most


def test_the_cause_stays_with_all_its_lines() -> None:
    files, error = frames(WRONG["file"])
    assert isinstance(error.__cause__, FileNotFoundError)
    assert ours(files) <= 4


def test_notes_and_the_history_stay() -> None:
    _, error = frames(WRONG["features of fit"])
    assert any("in step 1" in note for note in error.__notes__)
    assert error.history.losses == []  # type: ignore[attr-defined]


def wrong_loss(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    raise KeyError("of mine")


USERS: dict[str, tuple[Callable[[], object], str]] = {
    "raised in a loss": (
        lambda: rb.bptt(model(), X.copy(), X[..., :2].copy(), wrong_loss),
        "KeyError",
    ),
    "raised in a loss of fit": (
        lambda: rb.fit(
            model(), rb.Sequences(X.copy(), X[..., :2].copy(), batch_size=7), wrong_loss, epochs=1
        ),
        "KeyError",
    ),
    "a loss that cannot be called so": (
        lambda: rb.bptt(model(), X.copy(), X[..., :2].copy(), lambda y: (0.0, y)),  # type: ignore[arg-type, misc]
        "TypeError",
    ),
    "an initializer that cannot be called so": (
        lambda: rb.GRU(2, 1, bias_init=lambda shape: X),  # type: ignore[arg-type, misc]
        "TypeError",
    ),
}


@pytest.mark.parametrize("case", USERS)
def test_an_error_of_a_users_function_shows_its_lines_too(case: str) -> None:
    call, kind = USERS[case]
    files, error = frames(call)
    assert type(error).__name__ == kind
    assert 1 <= ours(files) <= 4
    assert any("called as (" in note for note in error.__notes__)


def test_the_line_of_the_users_function_stays() -> None:
    files, _ = frames(USERS["raised in a loss"][0])
    assert files[-1] == __file__


def test_what_nobody_thought_of_keeps_all_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of a bug needs them: only what stands in a ``raise`` is cut."""
    monkeypatch.setattr(import_module("rnnbp.bptt.engine"), "Run", None)  # cannot be called
    files, _ = frames(lambda: rb.bptt(model(), X, TARGET, LOSS))
    assert ours(files) > 4


def interrupts(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Ctrl-C while a loss is computed."""
    signal.raise_signal(signal.SIGINT)
    return float((y - target).sum()), np.ones_like(y)


LONG: dict[str, Callable[[], object]] = {
    "bptt": lambda: rb.bptt(model(), X, X[..., :2].copy(), interrupts, chunk=2),
    "evaluate": lambda: rb.evaluate(model(), X, X[..., :2].copy(), interrupts),
    "check_grads": lambda: rb.check_grads(model(), X, X[..., :2].copy(), interrupts),
}


@pytest.mark.parametrize("name", LONG)
def test_an_interrupt_says_what_was_interrupted(name: str) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        LONG[name]()
    text = f"{name}: interrupted, nothing is returned; RNNBP_FULL_TRACEBACK=1 shows where"
    assert str(caught.value) == text
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert ours(files) == 1
    assert files[-1] == __file__, "the line of the user's that was run"


WITHIN = "<rnnbp program>"
"""The file of code that the library generates."""


@pytest.mark.parametrize("deep", ["record", "backward"])
def test_an_interrupt_within_the_library_shows_the_callers_line_alone(
    deep: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook shows a dozen lines of code around each frame."""
    code = compile("def stop(*a, **k):\n  try: {}[0]\n  except KeyError: kill(2)", WITHIN, "exec")
    found: dict[str, object] = {"kill": signal.raise_signal}
    exec(code, found)
    monkeypatch.setattr(import_module("rnnbp.bptt.chunk").Chunks, deep, found["stop"])
    with pytest.raises(KeyboardInterrupt) as caught:
        rb.bptt(model(), X, TARGET, LOSS)
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert files == [__file__]
    assert caught.value.__suppress_context__


def test_an_interrupt_shows_all_lines_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_FULL_TRACEBACK", "1")
    with pytest.raises(KeyboardInterrupt) as caught:
        LONG["bptt"]()
    assert ours([f.filename for f in traceback.extract_tb(caught.value.__traceback__)]) > 4


def test_an_interrupt_with_a_text_of_its_own_keeps_it() -> None:
    def stop(event: object) -> None:
        raise KeyboardInterrupt("enough")

    source = rb.Sequences(X, TARGET, batch_size=7)
    with pytest.raises(KeyboardInterrupt, match="enough") as caught:
        rb.fit(model(), source, LOSS, epochs=1, callbacks=[stop])
    assert vars(caught.value)["history"].steps == 1
