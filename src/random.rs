//! Counter-based random streams.
//!
//! A draw is a pure function of (seed, domain, worker, step): the ChaCha8 key is
//! SHA-256(seed, domain), the ChaCha stream number is the worker, and the word
//! position is the step. It does not depend on the number of threads, on the
//! order of systems, or on what other mechanisms drew.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// 32-bit words reserved for one step of one worker: more than any mechanism draws.
const WORDS_PER_STEP: u128 = 1 << 20;

/// Random streams of one domain (`"wage"`, `"choice"`, …) under one seed.
#[derive(Clone, Debug)]
pub struct Streams {
    key: [u8; 32],
}

impl Streams {
    /// Streams whose key is SHA-256 of the little-endian seed followed by the domain's name.
    pub fn new(seed: u64, domain: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(domain.as_bytes());
        Streams {
            key: hash.finalize().into(),
        }
    }

    /// The generator for `worker` at `step`.
    pub fn at(&self, worker: u64, step: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(worker);
        rng.set_word_pos(u128::from(step) * WORDS_PER_STEP);
        rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn draws_do_not_depend_on_what_was_drawn_before() {
        let streams = Streams::new(7, "choice");
        let mut at_three = streams.at(5, 3);
        let first: f64 = at_three.random();
        let mut walked = streams.at(5, 2);
        let _: [f64; 32] = std::array::from_fn(|_| walked.random());
        assert_eq!(first, streams.at(5, 3).random::<f64>());
        assert_ne!(first, streams.at(6, 3).random::<f64>());
        assert_ne!(first, streams.at(5, 4).random::<f64>());
        assert_ne!(first, Streams::new(7, "wage").at(5, 3).random::<f64>());
        assert_ne!(first, Streams::new(8, "choice").at(5, 3).random::<f64>());
    }

    #[test]
    fn uniform_moments_across_workers() {
        let streams = Streams::new(1, "moments");
        let n = 20_000;
        let draws: Vec<f64> = (0..n).map(|i| streams.at(i, 0).random()).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        // Five standard errors of the mean of n uniforms.
        assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12.0 / n as f64).sqrt());
        assert!((variance - 1.0 / 12.0).abs() < 0.002);
    }
}
