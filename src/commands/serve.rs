//! `transform serve`: answers over HTTP.

use crate::cli;
use crate::config::Config;
use crate::error::Result;
use crate::serve::{Stage, run};

pub fn serve(load: impl Fn() -> Result<Config> + Send, stage: cli::Stage) -> Result<u8> {
    let stage = match stage {
        cli::Stage::Production => Stage::Production,
        cli::Stage::Staging => Stage::Staging,
    };
    run(load, stage)
}
