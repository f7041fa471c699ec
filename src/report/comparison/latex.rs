//! The comparison as a LaTeX table (booktabs).

use super::text::{MISSING, Places, p_value, signed};
use super::{Arm, Comparison, Group};
use crate::report::number::{grouped, percent};
use crate::statistics::{Interval, Settled};

/// Columns of the table.
const COLUMNS: usize = 9;

impl Comparison {
    /// A `tabular` with `booktabs` rules, to be put into a `table` of the author's: a block per group,
    /// arms with n, mean, difference, both intervals, percent of the attainable gain, and Holm's p.
    /// Warnings stand above it as comments. Needs `\usepackage{booktabs}`.
    pub fn latex(&self) -> String {
        let level = escaped(&percent(self.settings.level)).replace("\\%", "\\,\\%");
        let mut out = format!(
            "% {}: {}, mean over {}; paired differences over seeds\n",
            comment(&self.name),
            comment(&self.outcome),
            self.over.in_words()
        );
        if let Some(law) = &self.law {
            out += &format!("% gain: that of optimal over {}\n", comment(law));
        }
        for warning in &self.warnings {
            out += &format!("% * {}\n", comment(warning));
        }
        out += "\\begin{tabular}{lrrrccccr}\n\\toprule\n";
        out += &format!(
            "Arm & $n$ & Mean & Difference & {level} CI ($t$) & {level} CI (bootstrap) & \\% of gain & \
             {level} CI & $p$ (Holm) \\\\\n\\midrule\n"
        );
        for (number, group) in self.groups.iter().enumerate() {
            if number > 0 {
                out += "\\addlinespace\n";
            }
            out += &format!(
                "\\multicolumn{{{COLUMNS}}}{{l}}{{\\emph{{{}}}}} \\\\\n",
                escaped(&title(group))
            );
            for arm in &group.arms {
                out += &row(group, arm);
            }
        }
        out += "\\bottomrule\n";
        if self.groups.iter().flat_map(|group| &group.arms).any(moving) {
            out += &format!(
                "\\multicolumn{{{COLUMNS}}}{{l}}{{\\footnotesize {MARK} Not settled: the outcome still moves \
                 within the last third of the tax years, or moved from the middle third to it.}} \\\\\n"
            );
        }
        for group in &self.groups {
            for arm in group.arms.iter().filter(|arm| group.lacks_seeds(arm)) {
                let Some((against, reference)) = arm.against.as_ref().zip(group.reference.as_ref())
                else {
                    continue;
                };
                let paired = &against.paired;
                let mean = math(&grouped(paired.reference_mean, Places::of(group).0));
                let label = match group.label() {
                    label if label.is_empty() => String::new(),
                    label => format!(" ({})", escaped(&label)),
                };
                out += &format!(
                    "\\multicolumn{{{COLUMNS}}}{{l}}{{\\footnotesize {FEWER} {}{label}: {} of {} seeds, over which the \
                     mean of {} is {mean}.}} \\\\\n",
                    escaped(&arm.arm),
                    paired.difference.n,
                    group.seeds,
                    escaped(reference),
                );
            }
        }
        out + "\\end{tabular}\n"
    }
}

/// Behind the number of seeds of an arm that has fewer than the reference.
const FEWER: &str = "$^{\\ast}$";

/// Behind an arm whose level depends on the length of the run.
const MARK: &str = "$^{\\dagger}$";

/// Whether an arm still moves.
fn moving(arm: &Arm) -> bool {
    arm.settling
        .is_some_and(|settling| settling.settled == Settled::No)
}

/// What a block is about.
fn title(group: &Group) -> String {
    let mut parts = Vec::new();
    if !group.values.is_empty() {
        parts.push(group.label());
    }
    if !group.unit.is_empty() {
        parts.push(group.unit.clone());
    }
    match &group.reference {
        Some(reference) => parts.push(format!("differences from {reference}")),
        None => parts.push("no reference".to_owned()),
    }
    parts.join("; ")
}

fn row(group: &Group, arm: &Arm) -> String {
    let places = Places::of(group);
    let missing = || "--".to_owned();
    let interval = |interval: Option<Interval>, places: Places| {
        interval.map_or_else(missing, |i| math(&places.interval(i)))
    };
    let (n, mean) = group.row_mean(arm);
    let fewer = if group.lacks_seeds(arm) { FEWER } else { "" };
    let mark = if moving(arm) { MARK } else { "" };
    let mut cells = vec![
        escaped(&arm.arm) + mark,
        format!("{n}{fewer}"),
        mean.map_or_else(missing, |mean| math(&grouped(mean, places.0))),
    ];
    match &arm.against {
        None => cells.extend(std::iter::repeat_n(missing(), COLUMNS - 3)),
        Some(against) => {
            let difference = &against.paired.difference;
            let p = p_value(against.p_holm);
            let share = against.share;
            cells.extend([
                math(&signed(difference.mean, places.0)),
                interval(difference.t, places),
                interval(difference.bootstrap, places),
                share.map_or_else(missing, |s| math(&signed(100.0 * s.share, 1))),
                interval(
                    share.and_then(|s| s.interval).map(|i| i.scaled(100.0)),
                    Places(1),
                ),
                if p == MISSING {
                    missing()
                } else {
                    format!("${p}$")
                },
            ]);
        }
    }
    cells.join(" & ") + " \\\\\n"
}

/// A number or interval in math mode, with commas that are no punctuation.
pub(in crate::report) fn math(text: &str) -> String {
    let mut out = String::from("$");
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            // Between digits a comma separates thousands; before a space, the ends of an interval.
            ',' if characters.peek().is_some_and(char::is_ascii_digit) => out += "{,}",
            ',' | ';' => {
                out.push(c);
                out += "\\;";
            }
            ' ' => {}
            c => out.push(c),
        }
    }
    out + "$"
}

/// Text for LaTeX, which would read some characters as commands.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            '\\' => out += "\\textbackslash{}",
            '<' => out += "\\textless{}",
            '>' => out += "\\textgreater{}",
            '"' => out += "\\textquotedbl{}",
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Text in one line, for a comment.
pub(in crate::report) fn comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_numbers_for_latex() {
        assert_eq!(
            escaped(r"a_b & 5 % {x} ~^\"),
            r"a\_b \& 5 \% \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{}"
        );
        assert_eq!(math("-1,234.5"), "$-1{,}234.5$");
        assert_eq!(math("[-1,234; 2,000]"), "$[-1{,}234;\\;2{,}000]$");
        assert_eq!(math("[-1.5, 2.0]"), "$[-1.5,\\;2.0]$");
    }
}
