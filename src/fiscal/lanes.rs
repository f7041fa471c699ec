//! Sums over long columns: in chunks of fixed size, in eight lanes, with logarithm and exponential
//! that the compiler can vectorise.
//!
//! The order of every addition is fixed by the length alone, so a sum does not depend on the
//! number of threads or on the width of the processor's vectors: a wider vector does the same
//! operations, and nothing is contracted to fused multiply-adds.
//!
//! A function marked `multiversion` is compiled for several widths of vectors and picks one when
//! it first runs. Whatever it calls must be `inline(always)` to be compiled with it.

use multiversion::multiversion;
use rayon::prelude::*;
use std::ops::Range;

/// Elements of a partial sum: a column of them fits a core's first-level cache, six the second.
pub const CHUNK: usize = 2_048;

/// Columns up to this length are handled by one thread; below it, waking others costs more.
const ONE_THREAD: usize = 8 * CHUNK;

/// `f` of each chunk of `0..length`, in order.
pub fn by_chunk<R: Send>(length: usize, f: impl Fn(Range<usize>) -> R + Sync) -> Vec<R> {
    let chunks = length.div_ceil(CHUNK);
    let chunk = |i: usize| f(i * CHUNK..((i + 1) * CHUNK).min(length));
    if length <= ONE_THREAD {
        (0..chunks).map(chunk).collect()
    } else {
        (0..chunks)
            .into_par_iter()
            .with_min_len(2)
            .map(chunk)
            .collect()
    }
}

/// Calls `f` on aligned chunks of three columns of equal length, in parallel where they are long.
pub fn zip_chunks(
    out: &mut [f64],
    a: &[f64],
    b: &[f64],
    f: impl Fn(&mut [f64], &[f64], &[f64]) + Sync,
) {
    if out.len() <= ONE_THREAD {
        f(out, a, b);
    } else {
        let chunk = 4 * CHUNK;
        out.par_chunks_mut(chunk)
            .zip(a.par_chunks(chunk))
            .zip(b.par_chunks(chunk))
            .for_each(|((out, a), b)| f(out, a, b));
    }
}

/// Fills `out` with `f` of blocks of eight elements of `columns`, all equally long. The last block
/// is filled up with ones.
#[inline(always)]
pub fn in_blocks<const N: usize>(
    columns: [&[f64]; N],
    out: &mut [f64],
    f: impl Fn([&[f64; 8]; N]) -> [f64; 8],
) {
    let parts = columns.map(|column| {
        assert_eq!(column.len(), out.len(), "columns of equal length");
        column.as_chunks::<8>()
    });
    let (blocks, rest) = out.as_chunks_mut::<8>();
    let last = parts.map(|(_, rest)| {
        let mut block = [1.0; 8];
        block[..rest.len()].copy_from_slice(rest);
        [block]
    });
    let mut last_out = [[0.0; 8]];
    // A loop of two rounds, so that `f` is called in one place and inlined there.
    for round in 0..2 {
        let (columns, out) = match round {
            0 => (parts.map(|(blocks, _)| blocks), &mut *blocks),
            _ => (last.each_ref().map(|block| &block[..]), &mut last_out[..]),
        };
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(columns.map(|column| &column[i]));
        }
    }
    rest.copy_from_slice(&last_out[0][..rest.len()]);
}

/// Σ of the lanes, pairwise.
#[inline(always)]
fn total(lanes: [f64; 8]) -> f64 {
    ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5]))
        + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]))
}

/// Σ f(a_i).
#[inline(always)]
pub fn sum(a: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let (blocks, rest) = a.as_chunks::<8>();
    for block in blocks {
        for j in 0..8 {
            lanes[j] += f(block[j]);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += f(x);
    }
    total(lanes)
}

/// Σ f(a_i, b_i) over two columns of equal length.
#[inline(always)]
pub fn sum2(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    let mut lanes = [0.0; 8];
    let (blocks_a, rest_a) = a.as_chunks::<8>();
    let (blocks_b, rest_b) = b.as_chunks::<8>();
    for (x, y) in blocks_a.iter().zip(blocks_b) {
        for j in 0..8 {
            lanes[j] += f(x[j], y[j]);
        }
    }
    for ((lane, &x), &y) in lanes.iter_mut().zip(rest_a).zip(rest_b) {
        *lane += f(x, y);
    }
    total(lanes)
}

/// Both Σ of f(a_i, b_i) over two columns of equal length.
#[inline(always)]
pub fn pair_sum2(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> (f64, f64)) -> (f64, f64) {
    debug_assert_eq!(a.len(), b.len());
    let (mut first, mut second) = ([0.0; 8], [0.0; 8]);
    let (blocks_a, rest_a) = a.as_chunks::<8>();
    let (blocks_b, rest_b) = b.as_chunks::<8>();
    for (x, y) in blocks_a.iter().zip(blocks_b) {
        for j in 0..8 {
            let (p, q) = f(x[j], y[j]);
            first[j] += p;
            second[j] += q;
        }
    }
    for (j, (&x, &y)) in rest_a.iter().zip(rest_b).enumerate() {
        let (p, q) = f(x, y);
        first[j] += p;
        second[j] += q;
    }
    (total(first), total(second))
}

/// What a part of a column of `n`, beginning at place `first`, adds to its statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// Σ a_i.
    pub sum: f64,
    /// Σ (2(first + i) + 1 − n)·a_i: the numerator of a concentration index.
    pub rank_sum: f64,
}

impl std::ops::AddAssign for Moments {
    fn add_assign(&mut self, other: Moments) {
        self.sum += other.sum;
        self.rank_sum += other.rank_sum;
    }
}

/// [`Moments`] of a part of a column of `n` that begins at place `first`.
#[multiversion(targets = "simd")]
pub fn moments(a: &[f64], first: usize, n: usize) -> Moments {
    let start = 2.0 * first as f64 + 1.0 - n as f64;
    let (mut sum, mut ranked) = ([0.0; 8], [0.0; 8]);
    let mut place: [f64; 8] = std::array::from_fn(|j| start + 2.0 * j as f64);
    let (blocks, rest) = a.as_chunks::<8>();
    for block in blocks {
        for j in 0..8 {
            sum[j] += block[j];
            ranked[j] += place[j] * block[j];
            place[j] += 16.0;
        }
    }
    for (j, &x) in rest.iter().enumerate() {
        sum[j] += x;
        ranked[j] += place[j] * x;
    }
    Moments {
        sum: total(sum),
        rank_sum: total(ranked),
    }
}

/// [`Moments`] of a whole column, chunk by chunk.
pub fn moments_of(a: &[f64]) -> Moments {
    let mut all = Moments::default();
    for part in by_chunk(a.len(), |range| {
        moments(&a[range.clone()], range.start, a.len())
    }) {
        all += part;
    }
    all
}

/// Σ a_i of a whole column, chunk by chunk.
pub fn sum_of(a: &[f64]) -> f64 {
    #[multiversion(targets = "simd")]
    fn plain(a: &[f64]) -> f64 {
        sum(a, |x| x)
    }
    by_chunk(a.len(), |range| plain(&a[range])).iter().sum()
}

/// Smallest and largest element; (∞, −∞) of nothing.
#[inline(always)]
pub fn extremes(a: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = ([f64::INFINITY; 8], [f64::NEG_INFINITY; 8]);
    let (blocks, rest) = a.as_chunks::<8>();
    for block in blocks {
        for j in 0..8 {
            low[j] = if block[j] < low[j] { block[j] } else { low[j] };
            high[j] = if block[j] > high[j] {
                block[j]
            } else {
                high[j]
            };
        }
    }
    for &x in rest {
        low[0] = low[0].min(x);
        high[0] = high[0].max(x);
    }
    (
        low.into_iter().fold(f64::INFINITY, f64::min),
        high.into_iter().fold(f64::NEG_INFINITY, f64::max),
    )
}

/// Relative step down that still counts as no step: incomes at a kink differ by rounding.
const ROUNDING: f64 = 1e-14;

/// Whether no element of a finite column is below the one before it, to fourteen digits.
#[multiversion(targets = "simd")]
pub fn is_ascending(a: &[f64]) -> bool {
    let after = a.get(1..).unwrap_or_default();
    // How far y lies below what counts as no step down from x; no integers, whose overflow checks
    // would keep the loop from being vectorised.
    let fall = |x: f64, y: f64| (x - y) - ROUNDING * x.abs();
    let deeper = |deepest: f64, fall: f64| if fall > deepest { fall } else { deepest };
    let mut deepest = [0.0; 8];
    let ((blocks_a, _), (blocks_b, rest_b)) = (a.as_chunks::<8>(), after.as_chunks::<8>());
    for (x, y) in blocks_a.iter().zip(blocks_b) {
        for j in 0..8 {
            deepest[j] = deeper(deepest[j], fall(x[j], y[j]));
        }
    }
    let done = after.len() - rest_b.len();
    for (&x, &y) in a[done..].iter().zip(rest_b) {
        deepest[0] = deeper(deepest[0], fall(x, y));
    }
    deepest == [0.0; 8]
}

/// ln x for finite x ≥ ¾, to about an ulp.
///
/// x = 2^k·m with m in [√½, √2), and ln m from the series in s = (m−1)/(m+1). Source of the
/// minimax coefficients: fdlibm's `e_log.c` (Sun Microsystems 1993).
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let offset = x.to_bits().wrapping_sub(SQRT_HALF);
    let k = f64::from_bits((offset >> 52) | 0x4330_0000_0000_0000) - 4_503_599_627_370_496.0;
    let m = f64::from_bits(x.to_bits().wrapping_sub(offset & 0xfff0_0000_0000_0000));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w
        * (0.399_999_999_994_094_2 + w * (0.222_221_984_321_497_84 + w * 0.153_138_376_992_093_73));
    let odd = z
        * (0.666_666_666_666_673_5
            + w * (0.285_714_287_436_623_9
                + w * (0.181_835_721_616_180_5 + w * 0.147_981_986_051_165_86)));
    let half = 0.5 * f * f;
    let low = s * (half + even + odd) + k * 1.908_214_929_270_587_7e-10;
    k * 0.693_147_180_369_123_8 - ((half - low) - f)
}

/// eˣ for x ≤ 0, to about two ulps; e^{−708} ≈ 0 below −708.
///
/// x = k·ln 2 + r with |r| ≤ ½ ln 2, and eʳ by its Taylor polynomial of degree 13.
#[inline(always)]
pub fn exp_of_negative(x: f64) -> f64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0; // 1.5·2⁵²: rounds to the nearest integer
    let x = if x > -708.0 { x } else { -708.0 };
    let shifted = x * std::f64::consts::LOG2_E + SHIFT;
    let k = shifted - SHIFT;
    let r = (x - k * 0.693_147_180_369_123_8) - k * 1.908_214_929_270_587_7e-10;
    // 1/2!, 1/3!, …, 1/13!
    const C: [f64; 12] = [
        0.5,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5_040.0,
        1.0 / 40_320.0,
        1.0 / 362_880.0,
        1.0 / 3_628_800.0,
        1.0 / 39_916_800.0,
        1.0 / 479_001_600.0,
        1.0 / 6_227_020_800.0,
    ];
    let mut p = C[11];
    let mut i = 11;
    while i > 0 {
        i -= 1;
        p = p * r + C[i];
    }
    let e_r = 1.0 + (r + r * r * p);
    e_r * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn logarithm_and_exponential_agree_with_the_standard_library(x in 0.75..1e12f64, y in -700.0..=0.0f64) {
            prop_assert!((ln(x) - x.ln()).abs() <= 2e-16 * x.ln().abs().max(1.0), "{} {}", ln(x), x.ln());
            prop_assert!((exp_of_negative(y) / y.exp() - 1.0).abs() < 1e-15, "{} {}", exp_of_negative(y), y.exp());
        }

        #[test]
        fn sums_agree_with_plain_ones(a in prop::collection::vec(-1e3..1e3f64, 0..50)) {
            let n = a.len();
            let plain: f64 = a.iter().sum();
            prop_assert!((sum(&a, |x| x) - plain).abs() < 1e-9);
            let squares: f64 = a.iter().map(|x| x * x).sum();
            prop_assert!((sum2(&a, &a, |x, y| x * y) - squares).abs() < 1e-6);
            let ranked: f64 = a.iter().enumerate().map(|(i, x)| (2.0 * (i + 3) as f64 + 1.0 - 70.0) * x).sum();
            let both = moments(&a, 3, 70);
            prop_assert!((both.rank_sum - ranked).abs() < 1e-6);
            prop_assert_eq!(both.sum, sum(&a, |x| x));
            prop_assert_eq!(is_ascending(&a), a.windows(2).all(|p| p[0] <= p[1]));
            let mut sorted = a.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert!(is_ascending(&sorted));
            if n > 0 {
                let (low, high) = extremes(&a);
                prop_assert_eq!(low, a.iter().copied().fold(f64::INFINITY, f64::min));
                prop_assert_eq!(high, a.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            }
        }
    }

    #[test]
    fn ends_of_the_exponential() {
        assert_eq!(exp_of_negative(0.0), 1.0);
        assert!(exp_of_negative(-1e9) < 1e-300);
        assert_eq!(ln(1.0), 0.0);
    }
}
