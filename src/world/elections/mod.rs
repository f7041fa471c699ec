//! Elections: candidates stand, workers vote, a rule decides, the winner's platform becomes law.
//!
//! In [`Phase::Vote`], in the first step of every tax year in which there is an election. The
//! schedule of the year before stands while the votes are cast.
//!
//! | module | subject |
//! |---|---|
//! | [`candidates`] | who stands, and with which platform |
//! | [`civil`] | their sentences in a civil tone |
//! | [`ballots`] | how workers compare the platforms |

pub mod ballots;
pub mod candidates;
pub mod civil;

use super::asking::{Asking, Desk};
use super::language::bracket_texts;
use super::planners::TaxRules;
use super::planners::language::parse_rates;
use super::record::Years;
use super::{Clock, CurrentSchedule, Notes, Phase, Step};
use crate::error::{Error, Result};
use crate::fiscal::Schedule as TaxSchedule;
use crate::random::Streams;
use crate::voting::{Ballots, Election, Rule, elect};
use ballots::{BallotsBy, Citizens};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use candidates::{Candidate, Candidates};

/// Elections and who plans after them.
#[derive(Resource, Clone, Debug)]
pub struct Elections {
    /// Tax years from one election to the next, at least 1; the first is held in year 1.
    pub every: u32,
    /// Who stands.
    pub candidates: Candidates,
    /// How workers vote.
    pub ballots: BallotsBy,
    /// How votes become a winner.
    pub rule: Rule,
    /// The model that the winner asks for rates; `None` enacts the winner's platform.
    pub leader: Option<Asking>,
}

/// The worker who was elected, if one rules.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leader(pub Option<u32>);

/// An election as it is recorded.
#[derive(Clone, Debug)]
pub struct Held {
    /// Tax year, from 1.
    pub year: u32,
    /// How it was decided.
    pub rule: Rule,
    /// Who stood.
    pub candidates: Vec<Candidate>,
    /// Utility of each platform for each worker, in order of id; `None` where it abstained.
    pub ballots: Vec<Option<Vec<f64>>>,
    /// The outcome; `None` where nobody voted.
    pub election: Option<Election>,
    /// The candidate who beats every other one, if there is one and ballots rank candidates.
    pub condorcet_winner: Option<usize>,
}

/// What the ruling worker promised.
#[derive(Resource, Clone, Debug, Default)]
struct Mandate(Option<TaxSchedule>);

/// All elections so far.
#[derive(Resource, Clone, Debug, Default)]
pub struct HeldElections(pub Vec<Held>);

/// Run condition: an election is due.
fn is_due(clock: Res<Clock>, elections: Res<Elections>) -> bool {
    (clock.year() - 1).is_multiple_of(elections.every)
}

#[expect(
    clippy::too_many_arguments,
    reason = "a system says all that it touches"
)]
fn hold(
    elections: Res<Elections>,
    rules: Res<TaxRules>,
    citizens: Citizens,
    mut desk: Desk,
    mut schedule: ResMut<CurrentSchedule>,
    mut leader: ResMut<Leader>,
    mut mandate: ResMut<Mandate>,
    mut held: ResMut<HeldElections>,
    mut notes: ResMut<Notes>,
) {
    if desk.clock.step == 1 {
        schedule.0 = rules.initial.clone();
    }
    match vote(&elections, &rules, &citizens, &schedule.0, &mut desk) {
        Ok(election) => {
            let winner = election.election.as_ref().map(|e| e.winner);
            match winner.map(|winner| &election.candidates[winner]) {
                Some(winner) => {
                    schedule.0 = winner.platform.clone();
                    leader.0 = winner.worker;
                    mandate.0 = Some(winner.platform.clone());
                }
                None => notes.add(
                    "in some elections nobody stood or nobody voted; the rates stayed as they were",
                ),
            }
            held.0.push(election);
        }
        Err(error) => {
            let context = format!("year {}, holding an election", desk.clock.year());
            desk.failure.raise(error.context(context));
        }
    }
}

fn vote(
    elections: &Elections,
    rules: &TaxRules,
    citizens: &Citizens,
    current: &TaxSchedule,
    desk: &mut Desk,
) -> Result<Held> {
    let candidates = candidates::stand(&elections.candidates, rules, citizens, current, desk)?;
    let ballots = match candidates.is_empty() {
        true => Vec::new(),
        false => {
            let people = || citizens.people(current);
            ballots::cast(
                &elections.ballots,
                &candidates,
                citizens,
                people,
                current,
                desk,
            )?
        }
    };
    let (election, condorcet_winner) = if candidates.is_empty() {
        (None, None)
    } else {
        let cast = Ballots::new(candidates.len(), &ballots)?;
        let mut lots = Streams::new(desk.seed.0, "election").at(0, u64::from(desk.clock.step));
        let election = elect(&cast, elections.rule, &mut lots);
        let condorcet_winner = match cast.present() {
            0 => None,
            _ if elections.ballots.name_one() => None,
            _ => cast.pairwise().condorcet_winner(),
        };
        (election, condorcet_winner)
    };
    Ok(Held {
        year: desk.clock.year(),
        rule: elections.rule,
        candidates,
        ballots,
        election,
        condorcet_winner,
    })
}

/// The elected worker asks its model for the rates that are best for itself. Without a valid answer
/// its platform stands.
#[expect(
    clippy::too_many_arguments,
    reason = "a system says all that it touches"
)]
fn lead(
    elections: Res<Elections>,
    rules: Res<TaxRules>,
    leader: Res<Leader>,
    mandate: Res<Mandate>,
    years: Res<Years>,
    citizens: Citizens,
    mut desk: Desk,
    mut schedule: ResMut<CurrentSchedule>,
) {
    let (Some(asking), Some(worker)) = (&elections.leader, leader.0) else {
        return;
    };
    let promised = mandate.0.as_ref().unwrap_or(&rules.initial);
    let context = candidates::LeaderPrompt {
        brackets: bracket_texts(&rules.initial),
        platform: candidates::percents(promised),
        person: citizens.people(&rules.initial)[worker as usize].clone(),
        years: candidates::past(&years.0),
    };
    let brackets = rules.initial.brackets();
    let edges = rules.initial.edges();
    let asked = desk
        .prompts
        .0
        .render("leader.j2", &context)
        .and_then(|messages| {
            let question = candidates::rates_question(worker, messages, asking, brackets);
            desk.ask(asking, "rates", &[question], |_, answer, decision| {
                let rates = parse_rates(candidates::text(answer)?, brackets)?;
                let next = TaxSchedule::of_checked(edges.to_vec(), rates);
                decision.schedule = Some(next.to_string());
                let noted = next.to_string();
                Ok((next, noted))
            })
        });
    match asked {
        Ok(mut next) => {
            schedule.0 = next.pop().flatten().unwrap_or_else(|| promised.clone());
        }
        Err(error) => {
            let context = format!("year {}, asking the leader", desk.clock.year());
            desk.failure.raise(error.context(context));
        }
    }
}

/// Renders the prompts of an election once, so that a broken template is found before a run begins.
///
/// # Errors
/// As [`crate::llm::Prompts::render`].
pub fn check_prompts(prompts: &crate::llm::Prompts, schedule: &TaxSchedule) -> Result<()> {
    candidates::check_prompts(prompts, schedule)?;
    civil::check_prompts(prompts)?;
    ballots::check_prompt(prompts, schedule)
}

impl Plugin for Elections {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.clone())
            .init_resource::<Mandate>()
            .add_systems(
                Step,
                hold.run_if(is_due)
                    .run_if(super::unfailed)
                    .in_set(Phase::Vote),
            )
            .add_systems(Step, lead.run_if(super::unfailed).in_set(Phase::Plan));
    }
}

/// Most candidates times workers of one election.
pub const BALLOTS_MAX: usize = 20_000_000;

/// An error where an election of so many would not fit into memory.
///
/// # Errors
/// More than [`BALLOTS_MAX`].
pub fn check_size(candidates: &Candidates, workers: usize, elections: u64) -> Result<()> {
    let standing = candidates.most(workers);
    let ballots = standing as u64 * workers as u64 * elections;
    if ballots > BALLOTS_MAX as u64 {
        return Err(Error::input("`voting.candidates`: too many ballots to record")
            .value(format!(
                "{standing} candidates × {workers} workers × {elections} elections"
            ))
            .allowed(format!(
                "at most {BALLOTS_MAX} in product: fewer candidates (`random`), or elections less often (`every`)"
            )));
    }
    Ok(())
}
