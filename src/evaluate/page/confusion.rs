//! How often each class was called rightly and wrongly.

use crate::evaluate::report::Report;
use crate::evaluate::{Confusion, Task};
use crate::html::{Escaped, thousands};
use std::fmt::{self, Write};

pub(super) fn write(report: &Report, html: &mut String) -> fmt::Result {
    let candidate = &report.comparison.candidate;
    let (Task::Classification { threshold }, Some(counts)) = (candidate.task, candidate.confusion) else {
        return Ok(());
    };
    let [no, yes] = report.no_and_yes().map(Escaped);
    let Confusion {
        true_yes,
        false_yes,
        true_no,
        false_no,
    } = counts;
    let share = |count: u64, all: u64| {
        let percent = 100.0 * count as f64 / all.max(1) as f64;
        format!("{}<small>{percent:.1} %</small>", thousands(count))
    };
    let (all_yes, all_no) = (true_yes + false_no, true_no + false_yes);
    write!(
        html,
        "<section>\n<h2>Confusion</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th></th>\
         <th class=\"number\">called {yes}</th><th class=\"number\">called {no}</th><th class=\"number\">rows</th></tr></thead>\n\
         <tbody>\n<tr><th>{yes}</th><td class=\"number right\">{}</td><td class=\"number wrong\">{}</td>\
         <td class=\"number\">{}</td></tr>\n",
        share(true_yes, all_yes),
        share(false_no, all_yes),
        thousands(all_yes)
    )?;
    write!(
        html,
        "<tr><th>{no}</th><td class=\"number wrong\">{}</td><td class=\"number right\">{}</td>\
         <td class=\"number\">{}</td></tr>\n</tbody>\n</table></div>\n\
         <p class=\"note\">{yes} is called where its probability is at least {threshold}.</p>\n</section>\n",
        share(false_yes, all_no),
        share(true_no, all_no),
        thousands(all_no)
    )
}
