//! Candidates' sentences in a civil tone: the model rewrites each several times, judges the tone, and the
//! best by [`crate::voting::civil`] goes to the voters.

use super::candidates::{Candidate, STATEMENT_MAX, text};
use crate::error::Result;
use crate::llm::{Prompts, Readout};
use crate::voting::civil::{best, content_kept, tone};
use crate::world::asking::{Asking, Desk, Question};
use serde::Serialize;

/// What the request for a rewrite may show.
#[derive(Clone, Debug, Serialize)]
pub struct CivilPrompt<'a> {
    /// What the candidate said.
    pub statement: &'a str,
}

/// What the question for the tone may show.
#[derive(Clone, Debug, Serialize)]
pub struct TonePrompt<'a> {
    /// A sentence.
    pub statement: &'a str,
    /// The admissible answers, in the order in which they are named.
    pub options: [&'a str; 2],
}

/// Answers on the tone.
pub const TONES: [&str; 2] = ["civil", "rude"];

/// What became of a sentence that was rewritten.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewritten {
    /// What the candidate said first.
    pub original: String,
    /// Its tone, 0 to 1.
    pub original_score: f64,
    /// Content kept times tone of what goes to the voters, 0 to 1; of the original where no rewrite beats
    /// it.
    pub score: f64,
}

/// A rewrite as it was answered, on one line without the quotes around it.
fn bare(text: &str) -> Result<String, String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_matches(['"', '“', '”']).trim();
    match line.is_empty() {
        true => Err("an empty sentence".into()),
        false => Ok(line.to_owned()),
    }
}

/// Has the statements of `candidates` rewritten `rewrites` times each and puts the best in their places.
///
/// # Errors
/// As [`Desk::ask`].
pub(super) fn rewrite(
    asking: &Asking,
    rewrites: u32,
    candidates: &mut [Candidate],
    desk: &mut Desk,
) -> Result<()> {
    let said: Vec<(usize, u32, String)> = (0..)
        .zip(candidates.iter())
        .filter_map(|(at, c)| Some((at, c.worker?, c.statement.clone()?)))
        .collect();
    let drawn = said
        .iter()
        .flat_map(|one| (0..rewrites).map(move |draw| (one, draw)));
    let questions = drawn
        .map(|((_, worker, statement), draw)| {
            Ok(Question {
                draw,
                worker: *worker,
                messages: (desk.prompts.0).render("civil.j2", CivilPrompt { statement })?,
                readout: Readout::Sample {
                    grammar: format!("root ::= [^\\n\\r]{{1,{STATEMENT_MAX}}}"),
                    max_tokens: asking.max_tokens,
                    temperature: asking.temperature,
                    top_p: asking.top_p,
                },
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let answers = desk.ask(asking, "rewrite", &questions, |_, answer, _| {
        let rewrite = bare(text(answer)?)?;
        Ok((rewrite, "a rewrite".to_owned()))
    })?;
    // Of each candidate the sentence itself, then the different rewrites that keep what it promises.
    let mut heard: Vec<(usize, String, f64)> = Vec::new();
    for (k, (_, _, statement)) in said.iter().enumerate() {
        heard.push((k, statement.clone(), 1.0));
        let first = heard.len() - 1;
        let own = k * rewrites as usize..(k + 1) * rewrites as usize;
        for rewrite in answers[own].iter().flatten() {
            let content = content_kept(statement, rewrite);
            let new = heard[first..].iter().all(|(_, text, _)| text != rewrite);
            if new && content > 0.0 {
                heard.push((k, rewrite.clone(), content));
            }
        }
    }
    let asked_in = |order: [&'static str; 2]| order.map(str::to_owned).to_vec();
    let orders = [TONES, [TONES[1], TONES[0]]];
    let questions = heard
        .iter()
        .flat_map(|one| orders.map(|order| (one, order)))
        .map(|((k, statement, _), options)| {
            let context = TonePrompt { statement, options };
            Ok(Question {
                draw: 0,
                worker: said[*k].1,
                messages: desk.prompts.0.render("tone.j2", context)?,
                readout: asking.one_of(&asked_in(options)),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let civil = desk.ask(asking, "tone", &questions, |i, answer, decision| {
        let order = i % 2;
        let p = asking.probabilities(answer, &asked_in(orders[order]))?[order];
        decision.civil = Some(p);
        Ok((p, format!("civil with probability {p}")))
    })?;
    let tones: Vec<Option<f64>> = (heard.iter().zip(civil.chunks(2)))
        .map(|((_, statement, _), p)| match *p {
            [Some(a), Some(b)] => Some(tone(0.5 * (a + b), statement)),
            _ => None,
        })
        .collect();
    for (k, (at, _, original)) in said.into_iter().enumerate() {
        let own: Vec<usize> = (0..heard.len()).filter(|&i| heard[i].0 == k).collect();
        // Without a tone to compare with, the sentence stays.
        let Some(original_score) = tones[own[0]] else {
            continue;
        };
        let scored = |i: &usize| (heard[*i].2, tones[*i].unwrap_or(f64::NAN));
        let rewrites: Vec<(f64, f64)> = own[1..].iter().map(scored).collect();
        let taken = best(original_score, &rewrites);
        let candidate = &mut candidates[at];
        if let Some(taken) = taken {
            candidate.statement = Some(heard[own[1 + taken]].1.clone());
        }
        candidate.rewritten = Some(Rewritten {
            original,
            original_score,
            score: taken.map_or(original_score, |i| rewrites[i].0 * rewrites[i].1),
        });
    }
    Ok(())
}

/// Renders both prompts once, so that a broken template is found before a run begins.
///
/// # Errors
/// As [`Prompts::render`].
pub(super) fn check_prompts(prompts: &Prompts) -> Result<()> {
    let statement = "Fair shares for all.";
    prompts.render("civil.j2", CivilPrompt { statement })?;
    let context = TonePrompt {
        statement,
        options: TONES,
    };
    prompts.render("tone.j2", context).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewrite_is_one_bare_line() {
        assert_eq!(bare(" \"A fair\n law.\" ").unwrap(), "A fair law.");
        for text in ["", " \n", "\"\"", "“ ”"] {
            assert!(bare(text).is_err(), "{text}");
        }
    }
}
