//! How well a preference model foretells judgements that it was not fitted to.

use super::{Judgements, PreferenceModel};

/// Bins of [`Evaluation::calibration`].
pub const BINS: usize = 10;

/// Report on held-out comparisons. Every mean is weighted by the comparisons' weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// How many have a weight above 0; without any, all that follows is 0.
    pub comparisons: usize,
    /// [`effective_number`] of them.
    pub effective: f64,
    /// Mean of −y·ln P − (1−y)·ln(1−P), nats; ln 2 = 0.693 of a model that knows nothing.
    pub log_loss: f64,
    /// The least log-loss that any model could have where outcomes are soft: their own entropy;
    /// 0 where all are 0 or 1.
    pub entropy: f64,
    /// Share whose preferred item has P > ½ (P = ½ counts half). Outcomes of ½ are not counted; ½
    /// where all are.
    pub accuracy: f64,
    /// Mean of (P − y)² (Brier 1950).
    pub brier: f64,
    /// Expected calibration error (Naeini et al. 2015): Σ over [`BINS`] bins of P of the bin's share
    /// times |mean P − mean y|. Each comparison enters with its preferred side and the other.
    pub calibration_error: f64,
    /// By bin of P: share of comparisons, mean P, mean y.
    pub calibration: Vec<[f64; 3]>,
}

/// Evaluates a fitted model on comparisons.
pub fn evaluate(model: &dyn PreferenceModel, held_out: &Judgements) -> Evaluation {
    let counted = || held_out.comparisons.iter().filter(|c| c.weight > 0.0);
    let mut report = Evaluation {
        comparisons: counted().count(),
        effective: effective_number(counted().map(|c| c.weight)),
        ..Evaluation::default()
    };
    if report.comparisons == 0 {
        return report;
    }
    let mut bins = vec![[0.0; 3]; BINS];
    let (mut total, mut decided) = (0.0, 0.0);
    for c in counted() {
        let (a, b) = (held_out.items.row(c.a), held_out.items.row(c.b));
        // 1 − P would be 0 beyond 37 logits.
        let (p, q) = (model.prob(a, b, c.view()), model.prob(b, a, c.view()));
        let (y, w) = (c.outcome, c.weight);
        // A model that is sure and wrong has an infinite loss; rounding alone must not make one.
        let log = |p: f64| p.max(1e-300).ln();
        let entropy_of = |q: f64| if q > 0.0 { -q * q.ln() } else { 0.0 };
        total += w;
        report.log_loss -= w * (y * log(p) + (1.0 - y) * log(q));
        report.entropy += w * (entropy_of(y) + entropy_of(1.0 - y));
        report.brier += w * (p - y).powi(2);
        if y != 0.5 {
            decided += w;
            report.accuracy += w * match (p > 0.5, p < 0.5) {
                (false, false) => 0.5,
                (high, _) => f64::from(u8::from(high == (y > 0.5))),
            };
        }
        for (p, y) in [(p, y), (q, 1.0 - y)] {
            let bin = ((p * BINS as f64) as usize).min(BINS - 1);
            for (sum, value) in bins[bin].iter_mut().zip([1.0, p, y]) {
                *sum += w * value;
            }
        }
    }
    for sum in [&mut report.log_loss, &mut report.entropy, &mut report.brier] {
        *sum /= total;
    }
    report.accuracy = match decided > 0.0 {
        true => report.accuracy / decided,
        false => 0.5,
    };
    for [share, p, y] in &mut bins {
        if *share > 0.0 {
            (*p, *y) = (*p / *share, *y / *share);
        }
        *share /= 2.0 * total;
        report.calibration_error += *share * (*p - *y).abs();
    }
    report.calibration = bins;
    report
}

/// (Σw)²/Σw²: how many of equal weight tell as much as these do (Kish 1965); 0 without a weight above
/// 0.
pub fn effective_number(weights: impl Iterator<Item = f64>) -> f64 {
    let (sum, squares) = weights.fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    if squares > 0.0 {
        sum * sum / squares
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::logistic;
    use crate::preferences::{Comparison, Items, View};

    /// P(a ≻ b) = ½ + x_a − x_b below a difference of ½, else logistic.
    #[derive(Clone, Debug)]
    struct Given;

    impl PreferenceModel for Given {
        fn fit(&mut self, _: &Judgements, _: u64) -> crate::Result<()> {
            Ok(())
        }
        fn prob(&self, a: &[f64], b: &[f64], _: View) -> f64 {
            match a[0] - b[0] {
                x if x.abs() < 0.5 => 0.5 + x,
                x => logistic(x),
            }
        }
        fn score(&self, _: &[f64], _: View) -> Option<f64> {
            None
        }
        fn pools_raters(&self) -> bool {
            true
        }
        fn boxed(&self) -> Box<dyn PreferenceModel> {
            Box::new(self.clone())
        }
    }

    /// Worked by hand: P = 0.8 and right, P = 0.6 and wrong, P = 0.8 of a tie.
    #[test]
    fn three_comparisons_by_hand() {
        let items = Items::new(vec!["x".into()], vec![0.3, 0.0, 0.1]).unwrap();
        let comparisons = vec![
            Comparison::new(0, 1, 1.0),
            Comparison::new(2, 1, 0.0),
            Comparison::new(0, 1, 0.5),
        ];
        let data = Judgements::of_comparisons(items, comparisons).unwrap();
        let report = evaluate(&Given, &data);
        let log_loss = -(0.8f64.ln() + 0.4f64.ln() + 0.5 * (0.8f64.ln() + 0.2f64.ln())) / 3.0;
        assert!((report.log_loss - log_loss).abs() < 1e-12);
        assert!((report.entropy - 2f64.ln() / 3.0).abs() < 1e-12);
        assert!((report.accuracy - 0.5).abs() < 1e-12);
        assert!((report.brier - (0.04 + 0.36 + 0.09) / 3.0).abs() < 1e-12);
        // Bins 0.8 (twice: y 1 and ½) and 0.6 (y 0), and their mirror images.
        let expected = 2.0 / 6.0 * (2.0 * (0.8f64 - 0.75).abs() + 0.6);
        assert!(
            (report.calibration_error - expected).abs() < 1e-12,
            "{report:?}"
        );
        assert_eq!((report.comparisons, report.effective), (3, 3.0));
    }

    /// Weights 1, 1 and 2 are as good as 16/6 equal ones. A model that is sure and wrong loses its logits,
    /// however many; ties decide nothing, and a weight of 0 counts for nothing.
    #[test]
    fn weights_ties_and_certainty() {
        let items = Items::new(vec!["x".into()], vec![0.0, 50.0, 0.1]).unwrap();
        let of = |list: &[(u32, u32, f64, f64)]| {
            let comparison = |&(a, b, outcome, weight): &(u32, u32, f64, f64)| Comparison {
                weight,
                ..Comparison::new(a, b, outcome)
            };
            let comparisons = list.iter().map(comparison).collect();
            evaluate(
                &Given,
                &Judgements::of_comparisons(items.clone(), comparisons).unwrap(),
            )
        };
        let uneven = of(&[(0, 2, 1.0, 1.0), (0, 2, 0.0, 1.0), (0, 2, 0.0, 2.0)]);
        assert!((uneven.effective - 16.0 / 6.0).abs() < 1e-12);
        let wrong = of(&[(1, 0, 0.0, 1.0)]);
        assert!((wrong.log_loss - 50.0).abs() < 1e-9, "{}", wrong.log_loss);
        assert_eq!(of(&[(0, 2, 0.5, 1.0)]).accuracy, 0.5);
        assert_eq!(of(&[(0, 2, 1.0, 0.0)]), Evaluation::default());
    }
}
