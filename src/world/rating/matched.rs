//! The same vote, of a worker and of somebody else in its place: preference pairs without raters.

use super::{Survey, Told};
use crate::error::Result;
use crate::fiscal::choice::at_quantile;
use crate::random::Streams;
use crate::world::asking::{Asking, Desk, Question};
use crate::world::elections::ballots::BallotPrompt;
use rand::RngExt;
use rand::seq::index::sample;

/// The model answers twice which of some schedules it votes for: as a worker, and as another worker
/// drawn by lot (another persona, wage and past). Where the answers differ, the worker's own is taken
/// to be better for it than the other's: a comparison that nobody judged (pairs by contrast of prompts:
/// Yang et al. 2024, "RLCD", arXiv 2307.12950).
///
/// Both answers are drawn from the model's two distributions with the same uniform number, so that they
/// differ by the person and not by the draw.
pub(super) fn ask(
    asking: &Asking,
    candidates: usize,
    survey: &Survey,
    desk: &mut Desk,
) -> Result<Told> {
    let count = candidates.min(survey.pool.len());
    let workers = survey.people.len();
    let options: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
    let readout = asking.one_of(&options);
    let streams = Streams::new(desk.seed.0, "matched pairs");
    let mut pairs = Vec::new();
    let mut questions = Vec::new();
    let asked = if workers < 2 { 0 } else { survey.comparisons };
    for pair in 0..asked {
        let mut rng = streams.at(u64::from(survey.year), pair as u64);
        let worker = rng.random_range(0..workers);
        let other = (worker + rng.random_range(1..workers)) % workers;
        let standing = sample(&mut rng, survey.pool.len(), count).into_vec();
        for person in [worker, other] {
            let platforms = standing.iter().map(|&k| (&survey.pool[k].0, None));
            let person = survey.people[person].clone();
            let context = BallotPrompt::new(person, survey.current, platforms, &options);
            questions.push(Question {
                draw: 0,
                worker: worker as u32,
                messages: desk.prompts.0.render("ballot.j2", &context)?,
                readout: readout.clone(),
            });
        }
        pairs.push((worker, standing, rng.random::<f64>()));
    }
    let drawn = desk.ask(asking, "vote", &questions, |i, answer, decision| {
        let p = asking.probabilities(answer, &options)?;
        let vote = at_quantile(&p, pairs[i / 2].2);
        decision.vote = Some(vote as u32 + 1);
        Ok((vote, format!("candidate {}", vote + 1)))
    })?;
    let mut told = Told::default();
    let mut valid = 0;
    for ((worker, standing, _), votes) in pairs.iter().zip(drawn.chunks(2)) {
        let [Some(own), Some(other)] = *votes else {
            continue;
        };
        valid += 1;
        if own != other {
            let found = survey.comparison(*worker, [standing[own], standing[other]], 1.0);
            told.comparisons.push(found);
        }
    }
    told.note = format!(
        "{valid} of {asked} pairs of a worker and somebody else were answered; {} times they voted \
         differently, which makes a comparison",
        told.comparisons.len()
    );
    Ok(told)
}
