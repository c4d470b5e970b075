//! What any process that serves needs, be it the worker or a server beside it: [`signals`] that stop it or have it read its
//! configuration again, the one [`Stop`] token, the [`ServiceManager`] that started it, clocks, logs, metrics as Prometheus reads
//! them ([`exposition`]), and a progress bar.
//!
//! Nothing here knows what the process does: it passes what is to happen. Of all that the worker uses, only this room knows tokio.

pub mod clock;
pub mod exposition;
mod lock;
pub mod logs;
mod progress;
pub mod signals;
mod step;
mod stop;
mod systemd;

pub use lock::lock;
pub use progress::Progress;
pub use step::StepTimer;
pub use stop::Stop;
pub use systemd::{Heartbeat, ServiceManager, unit, unit_of};
