//! A vote among several schedules.

use super::{Survey, Told};
use crate::error::Result;
use crate::preferences::spoken::{BallotScale, of_ballot};
use crate::random::Streams;
use crate::world::asking::Desk;
use crate::world::elections::ballots::{BallotsBy, cast};
use crate::world::elections::candidates::Candidate;
use crate::world::learning::RecordedComparison;
use rand::seq::index::sample;

/// In each poll all workers vote on the same `candidates` schedules, drawn from the year's list.
pub(super) fn ask(
    by: &BallotsBy,
    candidates: usize,
    polls: usize,
    survey: &Survey,
    desk: &mut Desk,
) -> Result<Told> {
    let scale = match by {
        BallotsBy::Utility => BallotScale::Utility,
        BallotsBy::Language(asking) if asking.by_choice => BallotScale::Probability,
        BallotsBy::Language(_) => BallotScale::Named,
    };
    let streams = Streams::new(desk.seed.0, "polls");
    let mut told = Told::default();
    let (mut votes, mut absent) = (0usize, 0usize);
    for poll in 0..polls {
        let mut rng = streams.at(u64::from(survey.year), poll as u64);
        let count = candidates.min(survey.pool.len());
        let standing: Vec<usize> = sample(&mut rng, survey.pool.len(), count).into_vec();
        let list: Vec<Candidate> = (standing.iter())
            .map(|&k| Candidate {
                worker: None,
                platform: survey.pool[k].0.clone(),
                rewritten: None,
                statement: None,
            })
            .collect();
        let people = || survey.people.clone();
        let ballots = cast(by, &list, survey.citizens, people, survey.current, desk)?;
        for (worker, ballot) in ballots.iter().enumerate() {
            let Some(ballot) = ballot else {
                absent += 1;
                continue;
            };
            let group = Some(votes as u32);
            votes += 1;
            for (i, j, outcome, weight) in of_ballot(ballot, scale) {
                told.comparisons.push(RecordedComparison {
                    weight,
                    group,
                    ..survey.comparison(worker, [standing[i], standing[j]], outcome)
                });
            }
        }
    }
    told.note = format!(
        "{votes} ballots in {polls} polls made {} comparisons; {absent} were not cast",
        told.comparisons.len()
    );
    Ok(told)
}
