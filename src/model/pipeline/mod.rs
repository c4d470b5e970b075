//! Raw columns -> terms -> `y = link(intercept + Σ coefficient · term)`, the terms added in their order; of several classes one
//! such sum for each.
//!
//! What training decided about missing values, unknown categories, products and scales is part of the artifact, so an
//! input never needs preparing. `train` makes the inputs and terms; their arithmetic is in [`Steps`] alone, so that training
//! and scoring compute the same numbers.

mod each;
mod softmax;
mod steps;

pub use softmax::softmax;
pub use steps::Steps;

use super::{Category, Column, Defect, Signature, Type, signature};
use serde::{Deserialize, Serialize};

/// The highest power of a factor, and the most factors of a term.
pub const POWER_MAX: u32 = 16;
/// What the reader makes of a category that is not among a column's.
const UNKNOWN: f64 = -1.0;

/// A preprocessing with a linear model behind it, as `pipeline.json` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    pub inputs: Vec<Input>,
    pub terms: Vec<Term>,
    /// One, or of several classes one for each.
    #[serde(rename = "intercept", with = "each")]
    pub intercepts: Vec<f64>,
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
    /// One, or of several classes one for each.
    #[serde(rename = "coefficient", with = "each")]
    pub coefficients: Vec<f64>,
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
    Several(Several),
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

/// Each sum is a class's log-probability, but for what is added to those of all: the probabilities are the softmax of the sums. The
/// label is the first of the most probable ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Several {
    /// Three or more.
    pub classes: Vec<String>,
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
            Output::Classes(Classes { classes, .. }) => classification(classes),
            Output::Several(Several { classes }) => classification(classes),
        };
        Signature {
            inputs: self.inputs.iter().map(Input::column).collect(),
            outputs,
        }
    }

    /// Of each term, and the intercept as `(intercept)`; of several classes those of each, as `class: term`.
    pub fn coefficients(&self) -> Vec<(String, f64)> {
        let classes: Vec<String> = match &self.output {
            Output::Several(Several { classes }) => classes.iter().map(|class| format!("{class}: ")).collect(),
            Output::Number(_) | Output::Classes(_) => vec![String::new()],
        };
        let of_class = |(place, class): (usize, &String)| {
            let terms = self.terms.iter().map(|term| (term.name.as_str(), &term.coefficients));
            let all = terms.chain([("(intercept)", &self.intercepts)]);
            let named = all.filter_map(|(name, each)| Some((format!("{class}{name}"), *each.get(place)?)));
            named.collect::<Vec<_>>()
        };
        classes.iter().enumerate().flat_map(of_class).collect()
    }
}

fn classification(classes: &[String]) -> Vec<Column> {
    let classes = classes.iter().cloned().map(Category::Text).collect();
    signature::classification(classes, Type::Float64)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Format, Model};
    use proptest::prelude::*;

    const WHOLE: &str = r#"{
        "inputs": [
            {"name": "x", "missing": {"fill": 1.5}},
            {"name": "age", "missing": "refuse"},
            {"name": "city", "categories": ["Lima", "Oslo"], "missing": {"category": "Oslo"}, "unknown": "ignore"}
        ],
        "terms": [
            {"name": "x^2 * age", "factors": [{"input": "x", "power": 2}, {"input": "age"}], "mean": 1.0, "scale": 4.0, "coefficient": 2.0},
            {"name": "city=Oslo", "factors": [{"input": "city", "category": "Oslo"}], "mean": 0.0, "scale": 1.0, "coefficient": -8.0}
        ],
        "intercept": 100.0,
        "output": "number"
    }"#;

    fn parse(json: &str) -> Result<Model, String> {
        Model::parse(Format::Pipeline, json.as_bytes()).map_err(|d| d.to_string())
    }

    #[test]
    fn is_reached_by_its_format_and_written_as_it_was_read() {
        let model = parse(WHOLE).unwrap();
        let inputs = &model.signature().inputs;
        let found: Vec<_> = inputs
            .iter()
            .map(|c| (c.name.as_str(), c.kind, c.optional, c.open))
            .collect();
        assert_eq!(
            found,
            [
                ("x", Type::Float64, true, false),
                ("age", Type::Float64, false, false),
                ("city", Type::Category, true, true),
            ]
        );
        let pipeline = Pipeline::parse(WHOLE.as_bytes()).unwrap();
        assert_eq!(Pipeline::parse(&pipeline.serialise()).unwrap(), pipeline);
        assert_eq!(Format::Pipeline.artifact_name(b""), "pipeline.json");
        assert_eq!("pipeline".parse(), Ok(Format::Pipeline));
    }

    #[test]
    fn classes_are_a_label_and_their_probabilities() {
        let classes = r#"{"classes": ["no", "yes"], "threshold": 0.5}"#;
        let mut model = parse(&WHOLE.replace("\"number\"", classes)).unwrap();
        let names: Vec<&str> = model.signature().outputs.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["prediction", "probability_no", "probability_yes"]);
        let registered = model.signature().clone();
        model.adopt(&registered).unwrap();
    }

    #[test]
    fn of_several_classes_each_has_coefficients_of_its_own() {
        let several = WHOLE
            .replace("\"number\"", "{\"classes\": [\"c\", \"a\", \"b\"]}")
            .replace("100.0", "[0, -1.5, 2]")
            .replace("2.0}", "[2.0, 0.0, 1]}")
            .replace("-8.0}", "[-8.0, 0.5, 1]}");
        let model = parse(&several).unwrap();
        let names: Vec<&str> = model.signature().outputs.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["prediction", "probability_c", "probability_a", "probability_b"]);
        assert_eq!(model.threshold(), None);
        let coefficients = model.coefficients().unwrap();
        assert_eq!(coefficients.len(), 9);
        assert_eq!(coefficients[5], ("a: (intercept)".into(), -1.5));
        let pipeline = Pipeline::parse(several.as_bytes()).unwrap();
        assert_eq!(Pipeline::parse(&pipeline.serialise()).unwrap(), pipeline);
    }

    #[test]
    fn refuses_what_does_not_hold_together() {
        for (from, to, expected) in [
            ("100.0", "1e999", "number out of range"),
            ("100.0", "null", "expected a number, or a list"),
            ("\"intercept\"", "\"offset\"", "unknown field `offset`"),
            ("\"number\"", "\"numbers\"", "Output"),
            ("\"number\"", "{\"classes\": [\"a\"], \"threshold\": 0.5}", "Output"),
            (
                "\"number\"",
                "{\"classes\": [\"a\", \"a\"], \"threshold\": 0.5}",
                "twice",
            ),
            (
                "\"number\"",
                "{\"classes\": [\"a\", \"b\"], \"threshold\": 1.5}",
                "threshold 1.5",
            ),
            (
                "\"number\"",
                "{\"classes\": [\"a\", \"b\"]}",
                "2 classes without a threshold, which are for 3 or more",
            ),
            ("\"number\"", "{\"classes\": [\"a\", \"b\", \"a\"]}", "twice"),
            (
                "\"number\"",
                "{\"classes\": [\"a\", \"b\", \"c\"]}",
                "1 intercepts, not 3",
            ),
            ("2.0}", "[2.0, 3.0]}", "has 2 coefficients, not 1"),
            ("100.0", "[1, 1e999]", "number out of range"),
            ("\"scale\": 4.0", "\"scale\": 0.0", "the scale 0"),
            ("\"scale\": 4.0", "\"scale\": -1", "the scale -1"),
            ("\"power\": 2", "\"power\": 17", "to the power of 17"),
            ("\"power\": 2", "\"power\": 0", "to the power of 0"),
            ("\"power\": 2", "\"power\": 4294967296", "invalid value"),
            (
                "{\"input\": \"age\"}",
                "{\"input\": \"height\"}",
                "\"height\", which is none of the inputs",
            ),
            (
                "{\"input\": \"age\"}",
                "{\"input\": \"city\"}",
                "for a number, but it has categories",
            ),
            (
                "{\"input\": \"age\"}",
                "{\"input\": \"age\", \"category\": \"a\"}",
                "none of the categories of \"age\"",
            ),
            (
                "\"category\": \"Oslo\"}]",
                "\"category\": \"Rome\"}]",
                "none of the categories of \"city\"",
            ),
            (
                "\"category\": \"Oslo\"}]",
                "\"category\": \"Oslo\", \"power\": 2}]",
                "has a power of",
            ),
            ("[{\"input\": \"city\", \"category\": \"Oslo\"}]", "[]", "has 0 factors"),
            (
                "{\"category\": \"Oslo\"}, \"unk",
                "{\"category\": \"Rome\"}, \"unk",
                "fills with \"Rome\"",
            ),
            ("{\"category\": \"Oslo\"}, \"unk", "{\"fill\": 1}, \"unk", "can't fill"),
            (", \"unknown\": \"ignore\"", "", "doesn't say what an unknown one is"),
            (
                "\"refuse\"}",
                "\"refuse\", \"unknown\": \"ignore\"}",
                "but has no categories",
            ),
            ("\"refuse\"}", "\"ignore\"}", "can't fill"),
            ("\"refuse\"}", "{\"category\": \"Oslo\"}}", "can't fill"),
            ("\"Lima\"", "\"Oslo\"", "the category \"Oslo\" twice"),
            ("\"Lima\"", "\" Lima\"", "spaces around it"),
            ("\"age\", \"missing\"", "\"x\", \"missing\"", "named twice"),
            ("\"age\", \"missing\"", "\" age\", \"missing\"", "spaces around it"),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let error = parse(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected), "{from} -> {to}: {error}");
        }
        let empty = r#"{"inputs": [], "terms": [], "intercept": 0, "output": "number"}"#;
        assert!(parse(empty).unwrap_err().contains("no features"));
        assert!(parse("").unwrap_err().contains("the file is empty"));
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        /// Cut off, or with a byte changed: an error or another model, never a panic.
        #[test]
        fn a_damaged_artifact_never_panics(at in 0..WHOLE.len(), byte: u8, cut: bool) {
            let mut bytes = WHOLE.as_bytes().to_vec();
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            if let Ok(model) = Model::parse(Format::Pipeline, &bytes) {
                let mut out = vec![0.0; model.signature().outputs.len()];
                let columns = vec![&[1.0][..]; model.signature().inputs.len()];
                let _ = model.predict(&columns, &Vec::new(), &mut out);
            }
        }
    }
}
