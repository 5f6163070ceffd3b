"""Charts as SVG text: bars of CPU time by case, and lines of its growth."""

import html
import math

import summary
from cases import readable

# Readable on white and on dark; the style below changes the text only.
COLOURS = {"nginx": "#2e9e5b", "HAProxy": "#3b82d6", "floor": "#9aa0a6", "vsaproxy": "#e8710a",
           "beside": "#a855f7", "nginx-log": "#8fd0aa", "vsaproxy-log": "#f5b27a"}
STYLE = """<style>
text { font: 12px sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: bold; }
.small { font-size: 11px; }
.grid { stroke: #8c959f; stroke-opacity: .35; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } }
</style>"""


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.parts = [STYLE, f"<title>{html.escape(title)}</title>"]

    def text(self, x, y, text, anchor="start", kind="", more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
                          f'class="{kind}"{more}>{html.escape(text)}</text>')

    def bar(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height:.1f}" rx="1.5" fill="{colour}"/>')

    def grid(self, x1, y1, x2, y2):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          'class="grid"/>')

    def line(self, points, colour):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                          'stroke-width="2"/>')
        self.parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
                       for x, y in points]

    def legend(self, x, y, names):
        for name in names:
            self.bar(x, y - 9, 10, 10, COLOURS[name])
            self.text(x + 15, y, name)
            x += 30 + 8 * len(name)

    def write(self, path):
        body = "\n".join(self.parts)
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
                        f'viewBox="0 0 {self.width} {self.height}">\n{body}\n</svg>\n')


WIDTH, LEFT, RIGHT, TOP = 760, 190, 80, 66
BAR, GAP = 13, 14
MOST = 2.0  # longer bars are cut; their figure stands beside them


def write_bars(results, path):
    """For each case, CPU time of each proxy, of which nginx's is 1."""
    found = [result for result in results["cases"] if summary.cpu(result, "nginx")]
    names = [name for name in COLOURS if any(summary.cpu(result, name) for result in found)]
    heights = [GAP + BAR * sum(1 for name in names if summary.cpu(result, name))
               for result in found]
    drawing = Drawing(WIDTH, TOP + sum(heights) + 30, "CPU time for a request")
    drawing.text(10, 22, "CPU time for a request; nginx = 1, less is better", kind="title")
    drawing.legend(LEFT, 46, names)
    scale = (WIDTH - LEFT - RIGHT) / MOST
    bottom = TOP + sum(heights)
    for step in range(5):
        x = LEFT + scale * MOST * step / 4
        drawing.grid(x, TOP - 6, x, bottom)
        drawing.text(x, bottom + 16, f"{MOST * step / 4:g}", "middle", "small")
    y = TOP
    for result, height in zip(found, heights):
        draw_case(drawing, result, names, y, height, scale)
        y += height
    drawing.write(path)


def draw_case(drawing, result, names, y, height, scale):
    drawing.text(LEFT - 8, y + (height - GAP) / 2 + 4, result["case"], "end")
    base = summary.cpu(result, "nginx")
    for name in names:
        cpu = summary.cpu(result, name)
        if cpu is None:
            continue
        width = min(cpu / base, MOST) * scale
        drawing.bar(LEFT, y, width, BAR - 2, COLOURS[name])
        drawing.text(LEFT + width + 5, y + BAR - 3, f"{cpu / base:.2f} ({cpu:.3g} µs)",
                     kind="small")
        y += BAR


PANEL_WIDTH, PANEL_HEIGHT, MARGIN = 320, 240, 56
LABELS = {"growth-connections": ("CPU µs for a small GET, by connections", str),
          "growth-size": ("CPU µs for a GET, by size of the body",
                          lambda size: readable(size).replace("iB", ""))}


def write_growth(results, path):
    panels = [(name, points) for name, points in results["growth"].items() if points]
    drawing = Drawing(len(panels) * (PANEL_WIDTH + MARGIN) + 20, PANEL_HEIGHT + 95,
                      "Growth of the CPU time for a request")
    for index, (name, points) in enumerate(panels):
        draw_panel(drawing, MARGIN + index * (PANEL_WIDTH + MARGIN), 60, name, points)
    drawing.write(path)


def draw_panel(drawing, left, top, name, points):
    title, label = LABELS[name]
    names = [each for each in COLOURS if any(summary.cpu(point, each) for point in points)]
    drawing.text(left, top - 38, title, kind="title")
    drawing.legend(left, top - 16, names)
    costs = [summary.cpu(point, each) for point in points for each in names]
    across = axis([point["point"] for point in points], left, left + PANEL_WIDTH)
    steps = steps_around(min(costs), max(costs))
    upward = axis(steps, top + PANEL_HEIGHT, top)
    for value in steps:
        drawing.grid(left, upward(value), left + PANEL_WIDTH, upward(value))
        drawing.text(left - 6, upward(value) + 4, f"{value:g}", "end", "small")
    for point in points:
        x = across(point["point"])
        drawing.grid(x, top, x, top + PANEL_HEIGHT)
        drawing.text(x, top + PANEL_HEIGHT + 18, label(point["point"]), "middle", "small")
    for each in names:
        drawing.line([(across(point["point"]), upward(summary.cpu(point, each)))
                      for point in points], COLOURS[each])


def axis(values, start, end):
    """Where a value stands between start and end, on a logarithmic scale."""
    low, high = math.log(min(values)), math.log(max(values))
    return lambda value: start + (end - start) * (math.log(value) - low) / ((high - low) or 1)


def steps_around(least, most):
    """1, 2, 5, 10, ... from the last one below the least value to the first above the most."""
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    steps = [step * 10.0 ** power for power in range(first, last + 1) for step in (1, 2, 5)]
    begin = max(index for index, step in enumerate(steps) if step <= least)
    end = min(index for index, step in enumerate(steps) if step > most)
    return steps[begin:end + 1]
