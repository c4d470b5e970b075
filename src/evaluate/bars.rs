//! What inputs and terms are worth, as bars.

use super::charts::sentences;
use super::importance::Importance;
use super::report::{Figure, Report};
use crate::digits::{short, significant};
use crate::html::thousands;
use crate::model::{Gain, Library};
use crate::plot::named_bars;

/// More bars than these are counted, not shown.
const BARS: usize = 40;

/// Of inputs, then of terms.
pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let details = report.details;
    let mut figures = Vec::new();
    if let Some(importance) = &details.importance {
        figures.extend(permutation(importance));
        figures.extend(details.gain.as_ref().and_then(|gain| of_gain(importance, gain)));
    }
    figures.extend(coefficients(report.coefficients));
    figures
}

fn permutation(importance: &Importance) -> Option<Figure> {
    let bars = importance.inputs.iter().filter_map(|input| {
        let (mean, sd) = (input.mean?, input.sd?);
        let text = format!("{} \u{b1} {}", thousands(short(mean, 3)), thousands(short(sd, 2)));
        Some((input.name.as_str(), mean, text))
    });
    let Importance { rows, of, repeats, .. } = *importance;
    let rows = match rows == of {
        true => format!("the {} rows", thousands(of)),
        false => format!("{} of the {} rows, drawn at random", thousands(rows), thousands(of)),
    };
    let what = format!(
        "How far {} drops from {} where the cells of a column are shuffled among {rows}; mean and standard deviation of \
         {repeats} shuffles",
        importance.metric.name(),
        importance
            .value
            .map_or("nothing".into(), |value| importance.metric.show(value))
    );
    // A rise is no importance, however large.
    drawn("Permutation importance", what, bars.collect(), |drop| drop)
}

fn of_gain(importance: &Importance, gain: &Gain) -> Option<Figure> {
    let inputs = importance.inputs.iter().zip(&gain.inputs);
    let bars = inputs.filter(|(_, splits)| splits.count > 0).map(|(input, splits)| {
        let figure = gain.figure(splits);
        (input.name.as_str(), figure, thousands(significant(figure, 4)))
    });
    let bars: Vec<(&str, f64, String)> = bars.collect();
    let what = match gain.counted_by {
        Library::Xgboost => "the mean of the column\u{2019}s splits, which XGBoost calls gain",
        Library::Lightgbm => "the sum of the column\u{2019}s splits, which LightGBM calls gain",
    };
    let unused = importance.inputs.len() - bars.len();
    let unused = match unused {
        0 => String::new(),
        1 => "; 1 column has no split".into(),
        n => format!("; {} columns have no split", thousands(n)),
    };
    let what = format!("By how much splits reduced the loss of the training rows: {what}{unused}");
    drawn("Gain", what, bars, f64::abs)
}

fn coefficients(coefficients: &[(String, f64)]) -> Option<Figure> {
    let bars = coefficients
        .iter()
        .map(|(name, value)| (name.as_str(), *value, thousands(significant(*value, 4))));
    drawn(
        "Coefficients",
        "Of each term after preprocessing".into(),
        bars.collect(),
        f64::abs,
    )
}

/// The largest `size` first; of equal ones in their order.
fn drawn(
    title: &'static str,
    what: String,
    mut bars: Vec<(&str, f64, String)>,
    size: fn(f64) -> f64,
) -> Option<Figure> {
    bars.retain(|bar| bar.1.is_finite());
    if bars.is_empty() {
        return None;
    }
    bars.sort_by(|a, b| size(b.1).total_cmp(&size(a.1)));
    let rest = bars.len().saturating_sub(BARS);
    let hidden = match (rest, bars.get(BARS)) {
        (1, _) => Some("1 smaller one is not shown".to_owned()),
        (2.., Some(next)) => {
            let next = significant(size(next.1), 4);
            Some(format!("{} smaller ones, up to {next}, are not shown", thousands(rest)))
        }
        _ => None,
    };
    bars.truncate(BARS);
    Some(Figure {
        title,
        legend: vec![],
        note: sentences([Some(format!("{what}, the largest first")), hidden]),
        svg: named_bars(title, &bars),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Metric;
    use crate::evaluate::importance::Input;

    #[test]
    fn a_drop_stands_before_a_larger_rise_and_coefficients_go_by_size() {
        let input = |(name, mean): (&str, f64)| Input {
            name: name.into(),
            mean: Some(mean),
            sd: Some(0.0),
        };
        let worth = [("rises", -0.9), ("drops", 0.2), ("nothing", 0.0), ("most", 0.5)];
        let importance = Importance {
            metric: Metric::R2,
            value: Some(0.5),
            rows: 9,
            of: 9,
            repeats: 5,
            inputs: worth.map(input).to_vec(),
        };
        let order = |svg: &str| {
            let mut names: Vec<&str> = worth.iter().map(|(name, _)| *name).collect();
            names.sort_by_key(|name| svg.find(&format!(">{name}<")).unwrap());
            names
        };
        let drawn = permutation(&importance).unwrap();
        assert_eq!(order(&drawn.svg), ["most", "drops", "nothing", "rises"]);
        let terms = worth.map(|(name, value)| (name.to_owned(), value));
        let drawn = coefficients(&terms).unwrap();
        assert_eq!(order(&drawn.svg), ["rises", "most", "drops", "nothing"]);
    }
}
