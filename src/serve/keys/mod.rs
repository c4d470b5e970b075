//! Who may ask, and how much.
//!
//! A request [presents](presented) a key. Is its peer one that tries keys ([`Limits::peer`])? Do the [`Keys`] that the
//! [`Keyring`] has just now [admit](Keys::admit) it, and may it [ask](Key::may_ask) this model group? Then it is
//! [charged](Limits::charge): a bucket for its rate, a count for its quota. To a client all that is refused by its key looks
//! alike; the log and the metrics have the [`Reason`].
//!
//! On the way of a request nothing is locked and no file is read: one look-up by digest, and an atomic for each limit.
//! [`Keyring::refresh`] and [`Limits::store`] are for a thread beside.

pub mod fields;
pub mod file;
mod key;
mod limits;
mod peer;
mod presented;
mod quota;
mod rate;
mod ring;
mod secret;
mod usage;

pub use fields::Remaining;
pub use file::{Entry, Name};
pub use key::{Denial, Key, Keys, Reason};
pub use limits::{Exceeded, Limits};
pub use presented::presented;
pub use quota::{Period, Quota};
pub use rate::{Frequency, Rate};
pub use ring::Keyring;
pub use secret::{Digest, Secret};
