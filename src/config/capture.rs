//! `[capture]`: what was asked and answered, kept for monitoring.

use super::value::{Size, text};
use crate::transform::Share;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct Capture {
    pub path: PathBuf,
    /// Which share of the predictions, between 0 and 1.
    pub sample: f64,
    /// Of all files together, in bytes.
    pub max_size: u64,
    /// How full the disk may be.
    pub max_disk: Share,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    path: PathBuf,
    #[serde(deserialize_with = "sample")]
    sample: f64,
    max_size: Size<{ 64 << 10 }, { u64::MAX }>,
    #[serde(deserialize_with = "disk")]
    max_disk: Share,
}

impl Raw {
    /// `None`: nothing is captured.
    pub fn validate(self) -> Option<Capture> {
        let is_on = !self.path.as_os_str().is_empty();
        is_on.then_some(Capture {
            path: self.path,
            sample: self.sample,
            max_size: self.max_size.0,
            max_disk: self.max_disk,
        })
    }
}

fn sample<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let expected = "a share between \"0%\" and \"100%\", such as \"10%\" or \"0.5%\"";
    text(deserializer, expected, |text| {
        let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
        (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
    })
}

fn disk<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
    let expected = "a share between \"0%\" and \"100%\", such as \"75%\"";
    text(deserializer, expected, |text| {
        Share::parse(text.trim().strip_suffix('%')?.trim())
    })
}
