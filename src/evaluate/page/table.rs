//! What is the same of all tables: a section of the page with a heading, and a note below.

use crate::evaluate::{Interval, Metric};
use crate::html::thousands;

/// In the place of a figure that is undefined.
pub const UNDEFINED: &str = "\u{2013}";

/// Up to the row of heads.
pub fn open(title: &str, html: &mut String) {
    html.push_str("<section>\n<h2>");
    html.push_str(title);
    html.push_str("</h2>\n<div class=\"scroll\"><table>\n<thead><tr>");
}

/// Behind the last body. `note`: HTML.
pub fn close(note: &str, html: &mut String) {
    html.push_str("</table></div>\n<p class=\"note\">");
    html.push_str(note);
    html.push_str("</p>\n</section>\n");
}

/// Of a metric, for a cell.
pub fn interval(metric: Metric, interval: Option<Interval>) -> String {
    let show = |end| thousands(metric.show(end));
    interval.map_or(UNDEFINED.into(), |Interval { lower, upper }| {
        format!("{} to {}", show(lower), show(upper))
    })
}
