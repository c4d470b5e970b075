//! Where a share of ascending values lies below.

/// The quantile of ascending values, of which there is at least one: linear between neighbours (Hyndman and Fan 1996,
/// type 7; numpy's default).
pub fn quantile(ascending: &[f64], share: f64) -> f64 {
    let place = share * (ascending.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let (low, high) = (ascending[below], ascending[(below + 1).min(ascending.len() - 1)]);
    // Not low + part * (high - low): the difference of two finite numbers may not be finite.
    // Rounding leads it nowhere else: two equal values have it between them.
    (low * (1.0 - part) + high * part).clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        assert_eq!(quantile(&[3.0], 0.9), 3.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[-f64::MAX, f64::MAX], 0.5), 0.0);
    }

    /// A tied value fell out of its own bin.
    #[test]
    fn between_two_equal_values_there_is_no_other() {
        for i in 0..1000 {
            let tied = [0.97386706; 4];
            assert_eq!(quantile(&tied, f64::from(i) / 1000.0), 0.97386706);
        }
    }
}
