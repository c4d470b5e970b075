//! The plots of a page: which there are, what each shows, and what it says beside.

use super::Examples;
use super::curves::{Histogram, average_precision, calibration, precision_recall, roc, thin};
use super::metrics::Task;
use super::report::{COLOURS, Figure, Report};
use crate::digits::{short, significant};
use crate::html::thousands;
use crate::plot::{Axis, Plot};
use std::cmp::Reverse;

/// Enough vertices for a line of 480 pixels.
const VERTICES: usize = 600;
/// A line whose values span more than this is drawn on a logarithmic scale.
const DECADES: f64 = 100.0;

/// The plots that a report has, in the order in which they are read.
pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let pairs = report
        .examples
        .actual
        .iter()
        .zip(report.examples.predicted)
        .map(|(&actual, &predicted)| (actual, predicted));
    let finite: Vec<(f64, f64)> = pairs.filter(|pair| pair.0.is_finite() && pair.1.is_finite()).collect();
    let mut figures = match report.comparison.candidate.task {
        _ if finite.is_empty() => vec![],
        Task::Regression => vec![
            against_actual(report, &finite),
            residuals(report, &finite),
            distribution(report, &finite),
        ],
        Task::Classification { threshold } => {
            let rows: Vec<(f64, bool)> = finite.iter().map(|pair| (pair.1, pair.0 == 1.0)).collect();
            let mut figures = vec![probabilities(report, &rows, threshold), reliability(report, &rows)];
            figures.extend(roc_curve(report, &rows, threshold));
            figures.extend(precision_recall_curve(report, &rows, threshold));
            figures
        }
        Task::Multiclass { .. } => by_class(report),
    };
    figures.extend(loss(report.loss));
    figures
}

/// The lowest and the highest; there is at least one value.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |ends, value| {
        (ends.0.min(value), ends.1.max(value))
    })
}

pub(super) fn sentences(parts: impl IntoIterator<Item = Option<String>>) -> String {
    parts
        .into_iter()
        .flatten()
        .map(|part| part + ".")
        .collect::<Vec<_>>()
        .join(" ")
}

fn against_actual(report: &Report, pairs: &[(f64, f64)]) -> Figure {
    let (low, high) = ends(pairs.iter().flat_map(|pair| [pair.0, pair.1]));
    let axis = |what| Axis::roomy(&report.label(what), low, high);
    let mut plot = Plot::new(axis("actual"), axis("predicted"));
    let (low, high) = axis("").ends();
    let density = plot.scatter(pairs);
    plot.line("ideal", &[(low, low), (high, high)]);
    let note = sentences([Some("On the dashed line, predictions are exact".into()), density]);
    Figure::new("Predicted against actual", note, plot)
}

fn residuals(report: &Report, pairs: &[(f64, f64)]) -> Figure {
    let points: Vec<(f64, f64)> = pairs
        .iter()
        .map(|&(actual, predicted)| (predicted, actual - predicted))
        .collect();
    let (left, right) = ends(points.iter().map(|point| point.0));
    let (low, high) = ends(points.iter().map(|point| point.1).chain([0.0]));
    let x = Axis::roomy(&report.label("predicted"), left, right);
    let (left, right) = x.ends();
    let mut plot = Plot::new(x, Axis::roomy(&report.residual(), low, high));
    let density = plot.scatter(&points);
    plot.line("ideal", &[(left, 0.0), (right, 0.0)]);
    let note = sentences([
        Some("Of a good fit they lie about zero, without a pattern".into()),
        density,
    ]);
    Figure::new("Residuals against predicted", note, plot)
}

fn distribution(report: &Report, pairs: &[(f64, f64)]) -> Figure {
    let residuals: Vec<f64> = pairs.iter().map(|&(actual, predicted)| actual - predicted).collect();
    let histogram = Histogram::of(&residuals);
    let bars = histogram.bars(1.0);
    let (left, right) = ends(bars.iter().flat_map(|bar| [bar.0, bar.1]).chain([0.0]));
    let most = histogram.counts.iter().copied().max().unwrap_or(0) as f64;
    let mut plot = Plot::new(
        Axis::linear(&report.residual(), left, right),
        Axis::counts("rows", most * 1.05),
    );
    plot.bars("first", &bars);
    plot.line("ideal", &[(0.0, 0.0), (0.0, most * 1.05)]);
    let note = format!(
        "In bins of {}. Right of the dashed line, the prediction was too low.",
        thousands(short(histogram.step, 4))
    );
    Figure::new("Distribution of residuals", note, plot)
}

fn probabilities(report: &Report, rows: &[(f64, bool)], threshold: f64) -> Figure {
    let [no, yes] = report.no_and_yes();
    let class = |wanted: bool| rows.iter().filter(move |row| row.1 == wanted).map(|row| row.0);
    let bars = |wanted| {
        let whole = class(wanted).count().max(1) as f64;
        Histogram::of_shares(class(wanted), 20).bars(whole)
    };
    let (nos, yeses) = (bars(false), bars(true));
    let most = nos.iter().chain(&yeses).map(|bar| bar.2).fold(0.0, f64::max) * 1.05;
    let x = Axis::linear(&format!("probability of {yes}"), 0.0, 1.0);
    let mut plot = Plot::new(x, Axis::linear("share of the class", 0.0, most));
    plot.bars("second pale", &nos);
    plot.bars("first pale", &yeses);
    plot.line("ideal", &[(threshold, 0.0), (threshold, most)]);
    let count = |wanted| thousands(class(wanted).count());
    let legend = vec![
        format!("{yes}: {} rows", count(true)),
        format!("{no}: {} rows", count(false)),
    ];
    let note = format!("The dashed line is the threshold, {threshold}.");
    Figure {
        legend,
        ..Figure::new("Probabilities by what came true", note, plot)
    }
}

fn reliability(report: &Report, rows: &[(f64, bool)]) -> Figure {
    let [_, yes] = report.no_and_yes();
    let axis = |label: String| Axis::linear(&label, 0.0, 1.0);
    let mut plot = Plot::new(
        axis(format!("mean probability of {yes}")),
        axis(format!("share of {yes}")),
    );
    plot.line("ideal", &[(0.0, 0.0), (1.0, 1.0)]);
    let tenths = calibration(rows);
    for tenth in &tenths {
        plot.line(
            "whisker",
            &[(tenth.predicted, tenth.lower), (tenth.predicted, tenth.upper)],
        );
    }
    let points: Vec<(f64, f64)> = tenths.iter().map(|tenth| (tenth.predicted, tenth.actual)).collect();
    plot.line("first", &points);
    for (x, y) in points {
        plot.dot("dot", x, y);
    }
    let fewest = tenths.iter().map(|tenth| tenth.rows).min().unwrap_or(0);
    let note = format!(
        "Rows by tenths of their probability, with 95 % intervals; {} in the smallest. On the dashed line, probabilities \
         come true as often as they say.",
        if fewest == 1 {
            "1 row".into()
        } else {
            format!("{} rows", thousands(fewest))
        }
    );
    Figure::new("Calibration", note, plot)
}

fn roc_curve(report: &Report, rows: &[(f64, bool)], threshold: f64) -> Option<Figure> {
    let [no, yes] = report.no_and_yes();
    let curve = roc(rows)?;
    let axis = |label: String| Axis::linear(&label, 0.0, 1.0);
    let mut plot = Plot::new(
        axis(format!("share of {no} called {yes}")),
        axis(format!("share of {yes} called {yes}")),
    );
    plot.line("ideal", &[(0.0, 0.0), (1.0, 1.0)]);
    plot.line("first", &thin_roc(&curve));
    let called = |class: bool| {
        let of_class = rows.iter().filter(|row| row.1 == class);
        of_class.clone().filter(|row| row.0 >= threshold).count() as f64 / of_class.count() as f64
    };
    let (x, y) = (called(false), called(true));
    plot.dot("dot", x, y);
    plot.note(x, y, 10.0, -16.0, &format!("at {threshold}"));
    let auc = report.comparison.candidate.metric("roc_auc");
    let area = auc.map_or(String::new(), |auc| format!("The area below is {auc:.4}. "));
    let note = format!("{area}The dot is the threshold, the dashed line guessing.");
    Some(Figure::new("ROC curve", note, plot))
}

/// For a plot. Along the curve both rates ascend, so their sum numbers its runs.
fn thin_roc(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let along: Vec<(f64, f64)> = curve.iter().map(|&(x, y)| (x + y, y)).collect();
    let run = |along: f64| (along * VERTICES as f64 / 4.0) as usize;
    let thinned = thin(&along, VERTICES, run);
    thinned.iter().map(|&(along, y)| (along - y, y)).collect()
}

/// Of precision and recall: from one threshold to the next, the precision is that of the next. Below the threshold that finds all,
/// there is nothing more to find.
fn thin_steps(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let all = curve.partition_point(|point| point.0 < 1.0);
    let curve = &curve[..(all + 1).min(curve.len())];
    let run = |recall: f64| (recall * VERTICES as f64 / 4.0) as usize;
    let mut from = 0.0;
    let thinned = thin(curve, VERTICES, run);
    let steps = thinned.iter().flat_map(|&(recall, precision)| {
        let step = [(from, precision), (recall, precision)];
        from = recall;
        step
    });
    steps.collect()
}

/// Curves of each class against the rest, of the most frequent ones where there are too many to tell apart; none of a model without
/// probabilities.
fn by_class(report: &Report) -> Vec<Figure> {
    let Examples {
        actual, probabilities, ..
    } = report.examples;
    let support = |class: usize| actual.iter().filter(|&&y| y == class as f64).count();
    let mut classes: Vec<(usize, usize)> = (0..probabilities.len()).map(|class| (class, support(class))).collect();
    classes.sort_by_key(|&(_, support)| Reverse(support));
    let rest = classes.len().saturating_sub(COLOURS.len());
    classes.truncate(COLOURS.len());
    // In the model's order.
    classes.sort_unstable();
    let rows = |class: usize| {
        let probabilities = probabilities[class].iter().zip(actual);
        let rows = probabilities.map(|(&p, &y)| (p, y == class as f64));
        rows.filter(|row| row.0.is_finite()).collect::<Vec<(f64, bool)>>()
    };
    let hidden = (rest > 0).then(|| format!("{} rarer classes are not drawn", thousands(rest)));
    let figure = |title, [x, y]: [&str; 2], drawn: Vec<(String, Vec<(f64, f64)>)>, ideal: &[(f64, f64)], note: &str| {
        let axis = |label| Axis::linear(label, 0.0, 1.0);
        let mut plot = Plot::new(axis(x), axis(y));
        if !ideal.is_empty() {
            plot.line("ideal", ideal);
        }
        for ((_, line), colour) in drawn.iter().zip(COLOURS) {
            plot.line(colour, line);
        }
        (!drawn.is_empty()).then(|| Figure {
            legend: drawn.into_iter().map(|drawn| drawn.0).collect(),
            ..Figure::new(title, sentences([Some(note.into()), hidden.clone()]), plot)
        })
    };
    let name = |class: usize| report.classes.get(class).copied().unwrap_or("?");
    let area = |curve: &[(f64, f64)]| -> f64 {
        let steps = curve.windows(2);
        steps.map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum()
    };
    let rocs = classes.iter().filter_map(|&(class, _)| {
        let curve = roc(&rows(class))?;
        Some((format!("{}: {:.4}", name(class), area(&curve)), thin_roc(&curve)))
    });
    let recalls = classes.iter().filter_map(|&(class, _)| {
        let curve = precision_recall(&rows(class))?;
        let average = average_precision(&curve);
        Some((format!("{}: {average:.4}", name(class)), thin_steps(&curve)))
    });
    let of_roc = figure(
        "ROC curves, one class against the rest",
        ["share of the rest called so", "share of the class called so"],
        rocs.collect(),
        &[(0.0, 0.0), (1.0, 1.0)],
        "Beside each class the area below its curve. The dashed line is guessing",
    );
    let of_recall = figure(
        "Precision and recall, one class against the rest",
        ["recall", "precision"],
        recalls.collect(),
        &[],
        "Beside each class its average precision",
    );
    of_roc.into_iter().chain(of_recall).collect()
}

fn precision_recall_curve(report: &Report, rows: &[(f64, bool)], threshold: f64) -> Option<Figure> {
    let [_, yes] = report.no_and_yes();
    let curve = precision_recall(rows)?;
    let all_yes = rows.iter().filter(|row| row.1).count() as f64;
    let share = all_yes / rows.len() as f64;
    let axis = |label: String| Axis::linear(&label, 0.0, 1.0);
    let mut plot = Plot::new(
        axis(format!("recall: share of {yes} called {yes}")),
        axis("precision: share of these in all called so".into()),
    );
    plot.line("ideal", &[(0.0, share), (1.0, share)]);
    plot.line("first", &thin_steps(&curve));
    let called: Vec<&(f64, bool)> = rows.iter().filter(|row| row.0 >= threshold).collect();
    if !called.is_empty() {
        let right = called.iter().filter(|row| row.1).count() as f64;
        let (x, y) = (right / all_yes, right / called.len() as f64);
        plot.dot("dot", x, y);
        plot.note(x, y, 10.0, 14.0, &format!("at {threshold}"));
    }
    let note = format!(
        "Average precision: {:.4}. The dot is the threshold, the dashed line the share of {yes}, {}.",
        average_precision(&curve),
        short(share, 3)
    );
    Some(Figure::new("Precision and recall", note, plot))
}

fn loss(losses: &[f64]) -> Option<Figure> {
    let finite = losses.iter().enumerate().filter(|loss| loss.1.is_finite());
    let points: Vec<(f64, f64)> = finite.map(|(i, &loss)| (i as f64 + 1.0, loss)).collect();
    let (&(first, start), &(last, end)) = (points.first()?, points.last()?);
    if points.len() < 2 {
        return None;
    }
    let (low, high) = ends(points.iter().map(|point| point.1));
    let steep = low > 0.0 && high / low > DECADES;
    let y = if steep {
        Axis::logarithmic("loss", low, high)
    } else {
        Axis::roomy("loss", low, high)
    };
    // Where half of the fall takes the first twentieth of the iterations, a linear scale would show a wall and a floor.
    let half = start + (end - start) / 2.0;
    let halved = points
        .iter()
        .position(|point| if end < start { point.1 <= half } else { point.1 >= half });
    let early = last / first > DECADES && halved.unwrap_or(0) * 20 < points.len();
    let x = if early {
        Axis::logarithmic("iteration", first, last)
    } else {
        Axis::linear("iteration", first, last)
    };
    let runs = (VERTICES / 2 - 1) as f64;
    let part = move |x: f64| {
        if early {
            (x / first).ln() / (last / first).ln()
        } else {
            (x - first) / (last - first)
        }
    };
    let thinned = thin(&points, VERTICES, |x| (part(x) * runs) as usize);
    let mut plot = Plot::new(x, y);
    plot.line("first", &thinned);
    let scales = match (early, steep) {
        (true, true) => Some("Both scales are logarithmic".to_owned()),
        (true, false) => Some("Iterations are on a logarithmic scale".to_owned()),
        (false, true) => Some("The loss is on a logarithmic scale".to_owned()),
        (false, false) => None,
    };
    let infinite = losses.len() - points.len();
    let missing = (infinite > 0).then(|| format!("{} values are not finite, and not drawn", thousands(infinite)));
    let [from, to] = [start, end].map(|loss| thousands(significant(loss, 4)));
    let fell = format!("From {from} to {to} in {} iterations", thousands(losses.len()));
    Some(Figure::new(
        "Loss per iteration",
        sentences([Some(fell), scales, missing]),
        plot,
    ))
}
