"""Sources over files.

What h5py and zarr allow is enough, only what a batch needs is read, and large data are sampled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import digests
from rnnbp.train.digests import digest
from rnnbp.train.file_rows import FileRows
from tests.padded import reals

MSE = rb.losses.MeanSquaredError()


class Dataset:
    """As h5py's: slices of step 1 in brackets, a NumPy dtype, no ``__array__`` here.

    Counts the bytes that are read.
    """

    def __init__(self, array: np.ndarray, *, masked: bool = False) -> None:
        self._array, self.masked = array, masked
        self.shape, self.dtype, self.read, self.most = array.shape, array.dtype, 0, 0

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, where: Any) -> np.ndarray:
        spans = where if isinstance(where, tuple) else (where,)
        assert all(isinstance(span, slice) and span.step in (None, 1) for span in spans), where
        assert all(
            0 <= span.start <= span.stop <= n for span, n in zip(spans, self.shape, strict=False)
        ), where
        found = self._array[where].copy()
        self.read += found.nbytes
        self.most = max(self.most, found.nbytes)
        return np.ma.masked_array(found) if self.masked else found


X, Y, MASK = reals(23, 7, 3), reals(23, 7, 1), reals(23, 7) > -1
LABELS = np.arange(23)
SOURCES: dict[str, Any] = {
    "sequences": lambda f: rb.Sequences(f(X), f(Y), mask=f(MASK), batch_size=4, seed=3),
    "sequences in order": lambda f: rb.Sequences(f(X), f(Y), batch_size=5, shuffle=False),
    "one target each": lambda f: rb.Sequences(
        f(X), f(LABELS), mask=f(MASK), last=True, batch_size=4
    ),
    "time first": lambda f: rb.Sequences(
        f(X.swapaxes(0, 1)), f(Y.swapaxes(0, 1)), batch_first=False, batch_size=4
    ),
    "windows": lambda f: rb.Windows(f(X[:, 0]), f(Y[:, 0]), horizon=3, batch_size=2),
    "windows of symbols": lambda f: rb.Windows.next_symbol(f(LABELS), horizon=3, batch_size=2),
    "examples": lambda f: rb.Examples(f(X[:, 0]), f(LABELS), batch_size=6, seed=1),
    "x alone": lambda f: rb.Examples(f(X), None, batch_size=6),
}


@pytest.mark.parametrize("how", [Dataset, lambda a: Dataset(a, masked=True)])
@pytest.mark.parametrize("name", SOURCES)
def test_batches_from_a_file_are_those_from_memory(name: str, how: Any) -> None:
    expected, found = SOURCES[name](np.asarray), SOURCES[name](how)
    assert found.fingerprint == expected.fingerprint
    assert found.batches_per_epoch == expected.batches_per_epoch
    for epoch in range(2):
        for index in range(expected.batches_per_epoch):
            a, b = found.batch(epoch, index), expected.batch(epoch, index)
            for part in ("x", "target", "mask"):
                np.testing.assert_array_equal(getattr(a, part), getattr(b, part))


def test_a_batch_reads_its_own_rows_alone() -> None:
    x = Dataset(X)
    source = rb.Sequences(x, None, batch_size=4)
    source.batch(0, 0)
    assert x.read == X[:4].nbytes
    x.read = 0
    rb.Windows(x, None, horizon=2, batch_size=3).batch(0, 1)
    assert x.read == X[:6].nbytes


def test_training_from_a_file_has_the_bits_of_training_from_memory() -> None:
    params = []
    for how in (np.asarray, Dataset):
        model = rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 1, rng=1))
        data = rb.Sequences(how(X), how(Y), mask=how(MASK), batch_size=4)
        rb.fit(model, data, MSE, "adam", epochs=2, validation=data)
        params.append(model.params)
    for name, p in params[0].items():
        np.testing.assert_array_equal(p, params[1][name])


def test_a_file_that_hides_values_or_changes_is_refused() -> None:
    hidden = Dataset(X, masked=True)
    hidden._array = np.ma.masked_less(X, 0)
    with pytest.raises(TypeError, match="Sequences: x is a masked array, whose mask would be lost"):
        rb.Sequences(hidden, None, batch_size=4).batch(0, 0)
    changed = Dataset(X)
    source = rb.Sequences(changed, None, batch_size=4)
    changed._array = X.astype(np.float64)
    with pytest.raises(rb.ShapeError, match=r"were read as float64 of shape .* expected float32"):
        source.batch(0, 0)
    with pytest.raises(rb.DtypeError, match="Examples: x is read as <U3, which are no numbers"):
        rb.Examples(Dataset(np.array(["abc"] * 3)), None, batch_size=1)
    with pytest.raises(
        rb.ShapeError, match=r"Sequences: x must have axes \(N, T, ...\), found shape \(3,\)"
    ):
        rb.Sequences(Dataset(np.zeros(3)), None, batch_size=1, batch_first=False)


@pytest.fixture
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules for data that fit in a test: all of 4 kB, else 8 parts of 64 bytes."""
    for name, value in (("WHOLE", 4096), ("BLOCK", 64), ("SAMPLES", 8)):
        monkeypatch.setattr(digests, name, value)


LARGE = {"long": (60_000,), "rows": (5000, 12), "wide rows": (10, 6000), "deep": (4, 500, 30)}


@pytest.mark.usefixtures("small_samples")
@pytest.mark.parametrize("case", LARGE)
def test_a_digest_of_large_data_takes_a_sample(case: str) -> None:
    array = np.random.default_rng(0).integers(0, 100, LARGE[case]).astype(np.int16)
    file = Dataset(array)
    whole = digest((), array)
    assert digest((), FileRows("x", file)) == whole
    assert file.read <= 8 * 64 * 4
    for at in (0, -1):  # the first and the last are among what counts
        other = array.copy()
        other.reshape(-1)[at] += 1
        assert digest((), other) != whole
    assert digest((), array[:-1]) != whole
    assert digest((), array.astype(np.int32)) != whole


@pytest.mark.usefixtures("small_samples")
def test_a_digest_of_small_data_takes_all() -> None:
    array = np.zeros(2000, np.int16)
    found = set()
    for at in range(0, 2000, 37):
        array[:] = 0
        array[at] = 1
        found.add(digest((), array))
    assert len(found) == len(range(0, 2000, 37))


def test_a_large_mapped_text_is_sampled(tmp_path: Path) -> None:
    path = tmp_path / "big.u8"
    with open(path, "wb") as file:
        file.truncate(400_000_000)
    data = rb.Windows.next_symbol(np.memmap(path, np.uint8, "r"), horizon=8, batch_size=4)
    sampled = [block.nbytes for block in digests.sampled(data.x)]
    assert sum(sampled) <= 64 << 20
    assert data.fingerprint == data.fingerprint
