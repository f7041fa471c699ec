//! Several comparisons at once.

/// Holm's (1979) step-down adjustment: p̃_(i) = max_{j ≤ i} min(1, (m − j + 1)·p_(j)) for the m p values
/// in rising order. Rejecting where p̃ ≤ α keeps the chance of any false rejection below α, however the
/// comparisons depend on each other.
///
/// In the order of `p`; a comparison without a p value is no member of the family.
pub fn holm(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = p
        .iter()
        .enumerate()
        .filter_map(|(place, p)| Some((place, (*p)?)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![None; p.len()];
    let mut least = 0f64;
    for (rank, &(place, value)) in order.iter().enumerate() {
        least = least.max(((order.len() - rank) as f64 * value).min(1.0));
        adjusted[place] = Some(least);
    }
    adjusted
}
