//! What stands in the input folder under an input's name, and can't be one.

use crate::spool::{Links, NAME_MAX};
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

/// `suffix`: the output's.
pub fn name_too_long(suffix: &str) -> Problem {
    Problem::new(
        Code::NameTooLong,
        format!(
            "the name is so long that the output's, with {suffix:?} behind it, would be too long for the file system"
        ),
        format!("give the file a name of at most {} bytes", NAME_MAX - suffix.len()),
    )
}
