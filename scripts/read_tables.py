#!/usr/bin/env python3
"""Reads the tables of a sweep as its users do, and compares them with their CSV twins.

    scripts/read_tables.py OUTPUT_FOLDER

With pandas and pyarrow (whole datasets), with polars, and with R's arrow where Rscript has it. Exit code 1 where
two readers disagree.
"""
import pathlib
import shutil
import subprocess
import sys

import pandas
import polars
import pyarrow.dataset

root = pathlib.Path(sys.argv[1])
codebook = set(pandas.read_csv(root / "codebook.csv").column)
wrong = []


def check(holds, what):
    if not holds:
        wrong.append(what)


for table in ("runs", "years", "summary"):
    path = root / f"{table}.parquet"
    by_pandas = pandas.read_parquet(path)
    by_arrow = pyarrow.dataset.dataset(path).to_table()
    by_polars = polars.read_parquet(path / "*.parquet" if path.is_dir() else path)
    check(len(by_pandas) == by_arrow.num_rows == by_polars.height, f"{table}: rows")
    check(list(by_pandas.columns) == by_arrow.column_names == by_polars.columns, f"{table}: columns")
    check(set(by_pandas.columns) <= codebook, f"{table}: columns that the codebook lacks")
    check(all(len(name) <= 32 for name in by_pandas.columns), f"{table}: long names")
    twin = root / f"{table}.csv"
    if twin.exists():
        order = [name for name in ("run", "arm", "year") if name in by_pandas]
        csv = pandas.read_csv(twin).sort_values(order).reset_index(drop=True)
        same = by_pandas.sort_values(order).reset_index(drop=True)
        for name in same.columns:
            if same[name].dtype.kind in "fiu":
                left, right = same[name].astype(float), csv[name].astype(float)
                check(((left == right) | (left.isna() & right.isna())).all(), f"{table}.{name}: differs from the CSV")
    print(f"{table}: {len(by_pandas)} rows, {len(by_pandas.columns)} columns in pandas, pyarrow and polars")

snippet = f"""
library(arrow)
runs <- read_parquet("{root}/runs.parquet")
summary <- as.data.frame(open_dataset("{root}/summary.parquet"))
cat("R:", nrow(runs), "runs,", nrow(summary), "rows of summary\\n")
"""
has_arrow = shutil.which("Rscript") and subprocess.run(["Rscript", "-e", "library(arrow)"], capture_output=True).returncode == 0
if has_arrow:
    done = subprocess.run(["Rscript", "-e", snippet], capture_output=True, text=True)
    print(done.stdout.strip())
    check(done.returncode == 0, done.stderr)
else:
    print("R with arrow is not here: not tried")
for line in wrong:
    print("WRONG:", line)
sys.exit(bool(wrong))
