//! The A/B tests that go on.

use super::Facts;
use super::table::Table;
use super::words::{warned, within};
use crate::digits::short;
use crate::html::{Escaped, thousands};
use crate::serve::division::{ALL, name};
use std::fmt;

pub fn section(facts: &Facts, html: &mut String) -> fmt::Result {
    let tests = &facts.standing.tests;
    if tests.is_empty() {
        return Ok(());
    }
    html.push_str("<section>\n<h2>A/B tests</h2>\n");
    let columns = [
        "Phase",
        "Arm",
        "Version",
        " Share",
        " Requests",
        " Rows",
        " Bad rows",
        " p50",
        " p99",
    ];
    let mut table = Table::begin(html, &columns);
    for test in tests {
        let of_arm = [
            (&test.champion, percent(1.0 - test.share)),
            (&test.challenger, percent(test.share)),
            (&test.champion, "\u{2013}".into()),
        ];
        for ((arm, counted), (version, share)) in ALL.into_iter().zip(&test.arms).zip(of_arm) {
            table.row(&[
                Escaped(&test.phase).to_string(),
                name(arm).into(),
                Escaped(version).to_string(),
                share,
                thousands(counted.requests()),
                thousands(counted.rows),
                warned(counted.bad_rows),
                within(0.5, &counted.seconds),
                within(0.99, &counted.seconds),
            ])?;
        }
    }
    table.end();
    html.push_str(
        "<p class=\"note\">Since the phase began, or this server did. Of arm \"none\" are rows without a key, which the champion answers. \
         Which version wins: <code>transform experiment report NAME --labels FILE</code>. To end it: <code>transform experiment stop \
         NAME</code></p>\n</section>\n",
    );
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{} %", thousands(short(100.0 * share, 4)))
}

/// Of each whose keys are answered by nobody.
pub fn verdicts(facts: &Facts) -> impl Iterator<Item = String> {
    let unusable = facts.standing.tests.iter().filter(|test| !test.is_usable);
    unusable.map(|test| {
        format!(
            "experiment {}: {} can't be used, and nobody answers its keys: the server's log says why; transform experiment stop {} gives \
             them back to the champion",
            test.experiment, test.challenger, test.experiment
        )
    })
}
