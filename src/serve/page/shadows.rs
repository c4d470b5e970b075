//! Versions on trial.

use super::Facts;
use super::table::Table;
use super::words::{warned, within};
use crate::html::{Escaped, thousands};
use std::fmt;

pub fn section(facts: &Facts, html: &mut String) -> fmt::Result {
    let shadows = &facts.standing.shadows;
    if shadows.is_empty() {
        return Ok(());
    }
    html.push_str("<section>\n<h2>Shadows</h2>\n");
    let columns = [
        "Version",
        "Experiment",
        " Scored",
        " Skipped",
        " Failed",
        " p50",
        " p99",
    ];
    let mut table = Table::begin(html, &columns);
    for shadow in shadows {
        table.row(&[
            Escaped(&shadow.model).to_string(),
            Escaped(&shadow.experiment).to_string(),
            thousands(shadow.scored),
            warned(shadow.skipped),
            warned(shadow.failed),
            within(0.5, &shadow.seconds),
            within(0.99, &shadow.seconds),
        ])?;
    }
    table.end();
    html.push_str(
        "<p class=\"note\">Requests that a version on trial scored after their answer, in a thread beside; since it was put to use. \
         Skipped: more came than it could score, or it takes too much memory. How both differ: by the capture, each pair under one \
         <code>eventId</code>. To end it: <code>transform experiment stop NAME</code></p>\n</section>\n",
    );
    Ok(())
}

/// Of each that nobody would hear of.
pub fn verdicts(facts: &Facts) -> impl Iterator<Item = String> {
    let unheard = facts
        .standing
        .shadows
        .iter()
        .filter(|_| facts.standing.capture.is_none());
    unheard.map(|shadow| {
        format!(
            "experiment {}: {} scores nothing over HTTP, for there is no capture: set capture.path",
            shadow.experiment, shadow.model
        )
    })
}
