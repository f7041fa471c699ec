//! Latin hypercubes.

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::random::Streams;

/// A Latin hypercube: `points` rows with one number in [0, 1) for each of `dimensions`.
///
/// Each dimension is cut into as many strata of equal width as there are points, and each stratum
/// holds one point, uniform within it. A dimension's numbers depend on `seed`, `points` and its
/// name alone, so that a further dimension leaves the others as they were.
///
/// Source: McKay, Beckman and Conover (1979), Technometrics 21(2), section 2.1.
pub fn latin_hypercube(points: usize, dimensions: &[&str], seed: u64) -> Vec<Vec<f64>> {
    let mut rows = vec![Vec::with_capacity(dimensions.len()); points];
    for name in dimensions {
        let mut rng = Streams::new(seed, &format!("latin hypercube {name}")).at(0, 0);
        let mut strata: Vec<usize> = (0..points).collect();
        strata.shuffle(&mut rng);
        for (row, stratum) in rows.iter_mut().zip(strata) {
            let within: f64 = rng.random();
            let u = (stratum as f64 + within) / points as f64;
            // Rounding may carry a number into the next stratum.
            let end = (stratum + 1) as f64 / points as f64;
            row.push(if u < end { u } else { end.next_down() });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_stratum_of_each_dimension_holds_one_point(
            points in 1usize..300, dimensions in 1usize..6, seed: u64,
        ) {
            let names = &["a", "b", "c", "d", "e", "f"][..dimensions];
            let rows = latin_hypercube(points, names, seed);
            prop_assert_eq!(rows.len(), points);
            for dimension in 0..dimensions {
                let mut strata = vec![0; points];
                for row in &rows {
                    prop_assert!((0.0..1.0).contains(&row[dimension]));
                    // The stratum by comparison with its edges, not by multiplication.
                    let edge = |k: usize| k as f64 / points as f64;
                    let inside = |&k: &usize| edge(k) <= row[dimension] && row[dimension] < edge(k + 1);
                    strata[(0..points).find(inside).unwrap()] += 1;
                }
                prop_assert!(strata.iter().all(|&count| count == 1), "{:?}", strata);
            }
        }
    }

    #[test]
    fn a_further_dimension_leaves_the_others_as_they_were() {
        let two = latin_hypercube(16, &["a", "b"], 3);
        let three = latin_hypercube(16, &["c", "a", "b"], 3);
        for (two, three) in two.iter().zip(&three) {
            assert_eq!(two[..], three[1..]);
        }
        assert_ne!(two, latin_hypercube(16, &["a", "b"], 4));
        assert!(two.iter().any(|row| row[0] != row[1]));
    }

    /// Strata make the mean of a monotone function far less noisy than independent draws do: for
    /// f(u) = u the variance of the mean is 1/(12 n³), against 1/(12 n) (McKay et al., section 2.2).
    #[test]
    fn the_mean_is_as_exact_as_theory_says() {
        let (points, repetitions) = (20usize, 4000);
        let n = points as f64;
        let squares: f64 = (0..repetitions)
            .map(|seed| {
                let rows = latin_hypercube(points, &["x"], seed);
                (rows.iter().map(|row| row[0]).sum::<f64>() / n - 0.5).powi(2)
            })
            .sum();
        let variance = squares / repetitions as f64;
        let theory = 1.0 / (12.0 * n.powi(3));
        // Five standard errors of a variance of 4000 nearly normal draws: 5·√(2/4000) = 11 %.
        assert!(
            (variance / theory - 1.0).abs() < 0.12,
            "{variance} {theory}"
        );
    }
}
