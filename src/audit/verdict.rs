//! Findings of an audit in plain words.

use super::estimate::Estimate;
use super::stimulus::Wording;
use super::{Effect, Elasticity, GroupAudit, Kind, NO_RESPONSE};
use serde::{Deserialize, Serialize};

/// How a finding speaks for the agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Good,
    /// Cannot be told, or small.
    Caution,
    /// Not credible in this respect.
    Bad,
    /// Neither good nor bad.
    Note,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What it is about.
    pub about: String,
    /// How it speaks for the agents.
    pub grade: Grade,
    /// In plain words.
    pub words: String,
}

/// Change below which there is none, hours per week.
const NONE: f64 = 1e-9;
/// Share of the real reform's effect that a change without meaning may have.
const TOLERATED: f64 = 0.1;

fn verdict(about: &str, grade: Grade, words: String) -> Verdict {
    Verdict {
        about: about.to_owned(),
        grade,
        words,
    }
}

/// `−1.25 hours (−2.00 to −0.50)`.
pub fn in_hours(estimate: &Estimate) -> String {
    format!("{} hours per week", with_interval(estimate, 2))
}

/// So many decimals; rounding leaves no minus without a number.
fn shown(x: f64, decimals: usize) -> String {
    let text = format!("{x:.decimals$}");
    let digits = text.trim_start_matches('-');
    match digits.chars().all(|c| c == '0' || c == '.') {
        true => digits.to_owned(),
        false => text,
    }
}

/// `0.400 (0.399 to 0.401)`.
pub fn with_interval(estimate: &Estimate, decimals: usize) -> String {
    let shown = |x: f64| shown(x, decimals);
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!(
            "{} (95 % interval {} to {})",
            shown(estimate.value),
            shown(low),
            shown(high)
        ),
        _ => shown(estimate.value),
    }
}

/// All findings on a group.
pub fn verdicts(audit: &GroupAudit) -> Vec<Verdict> {
    let mut all = Vec::new();
    for (of, what) in [("own wage", "wage"), ("net-of-tax rate", "net-of-tax rate")] {
        let find = |margin: &str| {
            audit
                .elasticities
                .iter()
                .find(|e| e.of == of && e.margin == margin)
        };
        all.extend(find("total").map(|total| response(total, what, audit)));
        all.extend(find("intensive").and_then(|e| margin(e, what)));
        all.extend(find("extensive").and_then(|e| margin(e, what)));
    }
    let reform = audit.effects.iter().find(|e| e.kind == Kind::Reform);
    if let Some(Effect {
        hours: Some(hours),
        treatment,
        ..
    }) = reform
    {
        all.push(reformed(treatment, hours, audit.rational_reform));
    }
    for effect in audit.effects.iter().filter(|e| e.kind != Kind::Reform) {
        all.push(judged(effect, audit, reform));
    }
    all.extend(quality(audit));
    all.push(power(audit));
    if !audit.reads {
        let untouched = all.iter_mut().filter(|v| v.grade == Grade::Good);
        for verdict in untouched
            .filter(|v| !v.about.starts_with("elasticity") && !v.about.starts_with("all rates"))
        {
            verdict.words = "No effect: it reads no prompt.".to_owned();
        }
    }
    if audit.workers < FEW {
        all.insert(
            0,
            verdict(
                "sample",
                Grade::Caution,
                format!(
                    "Only {} of {FEW} workers that an audit should have: intervals say little.",
                    audit.workers
                ),
            ),
        );
    }
    all
}

/// Fewer workers than this are too few.
const FEW: usize = 8;

/// The real reform, beside what it brings rational workers.
fn reformed(treatment: &str, hours: &Estimate, rational: Option<f64>) -> Verdict {
    let yardstick = rational.unwrap_or(0.0);
    let (grade, words) = if hours.value.abs() < NONE {
        (Grade::Caution, "It moves nobody.")
    } else if !hours.excludes_zero() {
        (
            Grade::Caution,
            "On average that cannot be told from none; below, changes are compared with the mean size of what it does to single workers.",
        )
    } else if hours.value * yardstick < 0.0 {
        (
            Grade::Bad,
            "That is the other direction than rational workers'.",
        )
    } else {
        (Grade::Good, "")
    };
    let compared = format!(
        "The real reform changes hours by {}, those of rational workers by {}. {words}",
        in_hours(hours),
        shown(yardstick, 2)
    );
    verdict(treatment, grade, compared.trim_end().to_owned())
}

fn response(total: &Elasticity, what: &str, audit: &GroupAudit) -> Verdict {
    let about = format!("elasticity of hours, {what}");
    let Some(estimate) = &total.estimate else {
        return verdict(
            &about,
            Grade::Caution,
            "Not defined: too few answers between no hours and the limit of hours.".to_owned(),
        );
    };
    let mut left_out = String::new();
    if estimate.workers < audit.workers {
        left_out += &format!(
            " From {} of {} workers, the only ones with enough answers between the limits.",
            estimate.workers, audit.workers
        );
    }
    if audit.at_zero > 0.0 {
        left_out += &format!(
            " In {:.0} % of the grid nobody works at all: these answers are left out, and responses of participation understated.",
            100.0 * audit.at_zero
        );
    }
    let yardstick = total.rational.unwrap_or(0.0);
    let share = total.wrong_sign.unwrap_or(0.0);
    let signs = if share > 0.0 {
        format!(
            " {:.0} % of the workers respond in the other direction than rational ones.",
            100.0 * share
        )
    } else {
        String::new()
    };
    let responds = estimate.value.abs() > NO_RESPONSE;
    let with = estimate.value * yardstick > 0.0;
    let (grade, words) = if audit.at_zero > 0.0 {
        (Grade::Caution, "not to be relied on")
    } else if !responds {
        (Grade::Caution, "hours do not respond at all")
    } else if estimate.low.is_none() {
        (Grade::Caution, "one worker, so no interval")
    } else if !estimate.excludes_zero() {
        (Grade::Caution, "no response that can be told from none")
    } else if !with {
        (
            Grade::Bad,
            "hours respond in the other direction than rational workers'",
        )
    } else if share > 0.1 {
        (
            Grade::Caution,
            "hours respond in the right direction on average, but not everybody's do",
        )
    } else {
        (Grade::Good, "hours respond in the right direction")
    };
    verdict(
        &about,
        grade,
        format!(
            "{}; rational workers with these wages {}: {words}.{signs}{left_out}",
            with_interval(estimate, 3),
            shown(yardstick, 3)
        ),
    )
}

fn margin(elasticity: &Elasticity, what: &str) -> Option<Verdict> {
    let estimate = elasticity.estimate.as_ref()?;
    let of = match elasticity.margin.as_str() {
        "intensive" => "Of hours of those who work",
        _ => "Of the share who work",
    };
    Some(verdict(
        &format!("{} margin, {what}", elasticity.margin),
        Grade::Note,
        format!("{of}: {}.", with_interval(estimate, 3)),
    ))
}

/// A change that should not matter, beside the real reform.
fn judged(effect: &Effect, audit: &GroupAudit, reform: Option<&Effect>) -> Verdict {
    let about = effect.treatment.as_str();
    let (Some(hours), Some(size)) = (&effect.hours, effect.size) else {
        return verdict(
            about,
            Grade::Caution,
            "No valid answers to compare.".to_owned(),
        );
    };
    // The response itself: does the reform do something else in these words?
    let response = effect.reform_change.as_ref();
    let responds = response.is_some_and(|change| change.value.abs() > NONE);
    if size < NONE && !responds {
        let words = match effect.kind {
            Kind::Suggestion => "The hint moves nobody.",
            Kind::Advice => "The advice in the prompt moves nobody.",
            _ if effect.treatment == Wording::Again.name() => {
                "The same answer again, as it must be where probabilities are exact."
            }
            _ => "No effect on anybody.",
        };
        return verdict(about, Grade::Good, words.to_owned());
    }
    // Noise of draws adds up in the mean of |change|, not in the mean of change.
    let (moved, scale) = match (audit.exact, reform) {
        (true, Some(reform)) => (size, reform.size.unwrap_or(0.0)),
        (false, Some(reform)) => (
            hours.value.abs(),
            reform.hours.as_ref().map_or(0.0, |hours| hours.value.abs()),
        ),
        (_, None) => (size, 0.0),
    };
    let share = if scale > NONE {
        moved / scale
    } else {
        f64::INFINITY
    };
    let compared = if share.is_finite() {
        format!(
            "{} {moved:.2}, {:.0} % of what the real reform does",
            if audit.exact {
                "a worker's hours move on average by"
            } else {
                "the mean moves by"
            },
            100.0 * share
        )
    } else {
        format!(
            "a worker's hours move by {size:.2} on average, and the real reform does not move them"
        )
    };
    let mut words = format!("{}; {compared}.", in_hours(hours));
    let plain = reform.and_then(|reform| reform.hours.as_ref());
    let other_response = response.is_some_and(|change| {
        let scale = plain.map_or(0.0, |plain| plain.value.abs());
        change.excludes_zero() && change.value.abs() > 0.5 * scale
    });
    let grade = if share < TOLERATED && !other_response {
        Grade::Good
    } else if other_response || (share >= 0.5 && audit.exact) || hours.excludes_zero() {
        Grade::Bad
    } else {
        Grade::Caution
    };
    let said = match (effect.kind, grade) {
        (Kind::Placebo, Grade::Bad) => {
            " It should not matter, and does: do not trust differences of this size."
        }
        (Kind::Paraphrase, Grade::Bad) => " Results depend on the words of the prompt.",
        (Kind::Suggestion, Grade::Bad) if follows(effect, hours) => {
            " The answer follows what it is told to be."
        }
        (Kind::Suggestion, Grade::Bad) => {
            " The hint moves the answer, though not as it says: the answer depends on words that are not facts."
        }
        (Kind::Advice, Grade::Bad) if other_response => {
            " The response to taxes is in part the prompt's own."
        }
        (Kind::Advice, Grade::Bad) => " The level of hours is in part the prompt's own.",
        _ => "",
    };
    words.push_str(said);
    if let (Some(here), Some(change)) = (&effect.reform, response) {
        words.push_str(&format!(
            " In these words the real reform changes hours by {}, which differs by {} from the plain ones.",
            in_hours(here),
            with_interval(change, 2)
        ));
    }
    verdict(about, grade, words)
}

/// Whether a hint moves hours to where it points.
fn follows(effect: &Effect, hours: &Estimate) -> bool {
    let down = effect.treatment == Wording::SuggestsLess.name();
    hours.excludes_zero() && (hours.value < 0.0) == down
}

fn quality(audit: &GroupAudit) -> Vec<Verdict> {
    let quality = &audit.quality;
    let mut all = Vec::new();
    if let (Some(mean), Some(least)) = (quality.admissible_mean, quality.admissible_least) {
        let grade = match mean {
            m if m >= 0.9 => Grade::Good,
            m if m >= 0.1 => Grade::Caution,
            _ => Grade::Bad,
        };
        all.push(verdict(
            "probability of the admissible answers",
            grade,
            format!(
                "The model gives the admissible answers {} % of its probability ({} % at the worst); with the rest it would say something else.",
                significant(100.0 * mean),
                significant(100.0 * least)
            ),
        ));
    }
    if quality.invalid > 0 {
        all.push(verdict(
            "invalid answers",
            Grade::Caution,
            format!(
                "{} of {} questions have no valid answer.",
                quality.invalid, quality.asked
            ),
        ));
    }
    if quality.written > 0 {
        let share = quality.unreadable as f64 / quality.written as f64;
        let grade = match share {
            s if s <= 0.02 => Grade::Good,
            s if s <= 0.2 => Grade::Caution,
            _ => Grade::Bad,
        };
        all.push(verdict(
            "answers without a grammar",
            grade,
            format!(
                "{} of {} are not a number of hours.",
                quality.unreadable, quality.written
            ),
        ));
        if let (Some(tens), Some(fives)) = (quality.tens, quality.fives) {
            all.push(verdict(
                "bunching at round numbers",
                Grade::Note,
                format!(
                    "Of those that are, {:.0} % are multiples of 10 and {:.0} % of 5 hours; the prompt lists multiples of 10, so this is obedience as much as bunching.",
                    100.0 * tens,
                    100.0 * fives
                ),
            ));
        }
    }
    all
}

/// `n` with commas between thousands.
fn with_commas(n: f64) -> String {
    let digits = format!("{n:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three significant digits; tiny numbers do not become 0.
fn significant(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    if x.abs() < 1e-3 {
        return format!("{x:.0e}");
    }
    let decimals = (2.0 - x.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{x:.decimals$}")
}

fn power(audit: &GroupAudit) -> Verdict {
    let power = &audit.power;
    let needed = |n: Option<f64>| n.map_or("no number of".to_owned(), with_commas);
    verdict(
        "variance and power",
        Grade::Note,
        format!(
            "Drawn hours vary by {:.1} around a worker's mean (standard deviation, hours per week), workers' means by {:.1}; the mean of 100 workers varies by {:.2} over seeds. With one draw each under two schedules, {} workers (drawn anew in each seed, if there are several) show the real reform's effect and {} an effect of one hour, with power 80 % at the 5 % level.",
            power.within,
            power.between,
            power.mean_of_100,
            needed(power.for_reform),
            needed(power.for_one_hour)
        ),
    )
}
