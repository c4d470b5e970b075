//! How rows look beside the baselines of the versions that score them.

use super::Facts;
use super::table::Table;
use super::words::{count, since, time};
use crate::html::{Escaped, thousands};
use crate::monitor::check::{NAMED, worst};
use crate::serve::live::{Judged, Windows};
use std::fmt;

/// So many checks that are over are shown of a version.
const SHOWN: usize = 8;

pub fn section(facts: &Facts, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Data</h2>\n");
    if facts.standing.watched.is_empty() {
        html.push_str("<p class=\"note\">No version is in memory.</p>\n</section>\n");
        return Ok(());
    }
    let mut table = Table::begin(
        html,
        &[
            "Version",
            "Beyond its bar",
            " Rows waiting",
            " Windows",
            " Beyond a bar",
        ],
    );
    for watched in &facts.standing.watched {
        let model = Escaped(&watched.model);
        match &watched.windows {
            None => table.row(&[
                model.to_string(),
                "unwatched<small>it has no baseline, or <code>[monitor]</code> is off</small>".into(),
            ])?,
            Some(windows) => table.row(&[
                model.to_string(),
                last(facts, windows),
                thousands(windows.open),
                thousands(windows.judged),
                thousands(windows.over),
            ])?,
        }
    }
    table.end();
    html.push_str(
        "<p class=\"note\">By the last window. An answer can't be held back: it is told alone. All checks: \
         <code>transform_monitor_check_value</code> in <code>/metrics</code>.</p>\n</section>\n",
    );
    Ok(())
}

fn last(facts: &Facts, windows: &Windows) -> String {
    let Some(last) = &windows.last else {
        return "no window was judged yet".into();
    };
    let over = match last.over.is_empty() {
        true => "nothing".into(),
        false => format!(
            "<span class=\"warns\">{}</span>",
            Escaped(&worst(last.over.iter(), SHOWN))
        ),
    };
    format!("{over}<small>{}</small>", when(facts, last))
}

fn when(facts: &Facts, last: &Judged) -> String {
    let rows = count(last.rows, "row", "rows");
    format!("of {rows}, {} ago, {}", since(last.at, facts.now), time(last.at))
}

/// Of each version whose last window is beyond a bar.
pub fn verdicts(facts: &Facts) -> impl Iterator<Item = String> {
    facts.standing.watched.iter().filter_map(|watched| {
        let last = watched.windows.as_ref()?.last.as_ref()?;
        (!last.over.is_empty()).then(|| {
            format!(
                "what {} is asked is out of the ordinary: {}",
                watched.model,
                worst(last.over.iter(), NAMED)
            )
        })
    })
}
