//! What stands in the input folder under an input's name, and can't be one.

use crate::spool::Links;
use crate::transform::problem::{Code, Problem};

/// `circle`: it is a link that leads in one.
pub fn not_a_file(code: Code, links: &Links, circle: bool) -> Problem {
    let (what, hint) = match code {
        Code::Link if circle => (
            "a symbolic link that leads in a circle, to no file",
            "make it anew, or put the file itself here",
        ),
        Code::Link if *links == Links::Refuse => (
            "a symbolic link",
            "put the file itself here; or have links followed, by input.links",
        ),
        Code::Link => (
            "a symbolic link that leads elsewhere than links may lead to",
            "what it leads to must be below input.path or a folder of input.links",
        ),
        _ => (
            "not a regular file",
            "a folder, FIFO, socket or device can't be scored; give it another name",
        ),
    };
    Problem::new(code, format!("the input is {what}"), hint)
}

pub fn name_too_long() -> Problem {
    Problem::new(
        Code::NameTooLong,
        "the name is so long that the output's, with \".out\" behind it, would be too long for the file system",
        "give the file a name of at most 251 bytes",
    )
}
