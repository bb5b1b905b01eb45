"""A comparison as one page of HTML that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape

from rnnbp.compare.row_texts import (
    HEADER,
    LEFT,
    left_out_lines,
    rounding_lines,
    row_cells,
    same_runs,
    shown,
)
from rnnbp.compare.table import Comparison

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
.picture img { min-width: 38rem; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.6rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #555; }
.words { text-align: left; }
.first td { border-top: 2px solid #999; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; }
.facts dt { font-weight: 400; }
.facts dd { margin: 0; }
dt { font-weight: 600; } dd { margin: 0 0 0.4rem 1.2rem; overflow-wrap: anywhere; }
"""

WORDS = {
    "step, chunk": (
        "a step is one application of the cell; a chunk is several steps, run, kept and "
        "recomputed as one."
    ),
    "tape": "what the backward pass needs of a chunk. A thin tape has only its states; the rest "
    "is rebuilt from them, all steps at once.",
    "checkpoint": "the state that enters a chunk, kept so that the chunk can be run again.",
    "full caching": (
        "every chunk is run once, and its tape kept until its deltas are done. Times are "
        "ratios to its, in the chunks that are named above: by default those that bptt takes. A "
        "ratio below 1 is of a run that is faster than that, mostly because its chunks are longer."
    ),
    "budget": (
        "percent of the bytes of full caching. Each schedule has the parameters and, unless "
        "they were given, the chunks that are fastest within it, by forecast. It is of arrays "
        "alone: Python's objects come on top, for which a budget of plan leaves room."
    ),
    "bytes, traced": (
        "the most held at once: by the engine's ledger, which is also what was forecast; and "
        "by tracemalloc, in a run of its own, with Python's own objects."
    ),
    "rerun, rebuilt": "steps run forward again; steps whose tapes were rebuilt from thin ones.",
    "forecast, time": (
        "seconds over those of full caching: predicted from the measured costs of actions; "
        "and measured, the median of runs in alternation with full caching, whose own is 1. "
        "Schedules are worked out before the clock starts; those that come to the same actions "
        "are run once for all, and their rows say so."
    ),
    "gradients": (
        "compared with those of full caching in chunks of the same length: the same bits, or "
        "the largest difference over the largest value in its array."
    ),
}

PICTURES = {
    "frontier.png": ("Time for memory", "Each schedule under each budget. Lower left is better."),
    "schedules.png": (
        "The schedules",
        "Each under the least budget in which at least half of them fit, or the next in which it "
        "does itself. A rising line runs steps forward, a falling one goes back; a horizontal line "
        "is a checkpoint held, a box a tape.",
    ),
}


def page(comparison: Comparison, pictures: Mapping[str, bytes]) -> str:
    """The whole page; ``pictures`` are PNG files by name."""
    reference = comparison.reference.measured
    held = shown(reference.stats.peak_bytes)
    found = f"Full caching holds {held} and takes {reference.seconds:.3g} s."
    sections = [
        f"<h1>Recompute against cache</h1>\n<p>{escape(found)}</p>",
        f"<h2>Model and run</h2>\n{_terms(_facts(comparison), 'facts')}",
        *(_picture(name, data) for name, data in pictures.items()),
        f"<h2>All runs</h2>\n{_table(comparison)}",
        *(
            f"<p>{escape(line[0].upper() + line[1:])}.</p>"
            for line in (
                *left_out_lines(comparison.left_out),
                *rounding_lines([comparison.reference, *comparison.rows]),
            )
        ),
        f"<h2>Words</h2>\n{_terms(WORDS)}",
    ]
    head = '<meta charset="utf-8">\n'
    head += '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    head += f"<title>Recompute against cache</title>\n<style>{STYLE}</style>"
    body = "\n".join(sections)
    whole = f"<head>\n{head}\n</head>\n<body>\n{body}\n</body>"
    return f'<!doctype html>\n<html lang="en">\n{whole}\n</html>\n'


def _facts(comparison: Comparison) -> dict[str, str]:
    return {
        name: f"{v:,}" if isinstance(v, int) else str(v) for name, v in comparison.about.items()
    }


def _terms(found: Mapping[str, str], style: str = "terms") -> str:
    terms = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in found.items())
    return f"<dl class={style}>\n" + "\n".join(terms) + "\n</dl>"


def _picture(name: str, data: bytes) -> str:
    title, caption = (escape(text) for text in PICTURES[name])
    image = f'<img alt="{title}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'
    return f'<h2>{title}</h2>\n<p>{caption}</p>\n<div class="wide picture">{image}</div>'


def _table(comparison: Comparison) -> str:
    lines, before = [_line("th", HEADER)], None
    for row, same_as in zip(comparison.rows, same_runs(comparison.rows), strict=True):
        lines.append(_line("td", row_cells(row, same_as), first=row.share != before))
        before = row.share
    return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"


def _line(tag: str, cells: Iterable[str], *, first: bool = False) -> str:
    texts = (
        f"<{tag}{' class=words' if k in LEFT else ''}>{escape(text)}</{tag}>"
        for k, text in enumerate(cells)
    )
    return f"<tr{' class=first' if first else ''}>{''.join(texts)}</tr>"
