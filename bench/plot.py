#!/usr/bin/env python3
"""Draws losses of several trainings in one plot (SVG) that shows on light and dark ground.

    bench/plot.py OUT.svg LABEL=LOG.jsonl[,LOG.jsonl...]... [--mean 20]

Logs are nyala-train's. Of several logs with one label the mean is drawn, and behind it their range.
--mean: steps that a point is the mean of. Needs Python alone.
"""
import argparse
import json
import math
import statistics
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 64, 704, 24, 372
COLORS = ("#3b82f6", "#f97316", "#10b981", "#a855f7")
STYLE = """<style>
  .ground { fill: #ffffff } text { fill: #24292f } .grid { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #c9d1d9 } .grid { stroke: #30363d }
  }
</style>
<rect class="ground" width="100%" height="100%"/>"""


def read_curve(paths, together=20):
    """Points (step, loss) and, of several logs, the range of losses at each."""
    logs = [[json.loads(line)["loss"] for line in Path(path).read_text().splitlines()]
            for path in paths]
    points, bands = [], []
    for begin in range(0, min(map(len, logs)), together):
        means = [statistics.mean(log[begin:begin + together]) for log in logs]
        points.append((begin + (together + 1) / 2, statistics.mean(means)))
        bands.append((min(means), max(means)))
    return points, bands if len(logs) > 1 else None


def ticks(low, high, count=8):
    """Round numbers in a range, at most about `count`."""
    step = 10 ** math.floor(math.log10((high - low) / count))
    step = next(step * factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= count)
    first = math.ceil(low / step)
    return [round(i * step, 10) for i in range(first, math.floor(high / step) + 1)]


def draw(path, x_label, y_label, curves, title):
    """`curves`: label: (points, bands); a band (low, high) a point is drawn behind the line, or None."""
    xs = [x for points, _ in curves.values() for x, _ in points]
    ys = [y for points, bands in curves.values()
          for pair in [points, bands or []] for y in (pair and [value for _, value in pair])]
    ys += [low for _, bands in curves.values() for low, _ in bands or []]
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(ys), max(ys)

    def place(x, y):
        return (f"{LEFT + (x - low_x) / (high_x - low_x) * (RIGHT - LEFT):.1f},"
                f"{BOTTOM - (y - low_y) / (high_y - low_y) * (BOTTOM - TOP):.1f}")

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'font-family="sans-serif" font-size="13" role="img">', f"<title>{escape(title)}</title>",
           STYLE]
    for x in ticks(low_x, high_x):
        at = place(x, low_y).split(",")[0]
        out.append(f'<line class="grid" x1="{at}" y1="{TOP}" x2="{at}" y2="{BOTTOM}"/>'
                   f'<text x="{at}" y="390" text-anchor="middle">{x:g}</text>')
    for y in ticks(low_y, high_y):
        at = float(place(low_x, y).split(",")[1])
        out.append(f'<line class="grid" x1="{LEFT}" y1="{at}" x2="{RIGHT}" y2="{at}"/>'
                   f'<text x="58" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>')
    out.append(f'<text x="384" y="410" text-anchor="middle">{escape(x_label)}</text>')
    out.append(f'<text transform="translate(16 198) rotate(-90)" text-anchor="middle">'
               f'{escape(y_label)}</text>')
    for color, (label, (points, bands)) in zip(COLORS, curves.items()):
        if bands:
            edge = [place(x, high) for (x, _), (_, high) in zip(points, bands)]
            edge += [place(x, low) for (x, _), (low, _) in reversed(list(zip(points, bands)))]
            out.append(f'<polygon fill="{color}" fill-opacity="0.2" points="{" ".join(edge)}"/>')
        line = " ".join(place(x, y) for x, y in points)
        out.append(f'<polyline fill="none" stroke-width="1.5" stroke="{color}" points="{line}"/>')
    for i, (color, label) in enumerate(zip(COLORS, curves)):
        out.append(f'<line x1="400" y1="{36 + 20 * i}" x2="424" y2="{36 + 20 * i}" stroke-width="3" '
                   f'stroke="{color}"/><text x="430" y="{40 + 20 * i}">{escape(label)}</text>')
    path.write_text("\n".join(out) + "\n</svg>\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("curves", nargs="+", metavar="LABEL=LOGS")
    parser.add_argument("--mean", type=int, default=20)
    arguments = parser.parse_args()
    curves = {}
    for curve in arguments.curves:
        label, _, paths = curve.rpartition("=")
        curves[label or paths] = read_curve(paths.split(","), arguments.mean)
    draw(arguments.output, "step", f"loss, mean of {arguments.mean} steps", curves, "training loss")


if __name__ == "__main__":
    main()
