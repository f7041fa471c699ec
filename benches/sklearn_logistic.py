"""scikit-learn's logistic regression on differences of features, as benches/preferences.rs fits them.

Reads rows of WIDTH differences and an outcome as little-endian doubles from FILE; prints the seconds
of the fit and the parameters. Usage: sklearn_logistic.py FILE WIDTH RIDGE
"""

import sys
import time

import numpy as np
from sklearn.linear_model import LogisticRegression

width, ridge = int(sys.argv[2]), float(sys.argv[3])
rows = np.fromfile(sys.argv[1], dtype="<f8").reshape(-1, width + 1)
model = LogisticRegression(C=1 / ridge, fit_intercept=False, tol=1e-8, max_iter=1000)
begun = time.perf_counter()
model.fit(rows[:, :width], rows[:, width])
print(time.perf_counter() - begun, *model.coef_[0])
