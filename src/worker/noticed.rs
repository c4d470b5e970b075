//! What the reporter was told last: whether the next is news.

/// Where any of it differs, something was done or came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noticed {
    pub scored: u64,
    pub failed: u64,
    pub pending: usize,
    pub open: usize,
    /// The code of why there is no model that can be used, if there is none. `None`: nothing was told yet.
    pub lineup: Option<Option<&'static str>>,
    pub outage: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was as if nothing had changed, and systemd's line stayed empty for ten seconds.
    #[test]
    fn a_start_without_a_usable_model_is_news() {
        let without = |code| Noticed {
            lineup: Some(Some(code)),
            ..Noticed::default()
        };
        assert_ne!(Noticed::default(), without("no_approved_model"));
        // So is another reason.
        assert_ne!(without("no_approved_model"), without("damaged_model"));
        assert_eq!(without("damaged_model"), without("damaged_model"));
    }
}
