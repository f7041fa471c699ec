//! Numbers as a reader sees them: thousands separators, `$40k`, tick labels.

/// `value` with `decimals` places and commas between thousands: `-1,234.5`.
///
/// The minus sign is ASCII, for output that programs may read. Not-finite values give `n/a`.
pub fn grouped(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "n/a".into();
    }
    let digits = format!("{:.*}", decimals, value.abs());
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut text = String::new();
    if value < 0.0 && digits.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        text.push('-');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Decimal places that give the largest of `values` about five significant digits (0 to 8).
pub fn decimals_for(values: impl IntoIterator<Item = f64>) -> usize {
    let largest = values
        .into_iter()
        .filter(|v| v.is_finite())
        .map(f64::abs)
        .fold(0.0, f64::max);
    if largest == 0.0 {
        return 0;
    }
    let magnitude = largest.log10().floor() as i32;
    (4 - magnitude).clamp(0, 8) as usize
}

/// The cells of a table's column, alike in notation: commas, or scientific where one value reaches 10^12.
pub fn cells(values: &[Option<f64>], decimals: usize) -> Vec<Option<String>> {
    let large = values.iter().flatten().any(|value| value.abs() >= 1e12);
    let show = |value: f64| {
        if large {
            format!("{value:.4e}")
        } else {
            grouped(value, decimals)
        }
    };
    values.iter().map(|value| value.map(show)).collect()
}

/// A short amount of money for labels: `$0`, `$850`, `$40k`, `$47,150` stays `$47k`, `$1.5M`.
pub fn short_money(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        v if v >= 999.5e6 => (value / 1e9, "B"),
        v if v >= 999.5e3 => (value / 1e6, "M"),
        v if v >= 999.5 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let tenths = (scaled.abs() * 10.0).round();
    let decimals = usize::from(!suffix.is_empty() && tenths < 100.0 && tenths % 10.0 != 0.0);
    money(scaled, decimals, suffix)
}

/// Labels for the ticks of one axis, all with the same suffix and number of decimals.
///
/// `money` puts a dollar sign in front. Thousands become `k`, millions `M` and so on as long as two
/// decimals suffice to tell the ticks apart; else the number is written out. From 10^15 on, and for steps
/// below 10^-5, the notation is scientific.
pub fn tick_labels(ticks: &[f64], is_money: bool) -> Vec<String> {
    let largest = ticks.iter().copied().map(f64::abs).fold(0.0, f64::max);
    let step = ticks
        .windows(2)
        .map(|w| (w[1] - w[0]).abs())
        .fold(f64::INFINITY, f64::min);
    if largest >= 1e15 || (step.is_finite() && step < 1e-5) || (largest > 0.0 && largest < 1e-5) {
        return ticks
            .iter()
            .map(|&t| {
                if t == 0.0 {
                    "0".into()
                } else {
                    minus(format!("{t:.3e}"))
                }
            })
            .collect();
    }
    for (divisor, suffix, from) in [
        (1e12, "T", 1e12),
        (1e9, "B", 1e9),
        (1e6, "M", 1e6),
        (1e3, "k", 1e4),
        (1.0, "", 0.0),
    ] {
        if largest < from {
            continue;
        }
        let most = if suffix.is_empty() { 7 } else { 2 };
        let exact = |decimals: &usize| {
            let unit = 10f64.powi(*decimals as i32);
            ticks.iter().all(|t| {
                let scaled = t / divisor * unit;
                (scaled - scaled.round()).abs() < 1e-6 * scaled.abs().max(1.0)
            })
        };
        let found = (0..=most).find(exact);
        if found.is_none() && !suffix.is_empty() {
            continue;
        }
        let decimals = found.unwrap_or(most);
        return ticks
            .iter()
            .map(|&t| {
                let suffix = if t == 0.0 { "" } else { suffix };
                let decimals = if t == 0.0 { 0 } else { decimals };
                if is_money {
                    money(t / divisor, decimals, suffix)
                } else {
                    minus(format!("{}{suffix}", grouped(t / divisor, decimals)))
                }
            })
            .collect();
    }
    Vec::new()
}

/// A fraction as a percentage with at most one decimal: `12%`, `3.5%`, `−2%`.
pub fn percent(fraction: f64) -> String {
    if !fraction.is_finite() {
        return "n/a".into();
    }
    let tenths = (fraction * 1000.0).round() / 10.0;
    minus(format!(
        "{}%",
        grouped(tenths, usize::from(tenths.fract() != 0.0))
    ))
}

fn money(value: f64, decimals: usize, suffix: &str) -> String {
    let text = grouped(value.abs(), decimals);
    let sign = if value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        "\u{2212}"
    } else {
        ""
    };
    format!("{sign}${text}{suffix}")
}

/// Replaces a leading ASCII minus, and the one of an exponent, by the typographic sign.
fn minus(text: String) -> String {
    text.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(grouped(1_234_567.891, 1), "1,234,567.9");
        assert_eq!(grouped(-999.6, 0), "-1,000");
        assert_eq!(grouped(-0.001, 1), "0.0");
        assert_eq!(grouped(12.0, 0), "12");
        assert_eq!(grouped(f64::NAN, 2), "n/a");
        assert_eq!(
            cells(&[Some(-1.5e18), None, Some(0.0)], 0),
            [Some("-1.5000e18".into()), None, Some("0.0000e0".into())]
        );
    }

    #[test]
    fn money_is_short() {
        let shown: Vec<_> = [
            0.0, 850.0, 1_000.0, 2_500.0, 47_150.0, 609_350.0, 1.5e6, -3_000.0,
        ]
        .map(short_money)
        .into();
        assert_eq!(
            shown,
            [
                "$0",
                "$850",
                "$1k",
                "$2.5k",
                "$47k",
                "$609k",
                "$1.5M",
                "\u{2212}$3k"
            ]
        );
    }

    #[test]
    fn ticks_share_suffix_and_decimals() {
        assert_eq!(
            tick_labels(&[0.0, 20_000.0, 40_000.0], true),
            ["$0", "$20k", "$40k"]
        );
        assert_eq!(
            tick_labels(&[41_200.1, 41_200.2], true),
            ["$41,200.1", "$41,200.2"]
        );
        assert_eq!(
            tick_labels(&[-2.5e9, -2e9], false),
            ["\u{2212}2.5B", "\u{2212}2.0B"]
        );
        assert_eq!(tick_labels(&[0.25, 0.5], false), ["0.25", "0.50"]);
        assert_eq!(tick_labels(&[2e20, 4e20], false), ["2.000e20", "4.000e20"]);
        assert_eq!(tick_labels(&[5_000.0, 10_000.0], false), ["5k", "10k"]);
        assert_eq!(tick_labels(&[2_000.0, 4_000.0], false), ["2,000", "4,000"]);
    }

    #[test]
    fn percentages_keep_one_decimal_where_needed() {
        assert_eq!(percent(0.12), "12%");
        assert_eq!(percent(0.0355), "3.6%");
        assert_eq!(percent(-0.02), "\u{2212}2%");
    }
}
