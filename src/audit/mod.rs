//! Why should anyone believe these agents? The workers of a scenario in controlled experiments.
//!
//! Every worker of a sample is asked for its hours at wages and tax rates of a grid, and again in
//! situations that differ in nothing that should matter, beside a real reform. A language model that
//! gives exact probabilities is taken at its mean, so that intervals come from the sample of workers
//! alone.
//!
//! | module | subject |
//! |---|---|
//! | [`stimulus`] | situations and their wordings |
//! | [`respondent`] | closed-form and language-model workers, or one's own |
//! | [`estimate`] | means with intervals, slopes, power |
//! | [`distinguishable`], [`told_apart`] | whether a classifier tells agents from people |
//! | [`human`] | estimates of people's elasticities |
//! | [`verdict`] | findings in plain words |
//! | [`output`] | the folder of an audit |

pub mod distinguishable;
pub mod estimate;
pub mod human;
pub mod output;
pub mod respondent;
pub mod stimulus;
pub mod told_apart;
pub mod verdict;

use crate::error::Result;
use crate::fiscal::{Economy, Schedule};
use crate::population::Persona;
use distinguishable::Distinguishable;
use estimate::{Estimate, slopes, variance, workers_needed};
use respondent::{ClosedForm, Respondent, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use stimulus::{PARAPHRASES, Stimulus, Wording};
use verdict::Verdict;

/// Wages of the grid, as multiples of the worker's own.
pub const WAGE_FACTORS: [f64; 5] = [0.5, 0.7, 1.0, 1.4, 2.0];
/// Flat tax rates of the grid.
pub const RATES: [f64; 7] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
/// Percentage points by which the real reform raises every rate.
pub const REFORM_POINTS: f64 = 10.0;

/// A worker of the sample.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Id in the population.
    pub worker: u32,
    /// $/hour.
    pub wage: f64,
    /// Who it is.
    pub persona: Option<&'a Persona>,
}

impl<'a> Subject<'a> {
    /// Its situation in plain words.
    fn plain(&self, schedule: Schedule) -> Stimulus<'a> {
        Stimulus {
            worker: self.worker,
            wage: self.wage,
            schedule,
            persona: self.persona,
            wording: Wording::Plain,
        }
    }
}

/// How much to ask.
#[derive(Clone, Copy, Debug)]
pub struct Design<'a> {
    /// The schedule under which wordings are compared, and from which the reform departs.
    pub schedule: &'a Schedule,
    /// With the group's own preferences: what a rational worker would do is the yardstick.
    pub economy: &'a Economy,
    /// Unconstrained answers asked of each worker.
    pub written_draws: u32,
}

/// An elasticity of hours, mean over workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Elasticity {
    /// `own wage` or `net-of-tax rate`.
    pub of: String,
    /// `total` (`E[l]`), `intensive` (`E[l | l > 0]`) or `extensive` (P(l > 0)).
    pub margin: String,
    /// None where it is not defined.
    pub estimate: Option<Estimate>,
    /// The same of rational workers with these wages and preferences.
    pub rational: Option<f64>,
    /// Share of workers who respond in the other direction than the rational one.
    pub wrong_sign: Option<f64>,
}

/// Why a wording is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A change that matters.
    Reform,
    /// A change that does not matter to anybody.
    Placebo,
    /// The same in other words.
    Paraphrase,
    /// A hint at what is expected.
    Suggestion,
    /// Without the sentences on how hours should depend on pay.
    Advice,
}

/// What a change does to hours, mean over workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What was changed.
    pub treatment: String,
    /// Compared with what.
    pub control: String,
    /// Why.
    pub kind: Kind,
    /// Change of expected hours per week.
    pub hours: Option<Estimate>,
    /// The same without regard to its sign: mean of |change|.
    pub size: Option<f64>,
    /// Effect of the real reform where both sides are said in these words.
    pub reform: Option<Estimate>,
    /// The same less the effect of the real reform in plain words, worker by worker.
    pub reform_change: Option<Estimate>,
}

/// How good answers are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Questions asked.
    pub asked: usize,
    /// Of these without a valid answer.
    pub invalid: usize,
    /// Mean probability of admissible answers together; absent where it is not known.
    pub admissible_mean: Option<f64>,
    /// The least of them.
    pub admissible_least: Option<f64>,
    /// Unconstrained answers.
    pub written: usize,
    /// Of these not readable as hours.
    pub unreadable: usize,
    /// Of the readable ones, share of multiples of 10.
    pub tens: Option<f64>,
    /// Of the readable ones, share of multiples of 5.
    pub fives: Option<f64>,
}

/// How much answers vary, and what that asks of a study.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Power {
    /// Standard deviation of one worker's drawn hours around its mean, hours/week.
    pub within: f64,
    /// Standard deviation of workers' expected hours, hours/week.
    pub between: f64,
    /// Standard deviation over seeds of the mean hours of 100 workers, hours/week.
    pub mean_of_100: f64,
    /// Standard deviation of a worker's difference between the reform and none, one draw each.
    pub difference: f64,
    /// Workers (times seeds) that show the reform's effect.
    pub for_reform: Option<f64>,
    /// The same for an effect of one hour per week.
    pub for_one_hour: Option<f64>,
}

/// A cell of the grid, mean over workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Wage relative to the worker's own.
    pub wage_factor: f64,
    /// Flat tax rate.
    pub rate: f64,
    /// Expected hours per week.
    pub hours: Option<Estimate>,
    /// P(l > 0).
    pub participation: Option<f64>,
}

/// The audit of one group of workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupAudit {
    /// Name of the group.
    pub group: String,
    /// How it decides: `rational`, `llm (small)`.
    pub decides: String,
    /// Workers in the sample.
    pub workers: usize,
    /// Their lowest and highest wage, $/hour.
    pub wages: (f64, f64),
    /// Share of grid cells at the limit of hours, left out of elasticities.
    pub at_limit: f64,
    /// Share of grid cells in which the worker does not work at all, left out of elasticities.
    pub at_zero: f64,
    /// Elasticities.
    pub elasticities: Vec<Elasticity>,
    /// The grid.
    pub grid: Vec<Cell>,
    /// The reform, then everything else.
    pub effects: Vec<Effect>,
    /// Change of hours that the real reform brings rational workers, hours per week.
    pub rational_reform: Option<f64>,
    /// Whether it reads prompts at all.
    pub reads: bool,
    /// Whether its answers are exact probabilities, without noise of their own.
    pub exact: bool,
    /// Quality of answers.
    pub quality: Quality,
    /// Variance.
    pub power: Power,
    /// Whether a classifier tells its workers from people; absent where it was not tried.
    #[serde(default)]
    pub distinguishable: Option<Distinguishable>,
    /// In plain words.
    pub verdicts: Vec<Verdict>,
}

/// Audits one group.
///
/// # Errors
/// As [`Respondent::respond`].
pub fn audit(
    respondent: &mut dyn Respondent,
    subjects: &[Subject],
    design: &Design,
    group: &str,
    decides: &str,
) -> Result<GroupAudit> {
    let mut quality = Quality::default();
    let grid = grid(respondent, subjects, design, &mut quality)?;
    let situations = situations(respondent, subjects, design, &mut quality)?;
    written(respondent, subjects, design, &mut quality)?;
    let wages = subjects.iter().map(|s| s.wage);
    let mut audit = GroupAudit {
        group: group.to_owned(),
        decides: decides.to_owned(),
        workers: subjects.len(),
        wages: (
            wages.clone().fold(f64::INFINITY, f64::min),
            wages.fold(0.0, f64::max),
        ),
        at_limit: grid.at_limit,
        at_zero: grid.at_zero,
        elasticities: grid.elasticities,
        grid: grid.cells,
        effects: situations.effects,
        rational_reform: situations.rational_reform,
        reads: respondent.reads(),
        exact: respondent.exact(),
        quality,
        power: situations.power,
        distinguishable: None,
        verdicts: Vec::new(),
    };
    audit.verdicts = verdict::verdicts(&audit);
    Ok(audit)
}

fn ask(
    respondent: &mut dyn Respondent,
    stimuli: &[Stimulus],
    quality: &mut Quality,
) -> Result<Vec<Option<Response>>> {
    let responses = respondent.respond(stimuli)?;
    let masses: Vec<f64> = responses
        .iter()
        .flatten()
        .filter_map(|response| response.admissible)
        .collect();
    if !masses.is_empty() {
        let before = (quality.asked - quality.invalid) as f64;
        let sum = quality.admissible_mean.unwrap_or(0.0) * before + masses.iter().sum::<f64>();
        quality.admissible_mean = Some(sum / (before + masses.len() as f64));
        let least = masses.iter().copied().fold(f64::INFINITY, f64::min);
        quality.admissible_least = Some(quality.admissible_least.map_or(least, |l| l.min(least)));
    }
    quality.asked += responses.len();
    quality.invalid += responses.iter().filter(|r| r.is_none()).count();
    Ok(responses)
}

/// One of a worker's two slopes.
type Part = fn(&(f64, f64)) -> f64;

/// A number of a distribution over hours.
type Margin = fn(&Response) -> f64;

/// Elasticity below which there is no response but rounding.
pub const NO_RESPONSE: f64 = 1e-6;

struct Grid {
    elasticities: Vec<Elasticity>,
    cells: Vec<Cell>,
    at_limit: f64,
    at_zero: f64,
}

fn grid(
    respondent: &mut dyn Respondent,
    subjects: &[Subject],
    design: &Design,
    quality: &mut Quality,
) -> Result<Grid> {
    let places: Vec<(f64, f64)> = WAGE_FACTORS
        .iter()
        .flat_map(|factor| RATES.iter().map(move |rate| (*factor, *rate)))
        .collect();
    let stimuli: Vec<Stimulus> = subjects
        .iter()
        .flat_map(|subject| {
            places.iter().map(move |(factor, rate)| Stimulus {
                worker: subject.worker,
                wage: subject.wage * factor,
                schedule: Schedule::of_checked(vec![0.0], vec![*rate]),
                persona: subject.persona,
                wording: Wording::Plain,
            })
        })
        .collect();
    let responses = ask(respondent, &stimuli, quality)?;
    let by_worker: Vec<&[Option<Response>]> = responses.chunks(places.len()).collect();
    let limit = |response: &Response| response.mean() >= design.economy.labor_max * (1.0 - 1e-9);
    let answered = responses.iter().flatten().count().max(1) as f64;
    let at_limit = responses.iter().flatten().filter(|r| limit(r)).count() as f64 / answered;
    let idle = responses.iter().flatten().filter(|r| r.mean() <= 0.0);
    let at_zero = idle.count() as f64 / answered;
    let rational = ClosedForm::rational(design.economy).respond(&stimuli)?;
    let rational: Vec<&[Option<Response>]> = rational.chunks(places.len()).collect();
    let each_slope = |by_worker: &[&[Option<Response>]], of: Margin| -> Vec<(f64, f64)> {
        let slope = |responses: &&[Option<Response>]| {
            let pairs = places.iter().zip(*responses);
            let points: Vec<(f64, f64, f64)> = pairs
                .filter_map(|((factor, rate), response)| {
                    let response = response.as_ref().filter(|r| !limit(r))?;
                    let y = of(response).ln();
                    y.is_finite().then(|| (factor.ln(), (1.0 - rate).ln(), y))
                })
                .collect();
            slopes(&points)
        };
        by_worker.iter().filter_map(slope).collect()
    };
    let margins: [(&str, Margin); 3] = [
        ("total", Response::mean),
        ("intensive", Response::mean_at_work),
        ("extensive", Response::participation),
    ];
    let mut elasticities = Vec::new();
    for (margin, of) in margins {
        let found = each_slope(&by_worker, of);
        let yardstick = each_slope(&rational, of);
        let parts: [(&str, Part); 2] = [("own wage", |s| s.0), ("net-of-tax rate", |s| s.1)];
        for (name, part) in parts {
            let values: Vec<f64> = found.iter().map(part).collect();
            let rational: Vec<f64> = yardstick.iter().map(part).collect();
            let rational = Estimate::of(&rational).map(|estimate| estimate.value);
            let direction = rational.filter(|x| x.abs() > NO_RESPONSE);
            let wrong = direction.map(|direction| {
                let against = |x: &&f64| x.abs() > NO_RESPONSE && **x * direction < 0.0;
                values.iter().filter(against).count() as f64 / values.len().max(1) as f64
            });
            elasticities.push(Elasticity {
                of: name.to_owned(),
                margin: margin.to_owned(),
                estimate: Estimate::of(&values),
                rational,
                wrong_sign: wrong.filter(|_| !values.is_empty()),
            });
        }
    }
    let cells = places
        .iter()
        .enumerate()
        .map(|(i, (factor, rate))| {
            let here = by_worker
                .iter()
                .filter_map(|responses| responses[i].as_ref());
            let hours: Vec<f64> = here.clone().map(Response::mean).collect();
            let working: Vec<f64> = here.map(Response::participation).collect();
            Cell {
                wage_factor: *factor,
                rate: *rate,
                hours: Estimate::of(&hours),
                participation: Estimate::of(&working).map(|e| e.value),
            }
        })
        .collect();
    Ok(Grid {
        elasticities,
        cells,
        at_limit,
        at_zero,
    })
}

struct Situations {
    rational_reform: Option<f64>,
    effects: Vec<Effect>,
    power: Power,
}

/// Every wording but the plain one, with the reason why it is tried.
fn treatments() -> Vec<(Wording, Kind)> {
    let mut all = vec![
        (Wording::Again, Kind::Placebo),
        (Wording::Renamed, Kind::Placebo),
        (Wording::BracketsReversed, Kind::Placebo),
        (Wording::Irrelevant, Kind::Placebo),
        (Wording::Cents, Kind::Placebo),
        (Wording::OptionsReversed, Kind::Placebo),
        (Wording::OptionsMixed, Kind::Placebo),
    ];
    all.extend((1..=PARAPHRASES).map(|n| (Wording::Paraphrase(n), Kind::Paraphrase)));
    all.extend([
        (Wording::SuggestsLess, Kind::Suggestion),
        (Wording::SuggestsMore, Kind::Suggestion),
        (Wording::WithoutAdvice, Kind::Advice),
    ]);
    all
}

/// All rates higher by so many points, at most 100 %.
fn raised(schedule: &Schedule, points: f64) -> Schedule {
    let rates = schedule.rates().iter();
    Schedule::of_checked(
        schedule.edges().to_vec(),
        rates.map(|rate| (rate + points / 100.0).min(1.0)).collect(),
    )
}

fn situations(
    respondent: &mut dyn Respondent,
    subjects: &[Subject],
    design: &Design,
    quality: &mut Quality,
) -> Result<Situations> {
    let reform = raised(design.schedule, REFORM_POINTS);
    let mut under = |schedule: &Schedule, wording: Wording| {
        let stimuli: Vec<Stimulus> = subjects
            .iter()
            .map(|subject| Stimulus {
                worker: subject.worker,
                wage: subject.wage,
                schedule: schedule.clone(),
                persona: subject.persona,
                wording,
            })
            .collect();
        ask(respondent, &stimuli, quality)
    };
    let plain = under(design.schedule, Wording::Plain)?;
    let reformed = under(&reform, Wording::Plain)?;
    let mut effects = vec![Effect {
        treatment: format!("all rates {REFORM_POINTS:+.0} points"),
        control: Wording::Plain.name(),
        kind: Kind::Reform,
        hours: Estimate::of(&changes(&plain, &reformed)),
        size: size(&changes(&plain, &reformed)),
        reform: None,
        reform_change: None,
    }];
    let mut known = BTreeMap::from([(Wording::Plain, plain)]);
    for (wording, kind) in treatments() {
        for needed in [wording.control(), wording] {
            if let Entry::Vacant(entry) = known.entry(needed) {
                entry.insert(under(design.schedule, needed)?);
            }
        }
        let (control, treated) = (&known[&wording.control()], &known[&wording]);
        let (reform, reform_change) = match kind {
            Kind::Paraphrase | Kind::Advice => {
                let in_these = under(&reform, wording)?;
                let plain = &known[&Wording::Plain];
                let differences: Vec<f64> = (0..subjects.len())
                    .filter_map(|i| {
                        let mean = |of: &[Option<Response>]| Some(of[i].as_ref()?.mean());
                        let here = mean(&in_these)? - mean(treated)?;
                        Some(here - (mean(&reformed)? - mean(plain)?))
                    })
                    .collect();
                (
                    Estimate::of(&changes(treated, &in_these)),
                    Estimate::of(&differences),
                )
            }
            _ => (None, None),
        };
        let changes = changes(control, treated);
        effects.push(Effect {
            treatment: wording.name(),
            control: wording.control().name(),
            kind,
            hours: Estimate::of(&changes),
            size: size(&changes),
            reform,
            reform_change,
        });
    }
    let power = power(&known[&Wording::Plain], &reformed);
    let mut rational = ClosedForm::rational(design.economy);
    let mut rational_under = |schedule: &Schedule| {
        let stimuli: Vec<Stimulus> = subjects
            .iter()
            .map(|subject| subject.plain(schedule.clone()))
            .collect();
        rational.respond(&stimuli)
    };
    let changes = changes(&rational_under(design.schedule)?, &rational_under(&reform)?);
    Ok(Situations {
        rational_reform: Estimate::of(&changes).map(|estimate| estimate.value),
        effects,
        power,
    })
}

/// Change of expected hours of each worker with two valid answers.
fn changes(control: &[Option<Response>], treated: &[Option<Response>]) -> Vec<f64> {
    let pairs = control.iter().zip(treated);
    pairs
        .filter_map(|(control, treated)| Some(treated.as_ref()?.mean() - control.as_ref()?.mean()))
        .collect()
}

fn size(changes: &[f64]) -> Option<f64> {
    let n = changes.len();
    (n > 0).then(|| changes.iter().map(|x| x.abs()).sum::<f64>() / n as f64)
}

fn power(plain: &[Option<Response>], reformed: &[Option<Response>]) -> Power {
    let valid: Vec<&Response> = plain.iter().flatten().collect();
    let n = valid.len().max(1) as f64;
    let within = valid.iter().map(|r| r.variance()).sum::<f64>() / n;
    let means: Vec<f64> = valid.iter().map(|r| r.mean()).collect();
    let changes = changes(plain, reformed);
    let draws: Vec<f64> = plain
        .iter()
        .zip(reformed)
        .filter_map(|(a, b)| Some(a.as_ref()?.variance() + b.as_ref()?.variance()))
        .collect();
    let drawn = draws.iter().sum::<f64>() / draws.len().max(1) as f64;
    let difference = (variance(&changes) + drawn).sqrt();
    let effect = Estimate::of(&changes).map_or(0.0, |estimate| estimate.value);
    let effect = if effect.abs() < 1e-9 { 0.0 } else { effect };
    Power {
        within: within.sqrt(),
        between: variance(&means).sqrt(),
        mean_of_100: (within / 100.0).sqrt(),
        difference,
        for_reform: workers_needed(effect, difference),
        for_one_hour: workers_needed(1.0, difference),
    }
}

fn written(
    respondent: &mut dyn Respondent,
    subjects: &[Subject],
    design: &Design,
    quality: &mut Quality,
) -> Result<()> {
    let stimuli: Vec<Stimulus> = subjects
        .iter()
        .map(|subject| Stimulus {
            worker: subject.worker,
            wage: subject.wage,
            schedule: design.schedule.clone(),
            persona: subject.persona,
            wording: Wording::Plain,
        })
        .collect();
    let Some(written) = respondent.write(&stimuli, design.written_draws)? else {
        return Ok(());
    };
    let hours: Vec<f64> = written
        .iter()
        .filter_map(|w| w.as_ref().ok().copied())
        .collect();
    let multiples = |of: f64| {
        let whole = hours.iter().filter(|l| (*l % of) == 0.0).count();
        (!hours.is_empty()).then(|| whole as f64 / hours.len() as f64)
    };
    quality.written = written.len();
    quality.unreadable = written.len() - hours.len();
    quality.tens = multiples(10.0);
    quality.fives = multiples(5.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reforms_stop_at_all_income() {
        let schedule = Schedule::of_checked(vec![0.0, 1e4], vec![0.25, 0.95]);
        let higher = raised(&schedule, 10.0);
        assert!((higher.rates()[0] - 0.35).abs() < 1e-12);
        assert_eq!(higher.rates()[1], 1.0);
    }

    /// Two workers, probabilities by hand.
    #[test]
    fn power_by_hand() {
        let response = |p: f64| {
            Some(Response {
                hours: vec![0.0, 40.0],
                probability: vec![1.0 - p, p],
                admissible: None,
            })
        };
        let plain = [response(0.5), response(0.75)];
        let reformed = [response(0.25), response(0.75)];
        let power = power(&plain, &reformed);
        // Variances 40²·p(1−p): 400 and 300; means 20 and 30; changes −10 and 0; after: 300 and 300.
        assert!((power.within - 350f64.sqrt()).abs() < 1e-9);
        assert!((power.between - 50f64.sqrt()).abs() < 1e-9);
        assert!((power.mean_of_100 - 3.5f64.sqrt()).abs() < 1e-9);
        assert!((power.difference - (50.0 + 650f64).sqrt()).abs() < 1e-9);
        // (2.8016·√700/5)² = 219.8 by the normal law, two more by Student's.
        assert!(
            (power.for_reform.unwrap() - 222.0).abs() <= 1.0,
            "{power:?}"
        );
    }
}
