//! Published examples, closed forms, and coverage on simulated seeds.

use super::*;
use crate::random::Streams;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, StandardNormal, StudentT};
use rayon::prelude::*;

/// Extra hours of sleep of ten patients under two drugs (Student 1908), as in R's `sleep`.
const FIRST: [f64; 10] = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
const SECOND: [f64; 10] = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found} is not {expected} ± {tolerance}"
    );
}

/// R: `t.test(extra ~ group, paired = TRUE)` gives t = -4.0621, df = 9, p = 0.002833, (-2.4598858,
/// -0.7001142), mean -1.58. SciPy: exact permutation p = 4/1024, r = 0.7951702.
#[test]
fn students_sleep_paired() {
    let paired = Paired::of(&FIRST, &SECOND, &Settings::default()).unwrap();
    let d = paired.difference;
    let t = d.t.unwrap();
    near(d.mean, -1.58, 1e-12);
    near(d.mean / d.standard_error.unwrap(), -4.0621277, 1e-6);
    near(t.low, -2.4598858, 1e-6);
    near(t.high, -0.7001142, 1e-6);
    near(paired.p.unwrap(), 0.00283289, 1e-8);
    near(paired.p_sign_flip.unwrap(), 4.0 / 1024.0, 1e-15);
    near(paired.correlation.unwrap(), 0.7951702, 1e-7);
    near(paired.variance_ratio.unwrap(), 4.7654230, 1e-6);
    // Nine lower, one tie.
    near(paired.higher, 0.05, 1e-15);
    assert_eq!((d.n, d.dropped), (10, 0));
    assert_eq!(verdict(&d, None), Verdict::Lower);
}

/// Two sums of the same numbers in another order are no difference, however small the interval around it.
#[test]
fn rounding_is_no_difference() {
    let settings = Settings::default();
    let forth = |seed: usize| {
        (0..100)
            .map(|i| 41_000.1 + 0.1 * (i + seed) as f64)
            .sum::<f64>()
            / 100.0
    };
    let back = |seed: usize| {
        (0..100)
            .rev()
            .map(|i| 41_000.1 + 0.1 * (i + seed) as f64)
            .sum::<f64>()
            / 100.0
    };
    let x: Vec<f64> = (0..6).map(forth).collect();
    let r: Vec<f64> = (0..6).map(back).collect();
    assert_ne!(x, r, "rounding is what this is about");
    let paired = Paired::of(&x, &r, &settings).unwrap();
    assert_eq!(differences(&x, &r), [0.0; 6]);
    assert_eq!((paired.difference.mean, paired.p), (0.0, Some(1.0)));
    assert_eq!((paired.higher, paired.p_sign_flip), (0.5, Some(1.0)));
    assert_eq!(verdict(&paired.difference, None), Verdict::NoDifference);
    // So is a constant that is no more than rounding; a thousandth of a cent in $41,000 is more.
    let shifted = |by: f64| r.iter().map(|r| r + by).collect::<Vec<f64>>();
    let reads = |x: &[f64]| verdict(&Paired::of(x, &r, &settings).unwrap().difference, None);
    assert_eq!(reads(&shifted(7.3e-12)), Verdict::NoDifference);
    assert_eq!(
        Unpaired::of(&shifted(7.3e-12), &r, &settings)
            .unwrap()
            .difference,
        0.0
    );
    assert_eq!(reads(&shifted(1e-5)), Verdict::Higher);
}

/// R: `t.test(extra ~ group)` gives t = -1.8608, df = 17.776, p = 0.07939, (-3.3654832, 0.2054832).
#[test]
fn students_sleep_as_if_independent() {
    let welch = Unpaired::of(&FIRST, &SECOND, &Settings::default()).unwrap();
    near(welch.difference / welch.standard_error, -1.8608135, 1e-6);
    near(welch.freedom.unwrap(), 17.7764735, 1e-6);
    near(welch.p.unwrap(), 0.0793941, 1e-7);
    near(welch.t.low, -3.3654832, 1e-6);
    near(welch.t.high, 0.2054832, 1e-6);
}

/// R: `p.adjust(c(.01, .02, .03, .04, .05), "holm")`; and by hand 4·.005, 3·.01, 2·.03, then the
/// largest so far.
#[test]
fn holm_by_hand_and_as_in_r() {
    let adjusted = |p: &[f64]| -> Vec<f64> {
        let p: Vec<Option<f64>> = p.iter().copied().map(Some).collect();
        holm(&p).into_iter().map(Option::unwrap).collect()
    };
    let expect = |p: &[f64], expected: &[f64]| {
        for (found, expected) in adjusted(p).iter().zip(expected) {
            near(*found, *expected, 1e-12);
        }
    };
    expect(
        &[0.01, 0.02, 0.03, 0.04, 0.05],
        &[0.05, 0.08, 0.09, 0.09, 0.09],
    );
    expect(&[0.01, 0.04, 0.03, 0.005], &[0.03, 0.06, 0.06, 0.02]);
    expect(&[0.6, 0.7], &[1.0, 1.0]);
    assert_eq!(holm(&[None, Some(0.2), None]), [None, Some(0.2), None]);
    assert!(holm(&[]).is_empty());
}

#[test]
fn few_seeds_and_ties() {
    let settings = Settings::default();
    let one = Paired::of(&[3.0], &[1.0], &settings).unwrap();
    assert_eq!((one.difference.n, one.difference.mean), (1, 2.0));
    let nothing = (
        one.difference.t,
        one.difference.bootstrap,
        one.p,
        one.p_sign_flip,
    );
    assert_eq!(nothing, (None, None, None, None));
    assert_eq!(verdict(&one.difference, None), Verdict::OneSeed);

    // Two seeds: t₀.₉₇₅(1) = 12.7062; no bootstrap.
    let two = Mean::of(&[1.0, 3.0], &settings).unwrap();
    near(two.t.unwrap().high, 2.0 + 12.706_204_7, 1e-6);
    assert_eq!(two.bootstrap, None);

    let x = [0.1, 0.7, -3.3, 1e9, 12.0, 0.2];
    let same = Paired::of(&x, &x, &settings).unwrap();
    let zero = Some(Interval {
        low: 0.0,
        high: 0.0,
    });
    assert_eq!(same.difference.mean, 0.0);
    assert_eq!(same.difference.standard_error, Some(0.0));
    assert_eq!((same.difference.t, same.difference.bootstrap), (zero, zero));
    assert_eq!((same.p, same.p_sign_flip), (Some(1.0), Some(1.0)));
    assert_eq!((same.higher, same.variance_ratio), (0.5, None));
    assert_eq!(verdict(&same.difference, None), Verdict::NoDifference);

    // A difference that is the same in every seed, but for rounding: a point, and no test.
    let shifted: Vec<f64> = [0.1, 0.7, -3.3, 5.0, 12.0]
        .iter()
        .map(|x| x + 0.3)
        .collect();
    let shift = Paired::of(&shifted, &[0.1, 0.7, -3.3, 5.0, 12.0], &settings).unwrap();
    assert!(shift.difference.constant());
    assert_eq!((shift.p, shift.p_sign_flip), (None, None));
    assert_eq!(shift.difference.t.unwrap().half_width(), 0.0);

    // Nearly all seeds agree: more than 2.5 % of resamples have no variance.
    let jump = Mean::of(&[0.0, 0.0, 0.0, 0.0, 0.0, 1.0], &settings).unwrap();
    assert!(jump.t.is_some() && jump.bootstrap.is_none());
}

#[test]
fn failed_runs_drop_their_pair_and_are_counted() {
    let settings = Settings::default();
    let x = [1.0, f64::NAN, 3.0, 4.0, f64::INFINITY];
    let r = [0.0, 1.0, 1.0, f64::NAN, 2.0];
    let paired = Paired::of(&x, &r, &settings).unwrap();
    assert_eq!((paired.difference.n, paired.difference.dropped), (2, 3));
    assert_eq!((paired.arm_mean, paired.reference_mean), (2.0, 0.5));
    assert_eq!(paired.difference.mean, 1.5);
    assert_eq!(Paired::of(&x[1..2], &r[1..2], &settings), None);
    assert_eq!(Mean::of(&[f64::NAN], &settings), None);
    assert_eq!(Unpaired::of(&x[..2], &r, &settings), None);
}

#[test]
fn the_bootstrap_repeats_and_follows_its_seed() {
    let settings = Settings::default();
    let interval = |settings: &Settings| Mean::of(&SECOND, settings).unwrap().bootstrap.unwrap();
    assert_eq!(interval(&settings), interval(&settings));
    let other = Settings {
        seed: 2,
        ..settings
    };
    assert_ne!(interval(&settings), interval(&other));
    let half = interval(&settings).half_width();
    near(interval(&settings).low, interval(&other).low, 0.05 * half);
    // Units do not matter.
    let thousand = SECOND.map(|x| 1e3 * x);
    let scaled = Mean::of(&thousand, &settings).unwrap().bootstrap.unwrap();
    near(scaled.high, 1e3 * interval(&settings).high, 1e-8);
}

/// Beyond 20 seeds sign patterns are drawn; their share is the exact one within its random error. Exact:
/// 21 differences of 1 of which k are positive are as many heads of 21 fair coins.
#[test]
fn sign_flips_beyond_all_patterns() {
    let settings = Settings::default();
    let mut d = [1.0; 21];
    // 5 tails of 21: |sum| ≥ 11 is at most 5 or at least 16 heads.
    d[..5].fill(-1.0);
    let zeros = [0.0; 21];
    let p = Paired::of(&d, &zeros, &settings)
        .unwrap()
        .p_sign_flip
        .unwrap();
    let binomial = [1.0, 21.0, 210.0, 1330.0, 5985.0, 20349.0];
    let exact = 2.0 * binomial.iter().sum::<f64>() / 2f64.powi(21);
    assert!(p > 0.6 * exact && p < 1.05 * exact, "{p} {exact}");
}

/// The ends of Fieller's interval are where the t test of d − θg has p = 1 − level.
#[test]
fn fieller_inverts_the_t_test() {
    let settings = Settings {
        level: 0.9,
        ..Settings::default()
    };
    let gain = [9.0, 11.5, 10.2, 8.0, 12.3, 10.9, 9.4];
    let d = [4.0, 6.8, 5.0, 2.2, 5.1, 6.0, 4.9];
    let found = share_of_gain(&d, &gain, &settings).unwrap();
    near(found.share, 34.0 / 71.3, 1e-12);
    let interval = found.interval.unwrap();
    for theta in [interval.low, interval.high] {
        let rest: Vec<f64> = d.iter().zip(&gain).map(|(d, g)| d - theta * g).collect();
        near(Mean::of(&rest, &settings).unwrap().p().unwrap(), 0.1, 1e-9);
    }
    // A gain that does not vary: the interval of d in its units.
    let constant = share_of_gain(&d, &[10.0; 7], &settings).unwrap();
    let of_d = Mean::of(&d, &settings).unwrap().t.unwrap();
    near(constant.interval.unwrap().low, of_d.low / 10.0, 1e-12);
    near(constant.interval.unwrap().high, of_d.high / 10.0, 1e-12);
    // The optimum itself: all of the gain, without error.
    let whole = share_of_gain(&gain, &gain, &settings).unwrap();
    assert_eq!(
        (whole.share, whole.interval),
        (
            1.0,
            Some(Interval {
                low: 1.0,
                high: 1.0
            })
        )
    );
}

#[test]
fn no_share_of_a_gain_that_may_be_nothing() {
    let settings = Settings::default();
    assert_eq!(share_of_gain(&[1.0, 1.0], &[-1.0, 3.0], &settings), None);
    assert_eq!(share_of_gain(&[1.0; 4], &[-1.0; 4], &settings), None);
    assert_eq!(share_of_gain(&[1.0; 4], &[0.0; 4], &settings), None);
    assert_eq!(share_of_gain(&[], &[], &settings), None);
    let one = share_of_gain(&[1.0, f64::NAN], &[4.0, 4.0], &settings).unwrap();
    assert_eq!((one.n, one.share, one.interval), (1, 0.25, None));
}

/// R: `power.t.test(power = .8, delta = d, type = "paired")` gives 198.15, 33.367 and 14.302 for d of
/// 0.2, 0.5 and 0.8 standard deviations: 199, 34, 15 pairs (also Cohen's and G*Power's). Half-widths by
/// the table of t: 2.1098/√18 = 0.497, 2.1199/√17 = 0.514.
#[test]
fn seeds_needed_as_published() {
    for (size, pairs) in [(0.2, 199), (0.5, 34), (0.8, 15)] {
        assert_eq!(seeds_for_power(1.0, size, 0.95, 0.8), Some(pairs));
        assert_eq!(seeds_for_power(3.0, -3.0 * size, 0.95, 0.8), Some(pairs));
    }
    assert_eq!(seeds_for_half_width(1.0, 0.5, 0.95), Some(18));
    assert_eq!(seeds_for_half_width(0.0, 0.5, 0.95), Some(2));
    assert_eq!(seeds_for_half_width(1.0, 0.0, 0.95), None);
    assert_eq!(seeds_for_half_width(1.0, 1e-6, 0.95), None);
    assert_eq!(seeds_for_half_width(f64::NAN, 1.0, 0.95), None);
}

#[test]
fn what_can_be_said() {
    let say = |values: &[f64], margin| {
        let mean = Mean::of(values, &Settings::default()).unwrap();
        verdict(&mean, margin)
    };
    let noisy = [-3.0, 2.0, -1.0, 2.5];
    assert_eq!(say(&noisy, None), Verdict::TooWide);
    assert_eq!(say(&noisy, Some(2.0)), Verdict::TooWide);
    assert_eq!(say(&noisy, Some(50.0)), Verdict::NoDifference);
    assert_eq!(say(&[3.0, 3.1, 2.9], Some(50.0)), Verdict::Higher);
    assert_eq!(say(&[-3.0, -3.1, -2.9], None), Verdict::Lower);
}

#[test]
fn settling_of_given_paths() {
    let settings = Settings::default();
    let look = |paths: &[Vec<f64>], margin| {
        let paths: Vec<&[f64]> = paths.iter().map(Vec::as_slice).collect();
        settling(&paths, margin, &settings)
    };
    // 12 years: a climb for eight, then still. The middle third climbs, so welfare has moved since.
    let climb = |year: usize| 100.0 * (year.min(8) as f64);
    let path = |seed: usize, of: &dyn Fn(usize) -> f64| -> Vec<f64> {
        (1..=12).map(|year| 1e4 * seed as f64 + of(year)).collect()
    };
    let climbing: Vec<Vec<f64>> = (1..=3).map(|seed| path(seed, &climb)).collect();
    let found = look(&climbing, Some(10.0)).unwrap();
    assert_eq!((found.settled, found.third, found.n), (Settled::No, 4, 3));
    assert_eq!((found.slope, found.spread), (Some(0.0), Some(0.0)));
    near(found.change, 150.0, 1e-9);
    // Beside a margin of the whole climb it is nothing.
    assert_eq!(look(&climbing, Some(200.0)).unwrap().settled, Settled::Yes);
    // A single run is judged by its years, a climb of four: Welch's 150 ± 205.
    let alone = look(&climbing[..1], Some(10.0)).unwrap();
    assert_eq!(alone.settled, Settled::Unclear);
    near(
        alone.change_interval.unwrap().half_width(),
        3.182_446_3 * 50_000f64.sqrt() / 12f64.sqrt(),
        1e-4,
    );
    // And one that stands still.
    let still: Vec<Vec<f64>> = (1..=3).map(|seed| path(seed, &|_| 5.0)).collect();
    assert_eq!(look(&still, None).unwrap().settled, Settled::Yes);
    assert_eq!(look(&still[..1], None).unwrap().settled, Settled::Yes);
    // A steady creep without noise is not settled, however small, unless a margin says so.
    let creep: Vec<Vec<f64>> = (1..=3)
        .map(|seed| path(seed, &|year| 0.5 * year as f64))
        .collect();
    assert_eq!(look(&creep, None).unwrap().settled, Settled::No);
    near(look(&creep, None).unwrap().slope.unwrap(), 0.5, 1e-9);
    assert_eq!(look(&creep, Some(10.0)).unwrap().settled, Settled::Yes);
    // Seeds that go opposite ways: unclear. Gaps and short runs: nothing to say, or fewer seeds.
    let apart = [path(1, &climb), path(1, &|year| -climb(year))];
    assert_eq!(look(&apart, Some(10.0)).unwrap().settled, Settled::Unclear);
    assert_eq!(look(&[vec![1.0, 2.0]], None), None);
    assert_eq!(look(&[], None), None);
    let gap = [vec![1.0; 6], vec![1.0, 1.0, 1.0, 1.0, 1.0, f64::NAN]];
    assert_eq!(look(&gap, None).unwrap().n, 1);
    // Three years: a third is one, so one seed has no interval, and two have that of the change.
    let short = look(&[vec![1.0, 2.0, 2.0]], None).unwrap();
    assert_eq!((short.settled, short.slope), (Settled::Unclear, None));
    let both = look(&[vec![1.0, 2.0, 2.0], vec![5.0, 3.0, 3.0]], None).unwrap();
    assert_eq!(both.settled, Settled::Yes);
    assert_eq!([last_third(1), last_third(6), last_third(8)], [1, 2, 2]);
}

/// The slope's standard error by hand: years 1…3 with values 0, 3, 3 have slope 1.5, residuals −0.5, 1,
/// −0.5, spread √1.5, error √(1.5/2), t₀.₉₇₅(1) = 12.7062.
#[test]
fn slope_of_a_single_run_by_hand() {
    let path = [0.0, 0.0, 0.0, 1.0, 2.0, 1.5, 0.0, 3.0, 3.0];
    let found = settling(&[&path], None, &Settings::default()).unwrap();
    near(found.slope.unwrap(), 1.5, 1e-12);
    near(found.spread.unwrap(), 1.5f64.sqrt(), 1e-12);
    let half = found.slope_interval.unwrap().half_width();
    near(half, 12.706_204_7 * 0.75f64.sqrt(), 1e-6);
    near(found.change, 0.5, 1e-12);
}

/// Noise around a level is called moving in at most about 2·5 % of cases, and noise around a clear
/// trend hardly ever settled.
#[test]
fn settling_under_noise() {
    let settings = Settings::default();
    let streams = Streams::new(11, "settling");
    let share = |slope: f64, wanted: Settled| {
        let hits = (0..500u64).filter(|&case| {
            let mut rng = streams.at(case, 0);
            let paths: Vec<Vec<f64>> = (0..10)
                .map(|_| {
                    let level: f64 = 10.0 * rng.sample::<f64, _>(StandardNormal);
                    (0..30)
                        .map(|year| {
                            level + slope * f64::from(year) + rng.sample::<f64, _>(StandardNormal)
                        })
                        .collect()
                })
                .collect();
            let paths: Vec<&[f64]> = paths.iter().map(Vec::as_slice).collect();
            settling(&paths, Some(2.0), &settings).unwrap().settled == wanted
        });
        hits.count() as f64 / 500.0
    };
    assert!(share(0.0, Settled::No) <= 0.12);
    assert!(share(0.0, Settled::Yes) >= 0.8);
    assert!(share(0.5, Settled::No) >= 0.95);
    assert_eq!(share(0.5, Settled::Yes), 0.0);
}

/// Share of `cases` simulated samples of `n` whose intervals hold `truth`, in percent: t, bootstrap.
fn coverage(n: usize, truth: f64, draw: impl Fn(&mut ChaCha8Rng) -> f64 + Sync) -> [f64; 2] {
    const CASES: u64 = 4_000;
    // (B + 1)·0.025 is whole; more resamples give the same coverage and take longer.
    let settings = Settings {
        replicates: 399,
        ..Settings::default()
    };
    let streams = Streams::new(2_024, "coverage");
    let hits = (0..CASES)
        .into_par_iter()
        .map(|case| {
            let mut rng = streams.at(case, n as u64);
            let sample: Vec<f64> = (0..n).map(|_| draw(&mut rng)).collect();
            // Resampling must not repeat from case to case.
            let mean = Mean::of(
                &sample,
                &Settings {
                    seed: case,
                    ..settings
                },
            )
            .unwrap();
            [mean.t, mean.bootstrap].map(|i| usize::from(i.is_some_and(|i| i.contains(truth))))
        })
        .reduce(|| [0, 0], |a, b| [a[0] + b[0], a[1] + b[1]]);
    hits.map(|hits| 100.0 * hits as f64 / CASES as f64)
}

/// Both intervals cover 95 % ± 2 of normal, skewed (gamma of shape 4, skewness 1) and heavy-tailed
/// (Student's t with 5 degrees of freedom, kurtosis 9) means, the bootstrap also of exponential ones
/// (skewness 2), where the t interval covers 90 to 92 %.
#[test]
fn intervals_have_their_coverage() {
    let normal = |rng: &mut ChaCha8Rng| rng.sample::<f64, _>(StandardNormal);
    let gamma = Gamma::new(4.0, 1.0).unwrap();
    let exponential = Gamma::new(1.0, 1.0).unwrap();
    let heavy = StudentT::new(5.0).unwrap();
    for n in [10, 20] {
        let found = [
            ("normal", coverage(n, 0.0, normal)),
            ("gamma(4)", coverage(n, 4.0, |rng| gamma.sample(rng))),
            ("t(5)", coverage(n, 0.0, |rng| heavy.sample(rng))),
        ];
        for (name, [t, bootstrap]) in found {
            println!("n = {n}, {name}: t {t:.1} %, bootstrap {bootstrap:.1} %");
            assert!((93.0..=97.0).contains(&t), "t, {name}, n = {n}: {t}");
            let covered = (93.0..=97.0).contains(&bootstrap);
            assert!(covered, "bootstrap, {name}, n = {n}: {bootstrap}");
        }
        let [t, bootstrap] = coverage(n, 1.0, |rng| exponential.sample(rng));
        println!("n = {n}, exponential: t {t:.1} %, bootstrap {bootstrap:.1} %");
        assert!(
            (93.0..=97.0).contains(&bootstrap),
            "exponential, n = {n}: {bootstrap}"
        );
        assert!(t < 93.0, "the t interval is honest here after all: {t}");
    }
    // Five seeds: never below, at most too wide.
    let [t, bootstrap] = coverage(5, 0.0, normal);
    println!("n = 5, normal: t {t:.1} %, bootstrap {bootstrap:.1} %");
    assert!((93.0..=97.0).contains(&t) && (94.0..=99.0).contains(&bootstrap));
}

/// Fieller's interval of a ratio of correlated normal means covers 95 % ± 2.
#[test]
fn shares_of_the_gain_have_their_coverage() {
    const CASES: u64 = 4_000;
    let streams = Streams::new(5, "fieller");
    let settings = Settings::default();
    for n in [5, 10, 20] {
        let hits = (0..CASES).into_par_iter().filter(|&case| {
            let mut rng = streams.at(case, n as u64);
            let (d, g): (Vec<f64>, Vec<f64>) = (0..n)
                .map(|_| {
                    let shared: f64 = rng.sample(StandardNormal);
                    let own: f64 = rng.sample(StandardNormal);
                    (3.0 + 0.5 * shared + own, 6.0 + shared)
                })
                .unzip();
            let found = share_of_gain(&d, &g, &settings).unwrap();
            found.interval.unwrap().contains(0.5)
        });
        let share = 100.0 * hits.count() as f64 / CASES as f64;
        println!("n = {n}: {share:.1} %");
        assert!((93.0..=97.0).contains(&share), "n = {n}: {share}");
    }
}
