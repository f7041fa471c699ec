#!/usr/bin/env python3
"""Writes tests/data/choix.json: Bradley-Terry and Plackett-Luce fits by the package choix itself.

    python3 -m venv V && V/bin/pip install choix==0.4.1
    V/bin/python scripts/choix_fixture.py > tests/data/choix.json

Data are drawn by the law of each model from planted strengths. choix minimises
alpha * |params|^2 - ln P, fisc 1/2 * ridge * |theta|^2 - ln P: ridge = 2 alpha. Each fit is made by Newton's
method; where alpha = 0 is asked for, by iterated Luce spectral ranking, a different algorithm. The two are
compared where both apply.
"""
import importlib.metadata
import json
import sys

import choix
import numpy

ITEMS = 8
ALPHAS = [0.5, 0.01]


def gradient(functions, params):
    return float(numpy.abs(functions.gradient(params)).max())


def fits(name, data, newton, functions, spectral):
    out = []
    for alpha in ALPHAS:
        params = newton(ITEMS, data, alpha=alpha, tol=1e-14)
        # Where Newton's method stopped, the objective has no slope left.
        assert gradient(functions(data, alpha), params) < 1e-8, name
        out.append({"function": newton.__name__, "alpha": alpha, "params": params.tolist()})
    params = spectral(ITEMS, data, alpha=0.0, tol=1e-14, max_iter=10_000)
    assert gradient(functions(data, 0.0), params) < 1e-8, name
    out.append({"function": spectral.__name__, "alpha": 0.0, "params": params.tolist()})
    return out


def main():
    rng = numpy.random.default_rng(20)
    strengths = rng.normal(scale=1.0, size=ITEMS)
    pairs = []
    for _ in range(400):
        a, b = rng.choice(ITEMS, size=2, replace=False)
        first = rng.random() < 1 / (1 + numpy.exp(strengths[b] - strengths[a]))
        pairs.append([int(a), int(b)] if first else [int(b), int(a)])
    rankings = []
    for _ in range(150):
        chosen = rng.choice(ITEMS, size=int(rng.integers(2, 6)), replace=False)
        utility = strengths[chosen] + rng.gumbel(size=len(chosen))
        rankings.append([int(k) for k in chosen[numpy.argsort(-utility)]])
    ranking_functions = choix.opt.Top1Fcts.from_rankings
    json.dump(
        {
            "choix": importlib.metadata.version("choix"),
            "items": ITEMS,
            "pairs": pairs,
            "rankings": rankings,
            "bradley_terry": fits(
                "pairs", pairs, choix.opt_pairwise, choix.opt.PairwiseFcts, choix.ilsr_pairwise
            ),
            "plackett_luce": fits(
                "rankings", rankings, choix.opt_rankings, ranking_functions, choix.ilsr_rankings
            ),
        },
        sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
