//! Layers of settings, one over the other: a tree of values, each with its origin.

use super::reader::{self, Fault, Step};
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// Of a value in a message.
const SHOWN_MAX: usize = 200;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// A file and its line, counted from 1.
    Line(Arc<Path>, usize),
    /// Such as a variable, a flag, a file as a whole.
    Named(Arc<str>),
}

impl Origin {
    pub fn named(name: &str) -> Origin {
        Origin::Named(name.into())
    }

    /// For messages: `file:line`, or the name.
    pub fn place(&self) -> PathBuf {
        match self {
            Origin::Line(file, line) => {
                let mut place = file.as_os_str().to_os_string();
                place.push(format!(":{line}"));
                place.into()
            }
            Origin::Named(name) => PathBuf::from(&**name),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Node {
    pub origin: Origin,
    pub content: Content,
}

#[derive(Clone, Debug)]
pub enum Content {
    Scalar(Value),
    /// From where everything is text: the type that is asked for decides what it means.
    Text(String),
    Array(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

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

    /// What is wrong with `section.key`, at its place; if it isn't given, at that of its section.
    pub fn fault(&self, key: &str, message: impl Into<String>) -> Error {
        Error::config(self.origin(&steps(key)).place(), message)
    }

    /// `section.key = value should be ...`
    pub fn wrong(&self, key: &str, expected: &str) -> Error {
        self.explain(Fault::expected(steps(key), expected.into()))
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

impl Node {
    /// Tables are laid over one another key by key; all else takes the place of what there was.
    fn lay(&mut self, over: Node) {
        match (&mut self.content, over.content) {
            (Content::Table(under), Content::Table(over_keys)) => {
                for (name, node) in over_keys {
                    match under.get_mut(&name) {
                        Some(there) => there.lay(node),
                        None => drop(under.insert(name, node)),
                    }
                }
            }
            (_, content) => {
                self.content = content;
                self.origin = over.origin;
                return;
            }
        }
        // A flag says one key of a table; that the others lack is the file's matter.
        if matches!(over.origin, Origin::Line(..)) {
            self.origin = over.origin;
        }
    }

    fn below(&self, step: &Step) -> Option<&Node> {
        match (&self.content, step) {
            (Content::Table(keys), Step::Key(name)) => keys.get(name),
            (Content::Array(items), Step::Item(i)) => items.get(*i),
            _ => None,
        }
    }

    pub fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::Text(text) => text.clone().into(),
            Content::Array(items) => items.iter().map(Node::value).collect::<Vec<_>>().into(),
            Content::Table(keys) => {
                Value::Table(keys.iter().map(|(name, node)| (name.clone(), node.value())).collect())
            }
        }
    }

    fn shown(&self) -> String {
        let value = match &self.content {
            Content::Text(text) => literal(text, &self.origin).map(|node| node.value()),
            _ => None,
        };
        let text = value.unwrap_or_else(|| self.value()).to_string();
        match text.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        }
    }
}

impl Content {
    pub fn of(value: &Value, origin: &Origin) -> Content {
        let node = |value: &Value| Node {
            origin: origin.clone(),
            content: Content::of(value, origin),
        };
        match value {
            Value::Array(items) => Content::Array(items.iter().map(node).collect()),
            Value::Table(keys) => Content::Table(keys.iter().map(|(name, v)| (name.clone(), node(v))).collect()),
            scalar => Content::Scalar(scalar.clone()),
        }
    }
}

/// A text that is a TOML value by itself.
pub fn literal(text: &str, origin: &Origin) -> Option<Node> {
    let value = DeValue::parse(text.trim()).ok()?;
    node(&value, 0, &|_| origin.clone()).ok()
}

/// `a."b.c".d`; what is no TOML key is cut at its points.
pub fn dotted(key: &str) -> Vec<String> {
    let names = || {
        let statement = format!("{key} = 0");
        let table = DeTable::parse(&statement).ok()?.into_inner();
        let mut names = Vec::new();
        let mut table = &table;
        loop {
            let mut keys = table.iter();
            let (Some((name, value)), None) = (keys.next(), keys.next()) else {
                return None;
            };
            names.push(name.get_ref().to_string());
            match value.get_ref() {
                DeValue::Table(below) => table = below,
                _ => return Some(names),
            }
        }
    };
    let plain = || key.split('.').map(|name| name.trim().to_string()).collect();
    names().unwrap_or_else(plain)
}

/// A path as TOML writes it.
fn shown(path: &[Step]) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut text = String::new();
    for step in path {
        match step {
            Step::Item(i) => text += &format!("[{i}]"),
            Step::Key(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                match !name.is_empty() && name.chars().all(bare) {
                    true => text += name,
                    false => text += &Value::from(name.as_str()).to_string(),
                }
            }
        }
    }
    text
}

fn steps(key: &str) -> Vec<Step> {
    key.split('.').map(|name| Step::Key(name.into())).collect()
}

fn leaves(node: &Node, path: &mut Vec<Step>, all: &mut Vec<String>) {
    match &node.content {
        Content::Table(keys) => {
            for (name, below) in keys {
                path.push(Step::Key(name.clone()));
                leaves(below, path, all);
                path.pop();
            }
        }
        _ => all.push(shown(path)),
    }
}

/// Of a fault: the offset, and why.
fn parse(text: &str, origin: impl Fn(usize) -> Origin) -> Result<Node, (usize, String)> {
    let table = DeTable::parse(text).map_err(|e| (e.span().map_or(0, |span| span.start), e.message().to_string()))?;
    let span = table.span();
    node(&Spanned::new(span, DeValue::Table(table.into_inner())), 0, &origin)
}

fn node(value: &Spanned<DeValue>, offset: usize, origin: &impl Fn(usize) -> Origin) -> Result<Node, (usize, String)> {
    let large = |number: &str| (offset, format!("{number} is too large"));
    let content = match value.get_ref() {
        DeValue::String(text) => Content::Scalar(text.as_ref().into()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Content::Scalar(parsed.map_err(|_| large(number.as_str()))?.into())
        }
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(parsed) if parsed.is_finite() || !number.as_str().contains(|c: char| c.is_ascii_digit()) => {
                Content::Scalar(parsed.into())
            }
            _ => return Err(large(number.as_str())),
        },
        DeValue::Boolean(word) => Content::Scalar((*word).into()),
        DeValue::Datetime(date) => Content::Scalar((*date).into()),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| node(item, item.span().start, origin));
            Content::Array(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(keys) => {
            let keys = keys
                .iter()
                .map(|(name, value)| Ok((name.get_ref().to_string(), node(value, name.span().start, origin)?)));
            Content::Table(keys.collect::<Result<_, _>>()?)
        }
    };
    Ok(Node {
        origin: origin(offset),
        content,
    })
}

#[cfg(test)]
mod tests;
