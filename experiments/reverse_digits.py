"""An encoder and a decoder with attention write digits in reverse (Bahdanau et al. 2015).

The encoder, a GRU of each direction, reads a row of digits; its states are a memory of as many
lines as there are digits. The decoder, a GRU whose first state is a function of the encoder's last
ones, writes a symbol a step: it looks up the memory by its state, and is told the symbol before.
In training that is the right one; in use the one that it has written, the likeliest, until it
writes the end.

Rows are of several lengths, and so is what is written: two axes of time, each with its lengths.
Of 1,000 new rows of 3 to 12 digits 99.8 % are exact (seed 0) and 99.9 % (seed 1), after 1,500
updates. Where the decoder looks is drawn.

D. Bahdanau, K. Cho and Y. Bengio, Neural machine translation by jointly learning to align and
translate, ICLR 2015, arXiv:1409.0473;
M.-T. Luong, H. Pham and C. D. Manning, Effective approaches to attention-based neural machine
translation, EMNLP 2015, arXiv:1508.04025.
"""

import argparse
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

import rnnbp as rb

DIGITS = 10
END, START = DIGITS, DIGITS + 1
PER_EPOCH = 50


class Rows(NamedTuple):
    """B rows of digits, padded with 0 to the longest."""

    source: np.ndarray  # (S, B)
    length: np.ndarray  # (B,)
    target: np.ndarray  # (S + 1, B): the digits in reverse, then END

    @property
    def before(self) -> np.ndarray:
        """(S + 1, B) The symbol before each of the target."""
        return np.concatenate([np.full_like(self.target[:1], START), self.target[:-1]])

    @property
    def x(self) -> dict[str, np.ndarray]:
        """What the network in training is given."""
        return {"source": self.source, "before": self.before}

    @property
    def lengths(self) -> dict[str, np.ndarray]:
        """By axis."""
        return {"source": self.length, "target": self.length + 1}


def rows(count: int, lengths: tuple[int, int], seed: int | tuple[int, ...]) -> Rows:
    """Random digits, of lengths that are uniform between two, both included."""
    rng = np.random.default_rng(seed)
    length = rng.integers(lengths[0], lengths[1] + 1, count)
    place = np.arange(length.max() + 1)[:, None]
    digits = rng.integers(DIGITS, size=(len(place) - 1, count))
    source = np.where(place[:-1] < length, digits, 0)
    turned = np.take_along_axis(source, np.maximum(length - 1 - place, 0), axis=0)
    target = np.where(place < length, turned, np.where(place == length, END, 0))
    return Rows(source, length, target)


class Network(NamedTuple):
    """One network, and its parts for writing: they share parameters."""

    trained: rb.Graph  # source, the symbols before → logits (T, B, 11)
    encoder: rb.Graph  # source → memory (B, S, n), mask (B, S), begin (B, n)
    decoder: rb.Graph  # the symbols before, memory, mask → logits (T, B, 11)
    attention: rb.Graph  # likewise → weights (T, B, S)


def decoder_cell(n: int, rng: np.random.Generator) -> tuple[rb.Cell, rb.Cell]:
    """GRUs that look up a memory by their state: one whose output is it, one of the weights."""
    x, h = rb.Input(n), rb.State(n, "h")
    memory, mask = (rb.Input(None, name, per="sequence") for name in ("memory", "mask"))
    context, weights = rb.Attention("dot", weights=True)(h, memory, mask)
    r, z = (rb.Sigmoid()(rb.Dense((n, n, n), n, rng=rng)(x, context, h)) for _ in range(2))
    new = rb.Tanh()(rb.Dense((n, n, n), n, rng=rng)(x, context, r * h))
    h_new = z * h + (1 - z) * new
    inputs, state = (x, memory, mask), {h: h_new}
    return rb.Cell(inputs, state, output=h_new), rb.Cell(inputs, state, output=weights)


def build(n: int, seed: int) -> Network:
    """A network of n units."""
    rng = np.random.default_rng(seed)
    read, told = rb.Embedding(DIGITS, n, rng=rng), rb.Embedding(START + 1, n, rng=rng)
    reader = rb.Bidirectional(rb.GRU(n, n // 2, rng=rng), rb.GRU(n, n // 2, rng=rng))
    bridge, head = rb.Dense((n // 2, n // 2), n, rng=rng), rb.Dense(n, END + 1, rng=rng)
    writer, looks = (rb.Recurrent(cell) for cell in decoder_cell(n, rng))

    source = rb.Input((), "source", axis="source")
    states, ends = reader(read(source), return_state=True)
    memory, mask = rb.WholeSeries()(states)
    begin = rb.Tanh()(bridge(*ends))
    encoder = rb.Graph(source, {"memory": memory, "mask": mask, "begin": begin})

    before = rb.Input((), "before", axis="target")
    logits = head(writer(told(before), memory, mask, state=begin))
    trained = rb.Graph((source, before), logits)

    given = rb.Input((), "before"), *(rb.Input(None, v, per="sequence") for v in ("memory", "mask"))
    x = (told(given[0]), *given[1:])
    decoder, attention = rb.Graph(given, head(writer(*x))), rb.Graph(given, looks(*x))
    return Network(trained, encoder, decoder, attention)


def batches(options: argparse.Namespace) -> rb.Batches:
    """New rows in every batch, from (seed, epoch, number)."""
    lengths = options.shortest, options.longest

    def epoch(number: int) -> Iterator[rb.train.Batch]:
        for k in range(PER_EPOCH):
            part = rows(options.batch, lengths, (options.seed, number, k))
            yield rb.train.Batch(part.x, part.target, lengths=part.lengths)

    return rb.Batches(epoch)


def written(network: Network, given: Rows) -> tuple[np.ndarray, np.ndarray]:
    """What is written, the likeliest symbol at each step, and where the decoder looked.

    Returns:
        (T, B) symbols, T one step more than the longest row has, and weights (T, B, S).
    """
    encoded = rb.predict(network.encoder, given.source, lengths=given.length)[0]
    fixed = {name: encoded[name] for name in ("memory", "mask")}
    state, symbols = [(encoded["begin"],)], [np.full(len(given.length), START)]
    weights = []
    for _ in range(len(given.target)):
        x = {"before": symbols[-1][None], **fixed}
        weights.append(rb.predict(network.attention, x, state=state)[0][0])
        logits, state = rb.predict(network.decoder, x, state=state)
        symbols.append(logits[0].argmax(axis=-1))
    return np.array(symbols[1:]), np.array(weights)


def exact(symbols: np.ndarray, given: Rows) -> np.ndarray:
    """(B,) True where a whole row is right, its end too."""
    counts = np.arange(len(given.target))[:, None] <= given.length
    return ((symbols == given.target) | ~counts).all(axis=0)


def train(network: Network, options: argparse.Namespace) -> rb.train.History:
    """Train, the symbols before given; what it writes by itself is printed now and then."""
    shown = rows(200, (options.shortest, options.longest), (options.seed, 1))

    def watched(event: rb.train.Event) -> None:
        if event.kind == "epoch" and event.metrics["step"] % (10 * PER_EPOCH) == 0:
            share = exact(written(network, shown)[0], shown).mean()
            print(f"{event.metrics['step']:6,} updates: {share:.1%} of the rows exact")

    rate = rb.optim.Cosine(options.lr, options.epochs * PER_EPOCH)
    how = {"learning_rate": rate, "epochs": options.epochs, "seed": options.seed}
    loss = rb.losses.CrossEntropy()
    return rb.fit(
        network.trained, batches(options), loss, "adam", clip_norm=1.0, callbacks=[watched], **how
    )


def draw(path: Path, network: Network, given: Rows) -> None:
    """Where the decoder looks while it writes the first rows."""
    from matplotlib.figure import Figure

    symbols, weights = written(network, given)
    figure = Figure((12, 3.6), layout="constrained")
    every = figure.subplots(1, len(given.length))
    for row, axes in enumerate(every):
        n = given.length[row]
        drawn = axes.imshow(weights[: n + 1, row, :n], cmap="magma", vmin=0, vmax=1)
        axes.set_xticks(range(n), given.source[:n, row])
        axes.set_yticks(range(n + 1), ["end" if v == END else v for v in symbols[: n + 1, row]])
        axes.set(xlabel="read", ylabel="written")
    figure.colorbar(drawn, ax=every, label="weight", shrink=0.8)
    figure.savefig(path, dpi=120)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--shortest", type=int, default=3, help="digits in a row")
    parser.add_argument("--longest", type=int, default=12, help="digits in a row")
    parser.add_argument("--batch", type=int, default=64, help="rows")
    parser.add_argument("--epochs", type=int, default=30, help="of 50 updates")
    parser.add_argument("--lr", type=float, default=5e-3, help="at first")
    parser.add_argument("--seed", type=int, default=0, help="of network and rows")
    parser.add_argument("--folder", type=Path, default=Path("runs/reverse_digits"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    lengths = options.shortest, options.longest
    network = build(options.units, options.seed)
    size = sum(p.size for p in network.trained.params.values())
    print(f"rows of {lengths[0]} to {lengths[1]} digits; {size:,} parameters")
    history = train(network, options)
    fresh = rows(1000, lengths, (options.seed, 2))
    right = exact(written(network, fresh)[0], fresh)
    print(
        f"{history.steps:,} updates in {history.seconds:.0f} s: {right.mean():.1%} of 1,000 new "
        f"rows exact, {right[fresh.length == fresh.length.max()].mean():.1%} of the longest"
    )
    if find_spec("matplotlib"):
        options.folder.mkdir(parents=True, exist_ok=True)
        draw(path := options.folder / "attention.png", network, rows(4, lengths, options.seed))
        print(path)


if __name__ == "__main__":
    main()
