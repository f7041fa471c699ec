//! Workers for whom a small model answers that a large one has taught.
//!
//! In the first tax years of a run the language model is asked about a sample of the group, at even
//! quantiles of its wages, for its distribution over 0, 10, …, `labor_max` hours; also under other tax
//! schedules, so that the student has seen more than the law in force. At the end of each of these
//! years the student of [`crate::preferences::distil`] is fitted to all answers so far, and a note of
//! the run reports its divergence from the model on workers who were held out.
//!
//! Whose distribution a worker's hours come from: that of the model while it asks about this worker,
//! else that of the student; where no student is there yet, the mean of the distributions of the
//! sample, which knows nothing of the worker. A first year is therefore no result of a group of which
//! few are asked.
//!
//! The model is asked once in a tax year about each worker and schedule: its prompt holds wage, persona
//! and schedule, none of which changes within a year. It holds neither the rebate nor past hours, so
//! these are no facts of the student either.

use super::asking::{Asking, Desk, Question};
use super::clock::end_of_tax_year;
use super::language::{ChoiceRule, Setting, choice_probabilities, worker_prompt};
use super::planners::TaxRules;
use super::workers::{Biography, Tastes};
use super::{
    Clock, CurrentSchedule, Decide, Failure, Group, Labor, Notes, Phase, PlannerObjective, Seed,
    Step, Wage, WorkerId,
};
use crate::error::{Error, Result};
use crate::fiscal::choice::{at_quantile, hour_options};
use crate::fiscal::{Economy, Motive, Schedule as TaxSchedule};
use crate::llm::{Content, Readout};
use crate::population::{Education, Persona, Sex};
use crate::preferences::distil::{Lessons, Student, distil};
use crate::random::Streams;
use crate::search::latin_hypercube;
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use rand::RngExt;
use rayon::prelude::*;
use std::collections::HashMap;

/// Chooses hours by the group's student.
#[derive(Component, Clone, Copy, Debug)]
pub struct Distilled;

/// How the student of a group is taught.
#[derive(Clone, Debug, PartialEq)]
pub struct Teaching {
    /// Name of the group, for notes.
    pub group: String,
    /// The model and what is made of its answers; read by choice.
    pub asking: Asking,
    /// What is taken from a distribution over hours.
    pub rule: ChoiceRule,
    /// Whose good the workers are after.
    pub motive: Motive,
    /// Workers of the group that the model is asked about, at most.
    pub sample: usize,
    /// First tax years in which it is asked.
    pub years: u32,
    /// Other schedules under which it is asked in each of these.
    pub schedules: usize,
    /// Ridge of the student; by cross-validation where absent.
    pub ridge: Option<f64>,
}

/// Share of the sample on which the student is judged.
pub const HELD_OUT: f64 = 0.2;

/// A group that is taught.
#[derive(Clone, Debug)]
struct Class {
    teaching: Teaching,
    /// Whom the model is asked about; empty before the first step.
    sample: Vec<u32>,
    lessons: Lessons,
    /// The model's distributions of this year under the schedule in force.
    taught: HashMap<u32, Vec<f64>>,
    /// Their mean.
    mean: Vec<f64>,
    student: Option<Student>,
}

/// By index of group; `None` for groups that are not taught.
#[derive(Resource, Clone, Debug)]
struct Classes(Vec<Option<Class>>);

/// Hours per week around which the kept share of extra pay and the average rate are taken: the options
/// on either side are those of the worker's prompt.
const AROUND: f64 = 40.0;

/// Number of [`facts`].
pub const FACTS: usize = 17 + MAJORS.len();

/// SOC major groups.
const MAJORS: [&str; 22] = [
    "11", "13", "15", "17", "19", "21", "23", "25", "27", "29", "31", "33", "35", "37", "39", "41",
    "43", "45", "47", "49", "51", "53",
];

/// What a student knows of a worker: ln w and its square, the share of extra pay that is kept around 40
/// hours, the average rate there, their products with ln w; age and its square, sex, education, usual
/// hours, marriage and children, SOC major group, as far as the persona states them in facts (0 where it
/// does not; free text is not seen).
pub fn facts(
    economy: &Economy,
    schedule: &TaxSchedule,
    wage: f64,
    persona: Option<&Persona>,
) -> Vec<f64> {
    let yes = |fact: bool| f64::from(u8::from(fact));
    let top = economy.labor_max;
    let net = |hours: f64| {
        let income = economy.income(wage, hours);
        income - schedule.tax(income)
    };
    let (less, more) = ((AROUND - 10.0).min(0.75 * top), (AROUND + 10.0).min(top));
    let kept = (net(more) - net(less)) / (economy.income(wage, more) - economy.income(wage, less));
    let average = schedule.average_rate(economy.income(wage, AROUND.min(top)));
    let ln = wage.ln();
    let mut row = vec![ln, ln * ln, kept, average, kept * ln, average * ln];
    let empty = Persona::default();
    let persona = persona.unwrap_or(&empty);
    let age = f64::from(persona.age) / 10.0;
    let family = &persona.family;
    row.extend([
        age,
        age * age,
        yes(persona.sex == Sex::Female),
        yes(persona.education == Education::LessThanHighSchool),
        yes(persona.education == Education::Associate),
        yes(persona.education == Education::Bachelor),
        yes(persona.education == Education::Graduate),
        f64::from(persona.usual_hours) / 10.0,
        yes(family.starts_with("married")),
        yes(!family.is_empty() && !family.contains("no child")),
        yes(family.contains("2 children") || family.contains("3 or more")),
    ]);
    row.extend(MAJORS.map(|major| yes(persona.soc.starts_with(major))));
    row
}

/// What a student sees of each option: pay after tax without rebate, in 10,000 $/year, and the logarithm
/// of 1 + that in 1,000 $/year (0 below no pay).
pub fn attributes(economy: &Economy, schedule: &TaxSchedule, wage: f64, hours: &[f64]) -> Vec<f64> {
    let both = |&hours: &f64| {
        let income = economy.income(wage, hours);
        let net = income - schedule.tax(income);
        [net / 1e4, (net.max(0.0) / 1e3).ln_1p()]
    };
    hours.iter().flat_map(both).collect()
}

fn chosen(p: &[f64], hours: &[f64], rule: ChoiceRule, uniform: f64) -> f64 {
    match rule {
        ChoiceRule::Draw => hours[at_quantile(p, uniform)],
        ChoiceRule::Mean => p.iter().zip(hours).map(|(p, h)| p * h).sum(),
        ChoiceRule::Mode => {
            let most = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            hours[p.iter().position(|x| *x == most).unwrap_or(0)]
        }
    }
}

struct Member<'a> {
    id: u32,
    wage: f64,
    persona: Option<&'a Persona>,
    labor: Mut<'a, Labor>,
}

/// Ids of `count` of the workers (wage, id) at even quantiles of their wages, ascending.
pub(super) fn at_even_quantiles(mut order: Vec<(f64, u32)>, count: usize) -> Vec<u32> {
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let count = count.min(order.len());
    let place = |i: usize| (2 * i + 1) * order.len() / (2 * count);
    let mut ids: Vec<u32> = (0..count).map(|i| order[place(i)].1).collect();
    ids.sort_unstable();
    ids
}

/// What is the same in all questions of a year.
struct Year<'a> {
    in_force: &'a TaxSchedule,
    others: Vec<TaxSchedule>,
    objective: &'a PlannerObjective,
}

impl Class {
    fn begin(&mut self, hours: &[f64], members: &[Member]) {
        if self.sample.is_empty() {
            let wages = members.iter().map(|m| (m.wage, m.id)).collect();
            self.sample = at_even_quantiles(wages, self.teaching.sample);
            self.lessons = Lessons::new(hours.to_vec());
        }
    }

    /// Asks the model about the sample, under the schedule in force and under others.
    fn ask(
        &mut self,
        economy: &Economy,
        hours: &[f64],
        year: &Year,
        members: &[Member],
        desk: &mut Desk,
    ) -> Result<()> {
        let options: Vec<String> = hours.iter().map(f64::to_string).collect();
        let asked: Vec<&Member> = (members.iter())
            .filter(|m| self.sample.binary_search(&m.id).is_ok())
            .collect();
        self.taught.clear();
        let teaching = &self.teaching;
        let streams = Streams::new(desk.seed.0, "choice");
        let step = u64::from(desk.clock.step);
        for (number, schedule) in std::iter::once(year.in_force)
            .chain(&year.others)
            .enumerate()
        {
            let setting = Setting {
                economy,
                schedule,
                motive: teaching.motive,
                objective: &year.objective.0,
                hours,
                options: &options,
            };
            let questions = asked
                .iter()
                .map(|member| {
                    let context = worker_prompt(&setting, member.wage, member.persona, None);
                    Ok(Question {
                        draw: 0,
                        worker: member.id,
                        messages: desk.prompts.0.render("worker.j2", &context)?,
                        readout: Readout::Choice {
                            options: options.clone(),
                        },
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            let subject = match number {
                0 => "hours",
                _ => "hours under another schedule",
            };
            let answers = desk.ask(
                &teaching.asking,
                subject,
                &questions,
                |i, answer, decision| {
                    let p = match &answer.content {
                        Content::Choice { log_probs, .. } => {
                            choice_probabilities(log_probs, teaching.asking.temperature)?
                        }
                        Content::Text(_) => return Err("a text in place of probabilities".into()),
                        Content::Failed(why) => return Err(why.clone()),
                    };
                    decision.labor_expected = Some(chosen(&p, hours, ChoiceRule::Mean, 0.0));
                    if number == 0 {
                        let uniform = streams.at(u64::from(asked[i].id), step).random();
                        decision.labor = Some(chosen(&p, hours, teaching.rule, uniform));
                    }
                    Ok((p, String::new()))
                },
            )?;
            for (member, p) in asked.iter().zip(answers) {
                let Some(p) = p else { continue };
                let (wage, persona) = (member.wage, member.persona);
                self.lessons.push(
                    member.id,
                    facts(economy, schedule, wage, persona),
                    attributes(economy, schedule, wage, hours),
                    p.clone(),
                );
                if number == 0 {
                    self.taught.insert(member.id, p);
                }
            }
        }
        if self.taught.is_empty() && self.student.is_none() {
            return Err(Error::run(format!(
                "model `{}` gave no valid answer about any of {} workers",
                teaching.asking.model,
                asked.len()
            )));
        }
        let mut mean = Lessons::new(hours.to_vec());
        // In order of id: sums do not depend on the order of a hash map.
        for member in &asked {
            if let Some(p) = self.taught.get(&member.id) {
                mean.push(member.id, vec![], vec![], p.clone());
            }
        }
        self.mean = mean.mean();
        Ok(())
    }

    fn distribution(
        &self,
        economy: &Economy,
        schedule: &TaxSchedule,
        hours: &[f64],
        member: &Member,
    ) -> Vec<f64> {
        match (self.taught.get(&member.id), &self.student) {
            (Some(taught), _) => taught.clone(),
            (None, Some(student)) => student.probabilities(
                &facts(economy, schedule, member.wage, member.persona),
                &attributes(economy, schedule, member.wage, hours),
            ),
            (None, None) => self.mean.clone(),
        }
    }
}

/// Schedules with the brackets of the start, rates by Latin hypercube over what is allowed.
fn other_schedules(
    rules: &TaxRules,
    count: usize,
    seed: u64,
    place: (u64, u64),
) -> Vec<TaxSchedule> {
    let edges = rules.initial.edges();
    let (low, high) = (rules.constraints.low, rules.constraints.high);
    let mut rng = Streams::new(seed, "distil schedules").at(place.0, place.1);
    latin_hypercube(edges.len(), count, &mut rng)
        .into_iter()
        .map(|point| {
            let rates: Vec<f64> = point.iter().map(|x| low + (high - low) * x).collect();
            TaxSchedule::of_checked(edges.to_vec(), rules.constraints.nearest(&rates))
        })
        .collect()
}

type Taught<'w, 's> = Query<
    'w,
    's,
    (
        &'static WorkerId,
        &'static Group,
        &'static Wage,
        Option<&'static Biography>,
        &'static mut Labor,
    ),
    With<Distilled>,
>;

fn choose(
    tastes: Res<Tastes>,
    schedule: Res<CurrentSchedule>,
    objective: Res<PlannerObjective>,
    rules: Res<TaxRules>,
    mut classes: ResMut<Classes>,
    mut desk: Desk,
    mut workers: Taught,
) {
    let (seed, step, year) = (desk.seed.0, desk.clock.step, desk.clock.year());
    let streams = Streams::new(seed, "choice");
    for (group, class) in classes.0.iter_mut().enumerate() {
        let Some(class) = class else { continue };
        let economy = &tastes.0[group];
        let hours = hour_options(economy.labor_max);
        let mut members: Vec<Member> = workers
            .iter_mut()
            .filter(|(_, g, ..)| g.0 as usize == group)
            .map(|(id, _, wage, biography, labor)| Member {
                id: id.0,
                wage: wage.0,
                persona: biography.map(|biography| &biography.0),
                labor,
            })
            .collect();
        members.sort_unstable_by_key(|member| member.id);
        class.begin(&hours, &members);
        if desk.clock.is_first_of_year() {
            class.taught.clear();
            if year <= class.teaching.years {
                let place = (group as u64, u64::from(year));
                let asked = Year {
                    in_force: &schedule.0,
                    others: other_schedules(&rules, class.teaching.schedules, seed, place),
                    objective: &objective,
                };
                if let Err(error) = class.ask(economy, &hours, &asked, &members, &mut desk) {
                    let context = format!("step {step}, asking about workers");
                    desk.failure.raise(error.context(context));
                    return;
                }
            }
        }
        let class = &*class;
        members.par_iter_mut().for_each(|member| {
            let p = class.distribution(economy, &schedule.0, &hours, member);
            let uniform = streams.at(u64::from(member.id), u64::from(step)).random();
            member.labor.0 = chosen(&p, &hours, class.teaching.rule, uniform);
        });
    }
}

fn teach(
    clock: Res<Clock>,
    seed: Res<Seed>,
    mut classes: ResMut<Classes>,
    mut notes: ResMut<Notes>,
    mut failure: ResMut<Failure>,
) {
    let year = clock.year();
    for class in classes.0.iter_mut().flatten() {
        if year > class.teaching.years {
            continue;
        }
        let (student, report) = match distil(&class.lessons, class.teaching.ridge, HELD_OUT, seed.0)
        {
            Ok(found) => found,
            Err(error) => {
                let context = format!("the student of group {}", class.teaching.group);
                failure.raise(error.context(context));
                return;
            }
        };
        let told = format!(
            "group {}, tax year {year}: a student of model `{}` was fitted to {} distributions over hours of {} workers",
            class.teaching.group,
            class.teaching.asking.model,
            class.lessons.len(),
            class.sample.len()
        );
        notes.add(match report {
            Some(r) => format!(
                "{told}; on {} of workers held out KL(model‖student) is {:.4} nats, where one who knows only the mean distribution has {:.4}; mean hours {:.2} by the student, {:.2} by the model; ridge {}",
                r.held_out, r.kl, r.kl_of_mean, r.hours_student, r.hours_teacher, r.ridge
            ),
            None => format!("{told}, too few to hold any out"),
        });
        class.student = Some(student);
    }
}

/// Hours of [`Distilled`] workers.
#[derive(Clone, Debug)]
pub struct DistilledWorkersPlugin {
    /// One entry per `[[workers]]` group; `None` where it is not taught.
    pub teaching: Vec<Option<Teaching>>,
}

impl Plugin for DistilledWorkersPlugin {
    fn build(&self, app: &mut App) {
        let class = |teaching: &Teaching| Class {
            teaching: teaching.clone(),
            sample: Vec::new(),
            lessons: Lessons::default(),
            taught: HashMap::new(),
            mean: Vec::new(),
            student: None,
        };
        let classes = self.teaching.iter().map(|t| t.as_ref().map(class));
        app.insert_resource(Classes(classes.collect()))
            .add_systems(
                Step,
                // Groups are disjoint, but the scheduler cannot know it.
                choose
                    .in_set(Decide::Given)
                    .after(super::workers::keep_fixed_hours)
                    .after(super::language::ask_workers)
                    .before(super::habits::Habits),
            )
            .add_systems(
                Step,
                teach
                    .run_if(end_of_tax_year)
                    .in_set(Phase::Learn)
                    .before(super::learning::Learn::Observe),
            );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::choice::logit_probabilities;
    use crate::fiscal::laws;
    use crate::population::{Person, PersonaSource, PopulationSpec, WagePrior, draw};

    fn people(count: usize, seed: u64) -> Vec<Person> {
        let spec = PopulationSpec {
            personas: PersonaSource::Census,
            ..PopulationSpec::new(count, WagePrior::Census)
        };
        draw(&spec, 52.0, seed).unwrap()
    }

    /// A logit worker as teacher, asked about 200 census workers under one law and four other schedules:
    /// the student's mean hours and its elasticity, under taxes that it never saw and for other workers,
    /// are the teacher's. One law alone does not teach the elasticity, as everything in it goes with the
    /// wage.
    #[test]
    fn a_logit_teacher_is_reproduced() {
        let economy = Economy::default();
        let hours = hour_options(economy.labor_max);
        let teacher = |schedule: &TaxSchedule, wage: f64| {
            logit_probabilities(&economy, schedule, wage, 0.0, 6_000.0, &hours)
        };
        let law = laws::find("us-2024").unwrap();
        let mut rng = Streams::new(1, "schedules").at(0, 0);
        let others = latin_hypercube(law.brackets(), 4, &mut rng).into_iter();
        let others = others.map(|rates| TaxSchedule::of_checked(law.edges().to_vec(), rates));
        let schedules: Vec<TaxSchedule> = std::iter::once(law.clone()).chain(others).collect();
        let taught = |schedules: &[TaxSchedule]| {
            let mut lessons = Lessons::new(hours.clone());
            for schedule in schedules {
                for person in people(200, 1) {
                    lessons.push(
                        person.id,
                        facts(&economy, schedule, person.wage, person.persona.as_deref()),
                        attributes(&economy, schedule, person.wage, &hours),
                        teacher(schedule, person.wage),
                    );
                }
            }
            let (student, report) = distil(&lessons, Some(1e-3), HELD_OUT, 1).unwrap();
            (student, report.unwrap())
        };
        let fresh = people(2_000, 2);
        let mean = |schedule: &TaxSchedule, student: Option<&Student>| {
            let one = |person: &Person| {
                let p = match student {
                    Some(student) => student.probabilities(
                        &facts(&economy, schedule, person.wage, person.persona.as_deref()),
                        &attributes(&economy, schedule, person.wage, &hours),
                    ),
                    None => teacher(schedule, person.wage),
                };
                chosen(&p, &hours, ChoiceRule::Mean, 0.0)
            };
            fresh.iter().map(one).sum::<f64>() / fresh.len() as f64
        };
        let measured = |student: Option<&Student>| {
            let [low, high] = [0.15, 0.35].map(|rate| TaxSchedule::flat(rate).unwrap());
            let (low, high) = (mean(&low, student), mean(&high, student));
            [
                mean(law, student),
                high,
                (high / low).ln() / (0.65f64 / 0.85).ln(),
            ]
        };
        let truth = measured(None);
        let (student, report) = taught(&schedules);
        let found = measured(Some(&student));
        assert!(report.kl < 1e-6 && report.kl_of_mean > 0.5, "{report:?}");
        assert!((found[0] - truth[0]).abs() < 1e-3, "{found:?} {truth:?}");
        assert!((found[1] - truth[1]).abs() < 1e-3, "{found:?} {truth:?}");
        assert!((found[2] - truth[2]).abs() < 1e-4, "{found:?} {truth:?}");
        let (student, report) = taught(&schedules[..1]);
        let found = measured(Some(&student));
        assert!(report.kl < 1e-3, "{report:?}");
        assert!((found[0] - truth[0]).abs() < 0.1, "{found:?} {truth:?}");
        assert!((found[2] - truth[2]).abs() > 0.1, "{found:?} {truth:?}");
    }

    /// Under a flat tax of 25 % the kept share is 0.75 and the average rate 0.25, at any wage; the
    /// persona's facts in their places.
    #[test]
    fn facts_by_hand() {
        let economy = Economy::default();
        let schedule = TaxSchedule::flat(0.25).unwrap();
        let persona = Persona {
            soc: "29-1141".into(),
            sex: Sex::Female,
            age: 40,
            education: Education::Bachelor,
            usual_hours: 36,
            family: "married, 2 children under 18".into(),
            ..Persona::default()
        };
        let e = std::f64::consts::E;
        let row = facts(&economy, &schedule, e, Some(&persona));
        assert_eq!(row.len(), FACTS);
        let expected = [1.0, 1.0, 0.75, 0.25, 0.75, 0.25, 4.0, 16.0, 1.0];
        for (found, expected) in row.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{row:?}");
        }
        assert_eq!(row[9..17], [0.0, 0.0, 1.0, 0.0, 3.6, 1.0, 1.0, 1.0]);
        assert_eq!(row[17..].iter().sum::<f64>(), 1.0);
        assert_eq!(row[17 + 9], 1.0);
        assert_eq!(facts(&economy, &schedule, e, None)[6..], [0.0; FACTS - 6]);
        // 52 · 10 · 20 less a quarter: 7,800 $.
        let seen = attributes(&economy, &schedule, 20.0, &[0.0, 10.0]);
        let expected = [0.0, 0.0, 0.78, 8.8f64.ln()];
        for (found, expected) in seen.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{seen:?}");
        }
    }
}
