//! `[engine]`: where large inputs are scored.

use super::layers::Layers;
use super::value::{Size, text};
use crate::error::Result;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// A cluster that scores parts of large inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// `auto`, or `HOST:PORT`.
    pub address: String,
    /// Inputs of so many bytes are cut, into parts of so many: a power of two.
    pub part_size: u64,
    /// A Python with Ray: a path, or a name that is looked for in PATH.
    pub python: PathBuf,
    /// A folder that all nodes see; absolute.
    pub parts: PathBuf,
    pub survey: Survey,
}

/// Who finds where a text can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Survey {
    /// The worker reads it once: nodes are held against what it saw.
    Worker,
    /// Nodes do, in a first wave; each part is then scored by another node than looked at it.
    Nodes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Local,
    Ray,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    kind: Kind,
    #[serde(deserialize_with = "address")]
    address: String,
    #[serde(deserialize_with = "part_size")]
    part_size: u64,
    #[serde(deserialize_with = "python")]
    python: PathBuf,
    parts: PathBuf,
    survey: Survey,
}

impl Raw {
    /// `None`: this machine alone scores.
    pub fn validate(self, layers: &Layers) -> Result<Option<Engine>> {
        if self.kind == Kind::Local {
            return Ok(None);
        }
        if self.parts.as_os_str().is_empty() {
            let message = "engine.kind = \"ray\" needs engine.parts: a folder, of the worker's alone, that all nodes see at this path";
            return Err(layers.invalid(&["engine", "kind"], message));
        }
        Ok(Some(Engine {
            address: self.address,
            part_size: self.part_size,
            python: self.python,
            parts: std::path::absolute(&self.parts).unwrap_or(self.parts),
            survey: self.survey,
        }))
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let expected = "\"auto\", or the HOST:PORT of the cluster's head, such as \"10.0.0.1:6379\"";
    text(deserializer, expected, |text| {
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        let is_host = |host: &str| !host.is_empty() && !host.contains(['/', ' ']);
        let is_address = |(host, port)| is_host(host) && is_port(port);
        (text == "auto" || text.rsplit_once(':').is_some_and(is_address)).then(|| text.into())
    })
}

/// BLAKE3 composes the hash of an input of its pieces' by this.
fn part_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    const LEAST: u64 = 1 << 20;
    const MOST: u64 = 1 << 40;
    let Size(size) = Size::<LEAST, MOST>::deserialize(deserializer)?;
    match size.is_power_of_two() {
        true => Ok(size),
        false => Err(super::value::invalid("a power of two, such as \"64MiB\" or \"1GiB\"")),
    }
}

fn python<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let expected = "a Python that has Ray, such as \"python3\" or \"/opt/ray/bin/python\"";
    text(deserializer, expected, |path| (!path.is_empty()).then(|| path.into()))
}

#[cfg(test)]
mod tests {
    use crate::config::fuzz;

    #[test]
    fn an_engine_is_none_until_it_is_wished() {
        assert!(fuzz("").unwrap().engine.is_none());
        let text = "[engine]\nkind = \"ray\"\nparts = \"parts\"\naddress = \"10.0.0.1:6379\"\npart_size = \"1GiB\"";
        let engine = fuzz(text).unwrap().engine.unwrap();
        assert_eq!(engine.part_size, 1 << 30);
        assert!(engine.parts.is_absolute() && engine.parts.ends_with("parts"));
    }

    #[test]
    fn what_is_no_engine_is_refused_with_its_place() {
        for (keys, words) in [
            (
                "kind = \"ray\"",
                "toml:2: engine.kind = \"ray\" needs engine.parts: a folder",
            ),
            (
                "kind = \"ray\"\nparts = \"spool/input/x\"",
                "and input.path = spool/input must lie apart",
            ),
            ("kind = \"spark\"", "\"local\" or \"ray\""),
            ("part_size = \"3MiB\"", "a power of two"),
            ("part_size = \"64KiB\"", "a size between \"1MiB\""),
            ("address = \"ray://head:10001\"", "the HOST:PORT of the cluster's head"),
            ("address = \"head\"", "the HOST:PORT of the cluster's head"),
            ("python = \"\"", "a Python that has Ray"),
        ] {
            let error = fuzz(&format!("[engine]\n{keys}\n")).unwrap_err().to_string();
            assert!(error.contains(words), "{keys}: {error}");
        }
    }
}
