//! Which texts and whole numbers a graph tells from others, of each column that it takes.

use super::{Graph, Node};
use crate::model::{KnownIntegers, KnownTexts};
use std::collections::HashMap;

/// Of each column of a tensor, the column of the model's that it is, if it is one.
type Columns = Vec<Option<usize>>;

/// The categories that encoders list of one column, which are texts or whole numbers.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub texts: KnownTexts,
    pub integers: KnownIntegers,
}

/// What is known of one column.
#[derive(Clone, Default)]
struct Column {
    known: Known,
    /// Something else than an encoder takes it.
    used_otherwise: bool,
}

impl Graph {
    /// `inputs`: the names and widths of the inputs, in order. None for a column that is not only used by encoders, whose
    /// categories are all that it is told by.
    pub fn known(&self, inputs: &[(&str, usize)]) -> Vec<Option<Known>> {
        let mut count = 0;
        let mut tensors: HashMap<&str, Columns> = HashMap::new();
        for &(name, width) in inputs {
            tensors.insert(name, (count..count + width).map(Some).collect());
            count += width;
        }
        let mut columns = vec![Column::default(); count];
        // A graph lists its nodes in the order in which they can be computed.
        for node in &self.nodes {
            let taken: Vec<Option<&Columns>> = node.inputs.iter().map(|name| tensors.get(name.as_str())).collect();
            let own: Vec<usize> = taken
                .iter()
                .flatten()
                .flat_map(|t| t.iter().flatten().copied())
                .collect();
            if own.is_empty() {
                continue;
            }
            if is_encoder(node) {
                for column in own {
                    let Known { texts, integers } = &mut columns[column].known;
                    texts.extend(node.texts.iter().cloned());
                    integers.extend(&node.integers);
                }
                continue;
            }
            match self.passed(node, &taken) {
                Some(passed) => {
                    for (name, columns) in node.outputs.iter().zip(passed) {
                        tensors.insert(name, columns);
                    }
                }
                None => own.into_iter().for_each(|column| columns[column].used_otherwise = true),
            }
        }
        let is_known = |Known { texts, integers }: &Known| !texts.is_empty() || !integers.is_empty();
        let known = |column: Column| (!column.used_otherwise && is_known(&column.known)).then_some(column.known);
        columns.into_iter().map(known).collect()
    }

    /// The columns of each output of a node that passes texts on, where that is known.
    fn passed(&self, node: &Node, taken: &[Option<&Columns>]) -> Option<Vec<Columns>> {
        let first = || taken.first().copied().flatten().cloned();
        match node.operator.as_str() {
            "Identity" | "Cast" | "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => Some(vec![first()?]),
            "Concat" => {
                let all: Option<Vec<&Columns>> = taken.iter().copied().collect();
                Some(vec![all?.into_iter().flatten().copied().collect()])
            }
            "ArrayFeatureExtractor" | "Gather" => {
                let (columns, places) = (first()?, self.constants.get(node.inputs.get(1)?)?);
                let pick = |place: &super::Category| {
                    let place = usize::try_from(place.integer()?).ok()?;
                    columns.get(place).copied()
                };
                Some(vec![places.iter().map(pick).collect::<Option<_>>()?])
            }
            // Missing texts are filled so: what is not filled passes.
            "Where" => {
                let mut texts = taken.iter().skip(1).flatten();
                let only = texts.next()?;
                texts.next().is_none().then(|| vec![(*only).clone()])
            }
            _ => None,
        }
    }
}

/// Does it give numbers for the categories that it lists, and one for all others?
fn is_encoder(node: &Node) -> bool {
    (!node.texts.is_empty() || !node.integers.is_empty())
        && matches!(
            node.operator.as_str(),
            "OneHotEncoder" | "LabelEncoder" | "CategoryMapper"
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Category;

    fn node(operator: &str, inputs: &[&str], output: &str, texts: &[&str]) -> Node {
        let own = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        Node {
            operator: operator.into(),
            inputs: own(inputs),
            outputs: own(&[output]),
            texts: own(texts),
            ..Node::default()
        }
    }

    fn known(nodes: Vec<Node>, inputs: &[(&str, usize)]) -> Vec<Option<Vec<String>>> {
        let place = |place: i64| (format!("{place}"), vec![Category::Integer(place)]);
        let graph = Graph {
            nodes,
            constants: (0..3).map(place).collect(),
            ..Graph::default()
        };
        let sorted = |known: Known| {
            let integers = known.integers.iter().map(i64::to_string);
            let mut known: Vec<String> = known.texts.into_iter().chain(integers).collect();
            known.sort();
            known
        };
        graph.known(inputs).into_iter().map(|k| k.map(sorted)).collect()
    }

    #[test]
    fn columns_are_followed_to_their_encoders() {
        let some = |texts: &[&str]| Some(texts.iter().map(|t| t.to_string()).collect::<Vec<_>>());
        // As skl2onnx writes a ColumnTransformer over two inputs, and an imputer of texts.
        let nodes = || {
            vec![
                node("Concat", &["city", "size"], "all", &[]),
                node("ArrayFeatureExtractor", &["all", "1"], "b", &[]),
                node("Gather", &["all", "0"], "a", &[]),
                node("LabelEncoder", &["a"], "is_missing", &[""]),
                node("Where", &["is_missing", "fill", "a"], "filled", &[]),
                node("OneHotEncoder", &["filled"], "x", &["Oslo", "Rome"]),
                node("LabelEncoder", &["b"], "y", &["S", "M"]),
            ]
        };
        let inputs = [("city", 1), ("size", 1), ("unused", 1)];
        assert_eq!(
            known(nodes(), &inputs),
            [some(&["", "Oslo", "Rome"]), some(&["M", "S"]), None]
        );
        // One that something else looks at as well tells more than its encoder's texts.
        let mut more = nodes();
        more.push(node("TfIdfVectorizer", &["b"], "z", &[]));
        assert_eq!(known(more, &inputs), [some(&["", "Oslo", "Rome"]), None, None]);
        // Whole numbers, which others look at as numbers.
        let counted = |input: &str| Node {
            integers: vec![0, 7],
            ..node("OneHotEncoder", &[input], "x", &[])
        };
        let numbers = || {
            vec![
                node("Cast", &["m"], "whole", &[]),
                counted("whole"),
                node("Concat", &["m", "h"], "all", &[]),
            ]
        };
        assert_eq!(known(vec![counted("m")], &[("m", 1)]), [some(&["0", "7"])]);
        assert_eq!(known(numbers(), &[("m", 1), ("h", 1)]), [some(&["0", "7"]), None]);
        let scaled = [numbers(), vec![node("Scaler", &["all"], "scaled", &[])]];
        assert_eq!(
            known(scaled.into_iter().flatten().collect(), &[("m", 1), ("h", 1)]),
            [None, None]
        );
        let both = vec![node("OneHotEncoder", &["m"], "x", &["a"])];
        assert_eq!(known(both, &[("m", 2)]), [some(&["a"]), some(&["a"])]);
    }
}
