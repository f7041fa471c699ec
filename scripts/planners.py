#!/usr/bin/env python3
"""The tables of docs/planners.md: every planner against workers who leave Saez's model.

    scripts/planners.py [--seeds N] [--language-seeds N] [SOCIETY ...]

Runs scenarios/planners/*.toml over seeds with target/debug/fisc and prints Markdown: for each planner the
share of the gain between U.S. law and the computed optimum that it attains in the last tax year, median
over seeds, with the lowest and the highest. Runs that are there already are read again.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

LANGUAGE = ("llm", "hybrid")
parser = argparse.ArgumentParser()
parser.add_argument("--seeds", type=int, default=10)
parser.add_argument("--language-seeds", type=int, default=3)
parser.add_argument("--out", default="outputs/planners")
parser.add_argument("societies", nargs="*", default=["rational", "logit", "adaptive", "groups", "adversarial", "llm"])
options = parser.parse_args()


def arms(society, seed, part, settings):
    folder = pathlib.Path(options.out) / f"{society}-{part}-{seed}"
    if not (folder / "summary.json").exists():
        scenario = f"scenarios/planners/{society}.toml"
        command = ["target/debug/fisc", "run", scenario, "--seed", str(seed), "--out", str(folder), "--quiet"]
        for setting in settings:
            command += ["--set", setting]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {arm["arm"]: arm for arm in json.loads((folder / "summary.json").read_text())["arms"]}


def search(method):
    return f'{{ search = {{ method = "{method}", final_years = 1 }} }}'


closed = ", ".join(
    ['"us-2024"', '"saez-static"', '"saez-fixed-point"', '"saez-estimated"', '"optimal"']
    + [search(method) for method in ("random", "hill-climb", "cma-es", "bandit")]
)
asked = ", ".join(['"us-2024"', '"optimal"'] + [f'{{ {kind} = {{ model = "small", memory = 6, final_years = 1 }} }}' for kind in ("llm", "hybrid")])
table = {}
for society in options.societies:
    rows = table.setdefault(society, {})
    language_workers = society == "llm"
    seeds = options.language_seeds if language_workers else options.seeds
    parts = [("closed", range(seeds), [f"compare.planners=[{closed}]"])]
    if not language_workers:
        parts.append(("language", range(options.language_seeds), ['planner.kind="fixed"', f"compare.planners=[{asked}]"]))
    for part, numbers, settings in parts:
        for seed in numbers:
            for name, arm in arms(society, seed, part, settings).items():
                if arm["attained"] is not None and name not in ("fixed",) and (part == "closed" or name in LANGUAGE):
                    rows.setdefault(name, []).append(100 * arm["attained"])
    print(society, {name: len(values) for name, values in rows.items()}, file=sys.stderr)

order = ["us-2024", "saez-static", "saez-fixed-point", "saez-estimated", "search-random", "search-hill-climb", "search-cma-es", "search-bandit", "search-bayesian", "llm", "hybrid", "optimal"]
print("| planner | " + " | ".join(table) + " |")
print("|---|" + "---|" * len(table))
for name in order:
    cells = []
    for society in table:
        values = table[society].get(name)
        if not values:
            cells.append("")
        elif max(values) - min(values) < 0.05:
            cells.append(f"{values[0]:.1f}")
        else:
            cells.append(f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})")
    print(f"| `{name}` | " + " | ".join(cells) + " |")
