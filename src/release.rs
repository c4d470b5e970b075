//! Which program this is.

/// As Cargo.toml has it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Of the source, `-dirty` behind it where that was changed: what git says, or what the build was told by `TRANSFORM_COMMIT`.
/// `None`: built from an archive.
pub const COMMIT: Option<&str> = option_env!("TRANSFORM_COMMIT");

/// For people: `0.1.0 (ea71616b)`, `0.1.0 (ea71616b, changed)`; without a commit, the version alone.
pub const BUILD: &str = env!("TRANSFORM_BUILD");
