"""Line and dot figures of the studies as SVG, with nothing but Python's own library."""
import html
import math

# Distinct in grey as well: by shade, dash and marker.
LOOKS = [("#111111", "", "circle"), ("#0b6fb8", "7 4", "square"), ("#b5501b", "2 4", "diamond"), ("#5b8f2a", "10 3 2 3", "triangle")]
FONT = 'font-family="Helvetica, Arial, sans-serif"'


def text(x, y, words, size=14, anchor="start", color="#222", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{color}" {FONT} {more}>{html.escape(words)}</text>'


def marker(kind, x, y, color):
    r = 4.5
    shapes = {
        "circle": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}"',
        "square": f'<rect x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r}" height="{2 * r}"',
        "diamond": f'<path d="M{x:.1f} {y - 1.4 * r:.1f}l{1.4 * r} {1.4 * r}l{-1.4 * r} {1.4 * r}l{-1.4 * r} {-1.4 * r}z"',
        "triangle": f'<path d="M{x:.1f} {y - 1.3 * r:.1f}l{1.2 * r} {2.2 * r}h{-2.4 * r}z"',
    }
    return f'{shapes[kind]} fill="{color}"/>'


def page(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
            f'<rect width="{width}" height="{height}" fill="#fff"/>' + "\n".join(parts) + "</svg>\n")


def curves(path, title, below, x_title, y_title, panels, low, high):
    """Panels side by side, two in a row: (heading, [(name, [(x, value, from, to)])]), x on a logarithmic axis."""
    wide, tall, left, top = 400, 250, 62, 92
    rows = (len(panels) + 1) // 2
    width, height = 2 * (wide + 20) + 20, top + rows * (tall + 96)
    parts = [text(20, 30, title, 19, more='font-weight="bold"'), text(20, 52, below, 13, color="#555")]
    for number, (heading, lines) in enumerate(panels):
        x0 = 20 + number % 2 * (wide + 20) + left
        y0 = top + number // 2 * (tall + 96)
        across, down = wide - left - 12, tall
        places = sorted({point[0] for _, points in lines for point in points})
        first, last = math.log(places[0]), math.log(places[-1])
        at_x = lambda x: x0 + 12 + (across - 24) * (math.log(x) - first) / (last - first)
        at_y = lambda y: y0 + down * (1 - (min(max(y, low), high) - low) / (high - low))
        parts.append(text(x0, y0 - 14, heading, 15, more='font-weight="bold"'))
        step = 20
        for tick in range(math.ceil(low / step) * step, int(high) + 1, step):
            parts.append(f'<path d="M{x0} {at_y(tick):.1f}h{across}" stroke="#{"999" if tick == 0 else "ddd"}"/>')
            parts.append(text(x0 - 7, at_y(tick) + 4, f"{tick}".replace("-", "−"), 12, "end", "#555"))
        for place in places:
            parts.append(text(at_x(place), y0 + down + 18, f"{place:,}", 12, "middle", "#555"))
        parts.append(text(x0 + across / 2, y0 + down + 38, x_title, 13, "middle"))
        middle = y0 + down / 2
        parts.append(text(x0 - 44, middle, y_title, 13, "middle", more=f'transform="rotate(-90 {x0 - 44} {middle})"'))
        for index, (name, points) in enumerate(lines):
            color, dash, kind = LOOKS[index]
            band = [(at_x(p[0]), at_y(p[2])) for p in points] + [(at_x(p[0]), at_y(p[3])) for p in reversed(points)]
            parts.append(f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in band)}" fill="{color}" opacity="0.13"/>')
        for index, (name, points) in enumerate(lines):
            color, dash, kind = LOOKS[index]
            drawn = " ".join(f"{at_x(p[0]):.1f},{at_y(p[1]):.1f}" for p in points)
            parts.append(f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"/>')
            parts += [marker(kind, at_x(p[0]), at_y(p[1]), color) for p in points]
            y = y0 + down - 34 + 20 * index
            parts.append(f'<path d="M{x0 + across - 172} {y - 4}h34" stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"/>')
            parts += [marker(kind, x0 + across - 155, y - 4, color), text(x0 + across - 130, y, name, 13)]
    path.write_text(page(width, height, parts))


def dots(path, title, below, x_title, groups, low, high, step):
    """A row for each (name, value, from, to) under the heading of its group, an interval as a line."""
    left, right, line = 250, 40, 25
    width, top = 860, 84
    height = top + sum(line * (len(rows) + 1.5) for _, rows in groups) + 62
    at = lambda value: left + (width - left - right) * (min(max(value, low), high) - low) / (high - low)
    parts = [text(20, 30, title, 19, more='font-weight="bold"'), text(20, 52, below, 13, color="#555")]
    bottom = height - 62
    tick = math.ceil(low / step) * step
    while tick <= high + 1e-9:
        parts.append(f'<path d="M{at(tick):.1f} {top - 8}V{bottom}" stroke="#{"888" if abs(tick) < 1e-9 else "ddd"}"/>')
        parts.append(text(at(tick), bottom + 18, f"{tick:g}".replace("-", "−"), 12, "middle", "#555"))
        tick += step
    parts.append(text((left + width - right) / 2, bottom + 42, x_title, 13, "middle"))
    y = top
    for heading, rows in groups:
        y += line * 0.75
        parts.append(text(20, y, heading, 14, more='font-weight="bold"'))
        for name, value, start, end in rows:
            y += line
            parts.append(text(left - 12, y, name, 13, "end"))
            parts.append(f'<path d="M{at(start):.1f} {y - 4:.1f}H{at(end):.1f}" stroke="#111" stroke-width="2"/>')
            parts.append(marker("circle" if low <= value <= high else "triangle", at(value), y - 4, "#111"))
        y += line * 0.75
    path.write_text(page(width, height, parts))
