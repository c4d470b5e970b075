//! Which model group a command is about: what is said on the command line, else in the configuration, else the only one.

use super::invocation::Invocation;
use super::print_line;
use crate::cli::VersionName;
use crate::config::{Config, is_group};
use crate::error::{Error, Result};
use crate::registry::Registry;
use crate::worker::status;
use std::path::{Path, absolute};

/// The configuration with the group that is meant. `given`: by `--group`. `versions`: those that the command names.
///
/// # Errors
/// Groups that differ, no group's name, or several groups and none is named.
pub fn choose(
    mut config: Config,
    given: Option<&str>,
    versions: &[&VersionName],
    invocation: &Invocation,
) -> Result<Config> {
    let models = &mut config.models;
    let named = named(&models.path, given, versions)?;
    let is_named = models.is_named;
    let only = match is_named {
        true => Ok(None),
        false => only(&models.path),
    };
    if let Ok(Some(group)) = &only {
        models.name(group);
    }
    invocation.configured(models, is_named, only.is_ok());
    match named {
        Some(group) => models.name(group),
        None => drop(only?),
    }
    Ok(config)
}

/// The configuration with the group that is meant where the command line says none; of several, that of the worker that runs.
///
/// # Errors
/// There are several groups, none is named, and no worker runs that scores by one of them.
pub fn of_worker(mut config: Config, invocation: &Invocation) -> Result<Config> {
    let models = &config.models;
    if !models.is_named
        && only(&models.path).is_err()
        && let Some(group) = status::group(&config)
    {
        config.models.name(&group);
    }
    choose(config, None, &[], invocation)
}

/// After a version was added: whoever starts without a group's name needs one, where there are several by now.
pub fn print_several(invocation: &Invocation) {
    let groups = invocation
        .unnamed()
        .map(|models| Registry::groups(models).unwrap_or_default());
    if let Some([first, _, ..]) = groups.as_deref() {
        print_line(format!(
            "note: there are several model groups now, and models.group names none: set it, such as group = {first:?}, before a worker or \
             server starts anew"
        ));
    }
}

/// What the command line says, if it says one.
fn named<'a>(models: &Path, given: Option<&'a str>, versions: &[&'a VersionName]) -> Result<Option<&'a str>> {
    if let Some(group) = given
        && !is_group(group)
    {
        return Err(Error::config("--group", no_group(group)));
    }
    let mut named: Option<&str> = None;
    for version in versions {
        let (Some(group), number) = (version.group.as_deref(), version.number) else {
            continue;
        };
        let place = format!("{group}/{number}");
        if let Some(folder) = &version.models
            && !is_same(folder, models)
        {
            let path = folder.join(&place);
            return Err(Error::config(
                path,
                format!("this is no version of models.path, which is {}", models.display()),
            ));
        }
        match (given, named) {
            (Some(given), _) if given != group => {
                let message = format!("this version is of model group {group}, and --group is {given}");
                return Err(Error::config(place, message));
            }
            (_, Some(other)) if other != group => {
                let message = format!("a command is about one model group, and another version is of group {other}");
                return Err(Error::config(place, message));
            }
            _ => named = Some(group),
        }
    }
    Ok(named.or(given))
}

fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().or_else(|_| absolute(path)).ok();
    whole(one) == whole(other)
}

/// The only group there is; none where there is none yet, or none can be found: whoever needs its versions says why.
pub fn only(models: &Path) -> Result<Option<String>> {
    let groups = Registry::groups(models).unwrap_or_default();
    match &groups[..] {
        [] => Ok(None),
        [group] => Ok(Some(group.clone())),
        [first, ..] => Err(Error::config(
            models,
            format!(
                "there are several model groups, {}, and none is named: set models.group, such as group = {first:?} below [models] in \
                 the configuration, or --set models.group={first}; commands about models take --group {first}, too",
                groups.join(", ")
            ),
        )),
    }
}

/// Why this is no group's name, and what is meant.
pub fn no_group(name: &str) -> String {
    let path: Vec<&str> = name.trim_end_matches('/').split('/').collect();
    match path[..] {
        [.., group, version] if is_group(group) && version.parse::<u32>().is_ok() => format!(
            "{name:?} is version {version} of a group; name the group alone, and the version where the command takes one: \
             transform models show {version} --group {group}"
        ),
        [.., _, group] if is_group(group) => format!(
            "{name:?} is a path; name the group alone, --group {group}: it is looked for in the folder models.path"
        ),
        _ => format!("{name:?} is no folder's name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_the_flag_name_one_group() {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path();
        let named = |given: Option<&str>, versions: &[&str]| {
            let versions: Vec<VersionName> = versions.iter().map(|text| text.parse().unwrap()).collect();
            let found = super::named(models, given, &versions.iter().collect::<Vec<_>>());
            found.map(|group| group.map(String::from)).map_err(|e| e.to_string())
        };
        let path = format!("{}/./sales/2", models.display());
        for (given, versions, group) in [
            (None, &["2"][..], None),
            (Some("churn"), &["2"], Some("churn")),
            (None, &["sales/2"], Some("sales")),
            (None, &["1", "sales/2", &path], Some("sales")),
            (Some("sales"), &["sales/2", "3"], Some("sales")),
        ] {
            assert_eq!(named(given, versions), Ok(group.map(String::from)), "{versions:?}");
        }
        for (given, versions, words) in [
            (
                Some("churn"),
                &["sales/2"][..],
                "sales/2: this version is of model group sales, and --group is churn",
            ),
            (
                None,
                &["sales/1", "churn/2"],
                "churn/2: a command is about one model group",
            ),
            (
                None,
                &["elsewhere/sales/2"],
                "elsewhere/sales/2: this is no version of models.path",
            ),
            (Some("a/b"), &[], "--group"),
        ] {
            let error = named(given, versions).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
