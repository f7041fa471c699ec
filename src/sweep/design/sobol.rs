//! The sequence of Sobol (1967).

use rand::RngExt;

use crate::random::Streams;

/// Bits of a coordinate, and so 2^32 points at most.
const BITS: usize = 32;

/// Most dimensions that there are direction numbers for.
pub const DIMENSIONS_MAX: usize = DIRECTIONS.len() + 1;

/// Coefficients a of the primitive polynomial and initial numbers m (as many as its degree) of
/// dimensions 2, 3, …: Joe and Kuo (2008), SIAM Journal on Scientific Computing 30(5), file
/// `new-joe-kuo-6.21201`, chosen for good two-dimensional projections.
const DIRECTIONS: [(u32, &[u32]); 49] = [
    (0, &[1]),
    (1, &[1, 3]),
    (1, &[1, 3, 1]),
    (2, &[1, 1, 1]),
    (1, &[1, 1, 3, 3]),
    (4, &[1, 3, 5, 13]),
    (2, &[1, 1, 5, 5, 17]),
    (4, &[1, 1, 5, 5, 5]),
    (7, &[1, 1, 7, 11, 19]),
    (11, &[1, 1, 5, 1, 1]),
    (13, &[1, 1, 1, 3, 11]),
    (14, &[1, 3, 5, 5, 31]),
    (1, &[1, 3, 3, 9, 7, 49]),
    (13, &[1, 1, 1, 15, 21, 21]),
    (16, &[1, 3, 1, 13, 27, 49]),
    (19, &[1, 1, 1, 15, 7, 5]),
    (22, &[1, 3, 1, 15, 13, 25]),
    (25, &[1, 1, 5, 5, 19, 61]),
    (1, &[1, 3, 7, 11, 23, 15, 103]),
    (4, &[1, 3, 7, 13, 13, 15, 69]),
    (7, &[1, 1, 3, 13, 7, 35, 63]),
    (8, &[1, 3, 5, 9, 1, 25, 53]),
    (14, &[1, 3, 1, 13, 9, 35, 107]),
    (19, &[1, 3, 1, 5, 27, 61, 31]),
    (21, &[1, 1, 5, 11, 19, 41, 61]),
    (28, &[1, 3, 5, 3, 3, 13, 69]),
    (31, &[1, 1, 7, 13, 1, 19, 1]),
    (32, &[1, 3, 7, 5, 13, 19, 59]),
    (37, &[1, 1, 3, 9, 25, 29, 41]),
    (41, &[1, 3, 5, 13, 23, 1, 55]),
    (42, &[1, 3, 7, 3, 13, 59, 17]),
    (50, &[1, 3, 1, 3, 5, 53, 69]),
    (55, &[1, 1, 5, 5, 23, 33, 13]),
    (56, &[1, 1, 7, 7, 1, 61, 123]),
    (59, &[1, 1, 7, 9, 13, 61, 49]),
    (62, &[1, 3, 3, 5, 3, 55, 33]),
    (14, &[1, 3, 1, 15, 31, 13, 49, 245]),
    (21, &[1, 3, 5, 15, 31, 59, 63, 97]),
    (22, &[1, 3, 1, 11, 11, 11, 77, 249]),
    (38, &[1, 3, 1, 11, 27, 43, 71, 9]),
    (47, &[1, 1, 7, 15, 21, 11, 81, 45]),
    (49, &[1, 3, 7, 3, 25, 31, 65, 79]),
    (50, &[1, 3, 1, 1, 19, 11, 3, 205]),
    (52, &[1, 1, 5, 9, 19, 21, 29, 157]),
    (56, &[1, 3, 7, 11, 1, 33, 89, 185]),
    (67, &[1, 3, 3, 3, 15, 9, 79, 71]),
    (70, &[1, 3, 7, 11, 15, 39, 119, 27]),
    (84, &[1, 1, 3, 1, 11, 31, 97, 225]),
    (97, &[1, 1, 1, 3, 23, 43, 57, 177]),
];

/// The first `points` of the Sobol sequence in `dimensions` ≤ [`DIMENSIONS_MAX`], each coordinate
/// in [0, 1): the first is the origin, the second (½, …, ½).
///
/// In the order of Gray codes (Antonov and Saleev 1979). Any 2^k first points hold one in each of
/// 2^k equal strata of each dimension.
pub fn sobol(points: usize, dimensions: usize) -> Vec<Vec<f64>> {
    rows(points, &vec![0; dimensions])
}

/// The Sobol points with a digital shift: each dimension's bits are flipped where those of a
/// random number of its own, drawn from `seed` and its name, are 1. Strata stay strata, every
/// point is uniform, and none is on the edge of its range.
///
/// Source: Lemieux (2009), Monte Carlo and Quasi-Monte Carlo Sampling.
pub fn shifted(points: usize, dimensions: &[&str], seed: u64) -> Vec<Vec<f64>> {
    let shift = |name: &&str| {
        Streams::new(seed, &format!("sobol {name}"))
            .at(0, 0)
            .random()
    };
    rows(points, &dimensions.iter().map(shift).collect::<Vec<_>>())
}

/// Points whose coordinates, as 64 bits behind the point, are flipped by those of `shifts`.
fn rows(points: usize, shifts: &[u64]) -> Vec<Vec<f64>> {
    let directions: Vec<_> = (0..shifts.len()).map(directions).collect();
    (0..points)
        .map(|index| {
            let gray = index ^ (index >> 1);
            let coordinate = |(directions, shift): (&[u32; BITS], &u64)| {
                let bits = directions.iter().enumerate();
                let x = bits
                    .filter(|(bit, _)| gray >> bit & 1 == 1)
                    .fold(0, |x, (_, direction)| x ^ direction);
                let shifted = (u64::from(x) << (64 - BITS)) ^ shift;
                (shifted >> 11) as f64 / (1u64 << 53) as f64
            };
            directions.iter().zip(shifts).map(coordinate).collect()
        })
        .collect()
}

/// Direction numbers of a dimension, counted from 0, as 32 bits behind the point: Joe and Kuo's
/// equation (2), m_k = 2a₁m_{k−1} ⊕ … ⊕ 2^s m_{k−s} ⊕ m_{k−s}.
fn directions(dimension: usize) -> [u32; BITS] {
    let mut v: [u32; BITS] = std::array::from_fn(|k| 1 << (BITS - 1 - k));
    let Some(&(a, m)) = dimension.checked_sub(1).and_then(|row| DIRECTIONS.get(row)) else {
        return v;
    };
    let s = m.len();
    for (k, (v, m)) in v.iter_mut().zip(m).enumerate() {
        *v = m << (BITS - 1 - k);
    }
    for k in s..BITS {
        v[k] = v[k - s] ^ (v[k - s] >> s);
        for i in 1..s {
            if a >> (s - 1 - i) & 1 == 1 {
                v[k] ^= v[k - i];
            }
        }
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first points in three dimensions, in Gray-code order, as SciPy 1.17.1 gives them
    /// (`scipy.stats.qmc.Sobol(3, scramble=False).random(8)`).
    #[test]
    fn first_points_are_those_of_scipy() {
        let expected = [
            [0.0, 0.0, 0.0],
            [0.5, 0.5, 0.5],
            [0.75, 0.25, 0.25],
            [0.25, 0.75, 0.75],
            [0.375, 0.375, 0.625],
            [0.875, 0.875, 0.125],
            [0.625, 0.125, 0.875],
            [0.125, 0.625, 0.375],
        ];
        for (row, expected) in sobol(8, 3).iter().zip(expected) {
            assert_eq!(row[..], expected);
        }
    }

    /// `scipy.stats.qmc.Sobol(50, scramble=False, bits=32).random(1024)` of scipy 1.17.1.
    #[test]
    fn points_are_those_of_another_program() {
        let rows = sobol(1024, DIMENSIONS_MAX);
        let of = |row: usize| [0, 1, 2, 5, 19, 31, 49].map(|dimension| rows[row][dimension]);
        assert_eq!(of(5), [0.875, 0.875, 0.125, 0.625, 0.625, 0.625, 0.875]);
        let at_77 = [
            0.8359375, 0.8359375, 0.0078125, 0.5078125, 0.0078125, 0.7421875, 0.1796875,
        ];
        assert_eq!(of(77), at_77);
        let at_1000 = [
            0.2197265625,
            0.0966796875,
            0.5185546875,
            0.9072265625,
            0.7255859375,
            0.1455078125,
            0.4794921875,
        ];
        assert_eq!(of(1000), at_1000);
        // Sums over all points and dimensions, exact in doubles: a wrong bit anywhere shows.
        let neighbours = rows
            .iter()
            .flat_map(|row| row.windows(2).map(|pair| pair[0] * pair[1]));
        assert_eq!(neighbours.sum::<f64>(), 12_522.008_300_781_25);
        let weigh = |row: &Vec<f64>| (1..).zip(row).map(|(d, x)| f64::from(d) * x).sum::<f64>();
        assert_eq!(rows.iter().map(weigh).sum::<f64>(), 652_162.5);
    }

    /// The quality parameter t of a digital net in base 2 by its definition: the least t such that
    /// every elementary box of volume 2^(t−m) holds 2^t of the 2^m points.
    fn quality(rows: &[Vec<f64>], pair: [usize; 2]) -> u32 {
        let m = rows.len().ilog2();
        let fair = |t: u32| {
            (0..=m - t).all(|a| {
                let b = m - t - a;
                let mut boxes = vec![0u32; 1 << (m - t)];
                for row in rows {
                    let cell = |d: usize, bits: u32| (row[d] * f64::from(1u32 << bits)) as usize;
                    boxes[cell(pair[0], a) << b | cell(pair[1], b)] += 1;
                }
                boxes.iter().all(|&count| count == 1 << t)
            })
        };
        (0..=m).find(|&t| fair(t)).unwrap_or(m)
    }

    #[test]
    fn dimensions_are_evenly_filled_alone_and_in_pairs() {
        let names: Vec<String> = (0..DIMENSIONS_MAX).map(|d| d.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for rows in [sobol(1024, DIMENSIONS_MAX), shifted(1024, &names, 5)] {
            for dimension in 0..DIMENSIONS_MAX {
                let mut strata = vec![0; rows.len()];
                rows.iter()
                    .for_each(|row| strata[(row[dimension] * 1024.0) as usize] += 1);
                assert!(strata.iter().all(|&count| count == 1), "{dimension}");
            }
            // The first two dimensions are a (0, m, 2)-net (Sobol 1967); a pair has t ≤ the sum of
            // the degrees less 1 of its polynomials (Niederreiter 1992).
            assert_eq!(quality(&rows, [0, 1]), 0);
            let degree = |d: usize| match d {
                0 => 1,
                d => DIRECTIONS[d - 1].1.len() as u32,
            };
            for (a, b) in [(1, 2), (2, 3), (0, 6), (3, 4), (5, 7)] {
                let t = quality(&rows, [a, b]);
                assert!(t <= degree(a) + degree(b) - 2, "{a} {b}: {t}");
            }
        }
    }

    #[test]
    fn direction_numbers_are_odd_and_small_enough() {
        for (a, m) in DIRECTIONS {
            assert!(a < 1 << (m.len() - 1), "{a}");
            for (k, &m) in m.iter().enumerate() {
                assert!(m % 2 == 1 && m < 2 << k, "{m}");
            }
        }
    }

    #[test]
    fn shifts_are_of_the_name_and_the_seed() {
        let (one, other) = (shifted(64, &["a", "b"], 1), shifted(64, &["a", "b"], 2));
        assert_ne!(one, other);
        for (alone, both) in shifted(64, &["a"], 1).iter().zip(&one) {
            assert_eq!(alone[0], both[0]);
        }
        assert!(one.iter().flatten().all(|&x| 0.0 < x && x < 1.0));
        // Uniform over seeds: the mean of the first point, five standard errors.
        let seeds = 2000;
        let first = (0..seeds).map(|seed| shifted(1, &["a"], seed)[0][0]);
        let mean = first.sum::<f64>() / seeds as f64;
        assert!(
            (mean - 0.5).abs() < 5.0 * (1.0 / 12.0 / seeds as f64).sqrt(),
            "{mean}"
        );
    }
}
