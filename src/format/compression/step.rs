//! What a decoder makes of some bytes.

pub(super) struct Step {
    /// Bytes of its input.
    pub taken: usize,
    /// Bytes of text.
    pub given: usize,
}

/// Why it can't go on.
pub(super) enum Fault {
    Damaged(String),
    Memory,
    Window,
}
