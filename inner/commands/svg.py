"""A picture of a box for documents: the machine, the box in it, and what passes between the two. Plain SVG, no font of its own."""

from __future__ import annotations

from inner.commands.drawing import folded
from inner.frozen import TYPE_CHECKING
from inner.ui import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.commands.drawing import Drawing

WIDTH, LINE, MARGIN = 720, 20, 24
MOST = 12  # lines of a paragraph: it is a picture, not a list
INK, SOFT, GREEN, AMBER, RED = "#1f2933", "#6b7785", "#1a7f37", "#9a6700", "#b42318"


def svg(box: Drawing) -> str:
    """The picture, as one string."""
    seen = folded(box.sees)
    columns = (
        (
            ("reads", GREEN, [one.path for one in seen if one.state == "read-only"]),
            ("does not see", RED, ["the rest of this machine", *(one.path for one in seen if one.state == "hidden")]),
        ),
        (
            ("writes", AMBER, [one.path for one in seen if one.state == "writable"]),
            ("reaches", AMBER if box.network == "full" else GREEN, _reached(box)),
            ("knows", INK, [one.name for one in box.environment]),
        ),
    )
    texts: list[str] = []
    bottom = 0
    for number, column in enumerate(columns):
        x, y = MARGIN * 2 + number * (WIDTH - 4 * MARGIN) // 2, 118
        for title, colour, lines in column:
            texts.append(_text(x, y, title, INK, bold=True))
            for line in _cut(lines):
                y += LINE
                texts.append(_text(x + 12, y, line, colour))
            y += 2 * LINE
        bottom = max(bottom, y)
    height = bottom + MARGIN
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{_escaped(f'The box of the profile {box.name}')}</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#eef1f4"/>',
        _text(MARGIN, 30, "this machine", SOFT),
        f'<rect x="{MARGIN}" y="46" width="{WIDTH - 2 * MARGIN}" height="{height - 46 - MARGIN}" rx="8" fill="#fff" stroke="{INK}" stroke-width="2"/>',
        _text(MARGIN * 2, 76, f"{box.name}: {' '.join(box.command)}", INK, bold=True),
        *texts,
        "</svg>",
    ))  # fmt: skip


def _reached(box: Drawing) -> list[str]:
    if box.network == "allowlist":
        return [one.name for one in box.reaches] or ["no host yet"]
    return ["every host"] if box.network == "full" else ["no network"]


def _cut(lines: Sequence[str]) -> list[str]:
    return [*lines[: MOST - 1], f"and {len(lines) - MOST + 1} more"] if len(lines) > MOST else list(lines)


def _text(x: int, y: int, text: str, colour: str, *, bold: bool = False) -> str:
    text = text if len(text) <= 42 or bold else f"{text[:18]}…{text[-23:]}"
    text = text if len(text) <= 80 else f"{text[:79]}…"
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" font-family="monospace" font-size="13" fill="{colour}"{weight}>{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    return safe(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
