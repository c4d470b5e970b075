//! Rows of facts.

use std::fmt::{self, Write};

/// A table whose rows are cards where there is no room for columns: a cell says then what it is.
pub struct Table<'a> {
    html: &'a mut String,
    columns: &'a [&'a str],
}

impl<'a> Table<'a> {
    /// A column whose name begins with a blank holds numbers.
    pub fn begin(html: &'a mut String, columns: &'a [&'a str]) -> Table<'a> {
        html.push_str("<table>\n<thead><tr>");
        for column in columns {
            html.push_str(match column.starts_with(' ') {
                true => "<th class=\"number\">",
                false => "<th>",
            });
            html.push_str(column.trim());
            html.push_str("</th>");
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        Table { html, columns }
    }

    /// Cells are HTML.
    pub fn row(&mut self, cells: &[String]) -> fmt::Result {
        self.html.push_str("<tr>");
        // A row that has less to tell is as wide as the others.
        let cells = cells.iter().map(String::as_str).chain(std::iter::repeat(""));
        for (i, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            let name = column.trim();
            let class = if column.starts_with(' ') {
                " class=\"number\""
            } else {
                ""
            };
            match i {
                0 => write!(self.html, "<th scope=\"row\">{cell}</th>")?,
                _ => write!(self.html, "<td{class} data-name=\"{name}\">{cell}</td>")?,
            }
        }
        self.html.push_str("</tr>\n");
        Ok(())
    }

    pub fn end(self) {
        self.html.push_str("</tbody>\n</table>\n");
    }
}
