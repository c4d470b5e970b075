use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;
use transform::cli::Cli;
use transform::{commands, error};

fn main() -> ExitCode {
    let code = match Cli::try_parse() {
        Ok(cli) => commands::run(cli),
        Err(message) => {
            let _ = message.print();
            match message.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error::exit::CONVERGED,
                _ => error::exit::USAGE,
            }
        }
    };
    ExitCode::from(code)
}
