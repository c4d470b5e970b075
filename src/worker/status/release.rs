//! Which program this is.

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Of the source, where the build was told: `TRANSFORM_COMMIT=$(git rev-parse HEAD) cargo build --release`.
pub const COMMIT: Option<&str> = option_env!("TRANSFORM_COMMIT");
