//! Raw columns -> terms -> `y = link(intercept + Σ coefficient · term)`, the terms added in their order.
//!
//! What training decided about missing values, unknown categories, products and scales is part of the artifact, so an
//! input never needs preparing. The first three parts of a term are what `train` fits; the arithmetic is here alone, so
//! that training and scoring compute the same numbers.

use super::{Category, Column, Defect, Signature, Type, logistic, signature};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;

/// The highest power of a factor, and the most factors of a term.
pub const POWER_MAX: u32 = 16;
const INPUTS_MAX: usize = 100_000;
const TERMS_MAX: usize = 1_000_000;
/// What the reader makes of a category that is not among a column's.
const UNKNOWN: f64 = -1.0;

/// A preprocessing with a linear model behind it, as `pipeline.json` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    pub inputs: Vec<Input>,
    pub terms: Vec<Term>,
    pub intercept: f64,
    pub output: Output,
}

/// A raw column: of numbers, or of categories if it has any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    pub missing: Missing,
    /// Of a column of categories, which must say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
}

/// What becomes of a missing value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The row is bad.
    Refuse,
    /// Of a column of categories: it is none of them; all of its indicators are 0.
    Ignore,
    /// It is this number.
    Fill(f64),
    /// It is this category.
    Category(String),
}

/// What becomes of a category that training has not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// The row is bad.
    Refuse,
    /// All indicators of the column are 0.
    Ignore,
}

/// `coefficient · (product of the factors - mean) / scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    pub name: String,
    pub factors: Vec<Factor>,
    pub mean: f64,
    pub scale: f64,
    pub coefficient: f64,
}

/// A power of a number, or whether a column holds a category: 1 or 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    pub input: String,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub power: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

fn one() -> u32 {
    1
}

fn is_one(power: &u32) -> bool {
    *power == 1
}

/// What the sum is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Output {
    Number(Word),
    Classes(Classes),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    Number,
}

/// The log-odds of the second class. The label is the second class where its probability is `threshold` or more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    pub classes: [String; 2],
    pub threshold: f64,
}

impl Output {
    pub const NUMBER: Output = Output::Number(Word::Number);
}

impl Pipeline {
    pub fn parse(artifact: &[u8]) -> Result<Pipeline, Defect> {
        serde_json::from_slice(artifact).map_err(|e| Defect(format!("not the JSON of a pipeline: {e}")))
    }

    /// The bytes of the artifact.
    pub fn serialise(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a pipeline is JSON");
        bytes.push(b'\n');
        bytes
    }

    pub fn signature(&self) -> Signature {
        let outputs = match &self.output {
            Output::Number(_) => vec![Column::plain("prediction".into(), Type::Float64)],
            Output::Classes(Classes { classes, .. }) => {
                let mut outputs = signature::classification(2, Type::Float64);
                outputs[0].categories = classes.iter().cloned().map(Category::Text).collect();
                for (output, class) in outputs[1..].iter_mut().zip(classes) {
                    output.name = format!("probability_{class}");
                }
                outputs
            }
        };
        Signature {
            inputs: self.inputs.iter().map(Input::column).collect(),
            outputs,
        }
    }
}

impl Input {
    fn column(&self) -> Column {
        Column {
            optional: self.missing != Missing::Refuse,
            open: self.unknown == Some(Unknown::Ignore),
            categories: self.categories.iter().cloned().map(Category::Text).collect(),
            ..Column::plain(self.name.clone(), self.kind())
        }
    }

    fn kind(&self) -> Type {
        match self.categories.is_empty() {
            true => Type::Float64,
            false => Type::Category,
        }
    }

    /// The value that stands for a missing one: a number, or the index of a category.
    fn fill(&self) -> Result<Option<f64>, String> {
        let numeric = self.kind() == Type::Float64;
        match (&self.missing, self.unknown) {
            (_, Some(_)) if numeric => Err("says what an unknown category is, but has no categories".into()),
            (_, None) if !numeric => Err("has categories, but doesn't say what an unknown one is".into()),
            (Missing::Refuse, _) => Ok(None),
            (Missing::Ignore, _) if !numeric => Ok(Some(UNKNOWN)),
            (Missing::Fill(number), _) if numeric && number.is_finite() => Ok(Some(*number)),
            (Missing::Category(wanted), _) if !numeric => match self.categories.iter().position(|c| c == wanted) {
                Some(code) => Ok(Some(code as f64)),
                None => Err(format!("fills with {wanted:?}, which is none of its categories")),
            },
            (missing, _) => Err(format!("can't fill a column of type {} by {missing:?}", self.kind())),
        }
    }
}

/// A pipeline that holds together, ready to score: names are resolved to places.
#[derive(Clone, Debug)]
pub struct Steps {
    /// Of each input, what stands for a missing value.
    fills: Vec<Option<f64>>,
    terms: Vec<Resolved>,
    intercept: f64,
    /// `None`: the output is a number.
    threshold: Option<f64>,
}

#[derive(Clone, Debug)]
struct Resolved {
    factors: Vec<Value>,
    mean: f64,
    scale: f64,
    coefficient: f64,
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
        let resolve = |term: &Term| {
            let defect = |what: String| Defect(format!("the term {:?} {what}", term.name));
            let factors = term.factors.iter().map(|f| resolve(f, &places).map_err(defect));
            let factors = factors.collect::<Result<Vec<_>, _>>()?;
            let finite = [term.mean, term.scale, term.coefficient].iter().all(|x| x.is_finite());
            match () {
                () if factors.is_empty() || factors.len() > POWER_MAX as usize => {
                    Err(defect(format!("has {} factors, not 1 to {POWER_MAX}", factors.len())))
                }
                () if !finite => Err(defect("has a number that is not finite".into())),
                () if term.scale <= 0.0 => Err(defect(format!("has the scale {}, which is not above 0", term.scale))),
                () => Ok(Resolved {
                    factors,
                    mean: term.mean,
                    scale: term.scale,
                    coefficient: term.coefficient,
                }),
            }
        };
        if !pipeline.intercept.is_finite() {
            return Err(Defect("the intercept is not finite".into()));
        }
        let threshold = match &pipeline.output {
            Output::Number(_) => None,
            Output::Classes(Classes { threshold, .. }) if (0.0..=1.0).contains(threshold) => Some(*threshold),
            Output::Classes(Classes { threshold, .. }) => {
                return Err(Defect(format!("the threshold {threshold} is not between 0 and 1")));
            }
        };
        Ok(Steps {
            fills,
            terms: pipeline.terms.iter().map(resolve).collect::<Result<_, _>>()?,
            intercept: pipeline.intercept,
            threshold,
        })
    }

    /// Predicts `out`, `[output][row]`: a number, or the index of the label and the probabilities of both classes.
    /// `columns`: of each input, numbers or the indices of categories; NaN is missing, -1 an unknown category.
    pub fn predict(&self, columns: &[&[f64]], out: &mut [f64]) {
        let rows = match self.threshold {
            None => out.len(),
            Some(_) => out.len() / 3,
        };
        let columns = self.filled(columns);
        let (sums, probabilities) = out.split_at_mut(rows);
        sums.fill(self.intercept);
        let mut values = vec![0.0; rows];
        for term in &self.terms {
            term.values(&columns, &mut values);
            for (sum, x) in sums.iter_mut().zip(&values) {
                *sum += term.coefficient * x;
            }
        }
        let Some(threshold) = self.threshold else {
            return;
        };
        let (no, yes) = probabilities.split_at_mut(rows);
        for ((sum, no), yes) in sums.iter_mut().zip(no).zip(yes) {
            *yes = logistic(*sum);
            *no = 1.0 - *yes;
            *sum = match yes.is_nan() {
                true => f64::NAN,
                false => f64::from(*yes >= threshold),
            };
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
#[path = "pipeline_tests.rs"]
mod tests;
