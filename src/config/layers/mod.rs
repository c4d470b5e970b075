//! Layers of settings, one over the other: a tree of values, each with its origin.

use super::node::{Node, Step, leaves, parse, shown};
use super::reader::{self, Fault};
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use toml::{Table, Value};

pub use super::node::{Content, Origin, assignment, dotted};

/// A key of a table of tables, its value, and where it was given.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub key: Vec<String>,
    pub content: Content,
    pub origin: Origin,
}

/// All settings, and where each was given.
#[derive(Clone, Debug)]
pub struct Layers {
    root: Node,
    /// The keys of the built-in defaults.
    known: Vec<String>,
}

impl Layers {
    pub fn new(name: &str) -> Layers {
        Layers {
            root: Node {
                origin: Origin::named(name),
                content: Content::Table(BTreeMap::new()),
            },
            known: Vec::new(),
        }
    }

    /// One layer, whose keys were read before.
    pub fn of(name: &str, keys: &Table) -> Layers {
        let mut layers = Layers::new(name);
        layers.root.content = Content::of(&Value::Table(keys.clone()), &layers.root.origin);
        layers
    }

    /// The lowest layer, which has every key.
    pub fn defaults(text: &str) -> Layers {
        let mut layers = Layers::new("built-in default");
        let origin = layers.root.origin.clone();
        layers.root = parse(text, |_| origin.clone()).unwrap_or_else(|(_, why)| panic!("the defaults are TOML: {why}"));
        leaves(&layers.root, &mut Vec::new(), &mut layers.known);
        layers
    }

    /// The keys of the defaults, such as `input.path`.
    pub fn known(&self) -> &[String] {
        &self.known
    }

    /// Lays a file over what there is.
    pub fn merge(&mut self, file: &Path, text: &str) -> Result<()> {
        let name: Arc<Path> = file.into();
        let breaks: Vec<usize> = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(i, _)| i)
            .collect();
        let origin = |offset| Origin::Line(name.clone(), 1 + breaks.partition_point(|at| *at < offset));
        let mut root = parse(text, origin).map_err(|(offset, why)| {
            let start = breaks.iter().rev().find(|at| **at < offset).map_or(0, |at| at + 1);
            let column = 1 + text.get(start..offset).map_or(0, |before| before.chars().count());
            let why = why.trim_end().replace('\n', ", ");
            Error::config(
                origin(offset).place(),
                format!("this is no TOML at column {column}: {why}"),
            )
        })?;
        root.origin = Origin::Named(file.display().to_string().into());
        self.root.lay(root);
        Ok(())
    }

    /// Lays one value over what there is.
    pub fn assign(&mut self, assignment: Assignment) {
        let Assignment { key, content, origin } = assignment;
        let leaf = Node {
            origin: origin.clone(),
            content,
        };
        let nest = |node, name: String| Node {
            origin: origin.clone(),
            content: Content::Table(BTreeMap::from([(name, node)])),
        };
        let Content::Table(over) = key.into_iter().rev().fold(leaf, nest).content else {
            return;
        };
        self.root.lay(Node {
            origin: self.root.origin.clone(),
            content: Content::Table(over),
        });
    }

    pub fn remove(&mut self, section: &str, name: &str) {
        if let Content::Table(sections) = &mut self.root.content
            && let Some(Content::Table(keys)) = sections.get_mut(section).map(|node| &mut node.content)
        {
            keys.remove(name);
        }
    }

    /// What the type says. Texts are read as it asks.
    ///
    /// # Errors
    /// The place, the key, its value, and what it should be; of an unknown key the nearest one.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(reader::Reader(&self.root)).map_err(|fault| self.explain(fault))
    }

    /// What is wrong with the key that these names lead to, at its place; if it isn't given, at that of the table that it is
    /// missing from.
    pub fn invalid(&self, key: &[&str], message: impl Into<String>) -> Error {
        let path: Vec<Step> = key.iter().map(|name| Step::Key((*name).into())).collect();
        Error::config(self.origin(&path).place(), message)
    }

    /// All keys that hold.
    pub fn table(&self) -> Table {
        match self.root.value() {
            Value::Table(table) => table,
            _ => Table::new(),
        }
    }

    fn origin(&self, path: &[Step]) -> &Origin {
        let mut node = &self.root;
        for step in path {
            let Some(below) = node.below(step) else { break };
            node = below;
        }
        &node.origin
    }

    fn node(&self, path: &[Step]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, step| node.below(step))
    }

    fn explain(&self, fault: Fault) -> Error {
        let (path, kind) = fault.parts();
        let key = shown(&path);
        let node = self.node(&path);
        let set = match node {
            Some(node) if path.is_empty() || matches!(node.content, Content::Table(_)) => key.clone(),
            Some(node) => format!("{key} = {}", node.shown()),
            None => key.clone(),
        };
        let message = match kind {
            reader::Kind::Expected(what) => format!("{set} should be {what}"),
            reader::Kind::Missing(name) if key.is_empty() => format!("{name} is missing"),
            reader::Kind::Missing(name) => format!("{key}.{name} is missing"),
            reader::Kind::Other(message) if set.is_empty() => message,
            reader::Kind::Other(message) => format!("{set}: {message}"),
            reader::Kind::Unknown(names) => self.unknown(&path, names),
        };
        Error::config(self.origin(&path).place(), message)
    }

    fn unknown(&self, path: &[Step], names: &[&str]) -> String {
        let mut path = path.to_vec();
        if let ([Step::Key(key)], Some(node)) = (&path[..], self.node(&path)) {
            match &node.content {
                Content::Table(_) => {}
                // A flag's or a variable's key is named as it was written.
                Content::Text(_) => {}
                _ => return format!("{key:?} stands outside of a [section]"),
            }
        }
        let parent = path.len() - 1;
        let mut near: Vec<String> = names
            .iter()
            .map(|name| {
                let mut sibling = path[..parent].to_vec();
                sibling.push(Step::Key((*name).into()));
                shown(&sibling)
            })
            .collect();
        // An unknown section is known by its first key.
        if parent == 0 && !self.known.is_empty() {
            near.clear();
            while let Some(Content::Table(keys)) = self.node(&path).map(|node| &node.content)
                && let Some(first) = keys.keys().next()
            {
                path.push(Step::Key(first.clone()));
            }
        }
        near.extend(self.known.iter().cloned());
        let key = shown(&path);
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_string();
        let distance = |other: &String| {
            let whole = strsim::damerau_levenshtein(other, &key);
            // The same key in another section.
            let name = strsim::damerau_levenshtein(&last(other), &last(&key));
            (whole.min(name + 2), whole, other.clone())
        };
        match near.iter().min_by_key(|other| distance(other)) {
            Some(nearest) => format!("unknown key {key}; the nearest is {nearest}"),
            None => format!("unknown key {key}"),
        }
    }
}

#[cfg(test)]
mod tests;
