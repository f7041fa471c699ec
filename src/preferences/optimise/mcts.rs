//! `mcts`: preferences between moves from a tree search.

use super::{Feedback, Policy, PolicyOptimiser, Progress, Rewards, draw, log_share, log_softmax};
use crate::error::Result;
use crate::preferences::fit::{log_logistic, logistic, minimise, ridge};
use rand_chacha::ChaCha8Rng;

/// Searches the tree of brackets and learns from what it finds: each simulation goes down by
/// Q(s, m) + c·π(m|s)·√N(s)/(1 + N(s, m)), completes the candidate by π where it leaves the known
/// tree, and adds its reward to every move on the way. At each place the visited move with the
/// highest Q is preferred to that with the lowest, and π is fitted by
///
/// min −mean [(1−ε)·ln σ(h) + ε·ln σ(−h)] + ½·ridge·‖θ‖², h = β·(Δ(m⁺|s) − Δ(m⁻|s)),
///
/// Δ = ln π/π_before of the move, ε = 1/(N(m⁺)/N(m⁻) + 1): the less a search dwelt on the better
/// move, the less it is believed. π_before, the policy before the call, takes the reference's part.
/// Rewards are put on [0, 1] by the range seen so far. A bracket's rate is a step of reasoning.
/// Source: Xie et al. (2024), "Monte Carlo tree search boosts reasoning via iterative preference
/// learning", arXiv 2405.00451; selection as in Silver et al. (2017), "Mastering the game of Go without
/// human knowledge", Nature 550.
#[derive(Clone, Debug, PartialEq)]
pub struct Mcts {
    /// β, above 0: the larger, the shorter a call's step.
    pub beta: f64,
    /// Simulations in each call.
    pub simulations: usize,
    /// c: how much untried moves are tried.
    pub exploration: f64,
    /// Above 0: keeps the fit finite.
    pub ridge: f64,
    /// Least and largest reward seen until now.
    pub range: Option<(f64, f64)>,
}

impl Default for Mcts {
    fn default() -> Self {
        Mcts {
            beta: 0.5,
            simulations: 200,
            exploration: 1.4,
            ridge: 1e-3,
            range: None,
        }
    }
}

/// One preference between two moves at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MovePair {
    node: usize,
    better: usize,
    worse: usize,
    smoothing: f64,
}

/// The loss of step-level preferences at logits `before` + θ; adds its gradient.
fn step_loss(
    policy: &Policy,
    pairs: &[MovePair],
    beta: f64,
    theta: &[f64],
    gradient: &mut [f64],
) -> f64 {
    let nodes = policy.tree().nodes();
    let logits: Vec<f64> = policy
        .logits
        .iter()
        .zip(theta)
        .map(|(l, t)| l + t)
        .collect();
    let mut sum = 0.0;
    for pair in pairs {
        let among = &nodes[pair.node].leaves;
        let (better, worse) = (&nodes[pair.better].leaves, &nodes[pair.worse].leaves);
        let mut gap = |logits: &[f64], slope: f64| {
            log_share(logits, better, among, slope, gradient)
                - log_share(logits, worse, among, -slope, gradient)
        };
        let h = beta * (gap(&logits, 0.0) - gap(&policy.logits, 0.0));
        let count = pairs.len() as f64;
        sum -= (log_logistic(h) - pair.smoothing * h) / count;
        gap(&logits, beta * (logistic(h) - 1.0 + pair.smoothing) / count);
    }
    sum
}

/// Visits and sum of rewards of each node.
type Visits = Vec<(f64, f64)>;

impl Mcts {
    fn search(
        &mut self,
        policy: &Policy,
        rewards: &mut Rewards,
        rng: &mut ChaCha8Rng,
    ) -> Result<Visits> {
        let nodes = policy.tree().nodes();
        let mut visits: Visits = vec![(0.0, 0.0); nodes.len()];
        let prior = |node: usize, child: usize| {
            let (inside, among) = (&nodes[child].leaves, &nodes[node].leaves);
            log_share(&policy.logits, inside, among, 0.0, &mut []).exp()
        };
        let log = log_softmax(&policy.logits);
        for _ in 0..self.simulations {
            let (low, high) = self.range.unwrap_or((0.0, 0.0));
            let unit = if high > low { high - low } else { 1.0 };
            let mut path = vec![0];
            let mut node = 0;
            while !nodes[node].children.is_empty() && (node == 0 || visits[node].0 > 0.0) {
                let total = visits[node].0.max(1.0).sqrt();
                let mut best = (f64::NEG_INFINITY, 0);
                for &child in &nodes[node].children {
                    let (n, sum) = visits[child];
                    // An untried move is as good as its place.
                    let (m, s) = if n > 0.0 { (n, sum) } else { visits[node] };
                    let q = if m > 0.0 { (s / m - low) / unit } else { 0.0 };
                    let value = q + self.exploration * prior(node, child) * total / (1.0 + n);
                    if value > best.0 {
                        best = (value, child);
                    }
                }
                node = best.1;
                path.push(node);
            }
            let leaves = &nodes[node].leaves;
            let weights: Vec<f64> = leaves.iter().map(|&x| log[x].exp()).collect();
            let reward = rewards.of(leaves[draw(&weights, rng)])?;
            let seen = self.range.unwrap_or((reward, reward));
            self.range = Some((seen.0.min(reward), seen.1.max(reward)));
            for node in path {
                visits[node].0 += 1.0;
                visits[node].1 += reward;
            }
        }
        Ok(visits)
    }

    /// The best and the worst visited move of each place.
    fn preferences(policy: &Policy, visits: &Visits) -> Vec<MovePair> {
        let mean = |node: usize| visits[node].1 / visits[node].0;
        let mut pairs = vec![];
        for (node, place) in policy.tree().nodes().iter().enumerate() {
            let seen = place.children.iter().copied();
            let seen: Vec<usize> = seen.filter(|&c| visits[c].0 > 0.0).collect();
            let order = |a: &usize, b: &usize| mean(*a).total_cmp(&mean(*b));
            let (Some(better), Some(worse)) = (
                seen.iter().copied().max_by(order),
                seen.iter().copied().min_by(order),
            ) else {
                continue;
            };
            if mean(better) > mean(worse) {
                pairs.push(MovePair {
                    node,
                    better,
                    worse,
                    smoothing: 1.0 / (visits[better].0 / visits[worse].0 + 1.0),
                });
            }
        }
        pairs
    }
}

impl PolicyOptimiser for Mcts {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let mut rewards = Rewards::new(feedback, policy);
        let visits = self.search(policy, &mut rewards, rng)?;
        let pairs = Mcts::preferences(policy, &visits);
        if !pairs.is_empty() {
            let loss = |theta: &[f64], gradient: &mut [f64]| {
                step_loss(policy, &pairs, self.beta, theta, gradient)
                    + ridge(self.ridge, theta, gradient)
            };
            let found = minimise(&loss, vec![0.0; policy.len()])?.parameters;
            policy
                .logits
                .iter_mut()
                .zip(found)
                .for_each(|(l, t)| *l += t);
            policy.logits = policy.log_probabilities();
        }
        Ok(Progress::of(
            policy,
            vec![
                ("mean_reward", visits[0].1 / visits[0].0.max(1.0)),
                ("move_pairs", pairs.len() as f64),
                ("asked", rewards.asked() as f64),
            ],
        ))
    }

    fn forget(&mut self) {
        self.range = None;
    }

    fn boxed(&self) -> Box<dyn PolicyOptimiser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::gradient_error;
    use crate::preferences::optimise::tests::{REWARD6, moves6, rng};

    #[test]
    fn gradient_of_the_step_loss() {
        let policy = Policy::with_moves(&[1.0; 6], &moves6()).unwrap();
        let pairs =
            [(0, 1, 2, 0.1), (2, 7, 6, 0.3)].map(|(node, better, worse, smoothing)| MovePair {
                node,
                better,
                worse,
                smoothing,
            });
        let loss = |theta: &[f64], g: &mut [f64]| step_loss(&policy, &pairs, 0.7, theta, g);
        assert!(gradient_error(&loss, &[0.3, -0.2, 0.9, 0.1, -1.0, 0.4]) < 1e-7);
    }

    /// The minimum of one smoothed preference is h = ln((1−ε)/ε) = ln(N⁺/N⁻).
    #[test]
    fn the_gap_is_the_log_of_the_visits_ratio() {
        let policy = Policy::with_moves(&[1.0; 2], &[vec![0], vec![1]]).unwrap();
        let visits = vec![(8.0, 6.5), (6.0, 6.0), (2.0, 0.5)];
        let pairs = Mcts::preferences(&policy, &visits);
        assert_eq!(pairs.len(), 1);
        assert!((pairs[0].smoothing - 0.25).abs() < 1e-12);
        let loss = |theta: &[f64], g: &mut [f64]| step_loss(&policy, &pairs, 0.5, theta, g);
        let found = minimise(&loss, vec![0.0; 2]).unwrap().parameters;
        assert!((found[0] - found[1] - 3f64.ln() / 0.5).abs() < 1e-6);
    }

    /// On the whole tree the search's means are those of the candidates themselves, and its visits
    /// gather at the best one.
    #[test]
    fn the_search_finds_the_best_candidate() {
        let policy = Policy::with_moves(&[1.0; 6], &moves6()).unwrap();
        let oracle = |x: usize| Ok(REWARD6[x]);
        let feedback = Feedback::Reward(&oracle);
        let mut mcts = Mcts {
            simulations: 400,
            ..Mcts::default()
        };
        let mut rewards = Rewards::new(&feedback, &policy);
        let visits = mcts.search(&policy, &mut rewards, &mut rng(0)).unwrap();
        for (x, reward) in REWARD6.iter().enumerate() {
            let (n, sum) = visits[policy.tree().path(x)[2]];
            assert!((sum / n - reward).abs() < 1e-9);
        }
        let best = visits[policy.tree().path(4)[2]].0;
        assert!(best > 0.8 * 400.0, "{visits:?}");
        assert_eq!(visits[0].0, 400.0);
    }
}
