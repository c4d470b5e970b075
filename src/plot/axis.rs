//! The directions of plots: what they span, and their round ticks.

use crate::digits::trim;
use crate::html::thousands;

/// 1, 2 or 5 times a power of ten, not below `size`.
pub fn round_step(size: f64) -> f64 {
    let power = 10f64.powf(size.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= size * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A direction of a plot: what values it spans, and where its ticks are.
#[derive(Clone, Debug)]
pub struct Axis {
    pub label: String,
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Where there is a tick, and what stands there.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From the lowest to the highest of finite values, of which those beyond 1e300 are taken as that.
    pub fn linear(label: &str, low: f64, high: f64) -> Axis {
        Axis::spaced(label, low, high, 0.0)
    }

    /// From none to the most of something that is counted.
    pub fn counts(label: &str, most: f64) -> Axis {
        Axis::spaced(label, 0.0, most, 1.0)
    }

    /// Ticks lie at least `least` apart.
    fn spaced(label: &str, low: f64, high: f64, least: f64) -> Axis {
        let (mut low, mut high) = (low.clamp(-1e300, 1e300), high.clamp(-1e300, 1e300));
        let size = low.abs().max(high.abs());
        // No room between the ends, or none that an axis could show.
        if high - low <= size * 1e-9 || high - low < 1e-290 {
            let room = if size < 1e-280 { 1.0 } else { size * 0.1 };
            (low, high) = (low - room, high + room);
        }
        let step = round_step((high - low) / 7.0).max(least);
        let first = (low / step).ceil() as i64;
        let places = (first..)
            .map(|k| k as f64 * step)
            .take_while(|&tick| tick <= high * (1.0 + 1e-12) + step * 1e-9);
        let places: Vec<f64> = places.take(12).collect();
        let ticks = places
            .iter()
            .map(|&tick| (tick, tick_label(tick, step, size)))
            .collect();
        Axis {
            label: label.into(),
            low,
            high,
            logarithmic: false,
            ticks,
        }
    }

    /// The same with a little room at both ends.
    pub fn roomy(label: &str, low: f64, high: f64) -> Axis {
        let room = 0.04 * (high.min(1e300) - low.max(-1e300)).max(0.0);
        Axis::linear(label, low - room, high + room)
    }

    /// Of positive values.
    pub fn logarithmic(label: &str, low: f64, high: f64) -> Axis {
        let (mut first, mut last) = (low.log10(), high.log10());
        if last - first < 0.1 {
            (first, last) = (first - 0.5, last + 0.5);
        }
        let every = (((last - first) / 7.0).ceil() as usize).max(1);
        let decades = (first - 1e-9).ceil() as i32..=(last + 1e-9).floor() as i32;
        let factors: &[f64] = if last - first < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut ticks = vec![];
        for decade in ((first.floor() as i32)..=*decades.end()).step_by(every) {
            for factor in factors {
                let tick = factor * 10f64.powi(decade);
                if tick.log10() >= first - 1e-9 && tick.log10() <= last + 1e-9 {
                    ticks.push((tick, tick_label(tick, tick, tick)));
                }
            }
        }
        Axis {
            label: label.into(),
            low: first,
            high: last,
            logarithmic: true,
            ticks,
        }
    }

    /// 0 at the low end, 1 at the high one.
    pub fn place(&self, value: f64) -> f64 {
        let value = if self.logarithmic {
            value.log10()
        } else {
            value.clamp(-1e300, 1e300)
        };
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}

/// `step` tells how many digits a tick needs, `size` how large the axis's numbers are.
fn tick_label(tick: f64, step: f64, size: f64) -> String {
    let magnitude = |number: f64| number.log10().floor().max(-320.0) as i32;
    let decimals = -magnitude(step * (1.0 + 1e-9));
    if tick == 0.0 {
        "0".into()
    } else if size < 1e6 && decimals <= 4 {
        thousands(format_args!("{tick:.0$}", decimals.max(0) as usize))
    } else {
        let digits = (magnitude(tick.abs() * (1.0 + 1e-9)) + decimals).clamp(0, 12) as usize;
        thousands(trim(&format!("{tick:.digits$e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.1.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        for (low, high, expected) in [
            (0.0, 1.0, "0 0.2 0.4 0.6 0.8 1.0"),
            (-37.0, 262.0, "0 50 100 150 200 250"),
            (
                0.0,
                0.00031,
                "0 5e\u{2212}5 1e\u{2212}4 1.5e\u{2212}4 2e\u{2212}4 2.5e\u{2212}4 3e\u{2212}4",
            ),
            (0.0, 0.0031, "0 0.0005 0.0010 0.0015 0.0020 0.0025 0.0030"),
            (0.0, 12_345.0, "0 2,000 4,000 6,000 8,000 10,000 12,000"),
            (-2.6e9, 1e9, "\u{2212}2e9 \u{2212}1e9 0 1e9"),
            (3.0, 3.0, "2.7 2.8 2.9 3.0 3.1 3.2 3.3"),
            (0.0, 0.0, "\u{2212}1.0 \u{2212}0.5 0 0.5 1.0"),
        ] {
            assert_eq!(labels(&Axis::linear("", low, high)).join(" "), expected, "{low} {high}");
        }
    }

    #[test]
    fn counts_have_whole_ticks() {
        assert_eq!(labels(&Axis::counts("rows", 2.1)).join(" "), "0 1 2");
    }

    #[test]
    fn a_logarithmic_axis_ticks_at_powers_of_ten() {
        let axis = Axis::logarithmic("", 0.02, 30_000.0);
        assert_eq!(labels(&axis).join(" "), "0.1 1 10 100 1,000 10,000");
        assert_eq!(labels(&Axis::logarithmic("", 3.0, 60.0)).join(" "), "5 10 20 50");
        assert!((axis.place(0.02), axis.place(30_000.0)) == (0.0, 1.0));
        assert!(labels(&Axis::logarithmic("", 1e-250, 1e250)).len() <= 9);
    }

    #[test]
    fn numbers_have_commas_and_true_minus_signs() {
        for (number, text) in [
            ("-1234567.25", "\u{2212}1,234,567.25"),
            ("999", "999"),
            ("-1.5e-7", "\u{2212}1.5e\u{2212}7"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }

    proptest! {
        #[test]
        fn any_axis_places_its_ticks_in_order(low in prop::num::f64::NORMAL, high in prop::num::f64::NORMAL) {
            let (low, high) = (low.min(high), low.max(high));
            let axis = Axis::roomy("x", low, high);
            prop_assert!(axis.ticks.len() >= 2 && axis.ticks.len() <= 12, "{:?}", axis);
            prop_assert!(axis.ticks.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1), "{:?}", axis);
            prop_assert!(axis.ticks.iter().all(|tick| (0.0..=1.0).contains(&axis.place(tick.0)) && tick.1.len() < 24));
        }
    }
}
