//! A tree of settings: values, each with its origin, and the steps to one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

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

/// From a table or an array to a value in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Key(String),
    Item(usize),
}

impl Node {
    /// Tables are laid over one another key by key; all else takes the place of what there was.
    pub fn lay(&mut self, over: Node) {
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

    pub fn below(&self, step: &Step) -> Option<&Node> {
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

    pub fn shown(&self) -> String {
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

/// `key=value`, cut at the first `=` that isn't within quotes of the key.
pub fn assignment(text: &str) -> Option<(&str, &str)> {
    let (mut quote, mut escaped) = (None, false);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '=') => return Some((&text[..i], &text[i + 1..])),
            _ => {}
        }
    }
    // A quote that never closes is part of the name.
    text.split_once('=')
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
pub fn shown(path: &[Step]) -> String {
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

pub fn leaves(node: &Node, path: &mut Vec<Step>, all: &mut Vec<String>) {
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
pub fn parse(text: &str, origin: impl Fn(usize) -> Origin) -> Result<Node, (usize, String)> {
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
