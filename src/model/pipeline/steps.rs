//! A pipeline that holds together, ready to score.

use super::softmax::{most_probable, softmax};
use super::{Classes, Factor, Output, POWER_MAX, Pipeline, Several, Term};
use crate::model::{Defect, logistic};
use std::borrow::Cow;
use std::collections::HashMap;

const INPUTS_MAX: usize = 100_000;
const TERMS_MAX: usize = 1_000_000;

/// A pipeline whose parts fit together: names are resolved to places.
#[derive(Clone, Debug)]
pub struct Steps {
    /// Of each input, what stands for a missing value.
    fills: Vec<Option<f64>>,
    terms: Vec<Resolved>,
    intercepts: Vec<f64>,
    link: Link,
    /// For people: by name.
    coefficients: Vec<(String, f64)>,
}

/// What becomes of the sums.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    /// A number is its sum.
    Identity,
    /// Of two classes the second one from this probability on.
    Logistic { threshold: f64 },
    /// A sum for each class.
    Softmax,
}

#[derive(Clone, Debug)]
struct Resolved {
    factors: Vec<Value>,
    mean: f64,
    scale: f64,
    /// As many as there are sums.
    coefficients: Vec<f64>,
}

#[derive(Clone, Debug)]
enum Value {
    Power { input: usize, power: u32 },
    Is { input: usize, code: f64 },
}

impl Steps {
    pub fn of(pipeline: &Pipeline) -> Result<Steps, Defect> {
        pipeline.signature().check()?;
        for (what, count, most) in [
            ("inputs", pipeline.inputs.len(), INPUTS_MAX),
            ("terms", pipeline.terms.len(), TERMS_MAX),
        ] {
            if count > most {
                return Err(Defect(format!("{count} {what}, more than {most}")));
            }
        }
        let mut places = HashMap::new();
        let mut fills = Vec::with_capacity(pipeline.inputs.len());
        for (place, input) in pipeline.inputs.iter().enumerate() {
            if let Some(category) = input.categories.iter().find(|c| c.trim() != *c || c.is_empty()) {
                let message = "is empty or has spaces around it, so that no cell can say it";
                return Err(Defect(format!(
                    "the category {category:?} of {:?} {message}",
                    input.name
                )));
            }
            let fill = input
                .fill()
                .map_err(|what| Defect(format!("the input {:?} {what}", input.name)))?;
            fills.push(fill);
            let codes = input
                .categories
                .iter()
                .enumerate()
                .map(|(code, c)| (c.as_str(), code as f64));
            places.insert(input.name.as_str(), (place, codes.collect::<HashMap<_, _>>()));
        }
        let (link, sums) = link(&pipeline.output)?;
        let resolve = |term: &Term| {
            let defect = |what: String| Defect(format!("the term {:?} {what}", term.name));
            let factors = term.factors.iter().map(|f| resolve(f, &places).map_err(defect));
            let factors = factors.collect::<Result<Vec<_>, _>>()?;
            let mut numbers = [term.mean, term.scale]
                .into_iter()
                .chain(term.coefficients.iter().copied());
            let finite = numbers.all(f64::is_finite);
            match () {
                () if factors.is_empty() || factors.len() > POWER_MAX as usize => {
                    Err(defect(format!("has {} factors, not 1 to {POWER_MAX}", factors.len())))
                }
                () if term.coefficients.len() != sums => Err(defect(format!(
                    "has {} coefficients, not {sums}",
                    term.coefficients.len()
                ))),
                () if !finite => Err(defect("has a number that is not finite".into())),
                () if term.scale <= 0.0 => Err(defect(format!("has the scale {}, which is not above 0", term.scale))),
                () => Ok(Resolved {
                    factors,
                    mean: term.mean,
                    scale: term.scale,
                    coefficients: term.coefficients.clone(),
                }),
            }
        };
        if !pipeline.intercepts.iter().all(|x| x.is_finite()) {
            return Err(Defect("the intercept is not finite".into()));
        }
        if pipeline.intercepts.len() != sums {
            return Err(Defect(format!("{} intercepts, not {sums}", pipeline.intercepts.len())));
        }
        Ok(Steps {
            fills,
            terms: pipeline.terms.iter().map(resolve).collect::<Result<_, _>>()?,
            intercepts: pipeline.intercepts.clone(),
            link,
            coefficients: pipeline.coefficients(),
        })
    }

    pub fn threshold(&self) -> Option<f64> {
        match self.link {
            Link::Logistic { threshold } => Some(threshold),
            Link::Identity | Link::Softmax => None,
        }
    }

    /// As [`Pipeline::coefficients`].
    pub fn coefficients(&self) -> Vec<(String, f64)> {
        self.coefficients.clone()
    }

    /// Predicts `out`, `[output][row]`: a number, or the index of the label and the probabilities of all classes.
    /// `columns`: of each input, numbers or the indices of categories; NaN is missing, -1 an unknown category.
    pub fn predict(&self, columns: &[&[f64]], out: &mut [f64]) {
        let rows = match self.link {
            Link::Identity => out.len(),
            Link::Logistic { .. } => out.len() / 3,
            Link::Softmax => out.len() / (1 + self.intercepts.len()),
        };
        let columns = self.filled(columns);
        let (labels, probabilities) = out.split_at_mut(rows);
        match self.link {
            Link::Identity => self.add(&columns, labels),
            Link::Logistic { threshold } => {
                self.add(&columns, labels);
                let (no, yes) = probabilities.split_at_mut(rows);
                for ((sum, no), yes) in labels.iter_mut().zip(no).zip(yes) {
                    *yes = logistic(*sum);
                    *no = 1.0 - *yes;
                    *sum = match yes.is_nan() {
                        true => f64::NAN,
                        false => f64::from(*yes >= threshold),
                    };
                }
            }
            Link::Softmax => {
                self.add(&columns, probabilities);
                softmax(probabilities, rows);
                most_probable(probabilities, labels);
            }
        }
    }

    /// The sums, `[sum][row]`.
    fn add(&self, columns: &[Cow<[f64]>], sums: &mut [f64]) {
        let rows = sums.len() / self.intercepts.len();
        let mut values = vec![0.0; rows];
        for (place, intercept) in self.intercepts.iter().enumerate() {
            sums[place * rows..][..rows].fill(*intercept);
        }
        for term in &self.terms {
            term.values(columns, &mut values);
            for (place, coefficient) in term.coefficients.iter().enumerate() {
                for (sum, x) in sums[place * rows..][..rows].iter_mut().zip(&values) {
                    *sum += coefficient * x;
                }
            }
        }
    }

    /// The values of the terms, `[term][row]`, without their coefficients.
    pub fn design(&self, columns: &[&[f64]]) -> Vec<Vec<f64>> {
        let columns = self.filled(columns);
        let rows = columns.first().map_or(0, |c| c.len());
        let values = |term: &Resolved| {
            let mut values = vec![0.0; rows];
            term.values(&columns, &mut values);
            values
        };
        self.terms.iter().map(values).collect()
    }

    fn filled<'a>(&self, columns: &[&'a [f64]]) -> Vec<Cow<'a, [f64]>> {
        let fill = |(column, fill): (&&'a [f64], &Option<f64>)| match fill {
            Some(fill) if column.iter().any(|x| x.is_nan()) => {
                let known = |x: &f64| if x.is_nan() { *fill } else { *x };
                Cow::Owned(column.iter().map(known).collect())
            }
            _ => Cow::Borrowed(*column),
        };
        columns.iter().zip(&self.fills).map(fill).collect()
    }
}

/// What becomes of the sums, and how many there are.
fn link(output: &Output) -> Result<(Link, usize), Defect> {
    match output {
        Output::Number(_) => Ok((Link::Identity, 1)),
        Output::Classes(Classes { threshold, .. }) if (0.0..=1.0).contains(threshold) => {
            let threshold = *threshold;
            Ok((Link::Logistic { threshold }, 1))
        }
        Output::Classes(Classes { threshold, .. }) => {
            Err(Defect(format!("the threshold {threshold} is not between 0 and 1")))
        }
        Output::Several(Several { classes }) if classes.len() > 2 => Ok((Link::Softmax, classes.len())),
        Output::Several(Several { classes }) => Err(Defect(format!(
            "{} classes without a threshold, which are for 3 or more",
            classes.len()
        ))),
    }
}

/// Of each input by its name: its place and the codes of its categories.
type Places<'a> = HashMap<&'a str, (usize, HashMap<&'a str, f64>)>;

fn resolve(factor: &Factor, places: &Places) -> Result<Value, String> {
    let Factor {
        input: name,
        power,
        category,
    } = factor;
    let Some((input, codes)) = places.get(name.as_str()) else {
        return Err(format!("has a factor of {name:?}, which is none of the inputs"));
    };
    let input = *input;
    match category {
        Some(category) => match codes.get(category.as_str()) {
            Some(_) if *power != 1 => Err(format!("has a power of {name:?} = {category:?}")),
            Some(&code) => Ok(Value::Is { input, code }),
            None => Err(format!(
                "asks for {category:?}, which is none of the categories of {name:?}"
            )),
        },
        None if !codes.is_empty() => Err(format!("takes {name:?} for a number, but it has categories")),
        None if !(1..=POWER_MAX).contains(power) => {
            Err(format!("has {name:?} to the power of {power}, not 1 to {POWER_MAX}"))
        }
        None => Ok(Value::Power { input, power: *power }),
    }
}

impl Resolved {
    fn values(&self, columns: &[Cow<[f64]>], out: &mut [f64]) {
        for (place, factor) in self.factors.iter().enumerate() {
            match *factor {
                Value::Power { input, power } if place == 0 => {
                    out.copy_from_slice(&columns[input]);
                    for _ in 1..power {
                        multiply(out, &columns[input]);
                    }
                }
                Value::Power { input, power } => {
                    for _ in 0..power {
                        multiply(out, &columns[input]);
                    }
                }
                Value::Is { input, code } if place == 0 => {
                    for (y, x) in out.iter_mut().zip(&*columns[input]) {
                        *y = f64::from(*x == code);
                    }
                }
                Value::Is { input, code } => {
                    for (y, x) in out.iter_mut().zip(&*columns[input]) {
                        *y *= f64::from(*x == code);
                    }
                }
            }
        }
        for y in out {
            *y = (*y - self.mean) / self.scale;
        }
    }
}

fn multiply(out: &mut [f64], column: &[f64]) {
    for (y, x) in out.iter_mut().zip(column) {
        *y *= x;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Input, Missing, Unknown};
    use super::*;
    use proptest::prelude::*;

    fn term(factors: Vec<Factor>, mean: f64, scale: f64, coefficient: f64) -> Term {
        Term {
            name: "t".into(),
            factors,
            mean,
            scale,
            coefficients: vec![coefficient],
        }
    }

    fn power(input: &str, power: u32) -> Factor {
        Factor {
            input: input.into(),
            power,
            category: None,
        }
    }

    fn is(input: &str, category: &str) -> Factor {
        Factor {
            input: input.into(),
            power: 1,
            category: Some(category.into()),
        }
    }

    /// x is filled with 0.5, y must be there, city fills with Oslo and ignores the unknown.
    fn pipeline(output: Output) -> Pipeline {
        let number = |name: &str, missing| Input {
            name: name.into(),
            categories: Vec::new(),
            missing,
            unknown: None,
        };
        Pipeline {
            inputs: vec![
                number("x", Missing::Fill(0.5)),
                number("y", Missing::Refuse),
                Input {
                    name: "city".into(),
                    categories: vec!["Lima".into(), "Oslo".into()],
                    missing: Missing::Category("Oslo".into()),
                    unknown: Some(Unknown::Ignore),
                },
            ],
            terms: vec![
                term(vec![power("x", 1)], 0.25, 3.0, 2.0),
                term(vec![power("x", 3), power("y", 1)], 0.0, 1.0, -0.7),
                term(vec![is("city", "Lima")], 0.1, 0.3, 5.0),
                term(vec![is("city", "Oslo"), power("y", 2)], 0.0, 1.0, 0.01),
            ],
            intercepts: vec![7.0],
            output,
        }
    }

    /// By hand, one row.
    fn sum(x: f64, y: f64, city: f64) -> f64 {
        let x = if x.is_nan() { 0.5 } else { x };
        let city = if city.is_nan() { 1.0 } else { city };
        let lima = if city == 0.0 { 1.0 } else { 0.0 };
        let oslo = if city == 1.0 { 1.0 } else { 0.0 };
        let mut sum = 7.0;
        sum += 2.0 * ((x - 0.25) / 3.0);
        sum += -0.7 * (x * x * x * y);
        sum += 5.0 * ((lima - 0.1) / 0.3);
        sum += 0.01 * (oslo * y * y);
        sum
    }

    fn rows() -> impl Strategy<Value = Vec<(f64, f64, f64)>> {
        let number = || prop_oneof![4 => -1e3..1e3f64, 1 => Just(f64::NAN)];
        let code = prop::sample::select(vec![0.0, 1.0, -1.0, f64::NAN]);
        proptest::collection::vec((number(), -1e3..1e3f64, code), 1..40)
    }

    fn columns(rows: &[(f64, f64, f64)]) -> [Vec<f64>; 3] {
        [0, 1, 2].map(|i| rows.iter().map(|r| [r.0, r.1, r.2][i]).collect())
    }

    proptest! {
        #[test]
        fn a_prediction_is_the_dot_product_by_hand_to_the_bit(rows in rows()) {
            let steps = Steps::of(&pipeline(Output::NUMBER)).unwrap();
            let columns = columns(&rows);
            let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let mut out = vec![0.0; rows.len()];
            steps.predict(&slices, &mut out);
            for (row, y) in rows.iter().zip(&out) {
                prop_assert_eq!(sum(row.0, row.1, row.2).to_bits(), y.to_bits());
            }
        }

        #[test]
        fn a_row_is_scored_by_itself(rows in rows(), threshold in 0.0..1.0f64) {
            let classes = Classes { classes: ["no".into(), "yes".into()], threshold };
            let steps = Steps::of(&pipeline(Output::Classes(classes))).unwrap();
            let columns = columns(&rows);
            let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let n = rows.len();
            let mut all = vec![0.0; 3 * n];
            steps.predict(&slices, &mut all);
            for (i, row) in rows.iter().enumerate() {
                let mut one = [0.0; 3];
                steps.predict(&[&[row.0], &[row.1], &[row.2]], &mut one);
                let same = one.iter().zip([all[i], all[n + i], all[2 * n + i]]).all(|(a, b)| a.to_bits() == b.to_bits());
                prop_assert!(same);
                prop_assert_eq!(one[0], f64::from(one[2] >= threshold));
                prop_assert_eq!(one[1], 1.0 - one[2]);
            }
        }
    }

    /// The second class has the sum by hand, the others its double and 0.
    fn several() -> Steps {
        let classes = ["a", "b", "c"].map(String::from).to_vec();
        let mut pipeline = pipeline(Output::Several(Several { classes }));
        pipeline.intercepts = vec![14.0, 7.0, 0.0];
        for term in &mut pipeline.terms {
            let one = term.coefficients[0];
            term.coefficients = vec![2.0 * one, one, 0.0];
        }
        Steps::of(&pipeline).unwrap()
    }

    proptest! {
        #[test]
        fn several_classes_have_the_softmax_of_their_sums(rows in rows()) {
            let columns = columns(&rows);
            let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let n = rows.len();
            let mut out = vec![0.0; 4 * n];
            several().predict(&slices, &mut out);
            for (i, row) in rows.iter().enumerate() {
                let sum = sum(row.0, row.1, row.2);
                let p: Vec<f64> = (1..4).map(|k| out[k * n + i]).collect();
                prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-15);
                // As scikit-learn: of those that are not lost beside the others.
                if sum.abs() < 300.0 {
                    let ratio = (p[0] / p[1]).ln();
                    prop_assert!((ratio - sum).abs() <= 1e-9 * sum.abs().max(1.0), "{ratio} {sum}");
                }
                if sum.abs() > 1e-9 {
                    prop_assert_eq!(out[i], if sum > 0.0 { 0.0 } else { 2.0 });
                }
                let mut one = [0.0; 4];
                several().predict(&[&[row.0], &[row.1], &[row.2]], &mut one);
                prop_assert!((0..4).all(|k| one[k].to_bits() == out[k * n + i].to_bits()));
            }
        }
    }

    #[test]
    fn an_unknown_category_is_none_of_them_and_a_missing_one_is_filled() {
        let steps = Steps::of(&pipeline(Output::NUMBER)).unwrap();
        let predict = |city: f64| {
            let mut out = [0.0];
            steps.predict(&[&[0.25], &[10.0], &[city]], &mut out);
            out[0] - (7.0 - 0.7 * 0.25f64.powi(3) * 10.0 - 5.0 * 0.1 / 0.3)
        };
        for (city, wanted) in [(-1.0, 0.0), (0.0, 5.0 / 0.3), (1.0, 1.0), (f64::NAN, 1.0)] {
            assert!((predict(city) - wanted).abs() < 1e-12, "{city}: {}", predict(city));
        }
    }
}
