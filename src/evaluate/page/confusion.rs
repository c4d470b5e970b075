//! How often each class was called rightly and wrongly.

use super::table;
use crate::evaluate::multiclass::ByClass;
use crate::evaluate::report::Report;
use crate::evaluate::{Confusion, Task};
use crate::html::{Escaped, thousands};
use std::cmp::Reverse;
use std::fmt::{self, Write};

/// The table of more classes is too wide to read; the commonest mistakes stand for it.
const CLASSES: usize = 20;
const MISTAKES: usize = 20;

pub(super) fn write(report: &Report, html: &mut String) -> fmt::Result {
    let candidate = &report.comparison.candidate;
    match (candidate.task, candidate.confusion, &candidate.by_class) {
        (Task::Classification { threshold }, Some(counts), _) => {
            let [no, yes] = report.no_and_yes();
            let note = format!("{yes} is called where its probability is at least {threshold}.");
            let Confusion {
                true_yes,
                false_yes,
                true_no,
                false_no,
            } = counts;
            matrix(
                &[yes, no],
                &[vec![true_yes, false_no], vec![false_yes, true_no]],
                &note,
                html,
            )
        }
        (_, _, Some(by_class)) if report.classes.len() > CLASSES => mistakes(report.classes, by_class, html),
        (_, _, Some(by_class)) => matrix(report.classes, &by_class.confusion_matrix, "", html),
        _ => Ok(()),
    }
}

/// `counts`: `[came true][called]`. Shares are those of what came true.
fn matrix(names: &[&str], counts: &[Vec<u64>], note: &str, html: &mut String) -> fmt::Result {
    table::open("Confusion", html);
    html.push_str("<th>came true</th>");
    for name in names {
        write!(html, "<th class=\"number\">called {}</th>", Escaped(name))?;
    }
    html.push_str("<th class=\"number\">rows</th></tr></thead>\n<tbody>\n");
    let rows: u64 = counts.iter().flatten().sum();
    let cell = |class: &str, count: u64, all: u64, html: &mut String| {
        let percent = 100.0 * count as f64 / all.max(1) as f64;
        let count = thousands(count);
        write!(
            html,
            "<td class=\"number{class}\">{count}<small>{percent:.1} %</small></td>"
        )
    };
    for (truth, (name, counts)) in names.iter().zip(counts).enumerate() {
        write!(html, "<tr><th>{}</th>", Escaped(name))?;
        let all = counts.iter().sum();
        for (called, &count) in counts.iter().enumerate() {
            let class = match (truth == called, count) {
                (true, _) => " right",
                (false, 0) => "",
                (false, _) => " wrong",
            };
            cell(class, count, all, html)?;
        }
        cell("", all, rows, html)?;
        html.push_str("</tr>\n");
    }
    html.push_str("<tr><th>rows</th>");
    for called in 0..names.len() {
        cell("", counts.iter().map(|counts| counts[called]).sum(), rows, html)?;
    }
    writeln!(html, "<td class=\"number\">{}</td></tr>\n</tbody>", thousands(rows))?;
    let shares = "Shares are of the rows that came true so; on the edges, of all.";
    let note = [shares, note].join(" ");
    table::close(&Escaped(note.trim_end()).to_string(), html);
    Ok(())
}

/// Of many classes.
fn mistakes(names: &[&str], by_class: &ByClass, html: &mut String) -> fmt::Result {
    let cells = by_class.confusion_matrix.iter().enumerate();
    let cells = cells.flat_map(|(truth, called)| called.iter().enumerate().map(move |(call, &n)| (truth, call, n)));
    let mut wrong: Vec<(usize, usize, u64)> = cells.filter(|&(truth, call, n)| truth != call && n > 0).collect();
    wrong.sort_by_key(|&(truth, call, n)| (Reverse(n), truth, call));
    table::open("Commonest mistakes", html);
    html.push_str(
        "<th>came true</th><th>called</th>\
         <th class=\"number\">rows</th><th class=\"number\">of</th></tr></thead>\n<tbody>\n",
    );
    for &(truth, call, n) in wrong.iter().take(MISTAKES) {
        let (of, n) = (thousands(by_class.per_class[truth].support), thousands(n));
        let [truth, call] = [truth, call].map(|class| Escaped(names[class]));
        writeln!(
            html,
            "<tr><th>{truth}</th><td>{call}</td><td class=\"number wrong\">{n}</td><td class=\"number\">{of}</td></tr>"
        )?;
    }
    let rest = wrong.len().saturating_sub(MISTAKES);
    let more = match rest {
        0 => String::new(),
        n => format!(" {} more kinds of mistakes are not shown.", thousands(n)),
    };
    html.push_str("</tbody>\n");
    let note = format!(
        "Of {} classes.{more} All are in evaluation.json, confusion_matrix.",
        thousands(names.len())
    );
    table::close(&note, html);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Predictions;
    use crate::evaluate::multiclass::Multiclass;

    fn by_class(classes: usize, actual: &[f64], called: &[f64]) -> ByClass {
        let called = Predictions::plain(called.to_vec());
        Multiclass::new(classes, &called.beside(actual)).by_class()
    }

    /// The cells of each row of a table.
    fn cells(html: &str) -> Vec<String> {
        let text = |row: &str| {
            let row = row.replace("<small>", " (").replace("</small>", ")");
            let cells = row.split('<').filter_map(|tag| tag.split_once('>'));
            cells
                .map(|(_, text)| text.trim())
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join(" | ")
        };
        html.split("<tr>")
            .skip(1)
            .map(|row| text(row.split("</tr>").next().unwrap()))
            .collect()
    }

    #[test]
    fn totals_stand_on_the_edges() {
        let by = by_class(3, &[0.0, 0.0, 0.0, 1.0, 1.0, 2.0], &[0.0, 0.0, 1.0, 1.0, 0.0, 2.0]);
        let mut html = String::new();
        matrix(&["a", "b", "<c>"], &by.confusion_matrix, "", &mut html).unwrap();
        assert_eq!(
            cells(&html),
            [
                "came true | called a | called b | called &lt;c&gt; | rows",
                "a | 2 (66.7 %) | 1 (33.3 %) | 0 (0.0 %) | 3 (50.0 %)",
                "b | 1 (50.0 %) | 1 (50.0 %) | 0 (0.0 %) | 2 (33.3 %)",
                "&lt;c&gt; | 0 (0.0 %) | 0 (0.0 %) | 1 (100.0 %) | 1 (16.7 %)",
                "rows | 3 (50.0 %) | 2 (33.3 %) | 1 (16.7 %) | 6",
            ]
        );
    }

    #[test]
    fn of_many_classes_the_commonest_mistakes_are_shown() {
        let actual: Vec<f64> = (0..300).map(|i| f64::from(i % 30)).collect();
        // Class 7 is called 8 each time, the others in one of ten.
        let called = (0..300).map(|i| match i % 30 {
            7 => 8.0,
            class if i < 30 => f64::from((class + 1) % 30),
            class => f64::from(class),
        });
        let by = by_class(30, &actual, &called.collect::<Vec<f64>>());
        let names: Vec<String> = (0..30).map(|class| format!("c{class}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut html = String::new();
        mistakes(&names, &by, &mut html).unwrap();
        let rows = cells(&html);
        assert_eq!(
            (rows[1].as_str(), rows[2].as_str()),
            ("c7 | c8 | 10 | 10", "c0 | c1 | 1 | 10")
        );
        assert_eq!(rows.len(), 21);
        assert!(html.contains("Of 30 classes. 10 more kinds of mistakes are not shown."));
    }
}
