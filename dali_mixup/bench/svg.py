"""matplotlib figures as SVG whose text is text and whose colours follow the reader's light or dark mode."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from dali_mixup.bench.theme import INK, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, TEXT = 4.8, 11.0  # inches and points: text keeps its size on a screen of 390 pixels

_FONT = "system-ui, 'DejaVu Sans', sans-serif"


def figure(height: float) -> tuple[Figure, Axes]:
    """An empty figure of `WIDTH` x `height` inches, in `INK`."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    made = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasSVG(made)
    axes = made.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(INK)
    axes.tick_params(colors=INK, labelsize=TEXT, which="both")
    return made, axes


def as_svg(made: Figure, title: str) -> str:
    """The figure as one `<svg>` element, the same text every time; `title` is read to those who cannot see it."""
    from matplotlib import rc_context

    memory = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        made.savefig(
            memory, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None}
        )
    text = memory.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Several plots stand in one page: names that nothing refers to would be there twice.
    text = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", rf"font: \1px {_FONT}", text)
    text = text.replace(INK, "currentColor")
    head, _, rest = text.partition(">")
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{title}"><title>{title}</title><style>{STYLE}</style>{rest}\n'
