//! Seeds spawned from one.

use sha2::{Digest, Sha256};

/// Largest seed of a sweep: whole numbers up to it are exact in JSON and in the doubles of
/// statistics programs.
pub const SEED_MAX: u64 = (1 << 53) - 1;

/// The first `count` seeds of `root`, all different; more seeds leave the first ones as they are.
///
/// Seed k = 0, 1, … is the first 53 bits of SHA-256 of root (8 bytes, little-endian), the words
/// `sweep seed`, and k (8 bytes, little-endian): the first eight bytes of the digest as a
/// little-endian number, shifted right by 11. One that came before is left out.
pub fn spawned(root: u64, count: usize) -> Vec<u64> {
    let mut seen = std::collections::HashSet::new();
    (0u64..)
        .map(|k| {
            let mut hash = Sha256::new();
            hash.update(root.to_le_bytes());
            hash.update(b"sweep seed");
            hash.update(k.to_le_bytes());
            let digest: [u8; 32] = hash.finalize().into();
            let mut head = [0; 8];
            head.copy_from_slice(&digest[..8]);
            u64::from_le_bytes(head) >> 11
        })
        .filter(|&seed| seen.insert(seed))
        .take(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against Python: `int.from_bytes(hashlib.sha256(struct.pack("<Q", root) + b"sweep seed" +
    /// struct.pack("<Q", k)).digest()[:8], "little") >> 11`.
    #[test]
    fn seeds_are_those_of_another_program() {
        assert_eq!(
            spawned(42, 3),
            [7576060690586005, 6409357598247208, 5600859144469077]
        );
        assert_eq!(
            spawned(i64::MAX as u64, 2),
            [7672317572527685, 3530295325780989]
        );
    }

    #[test]
    fn more_seeds_leave_the_first_as_they_are() {
        let many = spawned(7, 20_000);
        assert_eq!(many[..100], spawned(7, 100));
        let mut distinct = many.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), many.len());
        assert!(
            many.iter()
                .all(|&seed| seed <= SEED_MAX && seed as f64 as u64 == seed)
        );
    }
}
