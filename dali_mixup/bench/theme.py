"""The colours of a report's page and plots, light and dark."""

from __future__ import annotations

INK = "#010203"  # matplotlib's colour for text and axes, replaced by the colour of the text around

STYLE = """
:root { color-scheme: light dark; color: #1c2430; background: #fff; --paper: #fff; --line: #d5dbe3; --soft: #f1f3f6; }
@media (prefers-color-scheme: dark) {
  :root { color: #e3e7ed; background: #12161c; --paper: #12161c; --line: #38414d; --soft: #1f262f; }
}
"""

OURS = "#2f81f7"
GROUPS = {
    "ours": (OURS, "dali-mixup"),
    "contender": ("#8a94a6", "other loaders"),
    "reference": ("#c08a2d", "references, not ranked"),
    "roofline": ("#4f9e6b", "decoding only"),
}
"""{role: (colour, what it stands for)}; all of them can be told from both backgrounds."""

CURVES = (OURS, "#d9534f", "#4f9e6b", "#c08a2d", "#9a6dd7", "#2aa1a1", "#d067a5", "#8a94a6")
"""Colours of several curves, the first for this library."""
