#!/usr/bin/env python3
"""Writes the comparisons of examples/preferences/contextual.toml and aspects.toml: planted tastes.

    scripts/preference_examples.py examples/preferences

40 workers compare schedules of two brackets, and answer "a" with the probability 1/(1 + exp(s(b) - s(a))). Rates
are x (below 60,000 $) and y (above).

contexts.csv: 6 in 10 are asked in a boom (context 0), s = 4x - 8y; the others in a slump (context 1), s = -10x + 3y.
aspects.csv: 300 comparisons of growth (aspect 1), s = -6x - 8y, 300 of equality (aspect 2), s = -6x + 8y, and 25
overall ones (aspect 0) of each worker, who gives growth a weight drawn uniformly from 0 to 1 and equality the rest.
"""
import csv
import math
import pathlib
import random
import sys

WORKERS = 40
EDGE = 60_000


def literal(rates):
    return f"0:{rates[0]:.2f},{EDGE}:{rates[1]:.2f}"


def row(rng, score, rater, **rest):
    a, b = ([rng.randrange(0, 61) / 100 for _ in range(2)] for _ in range(2))
    first = rng.random() < 1 / (1 + math.exp(score(*b) - score(*a)))
    return {"rater": rater, "a": literal(a), "b": literal(b), "outcome": int(first), **rest}


def write(path, rows):
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def boom(x, y):
    return 4 * x - 8 * y


def slump(x, y):
    return -10 * x + 3 * y


def growth(x, y):
    return -6 * x - 8 * y


def equality(x, y):
    return -6 * x + 8 * y


def main():
    folder = pathlib.Path(sys.argv[1])
    rng = random.Random(1)
    rows = []
    for _ in range(800):
        context = int(rng.random() >= 0.6)
        rows.append(row(rng, [boom, slump][context], rng.randrange(WORKERS), context=context))
    write(folder / "contexts.csv", rows)
    rows = []
    for aspect, score in [(1, growth), (2, equality)]:
        rows += [row(rng, score, rng.randrange(WORKERS), aspect=aspect) for _ in range(300)]
    for rater in range(WORKERS):
        weight = rng.random()

        def overall(x, y):
            return weight * growth(x, y) + (1 - weight) * equality(x, y)

        rows += [row(rng, overall, rater, aspect=0) for _ in range(25)]
    write(folder / "aspects.csv", rows)


if __name__ == "__main__":
    main()
