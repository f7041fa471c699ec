//! The values of a key along an axis: each on its own, or, where there are many, in bins of equal counts.

use super::super::super::number::grouped;
use super::super::groups::Groups;
use super::super::study::Level;

/// Most values that stand on their own.
pub const MOST: usize = 12;

/// One place of an axis.
pub struct Bin {
    /// In words: the value, or the range.
    pub label: String,
    /// The value, the mean of a bin's values, or the place among texts from 0.
    pub x: f64,
    /// The groups with these values.
    pub groups: Vec<usize>,
}

/// The places of an axis.
pub struct Bins {
    /// In ascending order.
    pub bins: Vec<Bin>,
    /// Whether a bin holds several values.
    pub binned: bool,
    /// Whether the values are numbers.
    pub numbers: bool,
}

/// The places of the key `k` (an index into the values of groups) among the groups `which`; more than
/// [`MOST`] numbers are put into `count` bins.
pub fn bins(groups: &Groups, k: usize, which: &[usize], count: usize) -> Bins {
    let mut levels: Vec<(Level, Vec<usize>)> = Vec::new();
    for &g in which {
        let level = &groups.groups[g].values[k];
        match levels.iter_mut().find(|(known, _)| known == level) {
            Some((_, members)) => members.push(g),
            None => levels.push((level.clone(), vec![g])),
        }
    }
    let numbers = levels.iter().all(|(level, _)| level.number().is_some());
    if numbers {
        levels.sort_by(|a, b| a.0.order(&b.0));
    }
    if !numbers || levels.len() <= MOST {
        let one = |(i, (level, members)): (usize, (Level, Vec<usize>))| Bin {
            label: level.shown(),
            x: level.number().unwrap_or(i as f64),
            groups: members,
        };
        return Bins {
            bins: levels.into_iter().enumerate().map(one).collect(),
            binned: false,
            numbers,
        };
    }
    let total = levels.len();
    let bins = (0..count).map(|b| {
        let part = &levels[b * total / count..(b + 1) * total / count];
        let values: Vec<f64> = part
            .iter()
            .filter_map(|(level, _)| level.number())
            .collect();
        let (low, high) = (values[0], values[values.len() - 1]);
        Bin {
            label: range(low, high),
            x: values.iter().sum::<f64>() / values.len() as f64,
            groups: part
                .iter()
                .flat_map(|(_, members)| members.clone())
                .collect(),
        }
    });
    Bins {
        bins: bins.collect(),
        binned: true,
        numbers,
    }
}

/// `2–2.7`; `−1 to 2` where a dash could be taken for a sign.
fn range(low: f64, high: f64) -> String {
    let between = if low < 0.0 { " to " } else { "\u{2013}" };
    format!("{}{between}{}", short(low), short(high))
}

/// About three digits.
fn short(value: f64) -> String {
    let decimals = if value == 0.0 {
        0
    } else {
        (2 - value.abs().log10().floor() as i32).clamp(0, 6)
    };
    let text = grouped(value, decimals as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn three_digits() {
        assert_eq!(short(0.0012345), "0.00123");
        assert_eq!(short(2.5), "2.5");
        assert_eq!(short(12_345.6), "12,346");
        assert_eq!(short(0.0), "0");
    }
}
