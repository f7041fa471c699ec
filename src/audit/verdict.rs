//! Findings of an audit in plain words.

use super::estimate::Estimate;
use super::stimulus::Wording;
use super::{Effect, Elasticity, GroupAudit, Kind};
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

/// `0.400 (0.399 to 0.401)`.
pub fn with_interval(estimate: &Estimate, decimals: usize) -> String {
    // Rounding must not leave a minus without a number.
    let shown = |x: f64| {
        let text = format!("{x:.decimals$}");
        match text
            .trim_start_matches('-')
            .trim_matches(['0', '.'])
            .is_empty()
        {
            true => text.trim_start_matches('-').to_owned(),
            false => text,
        }
    };
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
        all.extend(find("total").map(|total| response(total, what)));
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
        all.push(verdict(
            treatment,
            Grade::Note,
            format!("The real reform changes hours by {}.", in_hours(hours)),
        ));
    }
    let size = reform.and_then(|effect| effect.size).unwrap_or(0.0);
    for effect in audit.effects.iter().filter(|e| e.kind != Kind::Reform) {
        all.push(judged(effect, size, reform));
    }
    all.extend(quality(audit));
    all.push(power(audit));
    all
}

fn response(total: &Elasticity, what: &str) -> Verdict {
    let about = format!("elasticity of hours, {what}");
    let Some(estimate) = &total.estimate else {
        return verdict(
            &about,
            Grade::Caution,
            "Not defined: too few answers between no hours and the limit of hours.".to_owned(),
        );
    };
    let share = total.negative.unwrap_or(0.0);
    let signs = if share > 0.0 {
        format!(
            " {:.0} % of the workers respond with the wrong sign.",
            100.0 * share
        )
    } else {
        String::new()
    };
    let (grade, words) = if estimate.value.abs() < NONE && !estimate.excludes_zero() {
        (Grade::Note, "hours do not respond at all".to_owned())
    } else if estimate.high.is_some_and(|high| high < 0.0) {
        (Grade::Bad, "hours respond with the wrong sign".to_owned())
    } else if !estimate.excludes_zero() {
        (
            Grade::Caution,
            "no response that can be told from none".to_owned(),
        )
    } else if share > 0.1 {
        (
            Grade::Caution,
            "hours respond with the right sign on average, but not everybody's do".to_owned(),
        )
    } else {
        (Grade::Good, "hours respond with the right sign".to_owned())
    };
    verdict(
        &about,
        grade,
        format!("{}: {words}.{signs}", with_interval(estimate, 3)),
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
fn judged(effect: &Effect, reform_size: f64, reform: Option<&Effect>) -> Verdict {
    let about = effect.treatment.as_str();
    let (Some(hours), Some(size)) = (&effect.hours, effect.size) else {
        return verdict(
            about,
            Grade::Caution,
            "No valid answers to compare.".to_owned(),
        );
    };
    if size < NONE {
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
    let share = if reform_size > NONE {
        size / reform_size
    } else {
        f64::INFINITY
    };
    let compared = if share.is_finite() {
        format!(
            "a worker's hours move by {size:.2} on average, {:.0} % of what the real reform moves them",
            100.0 * share
        )
    } else {
        format!(
            "a worker's hours move by {size:.2} on average, and the real reform does not move them"
        )
    };
    let mut words = format!("{}; {compared}.", in_hours(hours));
    let grade = if share < TOLERATED {
        Grade::Good
    } else if share < 0.5 && !hours.excludes_zero() {
        Grade::Caution
    } else {
        Grade::Bad
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
        (Kind::Advice, Grade::Bad) => " The response is in part the prompt's own.",
        _ => "",
    };
    words.push_str(said);
    if let (
        Some(here),
        Some(Effect {
            hours: Some(plain), ..
        }),
    ) = (&effect.reform, reform)
    {
        words.push_str(&format!(
            " In these words the real reform changes hours by {}.",
            in_hours(here)
        ));
        let told_apart = here.excludes_zero() && plain.excludes_zero();
        if here.value * plain.value < 0.0 && told_apart {
            words.push_str(" That is the opposite direction.");
        }
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
                "The model gives the admissible answers {} % of its probability ({} % at the worst); the rest it would rather say something else.",
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
                if tens > 0.5 { Grade::Caution } else { Grade::Note },
                format!(
                    "Of those that are, {:.0} % are multiples of 10 and {:.0} % of 5 hours; by chance it would be 11 % and 21 % of 0 to 100.",
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
            "Drawn hours vary by {:.1} around a worker's mean (standard deviation, hours per week), workers' means by {:.1}; the mean of 100 workers varies by {:.2} over seeds. With one draw each under two schedules, {} workers (times seeds) show the real reform's effect and {} an effect of one hour, with power 80 % at the 5 % level.",
            power.within,
            power.between,
            power.mean_of_100,
            needed(power.for_reform),
            needed(power.for_one_hour)
        ),
    )
}
