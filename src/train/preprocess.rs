//! Fits the preprocessing to training rows: fills, categories, products, scales. Gives the artifact's inputs and terms.

use super::design::Design;
use super::frame::{Cells, Frame, Series};
use crate::model::pipeline::{self as model, Factor, Input, Output, Steps, Term, Unknown};
use std::collections::{BTreeMap, HashMap};

const TERMS_MAX: usize = 10_000;
/// Constant features that a warning names.
const NAMED: usize = 10;

/// How to prepare.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub missing: Missing,
    pub missing_text: MissingText,
    pub unknown: Unknown,
    pub one_hot: OneHot,
    pub standardise: bool,
    /// Products of two different features.
    pub interactions: bool,
    /// Powers, and products of all features, up to this degree.
    pub degree: u32,
}

/// What stands for a missing number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Missing {
    Mean,
    Median,
    Constant(f64),
    /// Nothing: the row is left out of training, and is bad when it is scored.
    Drop,
}

/// What stands for a missing text.
#[derive(Clone, Debug, PartialEq)]
pub enum MissingText {
    MostFrequent,
    /// Nothing: as for numbers.
    Drop,
    /// None of the categories.
    Unknown,
    /// A category of its own.
    Category(String),
}

/// Which categories of a column get an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneHot {
    /// Each. They add up to 1, as the intercept's column does, so a fit without penalty is not unique.
    All,
    /// Each but the most frequent one, which the others are compared with.
    Reference,
}

/// A preprocessing fitted to training rows.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub inputs: Vec<Input>,
    /// Their coefficients are 0.
    pub terms: Vec<Term>,
    pub design: Design,
    /// The rows of the design.
    pub rows: Vec<usize>,
    pub warnings: Vec<String>,
}

/// Fits to `rows` of `features`. Rows with a missing value that is not to be filled are left out.
pub fn fit(features: &Frame, rows: &[usize], settings: &Settings) -> Result<Prepared, String> {
    if features.columns.is_empty() {
        return Err("there are no features beside the target".into());
    }
    let drops = |series: &Series| match series.cells {
        Cells::Numbers(_) => settings.missing == Missing::Drop,
        Cells::Texts(_) => settings.missing_text == MissingText::Drop,
    };
    let dropping: Vec<&Series> = features.columns.iter().filter(|series| drops(series)).collect();
    let kept = rows
        .iter()
        .filter(|&&row| dropping.iter().all(|series| !series.cells.is_missing(row)));
    let kept: Vec<usize> = kept.copied().collect();
    if kept.is_empty() {
        return Err(format!("each of the {} training rows has a missing value", rows.len()));
    }
    let inputs = features.columns.iter().map(|series| input(series, &kept, settings));
    let mut inputs = inputs.collect::<Result<Vec<_>, String>>()?;
    let mut columns = columns(&inputs, features, &kept)?;
    let mut warnings = check(&mut inputs, &mut columns, kept.len())?;
    too_few(kept.len(), inputs.len(), "features", String::new)?;

    let mut terms = terms(&inputs, &columns, settings)?;
    too_few(kept.len(), terms.len(), "terms", || most(&inputs, &terms))?;
    let draft = model::Pipeline {
        inputs: inputs.clone(),
        terms: terms.clone(),
        intercepts: vec![0.0],
        output: Output::NUMBER,
    };
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut values = Steps::of(&draft).map_err(|defect| defect.to_string())?.design(&slices);
    warnings.extend(leave_out(&mut terms, &mut values));
    for (term, values) in terms.iter_mut().zip(&mut values) {
        if values.iter().any(|x| !x.is_finite()) {
            return Err(format!(
                "the term {} is too large for a number; standardise won't help: take a lower degree",
                term.name
            ));
        }
        if settings.standardise {
            (term.mean, term.scale) = moments(values);
            values.iter_mut().for_each(|x| *x = (*x - term.mean) / term.scale);
        }
    }
    Ok(Prepared {
        design: Design {
            names: terms.iter().map(|term| term.name.clone()).collect(),
            rows: kept.len(),
            columns: values,
        },
        inputs,
        terms,
        rows: kept,
        warnings,
    })
}

/// The cells of some rows as a model takes them: numbers, or the indices of categories; NaN is missing, -1 is an unknown
/// category.
pub fn columns(inputs: &[Input], features: &Frame, rows: &[usize]) -> Result<Vec<Vec<f64>>, String> {
    let column = |input: &Input| {
        let series = features.series(&input.name);
        let series = series.ok_or_else(|| format!("there is no column {:?}, which the model takes", input.name))?;
        match &series.cells {
            Cells::Numbers(numbers) if input.categories.is_empty() => {
                Ok(rows.iter().map(|&row| numbers[row]).collect())
            }
            Cells::Texts(texts) if !input.categories.is_empty() => {
                let codes = input
                    .categories
                    .iter()
                    .enumerate()
                    .map(|(code, c)| (c.as_str(), code as f64));
                let codes: HashMap<&str, f64> = codes.collect();
                let code = |text: &Option<String>| match text {
                    None => f64::NAN,
                    Some(text) => codes.get(text.as_str()).copied().unwrap_or(-1.0),
                };
                Ok(rows.iter().map(|&row| code(&texts[row])).collect())
            }
            Cells::Numbers(_) => Err(format!(
                "column {:?} has numbers, where the model takes categories",
                input.name
            )),
            Cells::Texts(_) => Err(format!(
                "column {:?} has texts, where the model takes numbers",
                input.name
            )),
        }
    };
    inputs.iter().map(column).collect()
}

/// Can the model take this row of [`columns`]?
pub fn is_good(inputs: &[Input], columns: &[Vec<f64>], row: usize) -> bool {
    inputs.iter().zip(columns).all(|(input, column)| match column[row] {
        x if x.is_nan() => input.missing != model::Missing::Refuse,
        x => x != -1.0 || input.unknown != Some(Unknown::Refuse),
    })
}

/// What training decides about a column.
fn input(series: &Series, rows: &[usize], settings: &Settings) -> Result<Input, String> {
    let empty = || {
        format!(
            "feature {:?} has no value in any training row; leave it out of data.features",
            series.name
        )
    };
    match &series.cells {
        Cells::Numbers(numbers) => {
            let mut present: Vec<f64> = rows.iter().map(|&row| numbers[row]).filter(|x| !x.is_nan()).collect();
            if present.is_empty() {
                return Err(empty());
            }
            if let Some(row) = rows.iter().find(|&&row| numbers[row].is_infinite()) {
                return Err(format!(
                    "feature {:?} is infinite in row {} (without the header)",
                    series.name,
                    row + 1
                ));
            }
            let missing = match settings.missing {
                Missing::Mean => model::Missing::Fill(present.iter().sum::<f64>() / present.len() as f64),
                Missing::Median => model::Missing::Fill(median(&mut present)),
                Missing::Constant(constant) => model::Missing::Fill(constant),
                Missing::Drop => model::Missing::Refuse,
            };
            Ok(Input {
                name: series.name.clone(),
                categories: Vec::new(),
                missing,
                unknown: None,
            })
        }
        Cells::Texts(texts) => {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            rows.iter()
                .filter_map(|&row| texts[row].as_deref())
                .for_each(|text| *counts.entry(text).or_default() += 1);
            let mut categories: Vec<String> = counts.keys().map(|c| c.to_string()).collect();
            let missing = match &settings.missing_text {
                MissingText::MostFrequent => model::Missing::Category(most_frequent(&counts).ok_or_else(empty)?.into()),
                MissingText::Drop => model::Missing::Refuse,
                MissingText::Unknown => model::Missing::Ignore,
                MissingText::Category(category) => {
                    if let Err(place) = categories.binary_search(category) {
                        categories.insert(place, category.clone());
                    }
                    model::Missing::Category(category.clone())
                }
            };
            if counts.is_empty() {
                return Err(empty());
            }
            Ok(Input {
                name: series.name.clone(),
                categories,
                missing,
                unknown: Some(settings.unknown),
            })
        }
    }
}

/// The first of the most frequent ones, by alphabet.
fn most_frequent<'a>(counts: &BTreeMap<&'a str, usize>) -> Option<&'a str> {
    let most = counts.values().max()?;
    counts
        .iter()
        .find(|(_, count)| *count == most)
        .map(|(category, _)| *category)
}

/// The middle one, or the mean of the two in the middle.
fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() % 2 {
        0 => numbers[middle - 1] + (numbers[middle] - numbers[middle - 1]) / 2.0,
        _ => numbers[middle],
    }
}

/// `most`: what makes most of them.
fn too_few(rows: usize, count: usize, what: &str, most: impl Fn() -> String) -> Result<(), String> {
    match rows > count {
        true => Ok(()),
        false => Err(format!(
            "too few rows: {rows} training rows for {count} {what} and the intercept; there must be more rows than {what}{}: \
             give more examples, or choose fewer columns in data.features",
            most()
        )),
    }
}

/// The column that is in most terms, for example `; "city" is in 35 of them, by its 35 categories`.
fn most(inputs: &[Input], terms: &[Term]) -> String {
    let count = |input: &Input| {
        let has = |term: &&Term| term.factors.iter().any(|factor| factor.input == input.name);
        terms.iter().filter(has).count()
    };
    // The first of equal ones.
    let Some(input) = inputs.iter().rev().max_by_key(|input| count(input)) else {
        return String::new();
    };
    let count = count(input);
    let why = match input.categories.len() {
        0 => String::new(),
        categories => format!(", by its {categories} categories"),
    };
    format!("; {:?} is in {count} of them{why}", input.name)
}

/// Warns of columns of texts of which no row that is kept to evaluate has one that the model knows.
pub fn never_known(inputs: &[Input], features: &Frame, rows: &[usize]) -> Vec<String> {
    let unknown = |input: &&Input| {
        let Some(Series {
            cells: Cells::Texts(texts),
            ..
        }) = features.series(&input.name)
        else {
            return false;
        };
        let mut present = rows.iter().filter_map(|&row| texts[row].as_ref()).peekable();
        present.peek().is_some() && present.all(|text| input.categories.binary_search(text).is_err())
    };
    let sentence = |input: &Input| {
        format!(
            "{:?} has no text in the rows kept to evaluate that training has seen: it tells nothing of them, as an id does; leave it \
             out of data.features",
            input.name
        )
    };
    inputs.iter().filter(unknown).map(sentence).collect()
}

/// Leaves out features that are constant in all `rows`, and says so; refuses those that say what another says already.
fn check(inputs: &mut Vec<Input>, columns: &mut Vec<Vec<f64>>, rows: usize) -> Result<Vec<String>, String> {
    let filled = |input: &Input, x: f64| match &input.missing {
        model::Missing::Fill(fill) if x.is_nan() => *fill,
        model::Missing::Category(fill) if x.is_nan() => input
            .categories
            .iter()
            .position(|c| c == fill)
            .map_or(x, |code| code as f64),
        _ => x,
    };
    let mut constant = Vec::new();
    let mut equal = Vec::new();
    let mut keep = Vec::with_capacity(inputs.len());
    let mut seen: HashMap<(&[String], Vec<u64>), &str> = HashMap::new();
    for (input, column) in inputs.iter().zip(&*columns) {
        // One pattern for both zeros.
        let bits: Vec<u64> = column.iter().map(|&x| (filled(input, x) + 0.0).to_bits()).collect();
        keep.push(bits.iter().any(|b| *b != bits[0]));
        if keep.last() == Some(&false) {
            constant.push(format!("{:?}", input.name));
        } else if let Some(first) = seen.insert((&input.categories, bits), &input.name) {
            equal.push(format!("{first:?} and {:?}", input.name));
        }
    }
    if !equal.is_empty() {
        return Err(format!(
            "duplicate features: {} (equal in all {rows} training rows); keep one of them in data.features",
            equal.join(", ")
        ));
    }
    let named = constant[..constant.len().min(NAMED)].join(", ");
    let named = match constant.len() {
        0 => return Ok(Vec::new()),
        1..=NAMED => named,
        n => format!("{named} and {} more", n - NAMED),
    };
    if constant.len() == inputs.len() {
        return Err(format!(
            "constant features: {named} (the same value in all {rows} training rows): no other is left to learn from"
        ));
    }
    let mut kept = keep.iter();
    inputs.retain(|_| kept.next() == Some(&true));
    let mut kept = keep.iter();
    columns.retain(|_| kept.next() == Some(&true));
    Ok(vec![format!(
        "constant features are left out, having the same value in all {rows} training rows: {named}"
    )])
}

/// Terms of the first degree, then products by rising degree.
fn terms(inputs: &[Input], columns: &[Vec<f64>], settings: &Settings) -> Result<Vec<Term>, String> {
    let variables: Vec<Factor> = inputs
        .iter()
        .zip(columns)
        .flat_map(|(input, column)| factors(input, column, settings.one_hot))
        .collect();
    // Products as the places of their variables, ascending; one that stands twice is squared.
    let mut all: Vec<Vec<usize>> = Vec::new();
    let mut last: Vec<Vec<usize>> = (0..variables.len()).map(|v| vec![v]).collect();
    let highest = settings.degree.max(1 + u32::from(settings.interactions));
    for degree in 1..=highest {
        if all.len() + last.len() > TERMS_MAX {
            return Err(format!(
                "more than {TERMS_MAX} terms; take a lower preprocess.degree or fewer features"
            ));
        }
        all.extend_from_slice(&last);
        if degree == highest {
            break;
        }
        let mut next = Vec::new();
        for product in &last {
            let from = product[product.len() - 1];
            let others = (from..variables.len()).filter(|&v| match &variables[v].category {
                // Its square is itself, and its product with another indicator of the same column is 0.
                Some(_) => product.iter().all(|&u| variables[u].input != variables[v].input),
                None => settings.degree > 1 || v != from,
            });
            next.extend(others.map(|v| [product.as_slice(), &[v]].concat()));
            if all.len() + next.len() > TERMS_MAX {
                break;
            }
        }
        last = next;
    }
    Ok(all.iter().map(|product| term(product, &variables)).collect())
}

/// A number itself, or the indicators of a column's categories.
fn factors(input: &Input, column: &[f64], one_hot: OneHot) -> Vec<Factor> {
    if input.categories.is_empty() {
        return vec![Factor {
            input: input.name.clone(),
            power: 1,
            category: None,
        }];
    }
    let mut counts = vec![0usize; input.categories.len()];
    for &code in column {
        let code = match &input.missing {
            model::Missing::Category(fill) if code.is_nan() => input.categories.iter().position(|c| c == fill),
            _ if code >= 0.0 => Some(code as usize),
            _ => None,
        };
        if let Some(code) = code {
            counts[code] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    let reference = match one_hot {
        OneHot::All => None,
        OneHot::Reference => counts.iter().position(|&count| count == most),
    };
    let seen = (0..counts.len()).filter(|&code| counts[code] > 0 && Some(code) != reference);
    seen.map(|code| Factor {
        input: input.name.clone(),
        power: 1,
        category: Some(input.categories[code].clone()),
    })
    .collect()
}

fn term(product: &[usize], variables: &[Factor]) -> Term {
    let mut factors: Vec<Factor> = Vec::new();
    for (place, &v) in product.iter().enumerate() {
        match factors.last_mut() {
            Some(factor) if place > 0 && product[place - 1] == v => factor.power += 1,
            _ => factors.push(variables[v].clone()),
        }
    }
    let names: Vec<String> = factors.iter().map(name).collect();
    Term {
        name: names.join(" * "),
        factors,
        mean: 0.0,
        scale: 1.0,
        coefficients: vec![0.0],
    }
}

fn name(factor: &Factor) -> String {
    match (&factor.category, factor.power) {
        (Some(category), _) => format!("{}={category}", factor.input),
        (None, 1) => factor.input.clone(),
        (None, power) => format!("{}^{power}", factor.input),
    }
}

/// Leaves out products that are constant or equal to an earlier term, such as the square of a column of zeros and ones.
fn leave_out(terms: &mut Vec<Term>, values: &mut Vec<Vec<f64>>) -> Vec<String> {
    let mut seen: HashMap<Vec<u64>, usize> = HashMap::new();
    let mut left = Vec::new();
    let mut keep = Vec::with_capacity(terms.len());
    for (term, values) in terms.iter().zip(values.iter()) {
        let product = term.factors.len() > 1 || term.factors.iter().any(|f| f.power > 1);
        let bits: Vec<u64> = values.iter().map(|x| (x + 0.0).to_bits()).collect();
        let redundant = product && (bits.iter().all(|b| *b == bits[0]) || seen.contains_key(&bits));
        if redundant {
            left.push(term.name.clone());
        } else {
            seen.insert(bits, keep.len());
        }
        keep.push(!redundant);
    }
    let mut kept = keep.iter();
    terms.retain(|_| kept.next() == Some(&true));
    let mut kept = keep.iter();
    values.retain(|_| kept.next() == Some(&true));
    match left.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "left out, being constant or equal to another term in all training rows: {}",
            left.join(", ")
        )],
    }
}

/// Mean and population standard deviation, as scikit-learn's `StandardScaler` takes them.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    let scale = variance.sqrt();
    (mean, if scale > 0.0 && scale.is_finite() { scale } else { 1.0 })
}
