//! Columns in, predictions out. Pure: a model knows no files beyond the bytes of its artifact, no clock and no log.

pub mod boolean;
mod declared;
pub mod ensemble;
mod flag;
mod foreign;
mod format;
mod gain;
mod lightgbm;
mod linear;
mod marker;
mod onnx;
pub mod pipeline;
mod signature;
mod trees;
mod ubjson;
pub mod unicode;
mod xgboost;

pub use declared::Declared;
pub use format::Format;
pub use gain::{Gain, Library, Splits};
pub use linear::Linear;
pub use marker::Marker;
pub use signature::{Category, Column, Signature, Type, without_spaces};

use ensemble::{Ensemble, Plan};
use pipeline::{Pipeline, Steps};
use std::collections::{BTreeSet, HashSet};
use trees::{Objective, Sums, Trees};

/// Why an artifact is not a model.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Defect(pub String);

/// A model, ready to score.
#[derive(Debug)]
pub struct Model {
    signature: Signature,
    /// Are the features' names the artifact's own?
    names_known: bool,
    /// The inputs of numbers that are codes of categories.
    codes: Vec<usize>,
    /// The inputs of numbers that the file's tables of categories could be of, and the numbers of these categories.
    doubt: Vec<(usize, usize)>,
    predictor: Predictor,
}

#[derive(Debug)]
enum Predictor {
    Linear(Linear),
    Trees(Box<Trees>),
    Onnx(Box<onnx::Onnx>),
    Pipeline(Box<Steps>),
    Ensemble(Box<Ensemble>),
}

/// The cells of a model's inputs of type string, `[input][row]`.
pub type Texts<'a> = [&'a [String]];

/// What a model knows of an input of type string.
pub type KnownTexts = HashSet<String>;

/// What a model knows of an input of numbers that it takes for categories.
pub type KnownIntegers = HashSet<i64>;

/// What a library's file says of its model's columns.
struct Artifact {
    inputs: Vec<Column>,
    names_known: bool,
    targets: usize,
    /// The features that are split by the codes of their categories.
    split_by_code: BTreeSet<usize>,
    /// Features of numbers that could be the owners of tables of categories, and the numbers of these.
    doubt: Vec<(usize, usize)>,
    /// The type of its numbers.
    float: Type,
}

impl Model {
    /// Reads an artifact. Refuses whatever could only be scored almost right.
    pub fn parse(format: Format, artifact: &[u8]) -> Result<Model, Defect> {
        Model::read(format, artifact, false)
    }

    /// The same. `codes`: somebody says that its categories are codes, or said so when it was registered.
    pub fn read(format: Format, artifact: &[u8], codes: bool) -> Result<Model, Defect> {
        Model::of(format, artifact, codes).map_err(|defect| foreign::name(artifact, format).unwrap_or(defect))
    }

    /// What a file is that is certainly no model of `format`, if that can be told.
    pub fn foreign(format: Format, file: &[u8]) -> Option<Defect> {
        foreign::name(file, format)
    }

    fn of(format: Format, artifact: &[u8], codes: bool) -> Result<Model, Defect> {
        let (trees, artifact) = match format {
            Format::Linear => {
                let model = Linear::parse(artifact)?;
                return Ok(Model {
                    signature: model.signature(),
                    names_known: true,
                    codes: Vec::new(),
                    doubt: Vec::new(),
                    predictor: Predictor::Linear(model),
                });
            }
            Format::Onnx => {
                let (model, signature, names_known) = onnx::Onnx::parse(artifact)?;
                return Ok(Model {
                    signature,
                    names_known,
                    codes: Vec::new(),
                    doubt: Vec::new(),
                    predictor: Predictor::Onnx(model.into()),
                });
            }
            Format::Pipeline => {
                let pipeline = Pipeline::parse(artifact)?;
                return Ok(Model {
                    signature: pipeline.signature(),
                    names_known: true,
                    codes: Vec::new(),
                    doubt: Vec::new(),
                    predictor: Predictor::Pipeline(Steps::of(&pipeline)?.into()),
                });
            }
            Format::Ensemble => {
                return Err(Defect(
                    "an ensemble is more than a file: 'transform models ensemble 3 5 7' makes one of versions".into(),
                ));
            }
            Format::Xgboost => xgboost::parse(artifact)?,
            Format::Lightgbm => lightgbm::parse(artifact, codes)?,
        };
        match trees.objective {
            Objective::Binary(_) | Objective::Hinge if artifact.targets > 1 => {
                return Err(Defect(
                    "a binary objective with several targets (multi-label) can't be scored; train a model for each"
                        .into(),
                ));
            }
            Objective::Softmax | Objective::OneVersusAll(_) if artifact.targets < 2 => {
                return Err(Defect("a multiclass objective with one class".into()));
            }
            _ => {}
        }
        let outputs = outputs(trees.objective, artifact.targets, artifact.float);
        let mut signature = Signature {
            inputs: artifact.inputs,
            outputs,
        };
        signature.trim_names();
        signature.check()?;
        let codes = artifact.split_by_code.into_iter();
        Ok(Model {
            codes: codes.filter(|&i| signature.inputs[i].kind != Type::Category).collect(),
            doubt: artifact.doubt,
            signature,
            names_known: artifact.names_known,
            predictor: Predictor::Trees(trees.into()),
        })
    }

    /// An ensemble of `models`: the members of the plan, in its order, each as it was registered.
    pub fn ensemble(plan: &Plan, models: Vec<Model>) -> Result<Model, Defect> {
        let (ensemble, signature) = Ensemble::of(plan, models)?;
        Ok(Model {
            signature,
            names_known: true,
            codes: Vec::new(),
            doubt: Vec::new(),
            predictor: Predictor::Ensemble(ensemble.into()),
        })
    }

    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What whoever registers it should know of what it takes.
    pub fn remarks(&self) -> Vec<String> {
        let names: Vec<String> = self
            .codes
            .iter()
            .map(|&i| format!("{:?}", self.signature.inputs[i].name))
            .collect();
        let codes = (!names.is_empty()).then(|| {
            format!(
                "the categories of {} have no table in the file: its cells are codes, the whole numbers that it was trained on",
                names.join(", ")
            )
        });
        // `Unnamed: 0` of pandas, and pyarrow's.
        let is_index = |name: &str| name.starts_with("Unnamed:") || name.starts_with("__index_level_");
        let indices = self.signature.inputs.iter().filter(|input| is_index(&input.name)).map(|input| {
            format!(
                "it takes {:?}, which is the index that pandas wrote into the examples: it predicts by where a row stands; \
                 train without it (read_csv with index_col=0, to_csv with index=False)",
                input.name
            )
        });
        let doubt = (!self.doubt.is_empty()).then(|| self.doubt());
        codes.into_iter().chain(doubt).chain(indices).collect()
    }

    /// What its file doesn't tell of its tables of categories.
    fn doubt(&self) -> String {
        let names = |columns: Vec<&Column>| {
            let names: Vec<String> = columns.iter().map(|column| format!("{:?}", column.name)).collect();
            names.join(", ")
        };
        let inputs = &self.signature.inputs;
        format!(
            "the file has tables of categories, and doesn't say whose: they are those of {} if LightGBM found the columns of \
             categories by itself; if it was given categorical_feature, one can be that of {}, whose numbers would be its codes",
            names(inputs.iter().filter(|input| input.kind == Type::Category).collect()),
            names(self.doubt.iter().map(|&(i, _)| &inputs[i]).collect()),
        )
    }

    /// A text for each input of type string that the model is likely to know.
    pub fn sample_texts(&self) -> &[String] {
        match &self.predictor {
            Predictor::Onnx(model) => model.sample_texts(),
            Predictor::Ensemble(ensemble) => ensemble.sample_texts(),
            Predictor::Linear(_) | Predictor::Trees(_) | Predictor::Pipeline(_) => &[],
        }
    }

    /// For each input of type string, the texts that the model tells from others, where its file has all of them.
    pub fn known_texts(&self) -> &[Option<KnownTexts>] {
        match &self.predictor {
            Predictor::Onnx(model) => model.known_texts(),
            Predictor::Ensemble(ensemble) => ensemble.known_texts(),
            Predictor::Linear(_) | Predictor::Trees(_) | Predictor::Pipeline(_) => &[],
        }
    }

    /// Of inputs of numbers, by their places: the whole numbers that the model tells from others, where these are categories to it
    /// and nothing else.
    pub fn known_integers(&self) -> &[(usize, KnownIntegers)] {
        match &self.predictor {
            Predictor::Onnx(model) => model.known_integers(),
            Predictor::Ensemble(ensemble) => ensemble.known_integers(),
            Predictor::Linear(_) | Predictor::Trees(_) | Predictor::Pipeline(_) => &[],
        }
    }

    /// What the features or terms are multiplied by, by name, and the intercept as `(intercept)`; of a linear model or a
    /// pipeline.
    pub fn coefficients(&self) -> Option<Vec<(String, f64)>> {
        match &self.predictor {
            Predictor::Linear(model) => Some(model.coefficients()),
            Predictor::Pipeline(steps) => Some(steps.coefficients()),
            Predictor::Trees(_) | Predictor::Onnx(_) | Predictor::Ensemble(_) => None,
        }
    }

    /// From which probability of the second class on that is the label, if the model has a say in it.
    pub fn threshold(&self) -> Option<f64> {
        match &self.predictor {
            Predictor::Pipeline(steps) => steps.threshold(),
            Predictor::Ensemble(ensemble) => ensemble.threshold(),
            Predictor::Linear(_) | Predictor::Trees(_) | Predictor::Onnx(_) => None,
        }
    }

    /// Takes what its file doesn't say.
    pub fn declare(&mut self, declared: &Declared) -> Result<(), Defect> {
        let Declared {
            feature_names,
            class_names,
            booleans,
            missing,
            markers,
            codes,
            categories,
        } = declared;
        if *codes && self.signature.inputs.iter().any(|input| input.kind == Type::Category) {
            return Err(Defect(
                "the file has the table of its categories: they are written as they are, not as codes".into(),
            ));
        }
        self.name(feature_names.as_deref(), class_names.as_deref())?;
        self.signature.find_booleans();
        self.signature.mark_booleans(booleans)?;
        self.confirm_categories(categories)?;
        // XGBoost compares what its columns hold, which of categories are the codes.
        let codes = matches!(&self.predictor, Predictor::Trees(trees) if matches!(trees.sums, Sums::Single(_)));
        self.signature.mark_missing(missing, codes)?;
        self.signature.mark_all_missing(markers);
        self.signature.check()
    }

    /// `columns`: those that were categories to pandas; none if nobody says.
    fn confirm_categories(&mut self, columns: &[String]) -> Result<(), Defect> {
        if columns.is_empty() {
            // Beside a column of two categories, one of zeros and ones is nothing unusual: if the table is its, words are no numbers
            // to the other one. Numbers would be, and other ones than the model's.
            let number = |category: &Category| category.to_string().parse().ok();
            let is_unlike_codes = |input: &Column| {
                let numbers: Option<Vec<f64>> = input.categories.iter().map(number).collect();
                numbers.is_some_and(|numbers| numbers != [0.0, 1.0])
            };
            let mut tables = self.signature.inputs.iter().filter(|input| input.categories.len() == 2);
            let is_silent = !self.doubt.is_empty() && tables.any(is_unlike_codes);
            return match is_silent || self.doubt.iter().any(|&(_, categories)| categories > 2) {
                true => Err(Defect(format!(
                    "{}; say with --categories which columns were categories to pandas",
                    self.doubt()
                ))),
                false => Ok(()),
            };
        }
        let own = |name: &str| signature::without_spaces(&unicode::name(name));
        let inputs = self
            .signature
            .inputs
            .iter()
            .filter(|input| input.kind == Type::Category);
        let known: BTreeSet<String> = inputs.map(|input| own(&input.name)).collect();
        if known != columns.iter().map(|name| own(name)).collect() {
            return Err(Defect(format!(
                "by its file the columns of categories are {}; of others the model took the codes for numbers, and can't be \
                 scored: train without categorical_feature, with pandas' type category for each column of categories",
                known.into_iter().collect::<Vec<_>>().join(", ")
            )));
        }
        self.doubt.clear();
        Ok(())
    }

    /// Gives names to features and classes whose artifact has none.
    fn name(&mut self, features: Option<&[String]>, classes: Option<&[String]>) -> Result<(), Defect> {
        if let Some(names) = features {
            self.signature.name_features(names, self.names_known)?;
        }
        if let Some(names) = classes {
            self.signature.name_classes(names)?;
        }
        Ok(())
    }

    /// Takes the names of the signature that the model was registered with, and what else its file doesn't say. The rest
    /// must be its own.
    pub fn adopt(&mut self, registered: &Signature) -> Result<(), Defect> {
        // Its members' were adopted.
        if let Predictor::Ensemble(_) = self.predictor {
            return self.is_of(registered);
        }
        let features: Vec<String> = registered.inputs.iter().map(|c| c.name.clone()).collect();
        let classes = registered.outputs.first().map_or(&[][..], |label| &label.categories);
        let classes: Option<Vec<String>> = classes.iter().map(Category::text).collect();
        let classes = classes.filter(|names| !names.is_empty());
        self.name(Some(&features), classes.as_deref())?;
        for (own, registered) in self.signature.inputs.iter_mut().zip(&registered.inputs) {
            own.boolean = registered.boolean;
            own.missing.clone_from(&registered.missing);
        }
        self.signature.check()?;
        self.is_of(registered)
    }

    fn is_of(&self, registered: &Signature) -> Result<(), Defect> {
        match self.signature == *registered {
            true => Ok(()),
            false => Err(Defect("the manifest's signature is not the artifact's".into())),
        }
    }

    /// Predicts `out`, `[output][row]`, an output for each of the signature; a label is the index of its class.
    ///
    /// `columns` holds one slice per input of the signature, each of as many values as there are rows: numbers, or the
    /// index of a category; NaN is missing, -1 a category that an open input doesn't list. `texts` holds the cells of the
    /// inputs of type string, whose slices in `columns` mean nothing. The result of a row depends on that row alone: not on
    /// how rows are cut into batches, nor on the thread.
    ///
    /// An error is that of ONNX Runtime, which refuses all rows for one that its model can't take. Other models have none,
    /// but for ensembles with such a member.
    pub fn predict(&self, columns: &[&[f64]], texts: &Texts, out: &mut [f64]) -> Result<(), String> {
        let rows = out.len() / self.signature.outputs.len();
        if rows == 0 {
            return Ok(());
        }
        match &self.predictor {
            Predictor::Linear(model) => model.predict(columns, out),
            Predictor::Trees(trees) => trees.predict(columns, rows, out),
            Predictor::Pipeline(steps) => steps.predict(columns, out),
            Predictor::Onnx(model) => return model.predict(columns, texts, rows, out),
            Predictor::Ensemble(ensemble) => return ensemble.predict(columns, texts, rows, out),
        }
        Ok(())
    }
}

fn outputs(objective: Objective, targets: usize, float: Type) -> Vec<Column> {
    match objective {
        Objective::Regression(_) if targets == 1 => vec![Column::plain("prediction".into(), float)],
        Objective::Regression(_) => (0..targets)
            .map(|i| Column::plain(format!("prediction_{i}"), float))
            .collect(),
        Objective::Hinge => vec![signature::label(signature::counted(2))],
        Objective::Binary(_) => signature::classification(signature::counted(2), float),
        Objective::Softmax | Objective::OneVersusAll(_) => {
            signature::classification(signature::counted(targets), float)
        }
    }
}

/// `1 / (1 + e^-z)` without overflow. `libm`, not the system's library: the same bytes on every machine.
pub(crate) fn logistic(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + libm::exp(-z))
    } else {
        let e = libm::exp(z);
        e / (1.0 + e)
    }
}
