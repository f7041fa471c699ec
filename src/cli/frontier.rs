//! `fisc frontier`: schedules under several objectives at once.

use super::{Format, print, run};
use crate::error::{Error, Result};
use crate::fiscal::law::TaxLaw;
use crate::fiscal::optimum::best_flat_within;
use crate::fiscal::uncertain::{Comparison, Effort, Frontier, ObjectiveSet, Point, frontier};
use crate::fiscal::{Objective, Schedule, Society, Utility, laws};
use crate::run::Simulation;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Points of the frontier that a table shows.
const SHOWN: usize = 20;

/// Arguments of `fisc frontier`.
#[derive(Debug, clap::Args)]
pub struct FrontierArguments {
    /// Scenario file.
    scenario: PathBuf,
    /// Objectives with their default parameters, in place of the scenario's `objective.among`.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    among: Option<Vec<String>>,
    /// Credences of the objectives, in place of the scenario's.
    #[arg(long, value_name = "P,Q,…", value_delimiter = ',')]
    credence: Option<Vec<f64>>,
    /// Law, as in `fisc tax`, from which regret is measured.
    #[arg(long, value_name = "LAW", default_value = "us-2024")]
    baseline: String,
    /// Two laws as in `fisc tax` to compare, such as us-2013 or 0:0.1,50000:0.3 (again for more pairs).
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    compare: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Change a key of the scenario.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl FrontierArguments {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        let simulation = run::load(&self.scenario, &self.set)?;
        let set = self.objectives(simulation.scenario().uncertain.as_ref())?;
        let baseline = law(&self.baseline)?;
        let pairs: Vec<(&str, Schedule)> = (self.compare.iter())
            .map(|text| Ok((text.as_str(), law(text)?)))
            .collect::<Result<_>>()?;
        let bar = indicatif::ProgressBar::new_spinner().with_message("searching the frontier");
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        let found = Found::search(&simulation, set, (&self.baseline, baseline), &pairs);
        bar.finish_and_clear();
        let found = found?;
        match self.format {
            Format::Table => print(&found.table()),
            Format::Json => {
                let text = serde_json::to_string_pretty(&found.json())
                    .map_err(|error| Error::run(format!("writing JSON: {error}")))?;
                print(&format!("{text}\n"))
            }
        }
    }

    fn objectives(&self, scenario: Option<&ObjectiveSet>) -> Result<ObjectiveSet> {
        let set = match (&self.among, scenario) {
            (Some(names), _) => {
                let objectives: Result<Vec<Objective>> =
                    names.iter().map(|name| objective(name.trim())).collect();
                ObjectiveSet::new(objectives?)?
            }
            (None, Some(set)) => set.clone(),
            (None, None) => {
                return Err(Error::input("no objectives to weigh").allowed(
                    "`among = [\"utilitarian\", \"inverse_wage\", …]` in the scenario's [objective], or --among utilitarian,inverse_wage,…",
                ));
            }
        };
        match &self.credence {
            Some(credence) => set.with_credence(credence),
            None => Ok(set),
        }
    }
}

/// The schedule of a law or literal; a grant is without effect.
fn law(text: &str) -> Result<Schedule> {
    Ok(TaxLaw::parse(text)?.schedule().clone())
}

/// Light under income effects, where every evaluation is a fixed point.
fn effort(society: &Society) -> Effort {
    match society.economy().utility {
        Utility::Quasilinear => Effort::default(),
        Utility::Isoelastic { .. } => Effort::light(),
    }
}

/// An objective with its default parameters.
fn objective(name: &str) -> Result<Objective> {
    let known = Objective::defaults();
    let names: Vec<&str> = known.iter().map(Objective::name).collect();
    let found = known.iter().find(|objective| objective.name() == name);
    found.cloned().ok_or_else(|| {
        Error::input("no such objective")
            .value(name)
            .allowed(format!(
                "{}; with parameters of your own: --set 'objective.among=[…]'",
                names.join(", ")
            ))
            .suggest(name, names.iter().copied())
    })
}

/// Everything that is printed.
struct Found<'a> {
    simulation: &'a Simulation,
    set: ObjectiveSet,
    labels: Vec<String>,
    baseline: (&'a str, Schedule),
    frontier: Frontier,
    /// Schedules with a name.
    named: Vec<(String, Point)>,
    /// Pairs that the user asks for.
    pairs: Vec<[(&'a str, Point); 2]>,
}

impl<'a> Found<'a> {
    fn search(
        simulation: &'a Simulation,
        set: ObjectiveSet,
        baseline: (&'a str, Schedule),
        pairs: &[(&'a str, Schedule)],
    ) -> Result<Self> {
        let scenario = simulation.scenario();
        let society = simulation.counterpart();
        let us = laws::find("us-2024").ok_or_else(|| laws::unknown("us-2024"))?;
        let frontier = frontier(
            &set,
            society,
            &scenario.taxes.edges,
            &baseline.1,
            &[us.clone(), scenario.taxes.initial.clone()],
            simulation.constraints(),
            effort(society),
        )?;
        let judge = |schedule: &Schedule| frontier.judge(&set, society, schedule);
        let labels = set.labels();
        let optima = labels.iter().zip(&frontier.optima);
        let mut named: Vec<(String, Point)> = optima
            .map(|(label, point)| (label.clone(), point.clone()))
            .collect();
        named.push(("minimax-regret".into(), frontier.minimax.clone()));
        if let Some(point) = &frontier.expected {
            named.push(("expected-regret".into(), point.clone()));
        }
        let flat = best_flat_within(society, &scenario.objective, simulation.constraints())?;
        named.push(("flat".into(), judge(&flat.0)));
        if baseline.0 != "us-2024" {
            named.push(("us-2024".into(), judge(us)));
        }
        named.push((baseline.0.to_owned(), judge(&baseline.1)));
        let pairs = pairs
            .chunks_exact(2)
            .map(|pair| [0, 1].map(|i| (pair[i].0, judge(&pair[i].1))))
            .collect();
        Ok(Found {
            simulation,
            labels,
            baseline,
            named,
            pairs,
            frontier,
            set,
        })
    }

    fn society(&self) -> &Society {
        self.simulation.counterpart()
    }

    fn compare(&self, a: &Point, b: &Point) -> Comparison {
        self.set.compare(&a.welfare, &b.welfare)
    }

    fn table(&self) -> String {
        let scenario = self.simulation.scenario();
        let edges: Vec<String> = scenario.taxes.edges.iter().map(f64::to_string).collect();
        let mut text = format!(
            "{}: {} workers, {} objectives {}; brackets from $/year: {}\n",
            scenario.name,
            self.society().len(),
            self.labels.len(),
            match self.set.credence() {
                Some(_) => "with credences",
                None => "as a partial order",
            },
            edges.join(", ")
        );
        text.push_str(&self.objectives_table());
        text.push_str(&format!(
            "\nRegret in % of what each objective can gain over {}: 0 at its own optimum, 100 at {0}\n{}",
            self.baseline.0,
            self.regret_head()
        ));
        for (name, point) in &self.named {
            text.push_str(&self.regret_row(name, point));
        }
        let shown = self.frontier.thinned(SHOWN);
        let all = self.frontier.points.len();
        text.push_str(&format!(
            "\nFrontier: {}undominated schedules\n{}",
            match shown.len() == all {
                true => format!("{all} "),
                false => format!("{} of {all} (all with --format json) ", shown.len()),
            },
            self.regret_head()
        ));
        for point in shown {
            let names: Vec<&str> = (self.named.iter())
                .filter(|(_, named)| named.schedule == point.schedule)
                .map(|(name, _)| name.as_str())
                .collect();
            text.push_str(&self.regret_row(names.first().copied().unwrap_or(""), point));
        }
        text.push_str(&self.comparisons_table());
        for [a, b] in &self.pairs {
            text.push_str(&self.pair_lines(a, b));
        }
        text.push_str(&format!(
            "\n`flat` is the best flat rate under {}, which planners pursue in a run. {} weightings of the objectives, {} evaluations. Language-model and adaptive workers are taken to be rational.\n",
            scenario.objective.name(),
            self.frontier.weightings,
            self.frontier.evaluations
        ));
        if effort(self.society()) == Effort::light() {
            text.push_str(
                "Income effects make every evaluation slow, so the search was a light one.\n",
            );
        }
        text
    }

    fn objectives_table(&self) -> String {
        let stakes = &self.frontier.stakes;
        let mut text = format!(
            "\n{:22} {:>8} {:>14} {:>14} {:>12}  unit, formula\n",
            "objective", "credence", self.baseline.0, "optimum", "gain"
        );
        for (k, objective) in self.set.objectives().iter().enumerate() {
            let (best, base) = (stakes.optimum()[k], stakes.baseline()[k]);
            let credence = match self.set.credence() {
                Some(credence) => format!("{:.3}", credence[k]),
                None => "–".into(),
            };
            text.push_str(&format!(
                "{:22} {credence:>8} {:>14} {:>14} {:>12}  {}, {}\n",
                self.labels[k],
                amount(base),
                amount(best),
                amount(best - base),
                objective.unit(self.society().economy()),
                objective.formula()
            ));
        }
        text
    }

    fn regret_head(&self) -> String {
        let mut text = format!("{:22}", "schedule");
        for label in &self.labels {
            text.push_str(&format!(" {label:>12}"));
        }
        text.push_str(&format!(" {:>9}", "worst"));
        if self.set.credence().is_some() {
            text.push_str(&format!(" {:>9}", "expected"));
        }
        text.push_str("  rates by bracket, %\n");
        text
    }

    fn regret_row(&self, name: &str, point: &Point) -> String {
        let mut text = format!("{name:22}");
        for (label, regret) in self.labels.iter().zip(&point.regret) {
            let width = label.chars().count().max(12);
            text.push_str(&format!(" {:>width$}", percent(*regret)));
        }
        text.push_str(&format!(" {:>9}", percent(point.worst_regret())));
        if let Some(credence) = self.set.credence() {
            let expected = point.expected_regret(credence);
            text.push_str(&format!(" {:>9}", percent(expected)));
        }
        let rates: Vec<String> = point.schedule.rates().iter().map(|r| percent(*r)).collect();
        text.push_str(&format!("  {}\n", rates.join(" ")));
        text
    }

    fn comparisons_table(&self) -> String {
        let mut text = String::from(
            "\nRow against column: + better under every objective, - worse, = equal, ? undecided",
        );
        if self.set.credence().is_some() {
            text.push_str(", with the probability that the row is better (ties count half)");
        }
        text.push_str(&format!("\n{:25}", ""));
        for place in 1..=self.named.len() {
            text.push_str(&format!(" {place:>6}"));
        }
        text.push('\n');
        for (place, (name, row)) in self.named.iter().enumerate() {
            text.push_str(&format!("{:2} {name:22}", place + 1));
            for (_, column) in &self.named {
                let found = self.compare(row, column);
                let sign = match found.verdict.name() {
                    "better" => '+',
                    "worse" => '-',
                    "equal" => '=',
                    _ => '?',
                };
                let cell = match found.probability {
                    Some(p) => format!("{sign} {p:.2}"),
                    None => sign.to_string(),
                };
                text.push_str(&format!(" {cell:>6}"));
            }
            text.push('\n');
        }
        text
    }

    fn pair_lines(&self, a: &(&str, Point), b: &(&str, Point)) -> String {
        let found = self.compare(&a.1, &b.1);
        let mut text = format!("\n{} against {}: {}", a.0, b.0, found.verdict.name());
        if let Some(p) = found.probability {
            text.push_str(&format!(", better with probability {p:.2}"));
        }
        text.push('\n');
        for (k, objective) in self.set.objectives().iter().enumerate() {
            let (a, b) = (a.1.welfare[k], b.1.welfare[k]);
            text.push_str(&format!(
                "  {:22} {:>14} against {:>14}: {}{} {}\n",
                self.labels[k],
                amount(a),
                amount(b),
                if a >= b { "+" } else { "" },
                amount(a - b),
                objective.unit(self.society().economy())
            ));
        }
        text
    }

    fn json(&self) -> Value {
        let scenario = self.simulation.scenario();
        let stakes = &self.frontier.stakes;
        let objectives: Vec<Value> = (self.set.objectives().iter().enumerate())
            .map(|(k, objective)| {
                json!({
                    "name": self.labels[k],
                    "formula": objective.formula(),
                    "unit": objective.unit(self.society().economy()),
                    "credence": self.set.credence().map(|credence| credence[k]),
                    "welfare_baseline": stakes.baseline()[k],
                    "welfare_optimum": stakes.optimum()[k],
                })
            })
            .collect();
        let named = self.named.iter();
        let schedules: Vec<Value> = named
            .map(|(name, point)| self.point(Some(name), point))
            .collect();
        let points = self.frontier.points.iter();
        let all = self
            .named
            .iter()
            .map(|(name, point)| (name.as_str(), point));
        let all: Vec<(&str, &Point)> = all.collect();
        let mut comparisons: Vec<Value> = Vec::new();
        for (place, a) in all.iter().enumerate() {
            for b in &all[place + 1..] {
                comparisons.push(self.pair(*a, *b));
            }
        }
        let asked = self.pairs.iter();
        comparisons.extend(asked.map(|[a, b]| self.pair((a.0, &a.1), (b.0, &b.1))));
        json!({
            "name": scenario.name,
            "seed": scenario.seed,
            "brackets": scenario.taxes.edges,
            "baseline": self.baseline.0,
            "objectives": objectives,
            "schedules": schedules,
            "frontier": points.map(|point| self.point(None, point)).collect::<Vec<_>>(),
            "comparisons": comparisons,
            "weightings": self.frontier.weightings,
            "evaluations": self.frontier.evaluations,
        })
    }

    fn point(&self, name: Option<&str>, point: &Point) -> Value {
        json!({
            "name": name,
            "schedule": point.schedule.to_string(),
            "brackets": point.schedule.edges(),
            "rates": point.schedule.rates(),
            "welfare": point.welfare,
            "regret": point.regret,
            "worst_regret": point.worst_regret(),
            "expected_regret": self.set.credence().map(|p| point.expected_regret(p)),
        })
    }

    fn pair(&self, a: (&str, &Point), b: (&str, &Point)) -> Value {
        let found = self.compare(a.1, b.1);
        json!({
            "a": a.0,
            "b": b.0,
            "verdict": found.verdict.name(),
            "probability": found.probability,
            "welfare_a": a.1.welfare,
            "welfare_b": b.1.welfare,
        })
    }
}

/// A fraction in percent; never −0.0.
fn percent(fraction: f64) -> String {
    format!("{:.1}", (1000.0 * fraction).round() / 10.0 + 0.0)
}

/// Welfare with the digits that its size asks for.
fn amount(welfare: f64) -> String {
    match welfare.abs() {
        100.0.. => format!("{welfare:.2}"),
        _ => format!("{welfare:.6}"),
    }
}
