//! What a version was worth when it was trained: what people saw who approved it.

use crate::error::Result;
use crate::evaluate::Evaluation;
use crate::registry::{Attachment, Registry};

impl Registry {
    /// The figures of a version's evaluation; none where it was registered without one, or it is of a later kind.
    ///
    /// # Errors
    /// There is no such version, or it is damaged.
    pub fn evaluation(&self, version: u32) -> Result<Option<Evaluation>> {
        let json = self.attachment(version, Attachment::Evaluation)?;
        let json = json.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        Ok(json.and_then(|json| Evaluation::of_json(&json)))
    }
}
