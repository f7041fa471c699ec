//! What every optimiser must do, and what the tests of each share.

use super::dpo::{Dpo, Loss};
use super::gpo::Gpo;
use super::grpo::Grpo;
use super::guided::Guided;
use super::mcts::Mcts;
use super::nash_md::NashMd;
use super::nlpo::Nlpo;
use super::ppo::{Ascent, Ppo};
use super::rto::Rto;
use super::sft::Sft;
use super::sparse::SparseDpo;
use super::vpo::Vpo;
use super::*;
use crate::random::Streams;

pub const REFERENCE: [f64; 5] = [0.3, 0.25, 0.2, 0.15, 0.1];
pub const REWARD: [f64; 5] = [0.1, 0.5, -0.3, 1.0, 0.4];
/// Of candidates of two moves: two for the first, three for the second.
pub const REWARD6: [f64; 6] = [0.3, -0.2, 0.6, 0.1, 1.1, -0.4];

pub fn moves6() -> Vec<Vec<u32>> {
    (0..6).map(|k| vec![k / 3, k % 3]).collect()
}

pub fn rng(seed: u64) -> ChaCha8Rng {
    Streams::new(seed, "optimise tests").at(0, 0)
}

/// Every pair of different candidates, labelled p(a, b), with weights w(a)·w(b).
pub fn all_pairs(p: impl Fn(usize, usize) -> f64, weights: &[f64]) -> Vec<Comparison> {
    let mut pairs = vec![];
    for a in 0..weights.len() {
        for b in 0..a {
            pairs.push(Comparison {
                weight: weights[a] * weights[b],
                ..Comparison::new(a as u32, b as u32, p(a, b))
            });
        }
    }
    pairs
}

/// π_ref·exp(r/β), adding up to 1.
pub fn gibbs(reference: &[f64], reward: &[f64], beta: f64) -> Vec<f64> {
    let all: Vec<f64> = reference
        .iter()
        .zip(reward)
        .map(|(p, r)| p * (r / beta).exp())
        .collect();
    let sum: f64 = all.iter().sum();
    all.iter().map(|p| p / sum).collect()
}

pub fn close(policy: &Policy, truth: &[f64], tolerance: f64) {
    for (p, q) in policy.probabilities().iter().zip(truth) {
        let found = policy.probabilities();
        assert!((p - q).abs() < tolerance, "{found:?} but {truth:?}");
    }
}

/// 1 beats 0, 2 beats 1, 0 beats 2, always.
pub fn rock_paper_scissors(a: usize, b: usize) -> f64 {
    match (3 + a - b) % 3 {
        0 => 0.5,
        1 => 1.0,
        _ => 0.0,
    }
}

/// Every optimiser, set to leave the reference at little price.
fn everyone() -> Vec<(&'static str, Box<dyn PolicyOptimiser>)> {
    let dpo = |loss: Loss| Dpo {
        loss,
        ..Dpo::default()
    };
    let kto = Loss::Kto {
        wanted: 1.0,
        unwanted: 1.0,
    };
    let ascent = Ascent {
        rate: 3.0,
        ..Ascent::default()
    };
    let beta = 0.1;
    vec![
        ("dpo", Box::new(dpo(Loss::Dpo))),
        (
            "ipo",
            Box::new(Dpo {
                beta: 0.03,
                ..dpo(Loss::Ipo)
            }),
        ),
        ("kto", Box::new(dpo(kto))),
        ("sparse", Box::new(SparseDpo::default())),
        ("ppo", Box::new(Ppo { beta, ascent })),
        ("grpo", Box::new(Grpo::default())),
        (
            "nlpo",
            Box::new(Nlpo {
                beta,
                ascent,
                ..Nlpo::default()
            }),
        ),
        (
            "rto",
            Box::new(Rto {
                ascent,
                ..Rto::default()
            }),
        ),
        ("vpo", Box::new(Vpo::default())),
        (
            "nash-md",
            Box::new(NashMd {
                tau: 0.05,
                ..NashMd::default()
            }),
        ),
        ("gpo", Box::new(Gpo::default())),
        ("guided", Box::new(Guided::default())),
        ("mcts", Box::new(Mcts::default())),
        ("sft", Box::new(Sft::default())),
    ]
}

/// A bandit of six candidates of two moves, the best of which the reference gives 1/6: within ten
/// calls every optimiser plays it most of the time, and does better than before at every seed.
#[test]
fn everyone_finds_the_best_arm() {
    let oracle = |x: usize| Ok(REWARD6[x]);
    for (name, optimiser) in everyone() {
        for seed in 0..3 {
            let mut optimiser = optimiser.clone();
            let mut policy = Policy::with_moves(&[1.0; 6], &moves6()).unwrap();
            let streams = Streams::new(seed, "bandit");
            for year in 0..10 {
                let mut rng = streams.at(0, year);
                optimiser
                    .improve(&mut policy, &Feedback::Reward(&oracle), &mut rng)
                    .unwrap();
            }
            let p = policy.probabilities();
            println!("{name} {seed} {p:.3?}");
            assert!(policy.mode() == 4 && p[4] > 0.8, "{name}: {p:?}");
        }
    }
}

/// The same seed gives the same policy to the bit; another one, where there are draws, another.
#[test]
fn deterministic_given_the_seed() {
    let oracle = |x: usize| Ok(REWARD6[x]);
    for (name, optimiser) in everyone() {
        let run = |seed: u64| {
            let mut optimiser = optimiser.clone();
            let mut policy = Policy::with_moves(&[1.0; 6], &moves6()).unwrap();
            let progress = optimiser
                .improve(&mut policy, &Feedback::Reward(&oracle), &mut rng(seed))
                .unwrap();
            (policy.logits, progress)
        };
        assert_eq!(run(1), run(1), "{name}");
        if !["nash-md", "gpo", "mcts"].contains(&name) {
            assert_ne!(run(1).0, run(2).0, "{name}");
        }
    }
}

/// Whoever forgets goes on like one that has just been made, from the same policy; whoever does not, and
/// has something to remember, does not.
#[test]
fn what_is_forgotten_has_no_bearing() {
    let before = |x: usize| Ok(REWARD6[x]);
    let after = |x: usize| Ok(-REWARD6[x]);
    for (name, new) in everyone() {
        let mut old = new.clone();
        let mut start = Policy::with_moves(&[1.0; 6], &moves6()).unwrap();
        for year in 0..3 {
            old.improve(&mut start, &Feedback::Reward(&before), &mut rng(year))
                .unwrap();
        }
        let next = |optimiser: &dyn PolicyOptimiser| {
            let (mut optimiser, mut policy) = (optimiser.boxed(), start.clone());
            let feedback = Feedback::Reward(&after);
            optimiser
                .improve(&mut policy, &feedback, &mut rng(9))
                .unwrap();
            policy.logits
        };
        let kept = next(&*old);
        old.forget();
        let (forgot, expected) = (next(&*old), next(&*new));
        assert_eq!(forgot, expected, "{name}");
        let remembers = [
            "dpo", "ipo", "kto", "sparse", "rto", "vpo", "nash-md", "guided",
        ];
        if remembers.contains(&name) {
            assert_ne!(kept, expected, "{name}");
        }
    }
}

/// Those that learn from pairs made before say so by working, the others by an error.
#[test]
fn who_learns_from_pairs() {
    let pairs = all_pairs(|a, b| logistic(REWARD6[a] - REWARD6[b]), &[1.0; 6]);
    for (name, mut optimiser) in everyone() {
        let mut policy = Policy::with_moves(&[1.0; 6], &moves6()).unwrap();
        let outcome = optimiser.improve(&mut policy, &Feedback::Pairs(&pairs), &mut rng(0));
        let learns = ["dpo", "ipo", "kto", "sparse", "rto", "vpo", "sft"].contains(&name);
        assert_eq!(outcome.is_ok(), learns, "{name}: {outcome:?}");
    }
}

#[test]
fn the_tree_of_moves() {
    let policy = Policy::with_moves(&[1.0; 6], &moves6()).unwrap();
    let tree = policy.tree();
    assert_eq!(tree.depth(), 2);
    assert_eq!(tree.nodes().len(), 1 + 2 + 6);
    assert_eq!(tree.nodes()[0].children, [1, 2]);
    assert_eq!(tree.nodes()[2].leaves, [3, 4, 5]);
    assert_eq!(tree.path(4)[..2], [0, 2]);
    assert_eq!(tree.nodes()[tree.path(4)[2]].leaves, [4]);
    // The chain rule: a candidate's probability is the product of its moves'.
    let mut policy = policy.clone();
    policy.logits = vec![0.3, -1.0, 0.2, 2.0, 0.0, -0.4];
    let log = policy.log_probabilities();
    for (x, total) in log.iter().enumerate() {
        let path = tree.path(x);
        let sum: f64 = (path.windows(2))
            .map(|w| {
                let nodes = tree.nodes();
                let (inside, among) = (&nodes[w[1]].leaves, &nodes[w[0]].leaves);
                log_share(&policy.logits, inside, among, 0.0, &mut [])
            })
            .sum();
        assert!((sum - total).abs() < 1e-12);
    }
    assert!(Tree::new(&[vec![0, 1], vec![0, 1]]).is_err());
    assert!(Tree::new(&[vec![0, 1], vec![0]]).is_err());
    assert!(Policy::new(&[0.5, 0.0]).is_err());
}

#[test]
fn draws_follow_the_policy() {
    let policy = Policy::new(&REFERENCE).unwrap();
    let mut rng = rng(4);
    let mut counts = [0.0; 5];
    for _ in 0..20_000 {
        counts[policy.draw(&mut rng)] += 1.0 / 20_000.0;
    }
    for (share, p) in counts.iter().zip(&REFERENCE) {
        assert!((share - p).abs() < 4.0 * (p / 20_000.0).sqrt());
    }
    let entropy: f64 = -REFERENCE.iter().map(|p| p * p.ln()).sum::<f64>();
    assert!((policy.entropy() - entropy).abs() < 1e-12 && policy.kl().abs() < 1e-12);
}
