//! An output that went, with nothing else changed: is it made again?

use crate::config::OnTaken;
use crate::ledger::{Emptied, Taken};
use std::time::Duration;

/// A consumer that comes so often takes outputs away on purpose.
const MOST: u32 = 3;
/// Whatever happens to an output in this time counts once, in microseconds.
const MINUTE: i64 = 60_000_000;
/// In that time it is made again so often at once, by a worker that goes on; then it waits.
const AT_ONCE: u32 = 5;
/// A folder that is emptied more often than this is emptied by a consumer, in microseconds.
const RARELY: i64 = 7 * 24 * 60 * MINUTE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Make it again; then this is known of it.
    Remake(Taken),
    /// Not before so long.
    Wait(Duration),
    /// It went too often, and is left from now on.
    Leave(Taken),
    Left,
}

/// `taken`: what is known of the output; `lost`: its folder lost all outputs at once, or is another one; `once`: the
/// worker doesn't come back to it; `now`: microseconds since 1970.
pub fn gone(taken: Taken, rule: OnTaken, lost: bool, once: bool, now: i64) -> Gone {
    if rule == OnTaken::Leave || taken.times >= MOST {
        return Gone::Left;
    }
    // A clock that was set back says nothing.
    let age = now.saturating_sub(taken.at);
    if taken.at != 0 && (0..MINUTE).contains(&age) {
        return match !once && taken.remade >= AT_ONCE {
            true => Gone::Wait(Duration::from_micros((MINUTE - age) as u64)),
            false => Gone::Remake(Taken {
                remade: taken.remade.saturating_add(1),
                ..taken
            }),
        };
    }
    let taken = Taken {
        times: taken.times + u32::from(!lost),
        at: now,
        remade: 0,
    };
    match taken.times >= MOST {
        true => Gone::Leave(taken),
        false => Gone::Remake(taken),
    }
}

/// The output folder holds no output, and should: what is known of that now. Somebody may empty it now and then, and wants all
/// of it again.
pub fn emptied(last: Option<Emptied>, now: i64) -> Emptied {
    match last {
        Some(last) if last.at <= now && now - last.at < MINUTE => last,
        Some(last) => Emptied {
            at: now,
            forgiven: now.saturating_sub(last.at) >= RARELY,
        },
        None => Emptied {
            at: now,
            forgiven: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000_000;
    const fn taken(times: u32, ago: i64, remade: u32) -> Taken {
        Taken {
            times,
            at: NOW - ago,
            remade,
        }
    }

    #[test]
    fn an_output_that_went_is_made_again_until_a_consumer_is_the_only_reason() {
        const SECOND: i64 = 1_000_000;
        let never = Taken::default();
        let left_second = Gone::Wait(Duration::from_secs(1));
        let table = [
            ("for the first time", never, false, Gone::Remake(taken(1, 0, 0))),
            (
                "again after a minute",
                taken(1, MINUTE, 3),
                false,
                Gone::Remake(taken(2, 0, 0)),
            ),
            (
                "for the third time",
                taken(2, MINUTE, 0),
                false,
                Gone::Leave(taken(3, 0, 0)),
            ),
            ("and since then", taken(3, MINUTE, 0), false, Gone::Left),
            (
                "and since then, a year later",
                taken(3, 365 * 24 * 60 * MINUTE, 0),
                true,
                Gone::Left,
            ),
            (
                "within a minute",
                taken(2, SECOND, 0),
                false,
                Gone::Remake(taken(2, SECOND, 1)),
            ),
            (
                "again and again within a minute",
                taken(2, 59 * SECOND, AT_ONCE),
                false,
                left_second,
            ),
            ("with all others", never, true, Gone::Remake(taken(0, 0, 0))),
            (
                "with all others, again",
                taken(2, MINUTE, 0),
                true,
                Gone::Remake(taken(2, 0, 0)),
            ),
            (
                "with all others, fast",
                taken(0, 59 * SECOND, AT_ONCE),
                true,
                left_second,
            ),
            (
                "a clock set back",
                taken(1, -SECOND, AT_ONCE),
                false,
                Gone::Remake(taken(2, 0, 0)),
            ),
        ];
        for (case, known, lost, expected) in table {
            assert_eq!(gone(known, OnTaken::Remake, lost, false, NOW), expected, "{case}");
            assert_eq!(gone(known, OnTaken::Leave, lost, false, NOW), Gone::Left, "{case}");
            if expected == left_second {
                let once = gone(known, OnTaken::Remake, lost, true, NOW);
                assert!(matches!(once, Gone::Remake(_)), "the one-shot doesn't wait: {case}");
            }
        }
    }

    /// Whatever the consumer does, an output is made a few times a minute, for a few minutes.
    #[test]
    fn a_consumer_gets_no_output_for_ever() {
        for (every, once, most) in [
            (1, false, 3 * (AT_ONCE + 1)),
            (MINUTE, false, 3),
            (MINUTE, true, 3),
            (MINUTE - 1, true, 6),
        ] {
            let (mut known, mut made, mut at) = (Taken::default(), 1, NOW);
            loop {
                match gone(known, OnTaken::Remake, false, once, at) {
                    Gone::Remake(taken) => {
                        (known, made) = (taken, made + 1);
                        at += every;
                    }
                    Gone::Wait(left) => at += left.as_micros() as i64,
                    Gone::Leave(_) | Gone::Left => break,
                }
            }
            assert!(made <= most, "{made} outputs, taken every {every} µs");
        }
    }

    #[test]
    fn a_folder_that_is_emptied_now_and_then_is_filled_again() {
        let at = |ago: i64, forgiven| Emptied {
            at: NOW - ago,
            forgiven,
        };
        let table = [
            (None, at(0, true)),
            // The same time, whatever was found of it.
            (Some(at(MINUTE - 1, true)), at(MINUTE - 1, true)),
            (Some(at(MINUTE - 1, false)), at(MINUTE - 1, false)),
            (Some(at(MINUTE, true)), at(0, false)),
            (Some(at(RARELY - 1, false)), at(0, false)),
            (Some(at(RARELY, false)), at(0, true)),
            // A clock set back.
            (Some(at(-1, true)), at(0, false)),
        ];
        for (last, expected) in table {
            assert_eq!(emptied(last, NOW), expected, "{last:?}");
        }
    }
}
