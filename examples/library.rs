//! Public finance on plain slices: a population, U.S. law, the optimum. `cargo run --example library`
//!
//! Nothing here needs a scenario file, a world or an output folder: `fisc::fiscal` and
//! `fisc::population` are functions on numbers.

use fisc::fiscal::inequality::{gini, mean};
use fisc::fiscal::optimum::{Effort, optimum};
use fisc::fiscal::{Economy, Objective, Outcome, Society, laws};
use fisc::population::{PopulationSpec, WagePrior, draw};

fn main() -> fisc::Result<()> {
    // Who the workers are: the quantiles of the GB2 wage distribution at (i+½)/n, in $/hour.
    let economy = Economy::default();
    let spec = PopulationSpec::new(1000, WagePrior::Gb2Stratified);
    let people = draw(&spec, economy.weeks_per_year, 42)?;
    let wages = people.iter().map(|person| person.wage).collect();

    // How they choose: everybody answers a schedule with the exact best response.
    let society = Society::rational(economy, wages);

    // What a law does to them. Tax revenue comes back as an equal rebate.
    let law = laws::find("us-2024").ok_or_else(|| laws::unknown("us-2024"))?;
    describe("us-2024", &society.outcome(law));

    // What would be best for a planner who weighs utilities by 1/wage, on the same brackets.
    let objective = Objective::InverseWage;
    let (edges, starts, effort) = (law.edges(), [law.clone()], Effort::default());
    let best = optimum(&society, edges, &objective, &starts, false, effort);
    describe("optimal", &society.outcome(&best.schedule));

    println!("\noptimal rates, %, by lower edge in $/year");
    for (edge, rate) in edges.iter().zip(best.schedule.rates()) {
        println!("{edge:>10} {:6.1}", 100.0 * rate);
    }
    println!(
        "\nwelfare {:.0} -> {:.0} $/year after {} evaluations; the best ±1-point move changes it by {:+.2}",
        society.welfare(law, &objective),
        best.welfare,
        best.evaluations,
        best.best_move
    );
    Ok(())
}

fn describe(name: &str, outcome: &Outcome) {
    let mut ascending = outcome.disposable.clone();
    ascending.sort_by(f64::total_cmp);
    println!(
        "{name:8} {:5.1} h/week, mean income {:6.0} $/year, rebate {:6.0}, Gini of disposable income {:.3}",
        mean(&outcome.labor),
        mean(&outcome.income),
        outcome.rebate,
        gini(&ascending)
    );
}
