//! How many rows, predictions and columns a request may have.

use super::refusal::{Cause, Refusal};
use super::served::Served;

/// The most predictions of a request, rows times outputs: 64 MiB of numbers. Else a body of `[0],[0],...` for a model of a thousand
/// classes would take a thousand times its size.
const PREDICTIONS: usize = 8 << 20;

/// # Errors
/// More than a request may ask for.
pub fn bounded(rows: usize, outputs: usize) -> Result<(), Refusal> {
    match rows.saturating_mul(outputs) > PREDICTIONS {
        true => {
            let message = format!("more than {PREDICTIONS} predictions, of {outputs} a row");
            Err(Refusal::new(Cause::TooLarge, message).hint("send the rows in parts"))
        }
        false => Ok(()),
    }
}

/// Columns of a CSV beside the model's: the name of each takes a hundred times its bytes while it is read.
const OTHER_COLUMNS: usize = 65_536;

/// # Errors
/// A record of its first block has more columns than a body may have. Delimiters in quotes count, too: who sends so many, sends them
/// for no other reason.
pub fn check_columns(served: &Served, first: &[u8], delimiter: u8) -> Result<(), Refusal> {
    let most = served.width() + OTHER_COLUMNS;
    if first.len() <= most {
        return Ok(());
    }
    let (mut columns, mut is_quoted) = (1, false);
    for &byte in first {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => columns = 1,
            _ if byte == delimiter => columns += 1,
            _ => {}
        }
        if columns > most {
            let message = format!("more than {most} columns, where the model takes {}", served.width());
            return Err(Refusal::bad(message).hint("leave out those that it doesn't take"));
        }
    }
    Ok(())
}
