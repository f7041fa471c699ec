"""SciPy's differential evolution on the bracket optimum that `fisc optimum` finds, in NumPy on one core.

Reads wages ($/hour), one a line, from standard input; prints seconds, welfare and the rates. The
economy is fisc's default one; the objective is inverse_wage. Usage: scipy_optimum.py SEED < wages
"""

import sys
import time

import numpy as np
from scipy.optimize import differential_evolution

wage = np.array([float(line) for line in sys.stdin])
edges = np.array([0, 11600, 47150, 100525, 191950, 243725, 609350.0])
upper = np.append(edges[1:], np.inf)
chi, delta, weeks, top = 0.0005, 3.5, 52.0, 100.0
e = 1 / (delta - 1)
yearly = weeks * wage
untaxed = yearly * (wage / (chi * delta)) ** e
weight = 1 / wage
weight /= weight.mean()
limit = np.minimum(upper[:, None], (yearly * top)[None, :])
reachable = edges[:, None] <= (yearly * top)[None, :]
scale = weeks * chi / yearly**delta


def negative_welfare(rates):
    paid = np.concatenate([[0], np.cumsum(rates[:-1] * np.diff(edges))])
    income = np.clip(untaxed[None, :] * ((1 - rates) ** e)[:, None], edges[:, None], limit)
    tax = paid[:, None] + rates[:, None] * (income - edges[:, None])
    private = np.where(reachable, income - tax - scale[None, :] * income**delta, -np.inf)
    best = private.argmax(axis=0)
    at = np.arange(len(wage))
    return -(weight * private[best, at]).mean() - tax[best, at].mean()


begun = time.perf_counter()
found = differential_evolution(
    negative_welfare, [(0, 1)] * len(edges), seed=int(sys.argv[1]), tol=1e-7, maxiter=400
)
seconds = time.perf_counter() - begun
print(seconds, -found.fun, *found.x)
