//! LightGBM's text models, as `save_model` writes them.

mod tables;

use super::trees::{Categories, Condition, Forest, Link, Objective, Part, Reading, Sums, Test, Tree, Trees};
use super::{Artifact, Category, Column, Defect, Type};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;
use tables::{Feature, Owners};

/// `key=value` lines; a key alone has an empty value.
type Section<'a> = HashMap<&'a str, &'a str>;

/// `codes`: its categories are codes, if it has no table of them.
pub fn parse(artifact: &[u8], codes: bool) -> Result<(Trees, Artifact), Defect> {
    let text = std::str::from_utf8(artifact).map_err(|_| Defect("not the text of a LightGBM model".into()))?;
    let (model, rest) = text
        .split_once("\nend of trees")
        .ok_or_else(|| Defect("not a whole LightGBM model: there is no \"end of trees\"".into()))?;
    let mut sections = model.split("\nTree=");
    let head = section(sections.next().unwrap_or_default());
    if !head.contains_key("tree") || !head.get("version").is_some_and(|v| matches!(*v, "v2" | "v3" | "v4")) {
        return Err(Defect("not a LightGBM model of version v2, v3 or v4".into()));
    }
    let names: Vec<String> = list(&head, "feature_names")?;
    let targets: usize = number(&head, "num_tree_per_iteration")?;
    if names.len().checked_sub(1) != Some(number(&head, "max_feature_idx")?) {
        return Err(Defect("max_feature_idx doesn't fit feature_names".into()));
    }
    let trees = sections
        .enumerate()
        .map(|(i, tree)| {
            let tree = grow(&section(tree), names.len()).map_err(|d| Defect(format!("tree {i}: {d}")))?;
            Ok((i.checked_rem(targets).unwrap_or(0), tree))
        })
        .collect::<Result<Vec<_>, Defect>>()?;
    if targets == 0 || targets > trees.len().max(1) || trees.len() % targets != 0 {
        return Err(Defect(format!("{} trees for {targets} targets", trees.len())));
    }
    let objective = objective(head.get("objective").copied().unwrap_or(""), targets)?;
    let averaged = head.contains_key("average_output") && !trees.is_empty();
    let divisor = if averaged { (trees.len() / targets) as f64 } else { 1.0 };
    let nodes = trees.iter().flat_map(|(_, tree)| &tree.nodes);
    let by_code = nodes.filter(|node| node.test.reading == Reading::CutCategory);
    let split_by_code: BTreeSet<usize> = by_code.map(|node| node.test.feature).collect();
    // R, the command line, C and Java write no table; from Python it is behind the parameters.
    let whole = rest.trim_ascii_end().ends_with("\nend of parameters");
    if !split_by_code.is_empty() && !whole && !codes && !rest.contains("\npandas_categorical:") {
        return Err(Defect(
            "the file is cut off, or wasn't written from Python: it has categorical splits, no line pandas_categorical that \
             says what their codes mean, and no \"end of parameters\"; if it is whole, register it with --codes, and its \
             categories are the codes that it was trained on"
                .into(),
        ));
    }
    let (mut categories, mut doubt) = (vec![Vec::new(); names.len()], Vec::new());
    if let Some((tables, owners)) = tables(&head, rest, &names)? {
        for (feature, table) in owners.listed.into_iter().zip(tables) {
            categories[feature] = table;
        }
        doubt = owners.others;
    }
    let inputs = names.iter().zip(categories).map(|(name, categories)| Column {
        kind: if categories.is_empty() {
            Type::Float64
        } else {
            Type::Category
        },
        optional: true,
        open: !categories.is_empty(),
        categories,
        ..Column::plain(name.clone(), Type::Float64)
    });
    let artifact = Artifact {
        inputs: inputs.collect(),
        names_known: names.iter().enumerate().any(|(i, name)| *name != format!("Column_{i}")),
        targets,
        split_by_code,
        doubt,
        float: Type::Float64,
    };
    let model = Trees {
        sums: Sums::Double(Forest::of(trees)),
        base: vec![0.0; targets],
        divisor,
        objective,
    };
    Ok((model, artifact))
}

fn section(text: &str) -> Section<'_> {
    text.lines()
        .map(|line| line.split_once('=').unwrap_or((line, "")))
        .collect()
}

fn value<'a>(section: &Section<'a>, key: &str) -> Result<&'a str, Defect> {
    section
        .get(key)
        .copied()
        .ok_or_else(|| Defect(format!("there is no {key:?}")))
}

fn number<T: FromStr>(section: &Section, key: &str) -> Result<T, Defect> {
    let text = value(section, key)?;
    text.trim().parse().map_err(|_| Defect(format!("{key} is {text:?}")))
}

fn list<T: FromStr>(section: &Section, key: &str) -> Result<Vec<T>, Defect> {
    let items = value(section, key)?.split_ascii_whitespace();
    items
        .map(|item| item.parse().map_err(|_| Defect(format!("{key} has {item:?}"))))
        .collect()
}

fn grow(tree: &Section, features: usize) -> Result<Tree, Defect> {
    if tree.get("is_linear").is_some_and(|v| *v != "0") {
        return Err(Defect("linear leaves (linear_tree = true) can't be scored".into()));
    }
    let leaves: usize = number(tree, "num_leaves")?;
    let leaf_value: Vec<f64> = list(tree, "leaf_value")?;
    if leaves == 0 || leaf_value.len() != leaves {
        return Err(Defect(format!("{} leaf values for {leaves} leaves", leaf_value.len())));
    }
    if leaves == 1 {
        return Tree::grow(0, 1, |_| Ok(Part::Leaf(leaf_value[0])));
    }
    let nodes = leaves - 1;
    let split_feature: Vec<usize> = list(tree, "split_feature")?;
    let threshold: Vec<f64> = list(tree, "threshold")?;
    let decision_type: Vec<u32> = list(tree, "decision_type")?;
    let left_child: Vec<i32> = list(tree, "left_child")?;
    let right_child: Vec<i32> = list(tree, "right_child")?;
    let lengths = [
        split_feature.len(),
        threshold.len(),
        decision_type.len(),
        left_child.len(),
        right_child.len(),
    ];
    if lengths.iter().any(|&l| l != nodes) {
        return Err(Defect(format!("its lists don't have {nodes} splits")));
    }
    let sets = match number::<usize>(tree, "num_cat")? {
        0 => Vec::new(),
        _ => sets(&list(tree, "cat_boundaries")?, &list(tree, "cat_threshold")?)?,
    };
    // Leaves are numbered behind the splits here; in the file they are `!number`.
    let place = |child: i32| match child {
        0.. => child as usize,
        _ => nodes + !child as usize,
    };
    Tree::grow(0, nodes + leaves, |number| {
        if number >= nodes {
            return Ok(Part::Leaf(leaf_value[number - nodes]));
        }
        let feature = split_feature[number];
        if feature >= features {
            return Err(Defect(format!("split {number} is on feature {feature} of {features}")));
        }
        let kind = decision_type[number];
        let threshold = threshold[number];
        let (reading, condition) = match (kind & 1, kind >> 2 & 3) {
            (1, _) => {
                let set = sets.get(threshold as usize).filter(|_| threshold >= 0.0);
                let set = set.ok_or_else(|| Defect(format!("split {number} has no categories")))?;
                (Reading::CutCategory, Condition::Among(set.clone()))
            }
            // Below the next number is at most this one.
            (_, 0) => (Reading::NanIsZero, Condition::Below(threshold.next_up())),
            (_, 1) => (Reading::ZeroIsMissing, Condition::Below(threshold.next_up())),
            (_, 2) => (Reading::Number, Condition::Below(threshold.next_up())),
            _ => return Err(Defect(format!("split {number} has decision type {kind}"))),
        };
        let test = Test {
            feature,
            reading,
            condition,
            missing_passes: kind >> 1 & 1 == 1,
        };
        Ok(Part::Split {
            test,
            pass: place(left_child[number]),
            fail: place(right_child[number]),
        })
    })
}

/// Sets of category codes, a bit each.
fn sets(boundaries: &[usize], words: &[u32]) -> Result<Vec<Arc<Categories>>, Defect> {
    let damaged = || Defect("a split's categories are not there".into());
    if boundaries.first() != Some(&0) || !boundaries.is_sorted() {
        return Err(damaged());
    }
    boundaries
        .windows(2)
        .map(|ends| {
            let words = words.get(ends[0]..ends[1]).ok_or_else(damaged)?;
            let has = |code: &u32| words[*code as usize / 32] >> (code % 32) & 1 == 1;
            let codes = (0..32 * words.len() as u32).filter(has).collect();
            Ok(Arc::new(Categories::of(codes)))
        })
        .collect()
}

fn objective(text: &str, targets: usize) -> Result<Objective, Defect> {
    let mut words = text.split_ascii_whitespace();
    let name = words.next().unwrap_or("");
    let options: Vec<&str> = words.collect();
    let slope = match options.iter().find_map(|o| o.strip_prefix("sigmoid:")) {
        Some(slope) => slope.parse().map_err(|_| Defect(format!("objective {text:?}")))?,
        None => 1.0,
    };
    let logistic = Link::Logistic { slope };
    let objective = match name {
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" => {
            Objective::Regression(match options.contains(&"sqrt") {
                true => Link::SignedSquare,
                false => Link::Identity,
            })
        }
        "poisson" | "gamma" | "tweedie" => Objective::Regression(Link::Exponential),
        "cross_entropy" => Objective::Regression(Link::Logistic { slope: 1.0 }),
        "cross_entropy_lambda" => Objective::Regression(Link::Softplus),
        // Without an objective (a function of the caller's own), predictions are the sums.
        "lambdarank" | "rank_xendcg" | "" | "custom" => Objective::Regression(Link::Identity),
        "binary" => Objective::Binary(logistic),
        "multiclass" => Objective::Softmax,
        "multiclassova" => Objective::OneVersusAll(logistic),
        other => return Err(Defect(format!("objective {other:?} can't be scored"))),
    };
    let classes = options.iter().find_map(|o| o.strip_prefix("num_class:"));
    if classes.is_some_and(|classes| classes.parse() != Ok(targets)) {
        return Err(Defect(format!(
            "objective {text:?} with the trees of {targets} classes"
        )));
    }
    match (objective, targets) {
        (Objective::Binary(_), 2..) => Err(Defect("a binary objective with several targets".into())),
        _ => Ok(objective),
    }
}

/// The tables of categories that pandas had, and whose they are.
type Tables = (Vec<Vec<Category>>, Owners);

/// None if it had none.
fn tables(head: &Section, rest: &str, names: &[String]) -> Result<Option<Tables>, Defect> {
    let Some(json) = rest
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("pandas_categorical:"))
    else {
        return Ok(None);
    };
    let tables: Option<Vec<Vec<Category>>> =
        serde_json::from_str(json).map_err(|e| Defect(format!("pandas_categorical: {e}")))?;
    let Some(tables) = tables.filter(|tables| !tables.is_empty()) else {
        return Ok(None);
    };
    let listed = rest
        .lines()
        .find_map(|line| line.strip_prefix("[categorical_feature: "));
    let listed: Option<HashSet<usize>> = listed
        .map(|l| l.trim_end_matches(']').split(','))
        .and_then(|numbers| numbers.map(|n| n.trim().parse().ok()).collect());
    if listed
        .as_ref()
        .is_some_and(|listed| listed.iter().any(|&i| i >= names.len()))
    {
        return Err(Defect("categorical_feature names a feature that isn't there".into()));
    }
    let infos: Vec<String> = list(head, "feature_infos")?;
    let feature = |i: usize| {
        let info = infos.get(i).map_or("none", String::as_str);
        // Ranges stand in brackets, "none" for features that never differ.
        let by_info = !info.starts_with('[') && info != "none";
        Feature::read(info, listed.as_ref().map_or(by_info, |listed| listed.contains(&i)))
    };
    let lengths: Vec<usize> = tables.iter().map(Vec::len).collect();
    let owners = Owners::of(&(0..names.len()).map(feature).collect::<Vec<_>>(), names, &lengths)?;
    Ok(Some((tables, owners)))
}
