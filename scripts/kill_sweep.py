#!/usr/bin/env python3
"""Shows that a sweep that was killed ends with the results of one that was not.

    scripts/kill_sweep.py [SWEEP]

Plays SWEEP (default: the 200 runs of scenarios/sweeps/planners.toml) five times with target/debug/fisc: whole
with two jobs, with one job, killed by SIGKILL at two random moments and then finished, as four shards in
folders of their own that are then collected; and compares SHA-256 of the merged tables, sorted by run, without
the columns that tell of time and place. Also compares the time that --dry-run predicts with the time it took.
Needs pandas and pyarrow.
"""
import hashlib
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import pandas

FISC = pathlib.Path("target/debug/fisc").resolve()
sweep = sys.argv[1] if len(sys.argv) > 1 else "scenarios/sweeps/planners.toml"
root = pathlib.Path(tempfile.mkdtemp())
VOLATILE = ["wall_seconds", "host", "git_commit"]


def fisc(*arguments):
    done = subprocess.run([FISC, "sweep", sweep, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def digest(folder):
    """SHA-256 of each merged table as CSV, rows sorted by run."""
    sums = []
    for table in ("runs", "years", "summary"):
        frame = pandas.read_parquet(folder / f"{table}.parquet").drop(columns=VOLATILE, errors="ignore")
        order = [name for name in ("run", "arm", "year") if name in frame]
        frame = frame.sort_values(order).reset_index(drop=True)
        sums.append(hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest())
    return sums


said = fisc("--dry-run", "--out", str(root / "none"))
print(said)
begun = time.time()
print(fisc("--out", str(root / "whole"), "--jobs", "2"))
took = time.time() - begun
match = re.search(r"about (?:(\d+) h )?(?:(\d+) min )?(?:([\d.]+) s)?", said)
hours, minutes, seconds = (float(part or 0) for part in match.groups())
predicted = 3600 * hours + 60 * minutes + seconds
print(f"predicted {predicted:.0f} s, took {took:.0f} s: factor {predicted / took:.2f}")
expected = digest(root / "whole")
print("whole      ", *expected)

random.seed(time.time_ns())
killed = root / "killed"
for _ in range(2):
    process = subprocess.Popen([FISC, "sweep", sweep, "--out", str(killed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    moment = random.uniform(0.1, 0.45) * took
    time.sleep(moment)
    process.kill()
    process.wait()
    finished = len(list((killed / "years.parquet").glob("*.parquet")))
    print(f"SIGKILL after {moment:.1f} s, {finished} runs in the tables")
print(fisc("--out", str(killed)).splitlines()[0])
outcomes = {"killed twice": digest(killed)}
fisc("--out", str(root / "one"), "--jobs", "1")
outcomes["one job"] = digest(root / "one")
for shard in range(1, 5):
    fisc("--out", str(root / f"shard{shard}"), "--shard", f"{shard}/4")
fisc("--out", str(root / "merged"), "--collect", *(str(root / f"shard{n}") for n in range(1, 5)))
outcomes["four shards"] = digest(root / "merged")
failed = False
for name, sums in outcomes.items():
    same = sums == expected
    failed |= not same
    print(f"{name:12}", *sums, "equal" if same else "DIFFERS")
sys.exit(failed)
