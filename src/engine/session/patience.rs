//! How long a session waits for others.

use std::time::Duration;

/// How long the silence of another process is borne.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until Python has read Ray's modules.
    pub start: Duration,
    /// Until the cluster answers.
    pub connect: Duration,
    /// Between two lines.
    pub silence: Duration,
    /// Until a cluster without CPUs has some.
    pub no_cpus: Duration,
    /// Until Ray tells what was lost with a node.
    pub told: Duration,
    /// Until the bridge ends by itself.
    pub end: Duration,
}

impl Patience {
    pub const USUAL: Patience = Patience {
        start: Duration::from_secs(60),
        connect: Duration::from_secs(60),
        silence: Duration::from_secs(60),
        no_cpus: Duration::from_secs(60),
        told: Duration::from_secs(10),
        end: Duration::from_secs(2),
    };
}
