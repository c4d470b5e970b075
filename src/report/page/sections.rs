//! The parts of the page.

use super::pictures;
use crate::digits::{count, short};
use crate::html::{Escaped, thousands};
use crate::monitor::Action;
use crate::monitor::{Compare, Then};
use crate::report::change::percent;
use crate::report::{Change, Group, Portrait, Report, Role, Segment, Standing, minute};
use std::fmt::{self, Write};

/// Changes beyond these are counted.
const CHANGES: usize = 40;
/// Pictures of columns that stand open, and all; columns beyond these are rows of a table, and beyond that counted.
const OPEN: usize = 12;
const PICTURES: usize = 60;
const ROWS: usize = 1_000;
/// Windows that are listed, the last ones.
const WINDOWS: usize = 100;
const SEGMENTS: usize = 12;
pub(super) const DASH: &str = "\u{2013}";

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or(DASH.into(), |value| thousands(short(value, 3)))
}

pub fn changes(report: &Report, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>What changed</h2>\n");
    if report.changes.is_empty() {
        let said = match report.windows.is_empty() {
            true => "Nothing was counted in this period.",
            false => "No check was beyond its bar in any window.",
        };
        return writeln!(html, "<p>{said}</p>\n</section>");
    }
    html.push_str(
        "<table class=\"wide\">\n<thead><tr><th></th><th>policy</th><th class=\"number\">value</th><th class=\"number\">bar</th>\
         <th class=\"number\">by chance</th><th class=\"number\">n</th><th class=\"number\">windows</th><th>since</th></tr></thead>\n<tbody>\n",
    );
    report
        .changes
        .iter()
        .take(CHANGES)
        .try_for_each(|change| self::change(change, html))?;
    html.push_str("</tbody>\n</table>\n");
    let more = match report.changes.len().saturating_sub(CHANGES) {
        0 => String::new(),
        more => format!(" {} more are not shown; --json has them all.", thousands(more)),
    };
    writeln!(
        html,
        "<p class=\"note\">The most important first. Value, bar and n (rows or cells) are of the last window in which the check was \
         beyond its bar; by chance: how large it is without any change. Since: when the last such windows in a row began.{more}</p>\n\
         </section>"
    )
}

fn change(change: &Change, html: &mut String) -> fmt::Result {
    let check = &change.check;
    let word = change.action.name();
    let class = match change.action {
        Action::Hold | Action::Block => "fails",
        Action::Warn => "warns",
        Action::Off => "",
    };
    let name = match (&check.segment, check.column.as_str()) {
        (Some(segment), _) => segment.as_str(),
        (None, "") => "all rows",
        (None, column) => column,
    };
    let since = match change.still {
        true => minute(&change.since),
        false => format!("{}, over by now", minute(&change.since)),
    };
    writeln!(
        html,
        "<tr><th scope=\"row\"><b>{}</b> {}<small>{}</small></th><td data-name=\"policy\"><b class=\"tag {class}\">{word}</b></td>\
         <td class=\"number main\" data-name=\"value\">{}</td><td class=\"number\" data-name=\"bar\">{}</td>\
         <td class=\"number\" data-name=\"by chance\">{}</td><td class=\"number\" data-name=\"n\">{}</td>\
         <td class=\"number\" data-name=\"windows\">{} of {}</td><td data-name=\"since\">{}</td></tr>",
        Escaped(name),
        Escaped(&check.check.replace('_', " ")),
        Escaped(&change.words),
        number(check.value),
        number(check.bar),
        number(check.noise),
        thousands(check.n),
        change.windows,
        change.of,
        Escaped(&since)
    )
}

/// What a window is held against.
fn then(compare: Compare) -> &'static str {
    match compare {
        Compare::Baseline => "baseline",
        Compare::LastWeek => "then",
    }
}

pub fn columns(report: &Report, html: &mut String) -> fmt::Result {
    if report.windows.is_empty() || report.columns.is_empty() {
        return Ok(());
    }
    let then = then(report.baseline.compare);
    let held_against = match report.baseline.compare {
        Compare::Baseline => "",
        Compare::LastWeek => {
            " Then is what the last of these windows was held against: the same weekday a week before, or, where too few rows of it are \
             known, the baseline; now is of the windows that were held against the same."
        }
    };
    writeln!(
        html,
        "<section>\n<h2>Then and now</h2>\n<p class=\"note then-now\"><span class=\"legend\"><i class=\"second\"></i>{then}</span>\
         <span class=\"legend\"><i class=\"first\"></i>now</span>Shares of cells. Of a column that changed, now is of the windows in which a check was \
         beyond its bar; of others, of the whole period.{held_against} Bins are as wide as each other, whatever their edges.</p>"
    )?;
    let shown = |column: &&Portrait| column.changed || column.role == Role::Output;
    // Those that changed come first, then outputs.
    let open = report.columns.iter().take_while(shown).take(OPEN).count();
    let (open, rest) = report.columns.split_at(open);
    html.push_str("<div class=\"figures\">\n");
    open.iter().try_for_each(|column| figure(column, html))?;
    html.push_str("</div>\n");
    let (drawn, listed) = rest.split_at(rest.len().min(PICTURES - open.len()));
    if !drawn.is_empty() {
        let summary = count(drawn.len() as u64, "more column");
        write!(
            html,
            "<details>\n<summary>{summary}</summary>\n<div class=\"figures\">\n"
        )?;
        drawn.iter().try_for_each(|column| figure(column, html))?;
        html.push_str("</div>\n</details>\n");
    }
    if !listed.is_empty() {
        let summary = format!("{} without a picture", count(listed.len() as u64, "column"));
        write!(
            html,
            "<details>\n<summary>{summary}</summary>\n<div class=\"scroll\"><table>\n<thead><tr><th>column</th><th class=\"number\">last PSI</th>\
             <th class=\"number\">bar</th><th class=\"number\">missing then</th><th class=\"number\">missing now</th></tr></thead>\n<tbody>\n"
        )?;
        for column in listed.iter().take(ROWS) {
            writeln!(
                html,
                "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
                Escaped(&shortened(&column.name)),
                number(column.psi),
                number(column.bar),
                percent(column.then.missing),
                percent(column.now.missing)
            )?;
        }
        html.push_str("</tbody>\n</table></div>\n");
        let more = listed.len().saturating_sub(ROWS);
        if more > 0 {
            writeln!(
                html,
                "<p class=\"note\">{} more are not shown; --json has them all.</p>",
                thousands(more)
            )?;
        }
        html.push_str("</details>\n");
    }
    html.push_str("</section>\n");
    Ok(())
}

/// A name of a thousand letters would be most of the page.
pub(super) fn shortened(name: &str) -> String {
    const MOST: usize = 100;
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}\u{2026}", &name[..end]),
        None => name.into(),
    }
}

fn figure(column: &Portrait, html: &mut String) -> fmt::Result {
    let role = match column.role {
        Role::Input => "",
        Role::Output => ", said by the model",
        Role::Other => ", not taken by the model",
    };
    let now = match column.changed {
        true => format!(
            "now: {}, {} cells",
            count(column.windows as u64, "window"),
            thousands(column.now.cells)
        ),
        false => format!("now: {} cells", thousands(column.now.cells)),
    };
    let when = match &column.when {
        Then::Baseline => String::new(),
        when => format!("then: {when} \u{b7} "),
    };
    write!(
        html,
        "<figure>\n<figcaption><b>{}{}{role}</b><span>{} \u{b7} {when}{now}</span></figcaption>\n{}</figure>\n",
        Escaped(&shortened(&column.name)),
        if column.changed { ", changed" } else { "" },
        Escaped(&column.figures()),
        pictures::then_and_now(column)
    )
}

pub fn over_time(report: &Report, html: &mut String) -> fmt::Result {
    if report.series.is_empty() || report.windows.is_empty() {
        return Ok(());
    }
    let then = then(report.baseline.compare);
    write!(
        html,
        "<section>\n<h2>Over time</h2>\n<p class=\"note then-now\"><span class=\"legend\"><i class=\"limit\"></i>bar</span>\
         <span class=\"legend\"><i class=\"ideal\"></i>{then}</span>A point is a window, in their order. Red ones are beyond the bar.</p>\n\
         <div class=\"small\">\n",
    )?;
    for series in &report.series {
        let unit = if series.unit == crate::report::Unit::Share {
            ", %"
        } else {
            ""
        };
        write!(
            html,
            "<figure>\n<figcaption><b>{}{unit}</b></figcaption>\n{}</figure>\n",
            Escaped(&shortened(&series.title)),
            pictures::over_time(series, &report.windows)
        )?;
    }
    html.push_str("</div>\n</section>\n");
    Ok(())
}

pub fn segments(report: &Report, html: &mut String) -> fmt::Result {
    if report.segments.is_empty() {
        return Ok(());
    }
    html.push_str("<section>\n<h2>By segment</h2>\n");
    report
        .segments
        .iter()
        .take(SEGMENTS)
        .try_for_each(|segment| self::segment(segment, html))?;
    let more = report.segments.len().saturating_sub(SEGMENTS);
    if more > 0 {
        writeln!(
            html,
            "<p class=\"note\">{more} more segments are not shown; --json has them all.</p>"
        )?;
    }
    html.push_str("</section>\n");
    Ok(())
}

fn segment(segment: &Segment, html: &mut String) -> fmt::Result {
    let column = Escaped(&segment.column);
    match &segment.favourable {
        Some(label) => writeln!(html, "<h3>{column}: share called {}</h3>", Escaped(label))?,
        None => writeln!(html, "<h3>{column}</h3>")?,
    }
    html.push_str("<div class=\"groups\">\n");
    if segment.favourable.is_some() {
        writeln!(html, "<div>{}</div>", pictures::groups(segment))?;
    }
    html.push_str("<div class=\"scroll\"><table>\n<thead><tr><th>group</th><th class=\"number\">rows</th>");
    if segment.favourable.is_some() {
        html.push_str(
            "<th class=\"number\">share</th><th class=\"number\">difference (DPPL)</th><th class=\"number\">ratio (DI)</th><th></th>",
        );
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for group in &segment.groups {
        write!(
            html,
            "<tr><td>{}</td><td class=\"number\">{}</td>",
            Escaped(&shortened(&group.name)),
            thousands(group.rows)
        )?;
        if segment.favourable.is_some() {
            figures(group, html)?;
        }
        html.push_str("</tr>\n");
    }
    let note = match (&segment.favourable, segment.share) {
        (Some(_), Some(share)) => format!(
            "95 % intervals. The dashed line: {} of all rows. DPPL: the share of all others minus the group's. DI: the group's share by theirs, \
             usually held between 0.8 and 1.25. A group that isn't measured is not the same as a fair one.",
            percent(share)
        ),
        _ => format!("Not measured: {}.", segment.unmeasured.as_deref().unwrap_or("no rows")),
    };
    writeln!(
        html,
        "</tbody>\n</table></div>\n</div>\n<p class=\"note\">{}</p>",
        Escaped(&note)
    )
}

fn figures(group: &Group, html: &mut String) -> fmt::Result {
    if group.standing == Standing::Unmeasured {
        let why = group
            .dppl
            .as_ref()
            .and_then(|check| check.why.as_deref())
            .unwrap_or("not measured");
        return write!(html, "<td colspan=\"4\">{}</td>", Escaped(why));
    }
    let check = |check: &Option<crate::monitor::check::Check>| {
        let Some(check) = check else { return DASH.to_string() };
        let interval = check.interval.map_or(String::new(), |(low, high)| {
            format!("<small>{} to {}</small>", number(Some(low)), number(Some(high)))
        });
        format!("{}{interval}", number(check.value))
    };
    let interval = group.interval.map_or(String::new(), |(low, high)| {
        format!("<small>{} to {}</small>", percent(low), percent(high))
    });
    let (class, word) = match group.standing {
        Standing::Outside => ("fails", "outside"),
        _ => ("holds", "within"),
    };
    write!(
        html,
        "<td class=\"number\">{}{interval}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td><b class=\"{class}\">{word}</b></td>",
        group.share.map_or(DASH.into(), percent),
        check(&group.dppl),
        check(&group.di)
    )
}

pub fn next(report: &Report, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2 id=\"next\">What to do next</h2>\n<ol class=\"steps\">\n");
    for step in &report.next {
        writeln!(html, "<li>{}", Escaped(&step.why))?;
        for command in &step.commands {
            writeln!(html, "<pre><code>{}</code></pre>", Escaped(command))?;
        }
        html.push_str("</li>\n");
    }
    html.push_str("</ol>\n</section>\n");
    Ok(())
}

pub fn windows(report: &Report, html: &mut String) -> fmt::Result {
    let shown = report.windows.len().min(WINDOWS);
    if shown == 0 {
        return Ok(());
    }
    write!(
        html,
        "<section>\n<h2>Windows</h2>\n<details>\n<summary>{}</summary>\n<div class=\"scroll\"><table>\n<thead><tr><th>first seen, UTC</th>\
         <th>file</th><th class=\"number\">rows</th><th class=\"number\">not scored</th><th class=\"number\">beyond bars</th><th>policy</th></tr></thead>\n<tbody>\n",
        match report.windows.len() - shown {
            0 => count(shown as u64, "window"),
            _ => format!("the last {shown} windows"),
        }
    )?;
    for window in report.windows.iter().rev().take(WINDOWS) {
        let (class, word) = match window.action {
            _ if window.released => ("warns", "released"),
            Action::Off => ("holds", "fine"),
            Action::Warn => ("warns", "warn"),
            Action::Hold => ("fails", "hold"),
            Action::Block => ("fails", "block"),
        };
        writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td><b class=\"{class}\">{word}</b></td></tr>",
            Escaped(&minute(&window.at)),
            Escaped(&shortened(window.input.as_deref().unwrap_or("small files together"))),
            thousands(window.rows),
            thousands(window.bad_rows),
            window.beyond
        )?;
    }
    html.push_str(
        "</tbody>\n</table></div>\n<p class=\"note\">By the policy as it is now, as if the rows were new; what was decided then, the history \
         has.</p>\n</details>\n",
    );
    released(report, html)?;
    html.push_str("</section>\n");
    Ok(())
}

/// Who let results out, and why.
fn released(report: &Report, html: &mut String) -> fmt::Result {
    let all = report.released.len();
    if all == 0 {
        return Ok(());
    }
    let more = all.saturating_sub(WINDOWS);
    let summary = match more {
        0 => format!("{} released", count(all as u64, "result")),
        _ => format!("{all} results released, of which {WINDOWS} are listed"),
    };
    write!(
        html,
        "<details open>\n<summary>{summary}</summary>\n<div class=\"scroll\"><table>\n<thead><tr><th>file</th><th>released, UTC</th>\
         <th>by</th><th>why</th></tr></thead>\n<tbody>\n"
    )?;
    for released in report.released.iter().take(WINDOWS) {
        writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"why\">{}</td></tr>",
            Escaped(&shortened(&released.input)),
            Escaped(&minute(&released.at)),
            Escaped(&released.by),
            Escaped(&released.reason)
        )?;
    }
    html.push_str("</tbody>\n</table></div>\n</details>\n");
    Ok(())
}
