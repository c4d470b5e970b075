//! Fields of a column -> plain numbers, several at once where they are short enough.

use super::plain;
use crate::score::cell::{Kind, is_integer};

/// How plain numbers are read. `None`: one of them is none, or too long to be read so.
pub struct Numbers<E, F, O> {
    /// Those that end at eight places.
    pub eight: E,
    /// Those that stand at four places.
    pub four: F,
    /// One from a place to another.
    pub one: O,
}

/// Reads plain numbers, and puts the other rows into `unusual`; there, NaN stands. `field`: where that of a row stands. `together`:
/// how many are read at once, fewer where they turn out to be too long for that. `eight_ends`: where those of eight rows end, from one on.
#[inline(always)]
pub fn read_numbers(
    block: &[u8],
    column: &mut [f64],
    field: impl Fn(usize) -> (usize, usize),
    eight_ends: impl Fn(usize) -> [usize; 8],
    numbers: &Numbers<
        impl Fn([usize; 8]) -> Option<[f64; 8]>,
        impl Fn([(usize, usize); 4]) -> Option<[f64; 4]>,
        impl Fn(usize, usize) -> Option<f64>,
    >,
    together: &mut usize,
    unusual: &mut Vec<u32>,
) {
    let mut row = 0;
    while row < column.len() {
        if *together == 8
            && let Some(cells) = column[row..].first_chunk_mut::<8>()
        {
            if let Some(read) = (numbers.eight)(eight_ends(row)) {
                *cells = read;
                row += 8;
                continue;
            }
            for row in row..row + 8 {
                let (from, to) = field(row);
                if to - from > 7 {
                    *together = 4;
                }
            }
        }
        let mut upto = column.len();
        if *together >= 4
            && let Some(cells) = column[row..].first_chunk_mut::<4>()
        {
            let fields = [field(row), field(row + 1), field(row + 2), field(row + 3)];
            if let Some(read) = (numbers.four)(fields) {
                *cells = read;
                row += 4;
                continue;
            }
            upto = row + 4;
            if fields.iter().all(|(from, to)| to - from > 16) {
                *together = 1;
            }
        }
        while row < upto {
            let (from, to) = field(row);
            let read = match (numbers.one)(from, to) {
                // What is too long for vectors, too, and a file may be full of it.
                None if to - from > 16 => plain::number(&block[from..to]),
                read => read,
            };
            column[row] = match read {
                Some(x) => x,
                None => {
                    unusual.push(row as u32);
                    f64::NAN
                }
            };
            row += 1;
        }
    }
}

/// Puts rows into `unusual` whose numbers may mean something else to their feature.
pub fn check_numbers(kind: &Kind, column: &[f64], unusual: &mut Vec<u32>) {
    let is_plain = |x: f64| match kind {
        Kind::Integers => is_integer(x),
        Kind::Marked(marks) => marks.direct(x) == Some(x),
        _ => true,
    };
    if matches!(kind, Kind::Numbers) {
        return;
    }
    let rows = column.iter().enumerate();
    let others = rows.filter(|(_, x)| !x.is_nan() && !is_plain(**x));
    unusual.extend(others.map(|(row, _)| row as u32));
}
