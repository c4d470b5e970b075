//! XGBoost's models, JSON or UBJSON, as `save_model` writes them (<https://xgboost.readthedocs.io>, "Introduction to
//! Model IO").

use super::flag::Flag;
use super::trees::{Categories, Condition, Forest, Link, Objective, Part, Reading, Sums, Test, Tree, Trees};
use super::{Artifact, Category, Column, Defect, Type, ubjson};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Deserialize)]
struct File {
    learner: Learner,
    /// Of the library that wrote it: major, minor, patch.
    #[serde(default)]
    version: Vec<u32>,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    attributes: HashMap<String, String>,
    #[serde(default)]
    feature_names: Vec<String>,
    #[serde(default)]
    feature_types: Vec<String>,
    gradient_booster: Booster,
    learner_model_param: LearnerParameters,
    objective: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct LearnerParameters {
    base_score: String,
    num_class: String,
    num_feature: String,
    num_target: Option<String>,
}

#[derive(Deserialize)]
struct Booster {
    name: String,
    model: Option<Boosted>,
    /// Of `dart`, which keeps its trees in a `gbtree` and their weights beside it.
    gbtree: Option<GbTree>,
    #[serde(default)]
    weight_drop: Vec<f32>,
}

#[derive(Deserialize)]
struct GbTree {
    model: Boosted,
}

/// Of a booster of trees; the model of another one is read as one without trees.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Boosted {
    cats: Tables,
    gbtree_model_param: TreeParameters,
    iteration_indptr: Vec<usize>,
    tree_info: Vec<usize>,
    trees: Vec<Raw>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TreeParameters {
    num_parallel_tree: String,
    num_trees: String,
}

/// The categories of data frames that a model was trained on, from XGBoost 3.1 on.
#[derive(Default, Deserialize)]
struct Tables {
    #[serde(default)]
    enc: Vec<Table>,
}

/// One feature's categories: numbers, or texts one after the other with their offsets.
#[derive(Deserialize)]
struct Table {
    offsets: Option<Vec<usize>>,
    values: Vec<Category>,
}

#[derive(Deserialize)]
struct Raw {
    left_children: Vec<i32>,
    right_children: Vec<i32>,
    split_indices: Vec<usize>,
    split_conditions: Vec<f32>,
    default_left: Vec<Flag>,
    #[serde(default)]
    split_type: Vec<u8>,
    #[serde(default)]
    categories: Vec<u32>,
    #[serde(default)]
    categories_nodes: Vec<usize>,
    #[serde(default)]
    categories_segments: Vec<usize>,
    #[serde(default)]
    categories_sizes: Vec<usize>,
    tree_param: LeafParameters,
}

#[derive(Deserialize)]
struct LeafParameters {
    #[serde(default)]
    size_leaf_vector: String,
}

/// More is taken for damage: every class needs a column, every feature a name.
const TARGETS: usize = 4096;
const FEATURES: usize = 1 << 20;

/// JSON begins the first key with a quote, UBJSON with the letter of its length's type.
pub fn is_json(artifact: &[u8]) -> bool {
    artifact.iter().filter(|b| !b.is_ascii_whitespace()).nth(1) == Some(&b'"')
}

pub fn parse(artifact: &[u8]) -> Result<(Trees, Artifact), Defect> {
    let File { learner, version } = match is_json(artifact) {
        true => {
            serde_json::from_slice(artifact).map_err(|e| Defect(format!("not the JSON of an XGBoost model: {e}")))?
        }
        false => {
            ubjson::from_slice(artifact).map_err(|e| Defect(format!("not the UBJSON of an XGBoost model: {e}")))?
        }
    };
    learner.into_model(&version)
}

impl Learner {
    fn into_model(self, version: &[u32]) -> Result<(Trees, Artifact), Defect> {
        let Learner {
            attributes,
            feature_names,
            feature_types,
            gradient_booster: booster,
            learner_model_param: parameters,
            objective,
        } = self;
        let features = count("num_feature", &parameters.num_feature, FEATURES)?;
        let classes = count("num_class", &parameters.num_class, TARGETS)?;
        let targets = match &parameters.num_target {
            Some(number) => count("num_target", number, TARGETS)?,
            None => 1,
        };
        let targets = classes.max(targets).max(1);
        let (objective, base_link) = read_objective(&objective.name, version)?;
        let (boosted, weights) = booster.into_trees()?;
        let trees = boosted.best(&attributes, targets)?;
        if weights.len() < trees && !weights.is_empty() {
            return Err(Defect(format!("{} weights for {trees} trees", weights.len())));
        }
        let forest = boosted
            .trees
            .iter()
            .zip(&boosted.tree_info)
            .take(trees)
            .enumerate()
            .map(|(i, (raw, &target))| {
                let weight = weights.get(i).copied().unwrap_or(1.0);
                let tree = raw
                    .grow(features, weight)
                    .map_err(|d| Defect(format!("tree {i}: {d}")))?;
                match target < targets {
                    true => Ok((target, tree)),
                    false => Err(Defect(format!("tree {i} is for target {target} of {targets}"))),
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let nodes = forest.iter().flat_map(|(_, tree)| &tree.nodes);
        let by_code = nodes.filter(|node| node.test.reading == Reading::Category);
        let split_by_code = by_code.map(|node| node.test.feature).collect();
        let names_known = !feature_names.is_empty();
        let model = Trees {
            sums: Sums::Single(Forest::of(forest)),
            base: base(&parameters.base_score, targets, base_link)?,
            divisor: 1.0,
            objective,
        };
        let names = match names_known {
            true => feature_names,
            false => (0..features).map(|i| format!("f{i}")).collect(),
        };
        if names.len() != features {
            return Err(Defect(format!("{} feature names for {features} features", names.len())));
        }
        let inputs = names
            .into_iter()
            .enumerate()
            .map(|(i, name)| {
                let categories = boosted.cats.enc.get(i).map_or(Ok(Vec::new()), Table::categories)?;
                Ok(Column {
                    kind: if categories.is_empty() {
                        Type::Float32
                    } else {
                        Type::Category
                    },
                    optional: true,
                    // An indicator; so writes pandas' bool.
                    boolean: feature_types.get(i).is_some_and(|kind| kind == "i"),
                    categories,
                    ..Column::plain(name, Type::Float32)
                })
            })
            .collect::<Result<_, Defect>>()?;
        let artifact = Artifact {
            inputs,
            names_known,
            targets,
            split_by_code,
            doubt: Vec::new(),
            float: Type::Float32,
        };
        Ok((model, artifact))
    }
}

impl Booster {
    fn into_trees(self) -> Result<(Boosted, Vec<f32>), Defect> {
        match (self.name.as_str(), self.model, self.gbtree) {
            ("gbtree", Some(model), _) => Ok((model, Vec::new())),
            ("dart", _, Some(inner)) if !self.weight_drop.is_empty() || inner.model.trees.is_empty() => {
                Ok((inner.model, self.weight_drop))
            }
            ("gbtree" | "dart", ..) => Err(Defect(format!("the {} booster is not whole", self.name))),
            (name, ..) => Err(Defect(format!("booster {name:?} can't be scored; gbtree and dart can"))),
        }
    }
}

impl Boosted {
    /// How many trees count: up to the best iteration, where training was stopped early.
    fn best(&self, attributes: &HashMap<String, String>, targets: usize) -> Result<usize, Defect> {
        let all = self.trees.len();
        let claimed = &self.gbtree_model_param.num_trees;
        if *claimed != all.to_string() {
            return Err(Defect(format!("num_trees is {claimed:?}, and there are {all} trees")));
        }
        if self.tree_info.len() != all {
            return Err(Defect(format!(
                "{all} trees, but the targets of {}",
                self.tree_info.len()
            )));
        }
        let Some(best) = attributes.get("best_iteration") else {
            return Ok(all);
        };
        let iterations = 1 + count("best_iteration", best, all)?;
        let trees = match self.iteration_indptr.get(iterations) {
            Some(&end) => end,
            None if self.iteration_indptr.is_empty() => {
                let parallel = match self.gbtree_model_param.num_parallel_tree.as_str() {
                    "" => 1,
                    parallel => count("num_parallel_tree", parallel, all)?.max(1),
                };
                iterations * targets * parallel
            }
            None => return Err(Defect(format!("the best iteration, {best}, is not there"))),
        };
        match trees <= all {
            true => Ok(trees),
            false => Err(Defect(format!(
                "the best iteration, {best}, needs {trees} trees of {all}"
            ))),
        }
    }
}

impl Raw {
    /// `weight`: what every leaf is multiplied by.
    fn grow(&self, features: usize, weight: f32) -> Result<Tree, Defect> {
        if !matches!(self.tree_param.size_leaf_vector.as_str(), "" | "0" | "1") {
            return Err(Defect(
                "leaves of several values (multi_strategy = \"multi_output_tree\") can't be scored; \
                 train with one_output_per_tree"
                    .into(),
            ));
        }
        let size = self.left_children.len();
        let lengths = [
            self.right_children.len(),
            self.split_indices.len(),
            self.split_conditions.len(),
            self.default_left.len(),
        ];
        if size == 0
            || lengths.iter().any(|&l| l != size)
            || !matches!(self.split_type.len(), 0) && self.split_type.len() != size
        {
            return Err(Defect("its lists are of different lengths".into()));
        }
        let sets = self.sets()?;
        Tree::grow(0, size, |node| {
            let child = |number: i32| {
                usize::try_from(number).map_err(|_| Defect(format!("node {node} leads to node {number}")))
            };
            if self.left_children[node] == -1 {
                return Ok(Part::Leaf((self.split_conditions[node] * weight).into()));
            }
            let feature = self.split_indices[node];
            if feature >= features {
                return Err(Defect(format!("node {node} splits feature {feature} of {features}")));
            }
            let (left, right) = (child(self.left_children[node])?, child(self.right_children[node])?);
            let default_left = self.default_left[node].0;
            if self.split_type.get(node).is_none_or(|&kind| kind == 0) {
                let test = Test {
                    feature,
                    reading: Reading::Number,
                    condition: Condition::Below(self.split_conditions[node].into()),
                    missing_passes: default_left,
                };
                return Ok(Part::Split {
                    test,
                    pass: left,
                    fail: right,
                });
            }
            let set = sets
                .get(&node)
                .ok_or_else(|| Defect(format!("node {node} has no categories")))?;
            let test = Test {
                feature,
                reading: Reading::Category,
                condition: Condition::Among(set.clone()),
                missing_passes: !default_left,
            };
            // The categories are those that go to the right.
            Ok(Part::Split {
                test,
                pass: right,
                fail: left,
            })
        })
    }

    fn sets(&self) -> Result<HashMap<usize, Arc<Categories>>, Defect> {
        let count = self.categories_nodes.len();
        if self.categories_segments.len() != count || self.categories_sizes.len() != count {
            return Err(Defect("its lists of categories are of different lengths".into()));
        }
        let set = |i: usize| {
            let start = self.categories_segments[i];
            let codes = start
                .checked_add(self.categories_sizes[i])
                .and_then(|end| self.categories.get(start..end))
                .ok_or_else(|| Defect("a split's categories are not there".into()))?;
            Ok((self.categories_nodes[i], Arc::new(Categories::of(codes.to_vec()))))
        };
        // Every code may be claimed by many splits; a real model's are claimed once.
        if self.categories_sizes.iter().map(|&s| s as u128).sum::<u128>() > self.categories.len() as u128 {
            return Err(Defect("splits share categories".into()));
        }
        (0..count).map(set).collect()
    }
}

impl Table {
    fn categories(&self) -> Result<Vec<Category>, Defect> {
        let Some(offsets) = &self.offsets else {
            return Ok(self.values.clone());
        };
        let byte = |value: &Category| match value {
            Category::Integer(byte @ -128..=255) => Ok(*byte as u8),
            other => Err(Defect(format!("a category's text has the byte {other}"))),
        };
        let bytes = self.values.iter().map(byte).collect::<Result<Vec<u8>, _>>()?;
        // XGBoost (to 3.2 at least) counts the characters of pandas' categories and stores their bytes: behind the first
        // that isn't ASCII, texts are cut at wrong places. Tables from elsewhere look the same and are right.
        if !bytes.is_ascii() {
            return Err(Defect(
                "a feature has categories beyond ASCII, which XGBoost writes into its file at wrong places when they come from \
                 pandas; train with ASCII categories, or with codes"
                    .into(),
            ));
        }
        offsets
            .windows(2)
            .map(|ends| {
                let text = bytes.get(ends[0]..ends[1]).and_then(|b| std::str::from_utf8(b).ok());
                text.map(|t| Category::Text(t.into()))
                    .ok_or_else(|| Defect("a category's text is damaged".into()))
            })
            .collect()
    }
}

/// From this version on `binary:logitraw` takes `base_score` as it is.
const LOGITRAW: [u32; 2] = [1, 3];

/// What the library makes of `base_score`, which stands for a prediction, before it adds leaves to it.
#[derive(Clone, Copy)]
enum BaseLink {
    Identity,
    Logit,
    Log,
}

fn read_objective(name: &str, version: &[u32]) -> Result<(Objective, BaseLink), Defect> {
    use Objective::*;
    let logistic = Link::Logistic { slope: 1.0 };
    Ok(match name {
        "reg:squarederror"
        | "reg:linear"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "reg:expectileerror"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map" => (Regression(Link::Identity), BaseLink::Identity),
        "reg:logistic" => (Regression(logistic), BaseLink::Logit),
        "binary:logistic" => (Binary(logistic), BaseLink::Logit),
        // The prediction is the sum itself; earlier versions took the base for a probability all the same.
        "binary:logitraw" if version < &LOGITRAW[..] => (Regression(Link::Identity), BaseLink::Logit),
        "binary:logitraw" => (Regression(Link::Identity), BaseLink::Identity),
        "binary:hinge" => (Hinge, BaseLink::Identity),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            (Regression(Link::Exponential), BaseLink::Log)
        }
        "multi:softmax" | "multi:softprob" => (Softmax, BaseLink::Identity),
        other => return Err(Defect(format!("objective {other:?} can't be scored"))),
    })
}

/// `text`: a number, or from XGBoost 3.1 on a list of numbers in brackets.
fn base(text: &str, targets: usize, link: BaseLink) -> Result<Vec<f64>, Defect> {
    let numbers = text.trim_start_matches('[').trim_end_matches(']');
    let margins = numbers
        .split(',')
        .map(|number| {
            let score: f32 = number
                .trim()
                .parse()
                .map_err(|_| Defect(format!("base_score is {text:?}")))?;
            let score = f64::from(score);
            let margin = match link {
                BaseLink::Identity => score,
                BaseLink::Logit => -libm::log(1.0 / score - 1.0),
                BaseLink::Log => libm::log(score),
            };
            match margin.is_finite() {
                true => Ok(margin),
                false => Err(Defect(format!(
                    "base_score {text:?} doesn't go with the objective; were all labels the same?"
                ))),
            }
        })
        .collect::<Result<Vec<f64>, _>>()?;
    match margins.len() {
        1 => Ok(vec![margins[0]; targets]),
        n if n == targets => Ok(margins),
        n => Err(Defect(format!("base_score has {n} numbers for {targets} targets"))),
    }
}

fn count(what: &str, text: &str, most: usize) -> Result<usize, Defect> {
    match text.parse::<usize>() {
        Ok(number) if number <= most => Ok(number),
        _ => Err(Defect(format!("{what} is {text:?}, not a number up to {most}"))),
    }
}
