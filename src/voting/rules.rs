//! Voting rules.

use super::ballots::{Ballots, Pairwise};
use rand::{Rng, RngExt};

/// Shares and points that differ by less are a tie: their sums of thirds and sevenths are rounded.
const TIE: f64 = 1e-9;

/// How ballots become a winner. Ties are broken by lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Most first places; a voter's vote is split equally among its equal tops.
    Plurality,
    /// Plurality, and unless somebody has more than half, a second vote between the first two.
    Runoff,
    /// Whoever has the fewest first places among those standing is out, until somebody has more
    /// than half of the votes. Source: Hare (1859), with one seat.
    InstantRunoff,
    /// A point for each candidate ranked below, half a point for each ranked equal. Source: Borda
    /// (1784).
    Borda,
    /// A vote for every candidate that is at least as good as the mean of all on the voter's own
    /// scale (from an indifferent voter, for all). Source: Brams and Fishburn (1978); the mean is
    /// the strategy of a voter to whom all outcomes are equally likely.
    Approval,
    /// Mean of utilities scaled to 0 for each voter's worst and 1 for its best candidate; ½ for all
    /// from an indifferent voter. Also called range voting.
    Score,
    /// Pairwise victories, half of one for a draw. Source: Copeland (1951).
    Copeland,
    /// The strongest path of pairwise victories, measured by the winning votes. Source: Schulze
    /// (2011).
    Schulze,
}

impl Rule {
    /// All rules.
    pub const ALL: [Rule; 8] = [
        Rule::Plurality,
        Rule::Runoff,
        Rule::InstantRunoff,
        Rule::Borda,
        Rule::Approval,
        Rule::Score,
        Rule::Copeland,
        Rule::Schulze,
    ];

    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Plurality => "plurality",
            Rule::Runoff => "runoff",
            Rule::InstantRunoff => "instant-runoff",
            Rule::Borda => "borda",
            Rule::Approval => "approval",
            Rule::Score => "score",
            Rule::Copeland => "copeland",
            Rule::Schulze => "schulze",
        }
    }
}

/// The outcome of an election.
#[derive(Clone, Debug, PartialEq)]
pub struct Election {
    /// Index of the candidate who won.
    pub winner: usize,
    /// Each candidate's measure under the rule, in [0, 1]: share of present voters (plurality, and
    /// the first count of runoff and instant runoff; approvals), mean points over the most possible
    /// (Borda, score), victories over opponents (Copeland; Schulze: opponents to whom the strongest
    /// path is stronger than back).
    pub scores: Vec<f64>,
    /// Candidates among whom a lot decided who won; empty if none was drawn for the last step.
    pub tied: Vec<usize>,
    /// By how much the winner won, in [0, 1], 0 in a tie: difference of `scores` to the best other
    /// candidate; in the last round of runoff and instant runoff the difference of votes over
    /// present voters; Schulze: the smallest difference of path strengths over present voters.
    pub margin: f64,
    /// Share of eligible voters who cast a ballot.
    pub turnout: f64,
    /// Counts of runoff and instant runoff, the first one first.
    pub rounds: Vec<Round>,
}

/// One count of first places.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Share of present voters by candidate; 0 for those who are out.
    pub shares: Vec<f64>,
    /// Who left after it.
    pub eliminated: Vec<usize>,
}

/// The winner of `ballots` under `rule`; `None` where nobody votes. A lot is drawn from `rng` only
/// where there is a tie.
pub fn elect(ballots: &Ballots, rule: Rule, rng: &mut impl Rng) -> Option<Election> {
    if ballots.present() == 0 {
        return None;
    }
    let everybody = vec![true; ballots.candidates()];
    Some(match rule {
        Rule::Plurality => by_scores(ballots, first_places(ballots, &everybody), rng),
        Rule::Borda => by_scores(ballots, borda(ballots), rng),
        Rule::Approval => by_scores(ballots, approvals(ballots), rng),
        Rule::Score => by_scores(ballots, scaled(ballots), rng),
        Rule::Copeland => by_scores(ballots, copeland(&ballots.pairwise()), rng),
        Rule::Schulze => schulze(ballots, rng),
        Rule::Runoff => runoff(ballots, rng),
        Rule::InstantRunoff => instant_runoff(ballots, rng),
    })
}

fn drawn(tied: &[usize], rng: &mut impl Rng) -> usize {
    match tied {
        [only] => *only,
        _ => tied[rng.random_range(0..tied.len())],
    }
}

/// Those whose value is the highest (or lowest) up to rounding.
fn extreme(values: &[f64], among: &[bool], sign: f64) -> Vec<usize> {
    let of = |i: usize| sign * values[i];
    let standing = || (0..values.len()).filter(|&i| among[i]);
    let most = standing().map(of).fold(f64::NEG_INFINITY, f64::max);
    standing().filter(|&i| of(i) >= most - TIE).collect()
}

fn by_scores(ballots: &Ballots, scores: Vec<f64>, rng: &mut impl Rng) -> Election {
    let tied = extreme(&scores, &vec![true; scores.len()], 1.0);
    let winner = drawn(&tied, rng);
    let others = (0..scores.len()).filter(|&i| i != winner);
    let second = others.map(|i| scores[i]).fold(0.0, f64::max);
    Election {
        winner,
        margin: if tied.len() > 1 {
            0.0
        } else {
            scores[winner] - if scores.len() > 1 { second } else { 0.0 }
        },
        scores,
        tied: if tied.len() > 1 { tied } else { Vec::new() },
        turnout: ballots.turnout(),
        rounds: Vec::new(),
    }
}

/// Share of first places among those standing.
fn first_places(ballots: &Ballots, standing: &[bool]) -> Vec<f64> {
    let n = ballots.candidates();
    // Votes by candidate and number of equal tops: whole numbers until the end.
    let mut votes = vec![vec![0u64; n]; n];
    for ballot in ballots.iter() {
        let best = (0..n)
            .filter(|&c| standing[c])
            .map(|c| ballot[c])
            .fold(f64::NEG_INFINITY, f64::max);
        let tops = (0..n).filter(|&c| standing[c] && ballot[c] == best);
        let equal = tops.clone().count();
        tops.for_each(|c| votes[equal - 1][c] += 1);
    }
    let present = ballots.present() as f64;
    let votes_of = |c: usize| -> f64 {
        let by_size = votes.iter().enumerate();
        by_size
            .map(|(k, votes)| votes[c] as f64 / (k + 1) as f64)
            .sum()
    };
    (0..n).map(|c| votes_of(c) / present).collect()
}

fn borda(ballots: &Ballots) -> Vec<f64> {
    let n = ballots.candidates();
    let pairs = ballots.pairwise();
    let present = ballots.present() as u64;
    let opponents = (n.max(2) - 1) as f64;
    (0..n)
        .map(|a| {
            // Ballots with a above b, and half of those with both alike.
            let halves: u64 = (0..n)
                .filter(|&b| b != a)
                .map(|b| present + pairs.prefer(a, b) - pairs.prefer(b, a))
                .sum();
            halves as f64 / (2.0 * present as f64 * opponents)
        })
        .collect()
}

fn approvals(ballots: &Ballots) -> Vec<f64> {
    let n = ballots.candidates();
    let mut votes = vec![0u64; n];
    for ballot in ballots.iter() {
        let (low, high) = range(ballot);
        // Relative to the worst, so that the mean of equal utilities is exactly theirs.
        let mean = ballot.iter().map(|u| u - low).sum::<f64>() / n as f64;
        for (votes, u) in votes.iter_mut().zip(ballot) {
            *votes += u64::from(high == low || u - low >= mean);
        }
    }
    let present = ballots.present() as f64;
    votes.iter().map(|&votes| votes as f64 / present).collect()
}

fn scaled(ballots: &Ballots) -> Vec<f64> {
    let mut sums = vec![0.0; ballots.candidates()];
    for ballot in ballots.iter() {
        let (low, high) = range(ballot);
        for (sum, u) in sums.iter_mut().zip(ballot) {
            *sum += if high > low {
                (u - low) / (high - low)
            } else {
                0.5
            };
        }
    }
    let present = ballots.present() as f64;
    sums.iter().map(|sum| sum / present).collect()
}

fn range(ballot: &[f64]) -> (f64, f64) {
    let low = ballot.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ballot.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

fn copeland(pairs: &Pairwise) -> Vec<f64> {
    let n = pairs.candidates();
    let opponents = (n.max(2) - 1) as f64;
    let against = |a: usize, b: usize| match (pairs.beats(a, b), pairs.beats(b, a)) {
        (true, _) => 1.0,
        (_, true) => 0.0,
        _ => 0.5,
    };
    (0..n)
        .map(|a| {
            let others = (0..n).filter(|&b| b != a);
            others.map(|b| against(a, b)).sum::<f64>() / opponents
        })
        .collect()
}

/// Strength of the strongest path from a to b: the largest number such that a chain of pairwise
/// victories leads from a to b, each by at least so many winning votes; 0 without a chain.
///
/// Source: Schulze (2011), by the algorithm of Floyd and Warshall.
pub fn strongest_paths(pairs: &Pairwise) -> Vec<Vec<u64>> {
    let n = pairs.candidates();
    let strength = |a: usize, b: usize| match pairs.beats(a, b) {
        true => pairs.prefer(a, b),
        false => 0,
    };
    let mut paths: Vec<Vec<u64>> = (0..n)
        .map(|a| (0..n).map(|b| strength(a, b)).collect())
        .collect();
    for through in 0..n {
        let onward = paths[through].clone();
        for (a, row) in paths.iter_mut().enumerate() {
            if a == through {
                continue;
            }
            let first = row[through];
            for (b, (path, &rest)) in row.iter_mut().zip(&onward).enumerate() {
                if b != a {
                    *path = (*path).max(first.min(rest));
                }
            }
        }
    }
    paths
}

fn schulze(ballots: &Ballots, rng: &mut impl Rng) -> Election {
    let paths = strongest_paths(&ballots.pairwise());
    let n = paths.len();
    let others = |a: usize| (0..n).filter(move |&b| b != a);
    let won: Vec<usize> = (0..n)
        .filter(|&a| others(a).all(|b| paths[a][b] >= paths[b][a]))
        .collect();
    let winner = drawn(&won, rng);
    let opponents = (n.max(2) - 1) as f64;
    let ahead = |a: usize| others(a).filter(|&b| paths[a][b] > paths[b][a]).count();
    let least = others(winner)
        .map(|b| paths[winner][b] - paths[b][winner])
        .min()
        .unwrap_or(ballots.present() as u64);
    Election {
        winner,
        scores: (0..n).map(|a| ahead(a) as f64 / opponents).collect(),
        tied: if won.len() > 1 { won } else { Vec::new() },
        margin: least as f64 / ballots.present() as f64,
        turnout: ballots.turnout(),
        rounds: Vec::new(),
    }
}

fn runoff(ballots: &Ballots, rng: &mut impl Rng) -> Election {
    let n = ballots.candidates();
    let scores = first_places(ballots, &vec![true; n]);
    if scores.iter().any(|share| *share > 0.5 + TIE) || n <= 2 {
        let first = Round {
            shares: scores.clone(),
            eliminated: Vec::new(),
        };
        return Election {
            rounds: vec![first],
            ..by_scores(ballots, scores, rng)
        };
    }
    let mut standing = vec![true; n];
    let mut second_vote = vec![false; n];
    for _ in 0..2 {
        let next = drawn(&extreme(&scores, &standing, 1.0), rng);
        standing[next] = false;
        second_vote[next] = true;
    }
    let eliminated = (0..n).filter(|&c| !second_vote[c]).collect();
    let shares = first_places(ballots, &second_vote);
    let last = Round {
        shares: shares.clone(),
        eliminated: Vec::new(),
    };
    let first = Round {
        shares: scores.clone(),
        eliminated,
    };
    Election {
        scores,
        rounds: vec![first, last],
        ..by_scores(ballots, shares, rng)
    }
}

fn instant_runoff(ballots: &Ballots, rng: &mut impl Rng) -> Election {
    let n = ballots.candidates();
    let mut standing = vec![true; n];
    let mut rounds: Vec<Round> = Vec::new();
    loop {
        let shares = first_places(ballots, &standing);
        let left = standing.iter().filter(|&&stands| stands).count();
        if left <= 2 || shares.iter().any(|share| *share > 0.5 + TIE) {
            rounds.push(Round {
                shares: shares.clone(),
                eliminated: Vec::new(),
            });
            return Election {
                scores: rounds[0].shares.clone(),
                rounds,
                ..by_scores(ballots, shares, rng)
            };
        }
        let out = drawn(&extreme(&shares, &standing, -1.0), rng);
        standing[out] = false;
        rounds.push(Round {
            shares,
            eliminated: vec![out],
        });
    }
}
