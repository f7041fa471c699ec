#!/usr/bin/env python3
"""Write oracle_federal_law.csv: federal tax of wage earners, by Tax-Calculator itself.

    python3 -m venv V && V/bin/pip install taxcalc==6.8.0
    V/bin/python tests/data/oracle_federal_law.py > tests/data/oracle_federal_law.csv

One earner aged 40 (and a spouse of 40 without income), wages only. Two departures from current
law, both by a reform: everybody claims the earned-income credit (Tax-Calculator draws who does),
and the personal exemptions of 2013-2017 are 0, as fisc has none.
"""

import itertools
import sys

import pandas as pd
import taxcalc

YEARS = [2013, 2017, 2018, 2021, 2024, 2026]
FILINGS = {1: "single", 2: "married", 3: "separate", 4: "head"}
WAGES = [0, 4_000, 9_000, 12_345, 17_000, 21_000, 26_000, 33_000, 47_500, 61_000]
WAGES += [95_000, 130_000, 160_000, 190_000, 255_000, 420_000, 800_000]


def main():
    rows = []
    for year in YEARS:
        cells = list(itertools.product(FILINGS, range(4), WAGES))
        frame = pd.DataFrame(cells, columns=["MARS", "EIC", "e00200"])
        frame["RECID"] = range(1, len(frame) + 1)
        frame["FLPDYR"] = year
        frame["age_head"] = 40
        frame["age_spouse"] = 40 * (frame["MARS"] == 2)
        frame["e00200p"] = frame["e00200"]
        frame["XTOT"] = 1 + (frame["MARS"] == 2) + frame["EIC"]
        records = taxcalc.Records(data=frame, start_year=year, gfactors=None, weights=None)
        policy = taxcalc.Policy()
        policy.implement_reform({"eitc_claim_prob_min": {2013: 1.0}, "II_em": {2013: 0.0}})
        calculator = taxcalc.Calculator(policy=policy, records=records, verbose=False)
        calculator.advance_to_year(year)
        calculator.calc_all()
        result = calculator.dataframe(["taxbc", "c59660", "payrolltax", "ptax_amc"])
        for cell, values in zip(cells, result.itertuples(index=False)):
            filing, children, wages = cell
            employee = (values.payrolltax - values.ptax_amc) / 2 + values.ptax_amc
            rows.append(
                (year, FILINGS[filing], children, wages, values.taxbc, employee, values.c59660)
            )
    columns = ["year", "filing", "children", "wages", "income_tax_before_credits"]
    columns += ["payroll_tax_of_employee", "eitc"]
    table = pd.DataFrame(rows, columns=columns).round(6)
    table.to_csv(sys.stdout, index=False)


main()
