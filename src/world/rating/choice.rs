//! "A or B?", in both orders.

use super::{LawText, Survey, Told, shown};
use crate::error::Result;
use crate::population::Persona;
use crate::preferences::spoken::{BothOrders, pairs};
use crate::random::Streams;
use crate::world::asking::{Asking, Desk, Question};
use serde::Serialize;

/// Letters of the two laws, the admissible answers.
const LETTERS: [&str; 2] = ["A", "B"];

/// The admissible answers.
pub(super) fn options() -> Vec<String> {
    LETTERS.map(str::to_owned).to_vec()
}

/// What the question "A or B?" may show.
#[derive(Clone, Debug, Serialize)]
pub struct ComparePrompt<'a> {
    /// The persona, if the worker has one.
    pub persona: Option<&'a Persona>,
    /// $/hour.
    pub wage: f64,
    /// The two laws in the order of the question.
    pub laws: [LawText; 2],
    /// `own`, `society` or `rates`: `preferences.features`.
    pub shown: &'static str,
    /// The admissible answers, `A` and `B`.
    pub options: &'a [String],
}

/// Each pair is asked twice, with either law first; a comparison's outcome is
/// [`BothOrders::outcome`].
pub(super) fn ask(asking: &Asking, survey: &Survey, desk: &mut Desk) -> Result<Told> {
    let mut rng = Streams::new(desk.seed.0, "comparisons").at(0, u64::from(survey.year));
    let asked = pairs(
        survey.people.len(),
        survey.pool.len(),
        survey.comparisons,
        &mut rng,
    );
    let options = options();
    let readout = asking.one_of(&options);
    let mut questions = Vec::with_capacity(2 * asked.len());
    for &(worker, a, b) in &asked {
        for [first, second] in [[a, b], [b, a]] {
            let person = &survey.people[worker];
            let context = ComparePrompt {
                persona: person.persona,
                wage: person.wage,
                laws: [
                    survey.law(worker, first, LETTERS[0]),
                    survey.law(worker, second, LETTERS[1]),
                ],
                shown: shown(survey.features),
                options: &options,
            };
            questions.push(Question {
                draw: 0,
                worker: worker as u32,
                messages: desk.prompts.0.render("compare.j2", &context)?,
                readout: readout.clone(),
            });
        }
    }
    let mut mass = (0.0, 0u32);
    let first = desk.ask(asking, "comparison", &questions, |_, answer, decision| {
        let p = asking.probabilities(answer, &options)?;
        decision.first = Some(p[0]);
        if let Some(admissible) = decision.admissible_mass {
            mass = (mass.0 + admissible, mass.1 + 1);
        }
        Ok((p[0], format!("{} with probability {}", LETTERS[0], p[0])))
    })?;
    let mut told = Told::default();
    let (mut liking, mut disagreement) = (0.0, 0.0);
    for (&(worker, a, b), answers) in asked.iter().zip(first.chunks(2)) {
        if let [Some(a_first), Some(b_first)] = *answers {
            let both = BothOrders { a_first, b_first };
            liking += both.liking_for_first();
            disagreement += both.disagreement();
            let comparison = survey.comparison(worker, [a, b], both.outcome());
            told.comparisons.push(comparison);
        }
    }
    let valid = told.comparisons.len();
    if valid == 0 {
        told.note = format!("none of {} pairs of schedules was judged", asked.len());
        return Ok(told);
    }
    let mean = |sum: f64, count: f64| 100.0 * sum / count;
    told.note = format!(
        "{valid} of {} pairs of schedules were judged in both orders; the one named first is preferred \
         with probability {:.1} % on average (50 % without a liking for a place), and the two orders of \
         a pair differ by {:.1} points",
        asked.len(),
        50.0 + mean(liking, valid as f64),
        mean(disagreement, valid as f64)
    );
    if mass.1 > 0 {
        let share = mean(mass.0, f64::from(mass.1));
        told.note.push_str(&format!(
            "; {share:.2} % of the model's probability is on admissible answers"
        ));
    }
    Ok(told)
}
