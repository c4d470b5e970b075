//! The parts of the page.

use super::pictures;
use crate::digits::short;
use crate::experiment::difference::{Column, Difference, Different, LabelPair, Labels};
use crate::experiment::paired::{Measure, Paired};
use crate::experiment::report::{Report, grouped};
use crate::experiment::sequence::Interval;
use crate::experiment::text;
use crate::experiment::verdict::{Verdict, rounded};
use crate::html::{Escaped, thousands};
use crate::report::percent;
use std::fmt::{self, Write};

/// More classes than these make no table that anyone reads: then the most frequent flips are listed.
const CLASSES: usize = 10;
const FLIPS: usize = 30;
/// Outputs with pictures.
const PICTURES: usize = 6;
/// A longer text makes no better row.
const TEXT: usize = 60;
pub(in crate::experiment) const DASH: &str = "\u{2013}";

pub(in crate::experiment) fn number(value: Option<f64>) -> String {
    value.map_or(DASH.into(), |value| thousands(short(value, 3)))
}

pub(in crate::experiment) fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.into(),
    }
}

pub fn losses(report: &Report, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Which is better</h2>\n");
    if report.paired.is_empty() {
        return without_labels(&report.experiment, html);
    }
    html.push_str(
        "<table class=\"wide\">\n<thead><tr><th></th><th class=\"number\">keys</th><th class=\"number\">champion</th><th class=\"number\">shadow</th>\
         <th class=\"number\">lift</th><th class=\"number\">95 % interval</th><th class=\"number\">p</th><th class=\"number\">more keys needed</th><th>verdict</th></tr>\
         </thead>\n<tbody>\n",
    );
    report.paired.iter().try_for_each(|paired| self::paired(paired, html))?;
    html.push_str("</tbody>\n</table>\n");
    let decides = match report.paired.len() {
        1 => "",
        _ => " The first one decides.",
    };
    let margin = equivalent(report.paired[0].margin);
    writeln!(
        html,
        "<p class=\"note\">Mean losses of keys, less is better; lift: the champion\u{2019}s minus the shadow\u{2019}s. Rows of one key are averaged first. \
         Interval and p hold however often one looks.{decides}{margin} More keys: if the difference and its spread stay as they are.</p>"
    )?;
    html.push_str("<div class=\"figures\">\n");
    for paired in &report.paired {
        if let Some((svg, note)) = pictures::over_time(paired) {
            figure(
                &format!("Lift of the {} as keys came", paired.measure.words()),
                &note,
                &svg,
                html,
            )?;
        }
    }
    html.write_str("</div>\n</section>\n")
}

fn paired(paired: &Paired, html: &mut String) -> fmt::Result {
    let wins = paired.wins.map(thousands);
    let mut below = vec![match paired.measure {
        Measure::Error => format!(
            "only the shadow is right in {}, only the champion in {}",
            wins[0], wins[1]
        ),
        _ => format!("less by the shadow in {}, by the champion in {}", wins[0], wins[1]),
    }];
    if paired.left_out > 0 {
        below.push(format!(
            "{} rows without a finite loss are left out",
            thousands(paired.left_out)
        ));
    }
    let (interval, more) = (interval(paired.interval), more(paired.more_keys));
    writeln!(
        html,
        "<tr><th scope=\"row\"><b>{}</b><small>{}</small></th><td class=\"number\" data-name=\"keys\">{}</td>\
         <td class=\"number\" data-name=\"champion\">{}</td><td class=\"number\" data-name=\"shadow\">{}</td>\
         <td class=\"number main\" data-name=\"lift\">{}</td><td class=\"number\" data-name=\"95 % interval\">{interval}</td>\
         <td class=\"number\" data-name=\"p\">{}</td><td class=\"number\" data-name=\"more keys needed\">{more}</td>\
         <td data-name=\"verdict\">{}</td></tr>",
        paired.measure.words(),
        below.join("; "),
        thousands(paired.keys),
        number(paired.champion),
        number(paired.shadow),
        number(paired.lift),
        thousands(short(paired.p, 2)),
        verdict(paired.verdict)
    )
}

/// The end of a section of which nothing is known.
pub(in crate::experiment) fn without_labels(experiment: &str, html: &mut String) -> fmt::Result {
    writeln!(
        html,
        "<p>Only labels can say: give what came true to the report, by <code>transform experiment report {} --labels \
         LABELS.csv</code>.</p>\n</section>",
        Escaped(experiment)
    )
}

/// What a margin means, for the note below the lifts.
pub(in crate::experiment) fn equivalent(margin: f64) -> String {
    match margin {
        0.0 => String::new(),
        margin => format!(" Equivalent: within {} either way.", thousands(short(margin, 3))),
    }
}

pub(in crate::experiment) fn interval(of: Option<Interval>) -> String {
    of.map_or(DASH.into(), |of| {
        format!("{} to {}", number(Some(of.low)), number(Some(of.high)))
    })
}

pub(in crate::experiment) fn more(keys: Option<u64>) -> String {
    keys.map_or(DASH.into(), |more| format!("about {}", thousands(rounded(more))))
}

/// In its colour.
pub(in crate::experiment) fn verdict(verdict: Verdict) -> String {
    let class = match verdict {
        Verdict::Better => "holds",
        Verdict::Worse => "fails",
        Verdict::Equivalent => "",
        Verdict::NotYet => "warns",
    };
    format!("<b class=\"tag {class}\">{}</b>", verdict.words())
}

pub(in crate::experiment) fn figure(title: &str, note: &str, svg: &str, html: &mut String) -> fmt::Result {
    writeln!(
        html,
        "<figure>\n<figcaption><b>{}</b><span>{}</span></figcaption>\n{svg}</figure>",
        Escaped(title),
        Escaped(note)
    )
}

pub fn predictions(difference: &Difference, html: &mut String) -> fmt::Result {
    if difference.columns.is_empty() || difference.both == 0 {
        return Ok(());
    }
    let probability = difference.labels.is_some();
    html.push_str(
        "<section>\n<h2>How predictions differ</h2>\n<table class=\"wide\">\n<thead><tr><th></th><th class=\"number\">rows</th>\
         <th class=\"number\">the same</th><th class=\"number\">mean</th><th class=\"number\">mean size</th><th class=\"number\">99 % within</th>\
         <th class=\"number\">rank correlation</th><th class=\"number\">highest tenth</th><th class=\"number\">PSI</th></tr></thead>\n<tbody>\n",
    );
    difference
        .columns
        .iter()
        .try_for_each(|of| column(of, probability, html))?;
    let sample = match difference.sample {
        Some(rows) => format!(" Here {}.", text::sampled(rows)),
        None => String::new(),
    };
    let left_out = match difference.columns_left_out {
        0 => String::new(),
        more => format!(" {more} more outputs aren\u{2019}t compared."),
    };
    writeln!(
        html,
        "</tbody>\n</table>\n<p class=\"note\">Mean: of the shadow\u{2019}s minus the champion\u{2019}s; size: without its sign. Rank correlation: Spearman\u{2019}s, 1 \
         where both order the rows alike. Highest tenth: the share of the champion\u{2019}s highest tenth that is in the shadow\u{2019}s. PSI: the population \
         stability index in bins by the champion\u{2019}s deciles; above 0.25 they are usually called differently distributed.{sample}{left_out}</p>\n\
         <div class=\"figures\">"
    )?;
    for of in difference.columns.iter().take(PICTURES) {
        let name = title(of, probability);
        for (what, picture) in [
            ("shadow against champion", pictures::against(of, probability)),
            ("differences", pictures::differences(of)),
        ] {
            if let Some((svg, note)) = picture {
                figure(&format!("{name}: {what}"), &note, &svg, html)?;
            }
        }
    }
    html.write_str("</div>\n</section>\n")
}

fn title(column: &Column, probability: bool) -> String {
    let name = shortened(&column.name);
    match probability {
        true => format!("Probability of {name}"),
        false => name,
    }
}

fn column(column: &Column, probability: bool, html: &mut String) -> fmt::Result {
    let below = match column.not_finite {
        0 => String::new(),
        rows => format!("<small>{} more rows have no finite difference</small>", thousands(rows)),
    };
    writeln!(
        html,
        "<tr><th scope=\"row\"><b>{}</b>{below}</th><td class=\"number\" data-name=\"rows\">{}</td><td class=\"number\" data-name=\"the same\">{}</td>\
         <td class=\"number\" data-name=\"mean\">{}</td><td class=\"number main\" data-name=\"mean size\">{}</td>\
         <td class=\"number main\" data-name=\"99 % within\">{}</td><td class=\"number\" data-name=\"rank correlation\">{}</td>\
         <td class=\"number\" data-name=\"highest tenth\">{}</td><td class=\"number\" data-name=\"PSI\">{}</td></tr>",
        Escaped(&title(column, probability)),
        thousands(column.rows),
        thousands(column.same),
        number(column.mean),
        number(column.mean_absolute),
        number(column.p99_absolute),
        number(column.rank_correlation),
        column.top_decile_overlap.map_or(DASH.into(), percent),
        number(column.psi)
    )
}

pub fn labels(difference: &Difference, html: &mut String) -> fmt::Result {
    let Some(labels) = difference.labels.as_ref().filter(|_| difference.both > 0) else {
        return Ok(());
    };
    let share = percent(labels.flips as f64 / difference.both as f64);
    let undecided = match labels.undecided {
        0 => String::new(),
        rows => format!(
            " In {} one of them couldn\u{2019}t decide on a label.",
            grouped(rows, "row")
        ),
    };
    writeln!(
        html,
        "<section>\n<h2>Labels</h2>\n<p>Another label in {} of {} rows, {share}.{undecided}</p>",
        thousands(labels.flips),
        thousands(difference.both)
    )?;
    match labels.classes.len() <= CLASSES {
        true => matrix(labels, html)?,
        false => flips(labels, html)?,
    }
    html.write_str("</section>\n")
}

/// What the shadow says, by what the champion says.
fn matrix(labels: &Labels, html: &mut String) -> fmt::Result {
    html.push_str("<div class=\"scroll\"><table>\n<thead><tr><th>the champion says</th>");
    for class in &labels.classes {
        write!(html, "<th class=\"number\">shadow: {}</th>", Escaped(&shortened(class)))?;
    }
    html.push_str("<th class=\"number\">rows</th></tr></thead>\n<tbody>\n");
    let rows_of =
        |keep: &dyn Fn(&&LabelPair) -> bool| labels.pairs.iter().filter(keep).map(|pair| pair.rows).sum::<u64>();
    for champion in &labels.classes {
        let all = rows_of(&|pair| pair.champion == *champion);
        write!(html, "<tr><th scope=\"row\">{}</th>", Escaped(&shortened(champion)))?;
        for shadow in &labels.classes {
            let rows = rows_of(&|pair| pair.champion == *champion && pair.shadow == *shadow);
            let share = match all {
                0 => String::new(),
                all => format!("<small>{}</small>", percent(rows as f64 / all as f64)),
            };
            let class = if rows > 0 && champion != shadow { " main" } else { "" };
            write!(html, "<td class=\"number{class}\">{}{share}</td>", thousands(rows))?;
        }
        writeln!(html, "<td class=\"number\">{}</td></tr>", thousands(all))?;
    }
    html.write_str("</tbody>\n</table></div>\n")
}

fn flips(labels: &Labels, html: &mut String) -> fmt::Result {
    html.push_str(
        "<div class=\"scroll\"><table>\n<thead><tr><th>the champion says</th><th>the shadow says</th><th class=\"number\">rows</th></tr></thead>\n<tbody>\n",
    );
    let flips: Vec<&LabelPair> = labels
        .pairs
        .iter()
        .filter(|pair| pair.champion != pair.shadow)
        .collect();
    for pair in flips.iter().take(FLIPS) {
        writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td></tr>",
            Escaped(&shortened(&pair.champion)),
            Escaped(&shortened(&pair.shadow)),
            thousands(pair.rows)
        )?;
    }
    html.push_str("</tbody>\n</table></div>\n");
    match flips.len().saturating_sub(FLIPS) {
        0 => Ok(()),
        more => writeln!(
            html,
            "<p class=\"note\">{more} more pairs of labels are not shown; --json has them all.</p>"
        ),
    }
}

pub fn most_different(difference: &Difference, html: &mut String) -> fmt::Result {
    if difference.most_different.is_empty() {
        return Ok(());
    }
    html.push_str(
        "<section>\n<h2>The most different rows</h2>\n<table class=\"wide\">\n<thead><tr><th>row</th><th>key</th><th>champion</th><th>shadow</th>\
         <th class=\"number\">difference</th></tr></thead>\n<tbody>\n",
    );
    let several = difference.columns.len() > 1;
    for row in &difference.most_different {
        self::different(row, several, html)?;
    }
    html.write_str("</tbody>\n</table>\n</section>\n")
}

/// `several`: outputs are compared, so it is said which one differs most.
fn different(row: &Different, several: bool, html: &mut String) -> fmt::Result {
    let of = match &row.column {
        Some(column) if several => format!("<small>of {}</small>", Escaped(&shortened(column))),
        _ => String::new(),
    };
    let size = match row.column {
        Some(_) => thousands(short(row.difference, 4)),
        None => "another label".into(),
    };
    let key = if row.key.is_empty() {
        DASH.into()
    } else {
        shortened(&row.key)
    };
    writeln!(
        html,
        "<tr><th scope=\"row\">{} line {}</th><td data-name=\"key\">{}</td><td data-name=\"champion\">{}</td><td data-name=\"shadow\">{}</td>\
         <td class=\"number\" data-name=\"difference\">{size}{of}</td></tr>",
        Escaped(&shortened(&row.file)),
        row.line,
        Escaped(&key),
        Escaped(&text::said(&row.champion)),
        Escaped(&text::said(&row.shadow))
    )
}
