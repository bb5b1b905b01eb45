"""Rainfall to runoff (Kratzert et al. 2019): an EA-LSTM is told which catchment it models.

Synthetic catchments, each with weather of its own, run through an HBV-like model of snow, soil and
two linear reservoirs, whose parameters are their attributes; two attributes mean nothing. A network
for all of them reads rain, temperature and potential evaporation day by day. The input gate of an
EA-LSTM depends on the attributes alone, and so is computed once for each sequence. It is compared
with an LSTM that reads the attributes every day, and with one that does not know them. They learn
from windows of a year, whose first months do not count, within a budget of bytes. The efficiency of
Nash and Sutcliffe is that of later years, also in catchments whose discharge they have never seen.

F. Kratzert et al., Towards learning universal, regional, and local hydrological behaviors via
machine learning applied to large-sample datasets, Hydrology and Earth System Sciences 23, 5089-5110,
2019. S. Bergström, The HBV model, in: Computer Models of Watershed Hydrology, 1995. L. Oudin et al.,
Which potential evapotranspiration input for a lumped rainfall-runoff model?, part 2, Journal of
Hydrology 303, 290-306, 2005.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

import rnnbp as rb

FORCING = ("rain", "temperature", "potential evaporation")
ATTRIBUTES = {  # of each catchment: lowest and highest value
    "soil capacity, mm": (60, 500),
    "runoff exponent": (1, 4),
    "share of groundwater": (0.2, 0.8),
    "quick recession, days": (1.2, 6),
    "slow recession, days": (20, 150),
    "melt, mm/(K day)": (1.5, 6),
    "evaporation factor": (0.6, 1.3),
    "snow below, °C": (-1.5, 2.5),
    "longitude": (5, 15),  # means nothing here, as the next
    "population": (0, 1e5),
}
N_X, N_S = len(FORCING), len(ATTRIBUTES)
YEAR = 365
EA, BOTH, ALONE = "EA-LSTM", "LSTM, attributes every day", "LSTM, no attributes"


class Catchments(NamedTuple):
    """What is known of B catchments on T days, from an October on.

    Attributes:
        forcing: (T, B, 3), mm, °C, mm.
        attributes: (B, 10).
        discharge: (T, B, 1), mm.
    """

    forcing: np.ndarray
    attributes: np.ndarray
    discharge: np.ndarray

    def part(self, days: slice, rows: slice) -> "Catchments":
        return Catchments(
            self.forcing[days, rows], self.attributes[rows], self.discharge[days, rows]
        )


def weather(rng: np.random.Generator, days: int, count: int) -> np.ndarray:
    """(T, B, 3) Forcing: wet days are a Markov chain, temperatures an AR(1) about a yearly wave."""
    summer = -np.cos(2 * np.pi * (np.arange(days)[:, None] + 258) / YEAR)  # coldest on 15 January
    mean, swing = rng.uniform(2, 11, count), rng.uniform(8, 12, count)
    share, depth = rng.uniform(0.15, 0.4, count), rng.uniform(5, 11, count)
    deviation, draws = rng.normal(size=(days, count)), rng.random((days, count))
    wet = draws < share
    for t in range(1, days):
        deviation[t] = 0.8 * deviation[t - 1] + 0.6 * deviation[t]
        wet[t] = draws[t] < share + 0.4 * (1 - share) * wet[t - 1]
    temperature = mean + swing * summer + 3 * deviation
    rain = wet * rng.gamma(0.7, depth / 0.7, (days, count))
    radiation = 24 + 16 * summer  # MJ/m² above the atmosphere, at 47° N
    evaporation = radiation / 2.45 * np.maximum(temperature + 5, 0) / 100  # Oudin et al. 2005
    return np.stack([rain, temperature, evaporation], axis=-1)


def runoff(forcing: np.ndarray, attributes: np.ndarray) -> tuple[np.ndarray, ...]:
    """(discharge, evaporation, water stored since the beginning), each (T, B) in mm."""
    capacity, exponent, deep, quick_days, slow_days, melt_rate, factor, frost = attributes.T[:8]
    quick_rate, slow_rate = (1 - np.exp(-1 / days) for days in (quick_days, slow_days))
    snow, soil, quick, slow = (full * capacity for full in (0, 0.5, 0, 0))
    discharge, evaporation, stored = np.empty((3, *forcing.shape[:2]))
    for t, (rain, temperature, potential) in enumerate(forcing.transpose(0, 2, 1)):
        snowfall = np.where(temperature < frost, rain, 0)
        melt = np.minimum(snow, melt_rate * np.maximum(temperature - frost, 0))
        snow = snow + snowfall - melt
        water = rain - snowfall + melt
        passed = water * (soil / capacity) ** exponent
        passed += np.maximum(soil + water - passed - capacity, 0)  # the soil is full
        soil = soil + water - passed
        dryness = np.minimum(soil / (0.6 * capacity), 1)
        evaporation[t] = np.minimum(soil, factor * potential * dryness)
        soil = soil - evaporation[t]
        quick, slow = quick + (1 - deep) * passed, slow + deep * passed
        discharge[t] = quick_rate * quick + slow_rate * slow
        quick, slow = quick - quick_rate * quick, slow - slow_rate * slow
        stored[t] = snow + soil + quick + slow - 0.5 * capacity
    return discharge, evaporation, stored


def synthesise(count: int, days: int, seed: int) -> Catchments:
    """Catchments of attributes that have nothing to do with their weather."""
    rng = np.random.default_rng(seed)
    forcing = weather(rng, days, count)
    attributes = rng.uniform(*np.transpose([*ATTRIBUTES.values()]), (count, N_S))
    return Catchments(forcing, attributes, runoff(forcing, attributes)[0][..., None])


def scaled(data: Catchments, known: Catchments) -> dict[str, np.ndarray]:
    """Forcing, attributes and discharge as deviations from the mean of what is known, float32."""
    found = {}
    for name, array in data._asdict().items():
        rows = getattr(known, name).reshape(-1, array.shape[-1])
        found[name] = ((array - rows.mean(axis=0)) / rows.std(axis=0)).astype(np.float32)
    return found


def windows(known: Catchments, options: argparse.Namespace) -> rb.Sequences:
    """Years that begin every ``stride`` days, whose first ``warm_up`` days do not count.

    Squared errors count by 1 / (s + 0.1 mm)², s the standard deviation of the catchment's
    discharge, so that small rivers count as much as large ones (NSE* in the paper).
    """

    def cut(array: np.ndarray) -> np.ndarray:
        """(N, YEAR, ...) of (T, B, ...)"""
        parts = np.lib.stride_tricks.sliding_window_view(array, YEAR, axis=0)[:: options.stride]
        return np.moveaxis(parts, -1, 2).reshape(-1, YEAR, array.shape[-1])

    series = scaled(known, known)
    x, target = cut(series["forcing"]), cut(series["discharge"])
    count = len(x) // len(known.attributes)  # of each catchment
    weights = np.tile((known.discharge.std(axis=0) + 0.1) ** -2, (count, 1))
    return rb.Sequences(
        {"forcing": x, "attributes": np.tile(series["attributes"], (count, 1))},
        target,
        mask=weights * (np.arange(YEAR) >= options.warm_up),
        static="attributes",
        batch_size=options.batch,
        seed=options.seed,
    )


def ea_cell(n: int, rng: np.random.Generator) -> rb.Cell:
    """The EA-LSTM: an LSTM whose input gate i is a function of the attributes s alone."""
    x, s = rb.Input(N_X), rb.Input(N_S, per="sequence")
    h, c = rb.State(n, "h"), rb.State(n, "c")
    i = rb.Sigmoid()(rb.Dense(N_S, n, name="i", rng=rng)(s))
    f, o = (rb.Sigmoid()(rb.Dense((N_X, n), n, bias_init=b, rng=rng)(x, h)) for b in (3, 0))
    g = rb.Tanh()(rb.Dense((N_X, n), n, rng=rng)(x, h))
    c_new = f * c + i * g
    h_new = o * rb.Tanh()(c_new)
    return rb.Cell((x, s), {h: h_new, c: c_new}, output=h_new)


def build(network: str, units: int, seed: int) -> rb.Graph:
    """forcing (T, B, 3), attributes (B, 10) → discharge (T, B, 1)"""
    rng = np.random.default_rng(seed)
    x, s = rb.Input(N_X, "forcing"), rb.Input(N_S, "attributes", per="sequence")
    if network == EA:
        y = rb.Recurrent(ea_cell(units, rng), name="lstm")(x, s)
    elif network == BOTH:
        y = rb.LSTM(N_X + N_S, units, forget_bias=3, rng=rng)(rb.Concat(N_X, N_S)(x, s))
    else:
        y = rb.LSTM(N_X, units, forget_bias=3, rng=rng)(x)
    return rb.Graph((x, s), rb.Dense(units, 1, rng=rng)(y))


def simulate(model: rb.Graph, data: Catchments, known: Catchments) -> np.ndarray:
    """(T, B, 1) Discharge in mm."""
    inputs = scaled(data, known)
    y, _ = rb.predict(model, {name: inputs[name] for name in ("forcing", "attributes")})
    return np.maximum(known.discharge.mean() + known.discharge.std() * y, 0)


def efficiency(found: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """(B,) Nash and Sutcliffe's: 1 is perfect, 0 as good as the mean of what was observed."""
    errors = ((found - observed) ** 2).sum(axis=(0, 2))
    return 1 - errors / ((observed - observed.mean(axis=0)) ** 2).sum(axis=(0, 2))


def train(model: rb.Graph, data: rb.Sequences, options: argparse.Namespace) -> rb.train.History:
    """Train within a budget of bytes; says what it costs."""
    loss, size = rb.losses.MeanSquaredError(), {"steps": YEAR, "batch": options.batch}
    plan = rb.plan(model, loss, **size, budget=options.budget, optimizer="adam", dx=False)
    most = plan.frontier[-1]
    print(
        f"{plan.chosen.name}, chunks of {plan.chunk} days: {plan.chosen.bytes / 1e6:.2f} MB, where "
        f"{most.name} takes {most.bytes / 1e6:.2f} MB; {plan.ratio:.2f} times its time"
    )
    rate = rb.optim.Cosine(options.lr, options.epochs * data.batches_per_epoch)
    how = {"learning_rate": rate, "epochs": options.epochs, "seed": options.seed}
    return rb.fit(model, data, loss, "adam", **how, clip_norm=1.0, checkpoint=plan)


def influence(model: rb.Graph) -> np.ndarray:
    """(10,) How far the input gates of an EA-LSTM move, on average, as an attribute rises.

    It rises by a standard deviation to each side of its mean; the others are at their means.
    """
    weight, bias = model.params["lstm.weight_i"], model.params["lstm.bias_i"][:, None]
    high, low = (1 / (1 + np.exp(-(bias + sign * weight))) for sign in (1, -1))
    return np.abs(high - low).mean(axis=0)


def draw(
    path: Path, later: Catchments, found: dict[str, np.ndarray], gauged: int, moved: np.ndarray
) -> None:
    """The last year of a catchment without a gauge, efficiencies of all, and what moves gates."""
    from matplotlib.figure import Figure

    figure = Figure((11, 8), layout="constrained")
    axes = figure.subplot_mosaic([["year", "year"], ["efficiency", "gate"]])
    scores = {name: efficiency(q, later.discharge) for name, q in found.items()}
    gains = (scores[EA] - scores[ALONE])[gauged:]
    shown = gauged + int(np.argsort(gains)[len(gains) // 2])  # one of median gain
    axes["year"].plot(later.discharge[-YEAR:, shown], "k", lw=2, label="observed")
    for (name, score), colour in zip(scores.items(), ("C0", "C2", "C3"), strict=True):
        label = f"{name}: {score[shown]:.2f}"
        axes["year"].plot(found[name][-YEAR:, shown], colour, lw=1, label=label)
        for part, style in ((score[:gauged], "-"), (score[gauged:], "--")):
            axes["efficiency"].ecdf(part, color=colour, ls=style)
    axes["year"].set(xlabel="days from 1 October", ylabel="discharge, mm", xlim=(0, YEAR - 1))
    axes["year"].set_ylim(0, 1.5 * later.discharge[-YEAR:, shown].max())
    axes["year"].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)
    rain, fallen = axes["year"].twinx(), later.forcing[-YEAR:, shown, 0]
    rain.bar(range(YEAR), fallen, 1, color="0.75")
    rain.set(ylabel="rain and snow, mm", ylim=(4 * fallen.max(), 0))
    axes["efficiency"].set(xlim=(0, 1), xlabel="NSE, later years", ylabel="share of catchments")
    axes["efficiency"].set_title("solid: gauged; dashed: without a gauge", size="medium")
    axes["gate"].barh([*ATTRIBUTES][::-1], moved[::-1])
    axes["gate"].set(title="influence on the input gates", xticks=np.arange(0, moved.max(), 0.05))
    figure.savefig(path, dpi=120)


def report(later: Catchments, found: dict[str, np.ndarray], gauged: int) -> None:
    """Efficiencies: their medians, and what nine tenths of the catchments reach."""
    print(f"\n{'Nash-Sutcliffe, later years':28}   gauged  9 of 10 | no gauge  9 of 10")
    for name, score in ((name, efficiency(q, later.discharge)) for name, q in found.items()):
        (a, b), (c, d) = (np.quantile(v, (0.5, 0.1)) for v in (score[:gauged], score[gauged:]))
        print(f"{name:28} {a:8.3f} {b:8.3f} | {c:8.3f} {d:8.3f}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gauged", type=int, default=96, help="catchments to learn from")
    parser.add_argument("--ungauged", type=int, default=24, help="catchments held out")
    parser.add_argument("--years", type=int, default=5, help="to learn from")
    parser.add_argument("--later", type=int, default=3, help="years held out")
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32, help="windows of a year")
    parser.add_argument("--warm-up", type=int, default=120, help="days outside the loss")
    parser.add_argument("--stride", type=int, default=73, help="days between windows")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--budget", default="2 MB", help="bytes that training may hold")
    parser.add_argument("--seed", type=int, default=0, help="of catchments and networks")
    parser.add_argument("--folder", type=Path, default=Path("runs/catchment"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    gauged, folder = options.gauged, options.folder
    folder.mkdir(parents=True, exist_ok=True)
    first, last = YEAR * (1 + options.years), YEAR * (1 + options.years + options.later)
    data = synthesise(gauged + options.ungauged, last, options.seed)
    known = data.part(slice(YEAR, first), slice(gauged))  # the stores fill in the first year
    later = data.part(slice(first, None), slice(None))
    yearly = YEAR * later.discharge.mean(axis=0)
    print(
        f"{gauged} catchments to learn from, {options.ungauged} held out; {options.years} years, "
        f"{options.later} held out; runoff {yearly.min():.0f} to {yearly.max():.0f} mm a year"
    )
    found = {}
    for network in (EA, BOTH, ALONE):
        model = build(network, options.units, options.seed)
        print(f"\n{network}: {sum(p.size for p in model.params.values()):,} parameters")
        history = train(model, windows(known, options), options)
        print(f"{history.steps:,} updates in {history.seconds:.0f} s")
        found[network] = simulate(model, data, known)[first:]
        if network == EA:
            moved = influence(model)
            rb.save_weights(model, folder / "ea-lstm.safetensors")
    report(later, found, gauged)
    print("\nhow far each attribute moves the input gates of the EA-LSTM")
    print("\n".join(f"{k:28} {v:8.3f}" for k, v in zip(ATTRIBUTES, moved, strict=True)), end="\n\n")
    if find_spec("matplotlib"):
        draw(folder / "catchment.png", later, found, gauged, moved)
    print("\n".join(str(path) for path in sorted(folder.iterdir())))


if __name__ == "__main__":
    main()
