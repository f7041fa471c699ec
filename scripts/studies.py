#!/usr/bin/env python3
"""The shipped studies of examples/: plays them, draws their figures, and checks the numbers found.

    scripts/studies.py [--quick] [--update] [--figures] [--fisc PATH] [--out DIR] [STUDY ...]

STUDY is the beginning of a folder's name: 01 to 08; `llm` and `judge` are the parts of 01 and 07 that ask a
language model. Without any, all but these are played. Every number is compared with the study's expected.csv
(relative difference at most 1e-9; exact on the platform on which it was made, x86-64 Linux; hill climbing
and searches may take other turns where floating-point rounding differs). `--quick` plays two seeds of 60
workers and compares with expected-quick.csv. `--update` writes these files instead. These two are printed beside
expected-llm.csv and expected-judge.csv and fail nothing: a language model's numbers depend on the processor.
"""
import argparse
import csv
import functools
import itertools
import json
import math
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

import study_figures

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
TOLERANCE = 1e-9
QUICK = {"seeds": 2, "size": 60}
ASK_A_MODEL = ("llm", "judge")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="01 to 08, llm, judge [default: all but the last two]")
    parser.add_argument("--quick", action="store_true", help="two seeds, 60 workers")
    parser.add_argument("--update", action="store_true", help="write the expected numbers instead of comparing")
    parser.add_argument("--figures", action="store_true", help="draw the figures of the READMEs again (not with --quick)")
    parser.add_argument("--fisc", default=ROOT / "target/debug/fisc", type=pathlib.Path)
    parser.add_argument("--out", default=ROOT / "outputs", type=pathlib.Path, help="where the sweeps' folders go")
    options = parser.parse_args()
    asked = options.studies or [name for name in STUDIES if name not in ASK_A_MODEL]
    chosen = []
    for one in asked:
        found = [name for name in STUDIES if name == one or STUDIES[name].folder.startswith(one) and name not in ASK_A_MODEL]
        if not found:
            sys.exit(f"no study {one}: {', '.join(STUDIES)}")
        chosen += found
    failed = [name for name in chosen if not STUDIES[name].play(options)]
    if failed:
        sys.exit(f"not as expected: {', '.join(failed)}")


class Study:
    """One sweep file, the numbers taken from its tables, and its figures: those of `fisc plot`, and one drawn of
    the numbers by a function. `quick` are the points that --quick plays, as `[[subset]]` of a sweep file."""

    def __init__(self, folder, numbers, figures, sweep="sweep.toml", expected="expected", drawn=None, quick=""):
        self.folder, self.numbers, self.figures = folder, numbers, figures
        self.sweep, self.expected, self.drawn, self.quick = sweep, expected, drawn, quick

    def play(self, options):
        """Plays what is missing, then compares; whether all was as expected."""
        file = EXAMPLES / self.folder / self.sweep
        name = re.search(r'^name = "(.+)"', file.read_text(), re.M)[1]
        if options.quick:
            name += "-quick"
            file = shrunk(file, name, options.out, self.quick)
        out = options.out / name
        begun = time.monotonic()
        subprocess.run([options.fisc, "sweep", file, "--out", out, "--quiet"], check=True)
        found = self.numbers(Tables(out, options.fisc))
        print(f"{name}: {len(found)} numbers, {time.monotonic() - begun:.0f} s", flush=True)
        if options.figures and not options.quick:
            self.draw(options.fisc, out)
            if self.drawn:
                self.drawn(EXAMPLES / self.folder, found)
        table = EXAMPLES / self.folder / (self.expected + ("-quick" if options.quick else "") + ".csv")
        if options.update:
            write(table, found)
            return True
        differ = compare(table, found)
        for line in differ:
            print(f"  {line}")
        return not differ or self.expected != "expected"

    def draw(self, fisc, out):
        """Draws the figures and copies them beside the README."""
        for target, (figure, *arguments) in self.figures.items():
            shutil.rmtree(out / "figures", ignore_errors=True)
            subprocess.run([fisc, "plot", out, *arguments], check=True, stdout=subprocess.DEVNULL)
            shutil.copy(out / "figures" / f"{figure}.png", EXAMPLES / self.folder / target)


def shrunk(file, name, out, subset):
    """The sweep of `file` with fewer seeds, workers and points, written to the folder `out`."""
    text = file.read_text()
    base = re.search(r'^base = "(.+)"', text, re.M)[1]
    text = re.sub(r'^name = .*$', f'name = "{name}"', text, flags=re.M)
    text = re.sub(r'^base = .*$', f'base = {json.dumps(str((file.parent / base).resolve()))}', text, flags=re.M)
    text = re.sub(r'^seeds = .*$', f'seeds = {QUICK["seeds"]}', text, flags=re.M)
    text = text.replace("csv = true", f'csv = true\n\n[set]\npopulation.size = {QUICK["size"]}', 1)
    text += f"\n[[subset]]\n{subset}\n" if subset else ""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{name}.toml"
    target.write_text(text)
    return target


class Tables:
    """A sweep's CSV tables."""

    def __init__(self, folder, fisc):
        self.folder, self.fisc = folder, fisc
        unfinished = [row["run"] for row in rows(folder / "runs.csv") if row["status"] != "finished"]
        if unfinished:
            sys.exit(f"{folder}: {len(unfinished)} runs not finished, the first {unfinished[0]}")

    def runs(self, keys, table="summary"):
        """(values of `keys`, replicate, run) and, by arm, the row: for `years` that of the last tax year."""
        found = {}
        for row in rows(self.folder / f"{table}.csv"):
            place = (tuple(row[key] for key in keys), int(row["replicate"]), row["run"])
            found.setdefault(place, {})[row["arm"]] = row
        return sorted(found.items())


def rows(path):
    with open(path, newline="") as file:
        yield from csv.DictReader(file)


class Numbers(dict):
    """Values over seeds by (point, arm, quantity), in order of appearance."""

    def add(self, point, arm, quantity, value):
        self.setdefault((point, arm, quantity), []).append(float(value))


def share(value, low, high):
    """How much of the way from `low` to `high`."""
    return (float(value) - float(low)) / (float(high) - float(low))


def attained(tables, keys):
    """Welfare of every arm in the last third, and the share of the gain between U.S. law and the optimum."""
    found = Numbers()
    for (values, _, _), arms in tables.runs(keys):
        low, high = (arms[arm]["welfare_last_third"] for arm in ("us-2024", "optimal"))
        for arm, row in arms.items():
            found.add(" ".join(values), arm, "welfare", row["welfare_last_third"])
            if arm not in ("us-2024", "optimal"):
                found.add(" ".join(values), arm, "attained", share(row["welfare_last_third"], low, high))
    return found


def planners(tables):
    return attained(tables, [])


def language(tables):
    """By kind of answer, also with the mean of the ten tries: how fast a planner learns."""
    tries, found, seen = {}, Numbers(), set()
    for row in rows(tables.folder / "years.csv"):
        if 2 <= int(row["year"]) <= 11:
            tries.setdefault((row["run"], row["arm"]), []).append(float(row["welfare"]))
    for ((kind,), replicate, run), arms in tables.runs(["planner_kind"]):
        low, high = (arms[arm]["welfare_last_third"] for arm in ("us-2024", "optimal"))
        for arm, row in arms.items():
            name = ("llm-moves" if "moves" in kind else "llm-rates") if arm == "llm" else arm
            # The arms of [compare] are the same beside both kinds of answer.
            if arm in ("us-2024", "optimal") or (name, replicate) in seen:
                continue
            seen.add((name, replicate))
            found.add("", name, "attained", share(row["welfare_last_third"], low, high))
            found.add("", name, "attained_mean_of_tries", share(statistics.fmean(tries[run, arm]), low, high))
    return found


def tax_year(tables):
    return attained(tables, ["workers_0_decide", "planner_kind_search_method", "tax_year"])


def democracy(tables):
    return attained(tables, ["objective_welfare", "voting_candidates"])


TWO_BRACKETS = "[0, 36700]"


def brackets(tables):
    """Welfare by brackets, and how much of what any tax could bring these very workers (`fisc optimum`), also
    population by population beside two brackets."""
    found, bound, shares = Numbers(), {}, {}
    for ((edges,), replicate, run), arms in tables.runs(["taxes_brackets"]):
        if replicate not in bound:
            scenario = tables.folder / "runs" / run / "scenario.toml"
            answer = subprocess.run([tables.fisc, "optimum", scenario, "--format", "json"], check=True, capture_output=True)
            bound[replicate] = json.loads(answer.stdout)["continuous"]["welfare"]
        law = arms["us-2024"]["welfare_last_third"]
        for arm, row in arms.items():
            found.add(edges, arm, "welfare", row["welfare_last_third"])
            if arm != "us-2024":
                attained = share(row["welfare_last_third"], law, bound[replicate])
                found.add(edges, arm, "share_of_bound", attained)
                shares[edges, arm, replicate] = attained
    for (edges, arm, replicate), attained in shares.items():
        if arm == "optimal" and edges != TWO_BRACKETS:
            found.add(edges, arm, "share_of_bound_less_two_brackets", attained - shares[TWO_BRACKETS, arm, replicate])
    for replicate in sorted(bound):
        found.add("", "continuous", "welfare", bound[replicate])
    return found


def welfare_functions(tables):
    """What the optimum under one objective attains under the others: 0 the U.S. law, 1 the other's own optimum.

    Under `utilitarian`, mean utility instead, and under `sufficiency` the mean shortfall, $/year: many
    schedules leave nobody below its threshold, so that it has no one optimum to measure from.
    """
    optimum, law = {}, {}
    objectives = []
    for ((objective,), replicate, _), arms in tables.runs(["objective_welfare"], "years"):
        objectives += [objective] if objective not in objectives else []
        optimum[objective, replicate], law[replicate] = arms["optimal"], arms["us-2024"]
    found = Numbers()
    for (own, replicate), row in [*optimum.items(), *((("", replicate), row) for replicate, row in sorted(law.items()))]:
        arm = "optimal" if own else "us-2024"
        found.add(own, arm, "mean_utility", row["welfare_utilitarian"])
        found.add(own, arm, "shortfall", -float(row["welfare_sufficiency"]))
        if not own:
            continue
        for judge in objectives:
            if judge not in ("utilitarian", "sufficiency"):
                column = f"welfare_{judge}"
                found.add(own, arm, f"attained_{judge}", share(row[column], law[replicate][column], optimum[judge, replicate][column]))
        for rate in (column for column in row if column.startswith("rate_")):
            found.add(own, arm, rate, row[rate])
    return found


# The societies of study 06 by what their source has: heading of the figure, and name of the point.
SOCIETIES = {"flipped": "a quarter flipped", "equality": "opposed tastes", "cycle": "cycles", "": "noise alone"}


def society(source):
    return next(name for word, name in SOCIETIES.items() if word in source)


def comparisons(tables):
    """What the planner attains by society, model and number of comparisons."""
    found = Numbers()
    for ((source, model, count), _, _), arms in tables.runs(["preferences_source", "preferences_model", "preferences_comparisons"]):
        low, high = (arms[arm]["welfare_last_third"] for arm in ("us-2024", "optimal"))
        attained = share(arms["reward"]["welfare_last_third"], low, high)
        found.add(f"{society(source)}: {count}", model.split(" ")[0], "attained", attained)
    return found


def quartiles(values):
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def curve_of_comparisons(folder, found):
    lines = {}
    for (point, arm, _), values in found.items():
        place, count = point.split(": ")
        middle, low, high = quartiles([100 * value for value in values])
        lines.setdefault(place, {}).setdefault(arm, []).append((int(count), middle, low, high))
    panels = [(place, [(arm, sorted(lines[place][arm])) for arm in sorted(lines[place], key="bradley-terry".__eq__)])
              for place in ("noise alone", "a quarter flipped", "opposed tastes", "cycles")]
    study_figures.curves(
        folder / "attained.svg", "How many comparisons does a planner need?",
        "Medians of ten populations, bands from the first to the third quartile; values below 0 are drawn at the bottom.",
        "comparisons", "share of the attainable gain, %", panels, 0, 105)


# What half of the workers, or all by turns, would give for equality, $/year: the mean over workers.
WANTED = {"itself": 0.0, "equality": 40000.0, "opposed": 0.0}


def taste(source):
    if "equality" not in source:
        return "itself"
    return "opposed" if "-" in source.split("equality")[1] else "equality"


def wants(tables):
    """By society and arm: what workers want on average, and how many are better off than under U.S. law.

    Want is mean utility and the mean of what equality is worth to them; the share of it attained is 0 under U.S.
    law and 1 under the schedule of a planner who is told it.
    """
    keys = ["preferences_source", "objective_welfare", "reward_kind", "preferences_model"]
    rows_of, law, scenario = {}, {}, {}
    for (values, replicate, run), arms in tables.runs(keys, "years"):
        source, objective, reward, model = values
        law[replicate], scenario[replicate] = arms["us-2024"], tables.folder / "runs" / run / "scenario.toml"
        for arm, row in arms.items():
            if arm == "us-2024":
                continue
            name = {"optimal": f"assumed {objective}", "elected-schulze": "voted"}.get(arm)
            name = name or ("told" if "composite" in reward else f"learned {model.split(' ')[0]}")
            alone = name.split(" ")[0] in ("assumed", "voted", "told")
            for place in WANTED if alone else [taste(source)]:
                rows_of[place, name, replicate] = row
    found = Numbers()
    for (place, name, replicate), row in sorted(rows_of.items(), key=lambda item: (list(WANTED).index(item[0][0]), item[0][1:])):
        want = lambda row: float(row["welfare_utilitarian"]) + WANTED[place] * (1 - float(row["gini_disposable"]))
        knows = rows_of[place, "told" if place == "equality" else "assumed utilitarian", replicate]
        if place != "equality" and name == "told":
            continue
        utilitarian, inverse_wage = (rows_of[place, f"assumed {one}", replicate] for one in ("utilitarian", "inverse_wage"))
        found.add(place, name, "attained", share(want(row), want(law[replicate]), want(knows)))
        found.add(place, name, "want_gain", want(row) - want(law[replicate]))
        if not name.startswith("assumed"):
            found.add(place, name, "want_less_utilitarian", want(row) - want(utilitarian))
            found.add(place, name, "want_less_inverse_wage", want(row) - want(inverse_wage))
            found.add(place, name, "better_off_than_utilitarian", better_off(tables, scenario[replicate], utilitarian["schedule"], row["schedule"]))
        found.add(place, name, "mean_utility_gain", float(row["welfare_utilitarian"]) - float(law[replicate]["welfare_utilitarian"]))
        found.add(place, name, "inverse_wage_gain", float(row["welfare_inverse_wage"]) - float(law[replicate]["welfare_inverse_wage"]))
        found.add(place, name, "gini_disposable", row["gini_disposable"])
        found.add(place, name, "better_off", better_off(tables, scenario[replicate], "us-2024", row["schedule"]))
    return found


@functools.cache
def better_off(tables, scenario, law, schedule):
    """Share of workers who gain more than $100 a year by going from `law` to `schedule`."""
    answer = subprocess.run([tables.fisc, "reform", scenario, law, schedule, "--format", "json"], check=True, capture_output=True)
    tenths = json.loads(answer.stdout)["deciles"]
    return sum(tenth["winners"] * tenth["workers"] for tenth in tenths) / sum(tenth["workers"] for tenth in tenths)



def unpacked(tables):
    """What the planner attains by data, learner, reward and optimiser: the mean over all else at every level, and
    the share of the variance over all combinations (one population after the other) that each factor explains.
    `effect` is the mean at a level less the mean of all."""
    keys = ["preferences_comparisons", "preferences_source", "preferences_model", "reward_kind", "planner_kind"]
    attained = {}
    for ((count, source, model, reward, kind), replicate, _), arms in tables.runs(keys):
        low, high = (arms[arm]["welfare_last_third"] for arm in ("us-2024", "optimal"))
        for arm, row in arms.items():
            if arm in ("us-2024", "optimal"):
                continue
            loss = re.search(r"loss (ipo|kto)", kind) if arm == "policy-dpo" else None
            place = (count, "flipped" if "flipped" in source else "clean", model.split(" ")[0], reward.split(" ")[0],
                     loss[1] if loss else {"reward": "search"}.get(arm, arm.removeprefix("policy-")))
            attained.setdefault(replicate, {})[place] = share(row["welfare_last_third"], low, high)
    found = Numbers()
    for values in attained.values():
        mean = statistics.fmean(values.values())
        total = sum((value - mean) ** 2 for value in values.values())
        main = 0.0
        for place, factor in enumerate(("comparisons", "answers", "learner", "reward", "optimiser")):
            levels = {}
            for cell, value in values.items():
                levels.setdefault(cell[place], []).append(value)
            explained = sum(len(these) * (statistics.fmean(these) - mean) ** 2 for these in levels.values())
            for level, these in levels.items():
                found.add(factor, level, "attained", statistics.fmean(these))
                found.add(factor, level, "effect", statistics.fmean(these) - mean)
            found.add("", factor, "share_of_variance", explained / total)
            main += explained
        found.add("", "together", "share_of_variance", 1 - main / total)
    return found


# 97.5 % quantiles of t by degrees of freedom.
T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 19: 2.093}


def interval(values):
    mean = statistics.fmean(values)
    half = T[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def dots_of_factors(folder, found):
    groups = {}
    for (factor, level, quantity), values in found.items():
        if quantity == "effect":
            groups.setdefault(factor, []).append((level, *interval([100 * value for value in values])))
    study_figures.dots(
        folder / "attained.svg", "What matters when a planner is made from comparisons?",
        "Means over all combinations of the other factors less the mean of all; 95 % t intervals over six populations.",
        "effect on the share of the attainable gain, percentage points", list(groups.items()), -50, 20, 10)


def dots_of_wants(folder, found):
    headings = {"itself": "workers want money and leisure", "equality": "half also want equality", "opposed": "half want equality, half its opposite"}
    groups = {}
    for (place, arm, quantity), values in found.items():
        if quantity == "want_gain":
            groups.setdefault(headings[place], []).append((arm.replace("_", " "), *interval([value / 1000 for value in values])))
    study_figures.dots(
        folder / "attained.svg", "Does learning what people want beat assuming it?",
        "Means of ten populations with 95 % t intervals. Told: by a planner who knows what workers would give for equality.",
        "gain over U.S. law in what workers want on average, thousand $ a year", list(groups.items()), -12, 6, 2)


def judged(tables):
    """By a principle, with the rods of `wants`."""
    found = Numbers()
    for (_, _, run), arms in tables.runs([], "years"):
        law = arms["us-2024"]
        row = arms["reward"]
        for place, worth in WANTED.items():
            want = lambda row: float(row["welfare_utilitarian"]) + worth * (1 - float(row["gini_disposable"]))
            found.add(place, "principle", "want_gain", want(row) - want(law))
        found.add("", "principle", "mean_utility_gain", float(row["welfare_utilitarian"]) - float(law["welfare_utilitarian"]))
        found.add("", "principle", "inverse_wage_gain", float(row["welfare_inverse_wage"]) - float(law["welfare_inverse_wage"]))
        found.add("", "principle", "gini_disposable", row["gini_disposable"])
        found.add("", "principle", "better_off", better_off(tables, tables.folder / "runs" / run / "scenario.toml", "us-2024", row["schedule"]))
    return found



def write(path, found):
    with open(path, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["point", "arm", "quantity", "n", "mean", "sd", "least", "most"])
        for key, values in found.items():
            table.writerow([*key, len(values), *(repr(value) for value in described(values))])
    print(f"  wrote {path.relative_to(ROOT)}")


def described(values):
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0, min(values), max(values)


def compare(path, found):
    """One line for each number that is missing or differs."""
    expected = {(row["point"], row["arm"], row["quantity"]): row for row in rows(path)}
    lines = [f"{' '.join(key)}: expected, not found" for key in expected.keys() - found.keys()]
    for key, values in found.items():
        row = expected.get(key)
        if row is None:
            lines.append(f"{' '.join(key)}: found, not expected")
            continue
        if int(row["n"]) != len(values):
            lines.append(f"{' '.join(key)}: n = {len(values)}, expected {row['n']}")
        scale = max(abs(float(row["least"])), abs(float(row["most"])))
        for name, value in zip(("mean", "sd", "least", "most"), described(values)):
            wanted = float(row[name])
            if not abs(value - wanted) <= TOLERANCE * max(scale, abs(wanted)):
                lines.append(f"{' '.join(key)}: {name} = {value!r}, expected {wanted!r}")
    return lines


STUDIES = {
    "01": Study("01-llm-planner-or-saez", planners, {"gain.png": ("gain",)}),
    "llm": Study("01-llm-planner-or-saez", language, {"llm.png": ("gain",)}, "llm.toml", "expected-llm"),
    "02": Study("02-tax-year", tax_year, {"gain.png": ("gain-by-tax_year", "--by", "tax_year")}),
    "03": Study("03-democracy-or-planner", democracy, {"gain.png": ("gain",)}),
    "04": Study("04-how-many-brackets", brackets, {
        "gain.png": ("gain_over_us-by-taxes_brackets", "--by", "taxes.brackets", "--outcome", "gain_over_us"),
    }),
    "05": Study("05-welfare-function", welfare_functions, {"schedules.png": ("schedules",)}),
    "06": Study("06-how-many-comparisons", comparisons, {}, drawn=curve_of_comparisons, quick="preferences.comparisons = 200"),
    "07": Study("07-learn-or-assume", wants, {}, drawn=dots_of_wants),
    "judge": Study("07-learn-or-assume", judged, {}, "judge.toml", "expected-judge"),
    "08": Study("08-data-learner-reward-optimiser", unpacked, {}, drawn=dots_of_factors, quick='preferences.comparisons = 100\npreferences.model = "bradley-terry"'),
}

if __name__ == "__main__":
    main()
