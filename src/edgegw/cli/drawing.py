"""A small drawing of lines, marks and words, as SVG or PNG.

SVG needs nothing else. PNG needs Pillow (`pip install 'edgegw[plot]'`), which is loaded only then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

from edgegw.errors import EdgegwError

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

SCALE = 2
"""Pixels of a PNG for one unit of the drawing."""
SMOOTH = 2
"""Drawn so much larger, and then reduced."""
DASH, GAP = 5.0, 4.0
_PILLOW: dict[Anchor, str] = {"start": "lm", "middle": "mm", "end": "rm"}


class CannotDraw(EdgegwError):
    """The picture cannot be made: says why and what helps."""


@dataclass(frozen=True, slots=True)
class Line:
    start: Point
    end: Point
    color: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    centre: Point
    radius: float
    color: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled polygon."""

    corners: tuple[Point, ...]
    color: str


@dataclass(frozen=True, slots=True)
class Words:
    """`at`: the middle of the text's height, and its start, middle or end."""

    at: Point
    text: str
    size: float = 12.0
    color: str = "#222222"
    anchor: Anchor = "start"


Mark = Line | Dot | Shape | Words


# ------------------------------------------------------------ SVG


def svg(marks: Sequence[Mark], width: float, height: float) -> str:
    """The drawing on white, as a document of its own."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" font-family="sans-serif">\n<rect width="100%" height="100%" fill="white"/>\n'
    )
    return head + "".join(f"{_element(mark)}\n" for mark in marks) + "</svg>\n"


def _element(mark: Mark) -> str:
    match mark:
        case Line((x1, y1), (x2, y2), color, width, dashed):
            dash = f' stroke-dasharray="{DASH:g} {GAP:g}"' if dashed else ""
            place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            return f'<line {place} stroke="{color}" stroke-width="{width:g}"{dash}/>'
        case Dot((x, y), radius, color):
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{color}"/>'
        case Shape(corners, color):
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
            return f'<polygon points="{points}" fill="{color}"/>'
        case Words((x, y), text, size, color, anchor):
            style = f'font-size="{size:g}" fill="{color}" text-anchor="{anchor}" dominant-baseline="central"'
            return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


# ------------------------------------------------------------ PNG


def png(marks: Sequence[Mark], width: float, height: float) -> bytes:
    """The same as an image file. Raises CannotDraw without Pillow."""
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise CannotDraw("PNG needs Pillow: pip install 'edgegw[plot]' - or name the file .svg") from None
    scale = SCALE * SMOOTH
    image = Image.new("RGB", (round(width * scale), round(height * scale)), "white")
    draw = ImageDraw.Draw(image)
    for mark in marks:
        _paint(draw, mark, scale)
    file = BytesIO()
    image.reduce(SMOOTH).save(file, "PNG")
    return file.getvalue()


def _paint(draw: ImageDraw, mark: Mark, scale: float) -> None:
    from PIL import ImageFont

    match mark:
        case Line(color=color, width=width):
            for start, end in _dashes(mark):
                draw.line([_times(start, scale), _times(end, scale)], fill=color, width=round(width * scale))
        case Dot(centre, radius, color):
            draw.circle(_times(centre, scale), radius * scale, fill=color)
        case Shape(corners, color):
            draw.polygon([_times(corner, scale) for corner in corners], fill=color)
        case Words(at, text, size, color, anchor):
            font = ImageFont.load_default(size * scale)
            draw.text(
                _times(at, scale),
                text,
                fill=color,
                font=font,
                anchor=f"{anchor[0]}m".replace("sm", "lm").replace("em", "rm"),
            )


def _dashes(line: Line) -> list[tuple[Point, Point]]:
    (x1, y1), (x2, y2) = line.start, line.end
    length = math.dist(line.start, line.end)
    if not line.dashed or not length:
        return [(line.start, line.end)]
    ends = [(at / length, min(at + DASH, length) / length) for at in _steps(length, DASH + GAP)]
    return [((x1 + (x2 - x1) * a, y1 + (y2 - y1) * a), (x1 + (x2 - x1) * b, y1 + (y2 - y1) * b)) for a, b in ends]


def _steps(length: float, step: float) -> list[float]:
    return [n * step for n in range(math.ceil(length / step))]


def _times(point: Point, scale: float) -> Point:
    return point[0] * scale, point[1] * scale
