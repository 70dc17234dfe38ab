#!/usr/bin/env python3
"""Draws losses of several trainings in one plot (SVG).

    bench/plot.py OUT.svg LABEL=LOG.jsonl... [--mean 20]

Logs are nyala-train's. --mean: steps that a point is the mean of. Needs Python alone.
"""
import argparse
import json
import math
from html import escape
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 64, 16, 24, 48
COLORS = ("#3b82f6", "#f97316", "#10b981", "#a855f7", "#ef4444", "#eab308")
STYLE = """<style>
  .ground { fill: #ffffff } text { fill: #24292f } .grid { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #c9d1d9 } .grid { stroke: #30363d }
  }
</style>
"""


def read_curve(path, together):
    """(step, loss), the mean of neighbours."""
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    lines = [line for line in lines if "step" in line]
    groups = [lines[i:i + together] for i in range(0, len(lines), together)]
    return [tuple(sum(line[key] for line in group) / len(group) for key in ("step", "loss"))
            for group in groups]


def make_ticks(low, high):
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 6
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if rough <= power * factor)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def draw(curves):
    points = [point for _, curve in curves for point in curve]
    (x0, y0), (x1, y1) = (tuple(choose(values) for values in zip(*points, strict=True))
                          for choose in (min, max))

    def get_x(step):
        return LEFT + (step - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)

    def get_y(loss):
        return HEIGHT - BOTTOM - (loss - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
             f'font-family="sans-serif" font-size="13">\n{STYLE}'
             '<rect class="ground" width="100%" height="100%"/>']
    for tick in make_ticks(x0, x1):
        parts.append(f'<line class="grid" x1="{get_x(tick):.1f}" y1="{TOP}" x2="{get_x(tick):.1f}" '
                     f'y2="{HEIGHT - BOTTOM}"/><text x="{get_x(tick):.1f}" '
                     f'y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:g}</text>')
    for tick in make_ticks(y0, y1):
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{get_y(tick):.1f}" x2="{WIDTH - RIGHT}" '
                     f'y2="{get_y(tick):.1f}"/><text x="{LEFT - 6}" y="{get_y(tick) + 4:.1f}" '
                     f'text-anchor="end">{tick:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" '
                 'text-anchor="middle">step</text>')
    parts.append(f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
                 'text-anchor="middle">loss</text>')
    for index, (label, curve) in enumerate(curves):
        color, line = COLORS[index % len(COLORS)], TOP + 16 + 18 * index
        path = " ".join(f"{get_x(step):.1f},{get_y(loss):.1f}" for step, loss in curve)
        parts.append(f'<polyline fill="none" stroke-width="1.5" stroke="{color}" points="{path}"/>')
        parts.append(f'<line x1="{WIDTH - 226}" y1="{line - 4}" x2="{WIDTH - 202}" y2="{line - 4}" '
                     f'stroke-width="3" stroke="{color}"/><text x="{WIDTH - 196}" y="{line}">'
                     f"{escape(label)}</text>")
    return "\n".join([*parts, "</svg>\n"])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("curves", nargs="+", metavar="LABEL=LOG")
    parser.add_argument("--mean", type=int, default=20)
    arguments = parser.parse_args()
    curves = []
    for curve in arguments.curves:
        label, _, path = curve.rpartition("=")
        curves.append((label or path, read_curve(path, arguments.mean)))
    arguments.output.write_text(draw(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
