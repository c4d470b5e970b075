//! One label of a person's file.

/// As it stands in the file, and on which line.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// None: it isn't known yet.
    pub text: Option<String>,
    pub line: u64,
}
