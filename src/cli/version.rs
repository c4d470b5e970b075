//! A version as people name it.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// `2`, `v2`, `sales/2`, `sales/v2`, or the folder that it is in, such as `spool/models/sales/2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionName {
    pub number: u32,
    /// Of the group that the command is about, if none is named.
    pub group: Option<String>,
    /// In which the group's folder is, if its path was given.
    pub models: Option<PathBuf>,
}

impl FromStr for VersionName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<VersionName, Self::Err> {
        const WRONG: &str =
            "no version: it is named by its number, such as 2 or v2, with its group, GROUP/2, or by its folder";
        let path = text.trim_end_matches('/');
        let (group, number) = match path.rsplit_once('/') {
            Some((group, number)) => (Some(group), number),
            None => (None, path),
        };
        let digits = number.strip_prefix(['v', 'V']).unwrap_or(number);
        let is_number = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        let number = digits.parse().ok().filter(|_| is_number).ok_or(WRONG)?;
        let (models, group) = match group.map(|group| group.rsplit_once('/').unwrap_or(("", group))) {
            None => (None, None),
            Some((_, "" | "." | "..")) => return Err(WRONG),
            Some(("", group)) if !path.starts_with('/') => (None, Some(group.into())),
            Some(("", group)) => (Some("/".into()), Some(group.into())),
            Some((models, group)) => (Some(models.into()), Some(group.into())),
        };
        Ok(VersionName { number, group, models })
    }
}

/// A version, or all of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    Version(VersionName),
    Group(String),
}

impl FromStr for Model {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Model, Infallible> {
        Ok(text.parse().map_or_else(|_| Model::Group(text.into()), Model::Version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_a_group_and_a_folder_name_a_version() {
        for (text, number, group, models) in [
            ("2", 2, None, None),
            ("v12", 12, None, None),
            ("V3", 3, None, None),
            ("sales/2", 2, Some("sales"), None),
            ("sales/v2", 2, Some("sales"), None),
            ("7/2/", 2, Some("7"), None),
            ("spool/models/sales/2", 2, Some("sales"), Some("spool/models")),
            ("/sales/2", 2, Some("sales"), Some("/")),
            ("/srv/models/sales/2/", 2, Some("sales"), Some("/srv/models")),
        ] {
            let expected = VersionName {
                number,
                group: group.map(String::from),
                models: models.map(PathBuf::from),
            };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for wrong in [
            "",
            "v",
            "0",
            "02",
            "+2",
            "-1",
            "2.0",
            "sales",
            "sales/",
            "/2",
            "./2",
            "../2",
            "x/y/z",
            "4294967296",
        ] {
            assert!(wrong.parse::<VersionName>().is_err(), "{wrong}");
        }
    }
}
