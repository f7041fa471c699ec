//! What a worker is confronted with: a wage, a schedule, and a way of saying it.

use crate::fiscal::Schedule;
use crate::llm::{Message, Role};
use crate::population::Persona;

/// Paraphrases of the worker's prompt that come with fisc: `audit-1.j2`, ….
pub const PARAPHRASES: usize = 5;

/// How the same situation is put into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wording {
    /// As in a run.
    Plain,
    /// The same words once more.
    Again,
    /// Amounts in a currency and a country that do not exist.
    Renamed,
    /// Brackets printed from the highest to the lowest, in the words of the first paraphrase.
    BracketsReversed,
    /// A sentence that has nothing to do with the choice.
    Irrelevant,
    /// All amounts in cents.
    Cents,
    /// Options listed from the last to the first.
    OptionsReversed,
    /// Options listed in a mixed order.
    OptionsMixed,
    /// A hint that taxes make people work less.
    SuggestsLess,
    /// A hint that taxes make people work more.
    SuggestsMore,
    /// Other words for the same, 1 to [`PARAPHRASES`].
    Paraphrase(usize),
    /// Without the sentences that say how hours should depend on pay.
    WithoutAdvice,
}

impl Wording {
    /// Name in tables.
    pub fn name(self) -> String {
        match self {
            Wording::Plain => "plain".into(),
            Wording::Again => "asked again".into(),
            Wording::Renamed => "country and currency renamed".into(),
            Wording::BracketsReversed => "brackets in reverse order".into(),
            Wording::Irrelevant => "irrelevant sentence".into(),
            Wording::Cents => "all amounts in cents".into(),
            Wording::OptionsReversed => "options in reverse order".into(),
            Wording::OptionsMixed => "options in mixed order".into(),
            Wording::SuggestsLess => "\"higher taxes … work less\"".into(),
            Wording::SuggestsMore => "\"higher taxes … work more\"".into(),
            Wording::Paraphrase(number) => format!("paraphrase {number}"),
            Wording::WithoutAdvice => "without advice".into(),
        }
    }

    /// The template that says it.
    pub fn template(self) -> String {
        match self {
            Wording::Paraphrase(number) => format!("audit-{number}.j2"),
            Wording::BracketsReversed => "audit-1.j2".into(),
            Wording::WithoutAdvice => "audit-bare.j2".into(),
            _ => "worker.j2".into(),
        }
    }

    /// What it is compared with.
    pub fn control(self) -> Wording {
        match self {
            Wording::BracketsReversed => Wording::Paraphrase(1),
            _ => Wording::Plain,
        }
    }

    /// Order of `count` options.
    pub fn order(self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        match self {
            Wording::OptionsReversed => order.reverse(),
            // Multiplying by a number without a common divisor mixes and repeats nothing.
            Wording::OptionsMixed => {
                let coprime = |step: &usize| {
                    (1..=count)
                        .filter(|d| step.is_multiple_of(*d) && count.is_multiple_of(*d))
                        .count()
                        == 1
                };
                let step = (count / 2 + 1..).find(coprime).unwrap_or(1);
                order = (0..count).map(|i| (count / 3 + i * step) % count).collect();
            }
            _ => {}
        }
        order
    }

    /// Rewrites rendered messages.
    pub fn applied(self, messages: Vec<Message>) -> Vec<Message> {
        let before = match self {
            Wording::Renamed => "You live in Arvenia, where people are paid in florins. ",
            Wording::Cents => "All amounts are in cents. ",
            Wording::Irrelevant => {
                "The town hall of the place where you live was painted last spring. "
            }
            Wording::SuggestsLess => "Higher taxes mean that you may want to work less. ",
            Wording::SuggestsMore => "Higher taxes mean that you may want to work more. ",
            _ => return messages,
        };
        let last = messages.iter().rposition(|m| m.role == Role::User);
        let rewritten = messages.into_iter().enumerate();
        rewritten
            .map(|(i, mut message)| {
                message.content = match self {
                    Wording::Renamed => {
                        with_amounts(&message.content, |amount| format!("{amount} florins"))
                    }
                    Wording::Cents => with_amounts(&message.content, in_cents),
                    _ => message.content,
                };
                if Some(i) == last {
                    message.content.insert_str(0, before);
                }
                message
            })
            .collect()
    }
}

/// Every `$12,345.67` replaced by what `say` makes of `12,345.67`.
fn with_amounts(text: &str, say: impl Fn(&str) -> String) -> String {
    let mut parts = text.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let bytes = part.as_bytes();
        let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
        let mut end = 0;
        // A comma or point belongs to the number only between digits.
        while digit(end)
            || (end > 0 && matches!(bytes.get(end), Some(b',' | b'.')) && digit(end + 1))
        {
            end += 1;
        }
        if end == 0 {
            out.push('$');
        } else {
            out.push_str(&say(&part[..end]));
        }
        out.push_str(&part[end..]);
    }
    out
}

/// `12,345.67` dollars as `1,234,567 cents`.
fn in_cents(amount: &str) -> String {
    let plain: String = amount.chars().filter(|c| *c != ',').collect();
    let (whole, parts) = plain.split_once('.').unwrap_or((&plain, ""));
    let cents: String = parts.chars().chain("00".chars()).take(2).collect();
    let all = format!("{whole}{cents}");
    let all = match all.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let mut grouped = String::new();
    for (i, digit) in all.chars().enumerate() {
        if i > 0 && (all.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} cents")
}

/// A situation in which hours are to be chosen.
#[derive(Clone, Debug)]
pub struct Stimulus<'a> {
    /// Id of the worker.
    pub worker: u32,
    /// $/hour.
    pub wage: f64,
    /// The tax in force.
    pub schedule: Schedule,
    /// Who is asked.
    pub persona: Option<&'a Persona>,
    /// How it is said.
    pub wording: Wording,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_found_and_said_otherwise() {
        let text = "Wage $38.50, to $11,600, 7.25 or $5. Pay $ in $1,000,000.";
        assert_eq!(
            with_amounts(text, in_cents),
            "Wage 3,850 cents, to 1,160,000 cents, 7.25 or 500 cents. Pay $ in 100,000,000 cents."
        );
        assert_eq!(with_amounts("none", in_cents), "none");
        assert_eq!(in_cents("0.05"), "5 cents");
        assert_eq!(in_cents("0"), "0 cents");
    }

    #[test]
    fn orders_hold_every_option_once() {
        for count in 1..15 {
            for wording in [
                Wording::Plain,
                Wording::OptionsReversed,
                Wording::OptionsMixed,
            ] {
                let mut order = wording.order(count);
                order.sort_unstable();
                assert_eq!(order, (0..count).collect::<Vec<_>>());
            }
        }
        assert_eq!(Wording::OptionsReversed.order(3), [2, 1, 0]);
        assert_ne!(Wording::OptionsMixed.order(11), Wording::Plain.order(11));
    }

    #[test]
    fn sentences_stand_before_the_users_message() {
        let said = |role, content: &str| Message {
            role,
            content: content.into(),
        };
        let messages = vec![
            said(Role::System, "Tax to $100: 10 %."),
            said(Role::User, "Wage $7.25?"),
        ];
        let renamed = Wording::Renamed.applied(messages.clone());
        assert_eq!(renamed[0].content, "Tax to 100 florins: 10 %.");
        assert_eq!(
            renamed[1].content,
            "You live in Arvenia, where people are paid in florins. Wage 7.25 florins?"
        );
        assert_eq!(Wording::Plain.applied(messages.clone()), messages);
    }
}
