"""Pictures of hourly series as PNG, small enough to travel inside Markdown.

matplotlib is imported where it is used: whoever only reads tables does not pay for it.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HourlySeries = Mapping[str, Sequence[tuple[datetime, float]]]
BAR_DAYS = 0.8 / 24
PALETTE = 32  # colours of a picture: a quarter of the bytes that all of them take, and no difference to see
COLOURS = {"bought": "#2da44e", "sold": "#cf222e"}  # others take the library's own


def draw_bars(title: str, unit: str, series: HourlySeries) -> bytes:
    """Bars by hour (UTC), series on top of each other; negative ones below the axis. PNG bytes."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), dpi=80, layout="constrained")
    axes = figure.add_subplot()
    heights: dict[tuple[datetime, bool], float] = {}
    for name, points in series.items():
        bottoms = [heights.get((hour, value < 0), 0.0) for hour, value in points]
        for (hour, value), bottom in zip(points, bottoms, strict=True):
            heights[hour, value < 0] = bottom + value
        days = [date2num(hour) for hour, _ in points]
        values, colour = [value for _, value in points], COLOURS.get(name)
        axes.bar(days, values, BAR_DAYS, bottom=bottoms, label=name, align="edge", color=colour)
    axes.set_title(title, loc="left")
    axes.set_ylabel(unit)
    axes.axhline(0, color="black", linewidth=0.5)
    locator = AutoDateLocator(minticks=2)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if series:
        axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return _encode_png(figure)


def draw_ranges(title: str, unit: str, ranges: Mapping[str, tuple[float, float]]) -> bytes:
    """A line by name from its first to its second number, which must be positive; logarithmic. PNG bytes."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=(8, 1 + 0.25 * len(ranges)), dpi=80, layout="constrained")
    axes = figure.add_subplot()
    rows = range(len(ranges))
    axes.hlines(rows, [low for low, _ in ranges.values()], [high for _, high in ranges.values()], linewidth=3)
    axes.plot([low for low, _ in ranges.values()], rows, "o")
    axes.set_yticks(rows, list(ranges))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(EngFormatter(sep=""))
    axes.set_xlabel(unit)
    axes.set_title(title, loc="left")
    axes.invert_yaxis()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return _encode_png(figure)


def draw_intervals(title: str, unit: str, series: Mapping[str, Sequence[tuple[str, float, float, float]]]) -> bytes:
    """Points with their intervals, by name: (label on the x axis, low, value, high). PNG bytes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), dpi=80, layout="constrained")
    axes = figure.add_subplot()
    labels = list(dict.fromkeys(label for points in series.values() for label, *_ in points))
    for number, (name, points) in enumerate(series.items()):
        shift = (number + 1) / (len(series) + 1) - 0.5
        places = [labels.index(label) + shift * 0.8 for label, *_ in points]
        below = [max(0.0, value - low) for _, low, value, _ in points]
        above = [max(0.0, high - value) for _, _, value, high in points]
        values = [value for _, _, value, _ in points]
        axes.errorbar(places, values, (below, above), fmt="o", markersize=4, capsize=2, label=name)
    axes.set_xticks(range(len(labels)), labels)
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_ylabel(unit)
    axes.set_title(title, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if series:
        axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return _encode_png(figure)


def _encode_png(figure: "Figure") -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image  # matplotlib requires it

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = Image.frombytes("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba()))
    out = io.BytesIO()
    pixels.convert("RGB").quantize(PALETTE).save(out, "PNG", optimize=True)
    return out.getvalue()


def embed_png(png: bytes, alt: str) -> str:
    """Markdown that shows the picture without a file."""
    return f"![{alt}](data:image/png;base64,{base64.b64encode(png).decode()})"
