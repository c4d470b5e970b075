//! `ensemble.json`: which members an ensemble has, and what it makes of their predictions.

use crate::model::{Defect, Format, Signature};
use serde::{Deserialize, Serialize};
use std::fmt;

const FORMAT_VERSION: u32 = 1;
/// More are no ensemble that somebody means: all are held in memory, and each scores every row.
pub const MEMBERS_MAX: usize = 64;
/// What the names of members' files begin with.
const MEMBER: &str = "member-";
/// What members' artifacts end in.
const EXTENSIONS: [&str; 4] = ["json", "onnx", "txt", "ubj"];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    format_version: u32,
    pub combine: Combine,
    /// Of a mean, one for each member; only their ratios count. Without any they count the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
    /// From which mean probability of the second of two classes on that is the label; else the members say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    pub members: Vec<Part>,
}

/// A version as it was when the ensemble was made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its number in the group.
    pub version: u32,
    pub format: Format,
    /// The copy of its artifact, beside the ensemble's.
    pub file: String,
    pub sha256: String,
    /// As it was registered.
    pub signature: Signature,
}

/// What becomes of the members' predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Combine {
    /// The weighted mean: of numbers, or of the probabilities of each class.
    #[default]
    Mean,
    /// The middle one, or the mean of the two in the middle: of numbers alone.
    Median,
}

impl std::str::FromStr for Combine {
    type Err = String;

    fn from_str(word: &str) -> Result<Combine, String> {
        match word {
            "mean" => Ok(Combine::Mean),
            "median" => Ok(Combine::Median),
            _ => Err("predictions are combined by: mean, median".into()),
        }
    }
}

impl fmt::Display for Combine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Combine::Mean => "mean",
            Combine::Median => "median",
        })
    }
}

/// What plans of all versions have.
#[derive(Deserialize)]
struct Numbered {
    format_version: u32,
}

impl Plan {
    pub fn new(combine: Combine, weights: Vec<f64>, threshold: Option<f64>, members: Vec<Part>) -> Plan {
        Plan {
            format_version: FORMAT_VERSION,
            combine,
            weights,
            threshold,
            members,
        }
    }

    /// The name of a member's file; `artifact`: that of its artifact, whose ending stays.
    pub fn file(member: usize, artifact: &str) -> String {
        let extension = artifact.rsplit('.').next().unwrap_or_default();
        format!("{MEMBER}{}.{extension}", member + 1)
    }

    /// Is it the name of a member's file?
    pub fn is_file(name: &str) -> bool {
        name.starts_with(MEMBER)
    }

    pub fn parse(artifact: &[u8]) -> Result<Plan, Defect> {
        let refuse = |e| Defect(format!("not the JSON of an ensemble: {e}"));
        // First: a later version has keys that are unknown here.
        let Numbered { format_version } = serde_json::from_slice(artifact).map_err(refuse)?;
        if format_version != FORMAT_VERSION {
            return Err(Defect(format!(
                "format_version {format_version} is not known to this version of transform, which knows {FORMAT_VERSION}"
            )));
        }
        let plan: Plan = serde_json::from_slice(artifact).map_err(refuse)?;
        plan.defect().map_or(Ok(plan), |why| Err(Defect(why)))
    }

    /// The bytes of the artifact.
    pub fn serialise(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("an ensemble is JSON");
        bytes.push(b'\n');
        bytes
    }

    fn defect(&self) -> Option<String> {
        let members = self.members.len();
        if !(2..=MEMBERS_MAX).contains(&members) {
            return Some(format!("an ensemble has 2 to {MEMBERS_MAX} members, not {members}"));
        }
        if let Some(part) = self.members.iter().find(|part| part.format == Format::Ensemble) {
            return Some(format!(
                "version {} is itself an ensemble; name its members instead",
                part.version
            ));
        }
        let is_named = |(place, part): (usize, &Part)| {
            let ending = part.file.strip_prefix(&format!("{MEMBER}{}.", place + 1));
            ending.is_some_and(|ending| EXTENSIONS.contains(&ending))
        };
        if let Some(place) = (0..members).find(|&place| !is_named((place, &self.members[place]))) {
            let file = &self.members[place].file;
            return Some(format!("the file of member {} can't be {file:?}", place + 1));
        }
        self.weights_defect().or_else(|| {
            let wrong = self.threshold.filter(|t| !(0.0..=1.0).contains(t))?;
            Some(format!("a threshold is a probability, not {wrong}"))
        })
    }

    fn weights_defect(&self) -> Option<String> {
        let Plan { weights, members, .. } = self;
        if weights.is_empty() {
            return None;
        }
        if self.combine == Combine::Median {
            return Some("a median has no weights".into());
        }
        if weights.len() != members.len() {
            return Some(format!("{} weights for {} members", weights.len(), members.len()));
        }
        if let Some(wrong) = weights.iter().find(|w| !(w.is_finite() && **w > 0.0)) {
            return Some(format!("a weight is a positive number, not {wrong}"));
        }
        let total: f64 = weights.iter().sum();
        (!total.is_finite()).then(|| "the weights' sum is too large".into())
    }

    /// Of each member its share of a mean; they add up to 1.
    pub fn shares(&self) -> Vec<f64> {
        let weights = match self.weights.is_empty() {
            true => vec![1.0; self.members.len()],
            false => self.weights.clone(),
        };
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / total).collect()
    }
}
