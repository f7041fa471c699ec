"""The rational step of fisc's default economy in plain NumPy: prints worker-steps per second.

Decide (closed form on every segment of a convex schedule), earn, tax, rebate, utility, and the
statistics that fisc records. Usage: numpy_step.py WORKERS
"""

import sys
import time

import numpy as np

n = int(sys.argv[1])
rng = np.random.default_rng(1)
wage = np.sort(np.exp(rng.normal(np.log(20.0), 0.8, n)))
edges = np.array([0, 11600, 47150, 100525, 191950, 243725, 609350.0])
rates = np.array([0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37])
upper = np.append(edges[1:], np.inf)
chi, delta, weeks, top = 0.0005, 3.5, 52.0, 100.0
untaxed = (wage / (chi * delta)) ** (1 / (delta - 1))


def gini(x):
    x = np.sort(x)
    rank = 2 * np.arange(1, n + 1) - n - 1
    return (rank * x).sum() / (n * x.sum())


def step():
    potential = weeks * wage * untaxed
    income = np.zeros(n)
    for k in range(len(rates)):
        income = np.maximum(income, np.minimum(potential * (1 - rates[k]) ** (1 / (delta - 1)), upper[k]))
    income = np.minimum(income, weeks * wage * top)
    labor = income / (weeks * wage)
    tax = np.zeros(n)
    for k in range(len(rates)):
        tax += rates[k] * np.clip(income - edges[k], 0, upper[k] - edges[k])
    rebate = tax.mean()
    disposable = income - tax + rebate
    utility = disposable - weeks * chi * labor**delta
    out = []
    for x in (income, labor, tax, disposable, utility):
        out += [x.mean(), *np.quantile(x, [0.1, 0.5, 0.9, 0.99])]
    out += [gini(income), gini(disposable), gini(utility), utility.min()]
    ordered = np.sort(income)
    out += [ordered[-n // 10:].sum() / ordered.sum(), ordered[-n // 100:].sum() / ordered.sum()]
    out += [(disposable < 0.5 * np.median(disposable)).mean()]
    rank = np.argsort(income, kind="stable")
    weight = 2 * np.arange(1, n + 1) - n - 1
    out += [(weight * disposable[rank]).sum(), (weight * tax[rank]).sum()]
    m = np.maximum(utility, 1.0)
    log_mean = np.log(m).mean()
    out += [utility.mean(), (utility / wage).sum() / (1 / wage).sum(), (utility / np.maximum(income, 1)).sum()]
    out += [log_mean, 1 / (1 / m).mean(), np.exp(log_mean), -np.maximum(20000 - utility, 0).mean()]
    out += [-40000 * np.log(np.exp(-utility / 40000).mean())]
    out += [(np.abs(income - edge) <= 1e-9 * edge).mean() for edge in edges[1:]]
    assert abs((disposable.sum() - income.sum()) / income.sum()) < 1e-9
    return out


step()
rounds = max(3, 2_000_000 // n)
best = min(
    (lambda begun: ([step() for _ in range(rounds)], (time.perf_counter() - begun) / rounds)[1])(time.perf_counter())
    for _ in range(3)
)
print(n / best)
