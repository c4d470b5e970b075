//! Outputs under other names than the wanted one's: `output.format` was another one when they were made.

use crate::format::OutputFormat;
use crate::ledger::{Formats, Record};
use crate::spool::{Name, results};
use crate::transform::Verdict;

/// Outputs of an input that may stand under other names than that in the `wanted` format. `used`: all formats that were ever wanted;
/// `recovering`: what a killed worker published may not be recorded.
pub fn former(
    input: &Name,
    record: Option<&Record>,
    wanted: OutputFormat,
    used: &Formats,
    recovering: bool,
) -> Vec<Name> {
    let recorded = record.and_then(|r| r.recipe.output(input));
    let mut outputs = match (record.map(|r| r.verdict), recorded) {
        (Some(Verdict::Publish), Some(output)) => vec![output],
        // Those of whatever came before were taken away.
        (Some(Verdict::Fail), Some(_)) => Vec::new(),
        (None, _) if !recovering => Vec::new(),
        // Of a held one, an earlier output may stand; in doubt is what was about to be replaced.
        _ => used.outputs(input),
    };
    let wanted = results::output(input, wanted);
    outputs.retain(|output| *output != wanted);
    outputs.sort_unstable();
    outputs.dedup();
    outputs
}
