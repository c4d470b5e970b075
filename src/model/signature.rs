//! What a model takes and gives: the names and types of its columns.

use super::unicode::{self, nfc};
use super::{Defect, Marker, boolean};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;

/// The type of a column that a model takes or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// IEEE 754 double.
    Float64,
    /// IEEE 754 single: inputs are rounded to it, outputs are written with its digits.
    Float32,
    /// A whole number.
    Int64,
    /// True or false: 1 or 0.
    Boolean,
    /// Any text.
    String,
    /// One of the column's `categories`.
    Category,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Float64 => "float64",
            Type::Float32 => "float32",
            Type::Int64 => "int64",
            Type::Boolean => "boolean",
            Type::String => "string",
            Type::Category => "category",
        })
    }
}

impl Type {
    /// Are its values numbers to the model?
    pub fn is_number(self) -> bool {
        matches!(self, Type::Float64 | Type::Float32 | Type::Int64 | Type::Boolean)
    }
}

/// A category, as the model's own table has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Category {
    Flag(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

impl Category {
    /// Its value, if it is a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Category::Integer(number) => Some(*number as f64),
            Category::Number(number) => Some(*number),
            Category::Flag(_) | Category::Text(_) => None,
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Category::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The truth that it stands for, where it is a word for one, or 0 or 1.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Category::Flag(truth) => Some(*truth),
            Category::Text(text) => match text.as_str() {
                "1" => Some(true),
                "0" => Some(false),
                word => boolean::word(word.as_bytes()),
            },
            number => [false, true]
                .into_iter()
                .find(|&truth| number.number() == Some(truth.into())),
        }
    }

    pub fn text(&self) -> Option<String> {
        match self {
            Category::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// As pandas writes it into a CSV.
impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Category::Flag(true) => f.write_str("True"),
            Category::Flag(false) => f.write_str("False"),
            Category::Integer(number) => write!(f, "{number}"),
            Category::Number(number) => write!(f, "{number:?}"),
            Category::Text(text) => f.write_str(text),
        }
    }
}

/// One column of a signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Type,
    /// Of an input: may its value be missing?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Of an input of type `category`: does the model take what is not among its `categories`? Its code is -1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// Of an input: may its cells also be the words for true and false, of a category the numbers 0 and 1?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub boolean: bool,
    /// Of an input of numbers or categories: what means that its value is missing, beside what means so anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Marker>,
    /// What a column of type `category` can hold. A label's are the classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
}

impl Column {
    pub fn plain(name: String, kind: Type) -> Column {
        Column {
            name,
            kind,
            optional: false,
            open: false,
            boolean: false,
            missing: Vec::new(),
            categories: Vec::new(),
        }
    }

    /// Are all its categories words for true or false, or 0 and 1, and none of them for the same?
    fn is_truths(&self) -> bool {
        let mut truths: Vec<Option<bool>> = self.categories.iter().map(Category::truth).collect();
        truths.sort_unstable();
        truths.dedup();
        !truths.is_empty() && truths.len() == self.categories.len() && !truths.contains(&None)
    }

    /// Do its categories say that it is a boolean? Numbers don't.
    fn says_boolean(&self) -> bool {
        let word = |category: &Category| match category {
            Category::Flag(_) => true,
            Category::Text(text) => text.len() > 1 && boolean::word(text.as_bytes()).is_some(),
            Category::Integer(_) | Category::Number(_) => false,
        };
        self.is_truths() && self.categories.iter().all(word)
    }

    /// Why what stands in `boolean` and `missing` can't be.
    fn unfit(&self) -> Option<String> {
        let Column { name, kind, .. } = self;
        if self.boolean && !kind.is_number() && !self.is_truths() {
            return Some(format!(
                "{name:?} can't be a boolean: it is a {kind}, and not of a category for true and one for false"
            ));
        }
        if !self.missing.is_empty() && *kind == Type::String {
            return Some(format!(
                "{name:?} is given to the model as it stands, whatever would mean a missing value"
            ));
        }
        let wrong = self
            .missing
            .iter()
            .filter_map(Marker::number)
            .find(|x| !x.is_finite())?;
        Some(format!(
            "{wrong} can't be a number that means a missing value; a not-a-number always does"
        ))
    }
}

/// A model's input columns and output columns, in order. A classification's first output is the label, the others are
/// the probabilities of the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    pub inputs: Vec<Column>,
    pub outputs: Vec<Column>,
}

/// As LightGBM and skl2onnx write a name: `annual_income` for `annual income`.
pub fn without_spaces(name: &str) -> String {
    name.replace(char::is_whitespace, "_")
}

/// Classes that are called by their numbers.
pub fn counted(classes: usize) -> Vec<Category> {
    (0..classes as i64).map(Category::Integer).collect()
}

/// The label, one of `classes`.
pub fn label(classes: Vec<Category>) -> Column {
    Column {
        categories: classes,
        ..Column::plain("prediction".into(), Type::Category)
    }
}

/// A label, and a probability for each class.
pub fn classification(classes: Vec<Category>, float: Type) -> Vec<Column> {
    let columns = for_each_class("probability", &classes, float);
    [vec![label(classes)], columns].concat()
}

/// `word_CLASS` for each class.
pub fn for_each_class(word: &str, classes: &[Category], float: Type) -> Vec<Column> {
    let column = |class: &Category| Column::plain(format!("{word}_{class}"), float);
    classes.iter().map(column).collect()
}

impl Signature {
    /// The outputs to write: all, or without the probabilities of classes.
    pub fn written(&self, probabilities: bool) -> &[Column] {
        match self.outputs.first() {
            Some(label) if label.kind == Type::Category && !probabilities => &self.outputs[..1],
            _ => &self.outputs,
        }
    }

    /// Why what another model gives can't be held against what this one gives.
    pub fn incomparable(&self, other: &Signature) -> Option<String> {
        let classes = |signature: &Signature| {
            let label = signature.outputs.first().filter(|output| output.kind == Type::Category);
            label.map(|label| {
                let mut classes: Vec<String> = label.categories.iter().map(Category::to_string).collect();
                classes.sort_unstable();
                classes
            })
        };
        match (classes(self), classes(other)) {
            (None, None) if self.outputs.len() + other.outputs.len() > 2 => {
                let names = |signature: &Signature| {
                    let names = signature.outputs.iter().map(|output| output.name.as_str());
                    let mut names: Vec<String> = names.map(String::from).collect();
                    names.sort_unstable();
                    names
                };
                let (ours, theirs) = (names(self), names(other));
                (ours != theirs).then(|| format!("one gives {}, the other {}", ours.join(", "), theirs.join(", ")))
            }
            (Some(_), None) | (None, Some(_)) => Some("one gives classes, the other numbers".into()),
            (Some(ours), Some(theirs)) if ours != theirs => Some(format!(
                "the classes of one are {}, those of the other {}",
                ours.join(", "),
                theirs.join(", ")
            )),
            _ => None,
        }
    }

    /// Where another model, which can be held against this one, has each of its outputs: the number, or the label and each class's
    /// column by its name. None: it hasn't one of them, so it can't answer in its place.
    pub fn places_in(&self, other: &Signature) -> Option<Vec<usize>> {
        if self.outputs.len() == 1 && other.outputs.len() == 1 {
            return Some(vec![0]);
        }
        let place = |output: &Column| other.outputs.iter().position(|of| of.name == output.name);
        self.outputs.iter().map(place).collect()
    }

    /// The output by which versions are compared: the number, the probability of the last of two classes, or the label.
    pub fn compared(&self) -> usize {
        match &self.outputs[..] {
            [label, _, _] if label.categories.len() == 2 => 2,
            _ => 0,
        }
    }

    /// As names are compared.
    pub fn trim_names(&mut self) {
        for input in &mut self.inputs {
            input.name = unicode::name(&input.name).into_owned();
        }
    }

    /// `known`: the artifact has names, and these must be the same.
    pub fn name_features(&mut self, names: &[String], known: bool) -> Result<(), Defect> {
        if names.len() != self.inputs.len() {
            return Err(Defect(format!(
                "{} feature names for {} features",
                names.len(),
                self.inputs.len()
            )));
        }
        for (input, name) in self.inputs.iter_mut().zip(names) {
            // LightGBM writes `_age_` for ` age `, too.
            let own = |name: &str| without_spaces(&nfc(name)).trim_matches('_').to_string();
            if known && own(&input.name) != own(name) {
                return Err(Defect(format!(
                    "the model's own name of feature {name:?} is {:?}",
                    input.name
                )));
            }
            input.name = unicode::trim(name).into();
        }
        Ok(())
    }

    /// Marks the inputs whose categories say that they are booleans.
    pub fn find_booleans(&mut self) {
        for input in &mut self.inputs {
            input.boolean |= input.says_boolean();
        }
    }

    /// Marks inputs as booleans, by their names.
    pub fn mark_booleans(&mut self, names: &[String]) -> Result<(), Defect> {
        for boolean in names.iter().map(|name| unicode::name(name)) {
            let Some(input) = self
                .inputs
                .iter_mut()
                .find(|input| unicode::name(&input.name) == boolean)
            else {
                return Err(Defect(format!(
                    "the model takes no column {boolean:?} that could be a boolean"
                )));
            };
            input.boolean = true;
        }
        Ok(())
    }

    /// Notes numbers that mean, in every input of numbers, that the value is missing. `codes`: to the model, they also mean so
    /// where they are the code of a category, which nothing in a file would tell.
    pub fn mark_missing(&mut self, numbers: &[f64], codes: bool) -> Result<(), Defect> {
        let category = |(input, &number): (&Column, &f64)| {
            let codes = input.categories.iter().enumerate();
            let (_, category) = codes.into_iter().find(|(code, _)| *code as f64 == number)?;
            Some(format!(
                "with missing={number}, XGBoost takes the category {:?} of {:?}, whose code is {number}, for missing, too: \
                 train it with another number for missing values",
                category.to_string(),
                input.name
            ))
        };
        let pairs = self
            .inputs
            .iter()
            .flat_map(|input| numbers.iter().map(move |number| (input, number)));
        if let Some(why) = pairs.filter(|_| codes).find_map(category) {
            return Err(Defect(why));
        }
        let mut inputs = self.inputs.iter_mut().filter(|input| input.kind.is_number()).peekable();
        if !numbers.is_empty() && inputs.peek().is_none() {
            return Err(Defect(
                "the model takes no numbers that could mean a missing value".into(),
            ));
        }
        inputs.for_each(|input| input.missing = numbers.iter().copied().map(Marker::Number).collect());
        Ok(())
    }

    /// Notes words and numbers that mean so in every input whose cells aren't given to the model as they stand.
    pub fn mark_all_missing(&mut self, markers: &[Marker]) {
        let inputs = self.inputs.iter_mut().filter(|input| input.kind != Type::String);
        inputs.for_each(|input| input.missing.extend_from_slice(markers));
    }

    pub fn name_classes(&mut self, names: &[String]) -> Result<(), Defect> {
        let Some(label) = self.outputs.first_mut().filter(|o| o.kind == Type::Category) else {
            return Err(Defect("the model has no classes to name".into()));
        };
        if names.len() != label.categories.len() {
            return Err(Defect(format!(
                "{} class names for {} classes: {names:?}",
                names.len(),
                label.categories.len()
            )));
        }
        let own: Option<Vec<String>> = label.categories.iter().map(Category::text).collect();
        if let Some(own) = own.filter(|own| own != names) {
            return Err(Defect(format!(
                "the model's own names of its classes are {}",
                own.join(", ")
            )));
        }
        label.categories = names.iter().map(|name| Category::Text(name.clone())).collect();
        for (output, name) in self.outputs[1..].iter_mut().zip(names) {
            let word = output.name.split('_').next().unwrap_or_default();
            output.name = format!("{word}_{name}");
        }
        Ok(())
    }

    /// Columns must be told apart by their names, in a header and as a person reads them.
    pub fn check(&self) -> Result<(), Defect> {
        if self.inputs.is_empty() {
            return Err(Defect("the model has no features".into()));
        }
        for columns in [&self.inputs, &self.outputs] {
            let mut seen = HashSet::new();
            for Column { name, .. } in columns {
                if name.trim().is_empty() || unicode::trim(name) != name || name.chars().any(char::is_control) {
                    return Err(Defect(format!(
                        "the name {name:?} is empty, or has spaces around it or control characters"
                    )));
                }
                if !seen.insert(nfc(name)) {
                    return Err(Defect(format!("{name:?} is named twice")));
                }
            }
        }
        let labels = self.outputs.iter().flat_map(|o| &o.categories);
        if labels.map(Category::to_string).any(|label| label.trim().is_empty()) {
            return Err(Defect("a class has an empty name".into()));
        }
        if let Some(why) = self.inputs.iter().find_map(Column::unfit) {
            return Err(Defect(why));
        }
        for column in self.inputs.iter().chain(&self.outputs) {
            let mut seen = HashSet::new();
            if let Some(twice) = column
                .categories
                .iter()
                .map(|c| c.to_string())
                .find(|c| !seen.insert(c.clone()))
            {
                return Err(Defect(format!("{:?} has the category {twice:?} twice", column.name)));
            }
        }
        Ok(())
    }
}
