//! The comparison as CSV: one row per group and arm, every number in full.

use super::{Arm, Comparison, Group};
use crate::statistics::Interval;

impl Comparison {
    /// One row per group and arm; numbers in full, empty cells where there is none. The first columns
    /// are the keys of the groups, called as in the sweep's tables.
    pub fn csv(&self) -> String {
        let mut heading: Vec<String> = self.columns.iter().map(|key| field(key)).collect();
        heading.extend(COLUMNS.map(str::to_owned));
        let mut out = heading.join(",") + "\n";
        for group in &self.groups {
            for arm in &group.arms {
                let mut cells: Vec<String> =
                    group.values.iter().map(|(_, value)| field(value)).collect();
                cells.extend(self.cells(group, arm));
                out += &(cells.join(",") + "\n");
            }
        }
        out
    }

    fn cells(&self, group: &Group, arm: &Arm) -> Vec<String> {
        let against = arm.against.as_ref();
        let paired = against.map(|against| &against.paired);
        let difference = paired.map(|paired| &paired.difference);
        let share = against.and_then(|against| against.share);
        let settling = arm.settling.as_ref();
        let (n, mean) = group.row_mean(arm);
        let mut cells = vec![
            field(&group.objective),
            field(&self.outcome),
            field(&group.unit),
            field(&arm.arm),
            field(group.reference.as_deref().unwrap_or_default()),
            group.seeds.to_string(),
            number(mean),
            number(paired.map(|paired| paired.reference_mean)),
            n.to_string(),
            difference
                .map(|d| d.dropped.to_string())
                .unwrap_or_default(),
            number(difference.map(|d| d.mean)),
            number(difference.and_then(|d| d.standard_error)),
        ];
        cells.extend(ends(difference.and_then(|d| d.t)));
        cells.extend(ends(difference.and_then(|d| d.bootstrap)));
        cells.push(number(share.map(|share| share.share)));
        cells.extend(ends(share.and_then(|share| share.interval)));
        cells.extend([
            number(paired.and_then(|paired| paired.p)),
            number(paired.and_then(|paired| paired.p_sign_flip)),
            number(against.and_then(|against| against.p_holm)),
            number(paired.map(|paired| paired.higher)),
            number(paired.and_then(|paired| paired.correlation)),
            number(paired.and_then(|paired| paired.variance_ratio)),
            settling
                .map(|s| s.settled.in_words().to_owned())
                .unwrap_or_default(),
            field(&against.map(|a| self.verdict(a)).unwrap_or_default()),
            number(group.attainable.map(|gain| gain.mean)),
            field(
                group
                    .attainable
                    .and(self.law.as_deref())
                    .unwrap_or_default(),
            ),
        ]);
        cells
    }
}

const COLUMNS: [&str; 29] = [
    "objective",
    "outcome",
    "unit",
    "arm",
    "reference",
    "seeds",
    "mean",
    "reference_mean",
    "n",
    "dropped",
    "difference",
    "standard_error",
    "t_low",
    "t_high",
    "bootstrap_low",
    "bootstrap_high",
    "share_of_gain",
    "share_low",
    "share_high",
    "p",
    "p_sign_flip",
    "p_holm",
    "higher",
    "correlation",
    "variance_ratio",
    "settled",
    "verdict",
    "attainable_gain",
    "law",
];

/// The shortest text that reads back as the same number.
fn number(value: Option<f64>) -> String {
    value
        .filter(|x| x.is_finite())
        .map(|x| x.to_string())
        .unwrap_or_default()
}

fn ends(interval: Option<Interval>) -> [String; 2] {
    [
        number(interval.map(|i| i.low)),
        number(interval.map(|i| i.high)),
    ]
}

/// A text, quoted where CSV needs it.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
