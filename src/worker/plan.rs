//! PURE: what is × what was recorded × what is wanted -> what to do, and when to look again. No clock, no file, no log.

use crate::ledger::{Recipe, Record};
use crate::spool::{Fingerprint, Kind, Seen};
use crate::transform::problem::Code;
use std::time::Duration;

/// The time of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds since 1970: only to be compared with a file's times.
    pub wall: i64,
    /// Since some moment; never goes back.
    pub monotonic: Duration,
}

/// What events said about an input's writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It closed the file, or renamed it in.
    Closed,
    /// It writes.
    Writing,
    Nothing,
}

/// An earlier look at an input that had not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    pub fingerprint: Fingerprint,
    /// The first look that saw this fingerprint, on the monotonic clock.
    pub since: Duration,
    /// It had settled then.
    pub settled: bool,
}

/// All that is known of one input.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    pub seen: Seen,
    pub word: Word,
    pub before: Option<Before>,
    pub record: Option<&'a Record>,
    /// The size of the output that is there now, or of the report if the record says that it failed.
    pub published: Option<u64>,
    /// It failed for now, and is not to be tried again before this moment of the monotonic clock.
    pub retry_at: Option<Duration>,
}

/// What every input should have.
#[derive(Clone, Debug)]
pub struct Want {
    pub recipe: Recipe,
    /// A new approval leaves alone what an older version scored.
    pub keep_scored: bool,
    /// How long a fingerprint must stand before a file counts as finished.
    pub settle: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Its output, or the report of why it has none, is as it should be.
    Current {
        failed: bool,
    },
    Transform,
    /// Read it again: a change could hide behind its fingerprint.
    Verify,
    /// It is no file.
    Refuse(Code),
    /// Look again at this moment of the monotonic clock.
    Wait(Duration),
    /// Its writer has it open; an event will tell.
    Await,
}

pub fn decide(sighting: &Sighting, want: &Want, now: Now) -> Decision {
    let Sighting {
        seen,
        record,
        published,
        ..
    } = *sighting;
    let same_input = record.filter(|r| r.fingerprint == seen.fingerprint && published == Some(r.published));
    if let Some(code) = refusal(seen.kind) {
        return match same_input.and_then(|r| r.problem.as_deref()) == Some(code.name()) {
            true => Decision::Current { failed: true },
            false => Decision::Refuse(code),
        };
    }
    if let Some(record) = same_input.filter(|r| fits(r, want)) {
        let failed = record.problem.is_some();
        return match racy_until(seen.fingerprint, now.wall) {
            _ if !record.racy => Decision::Current { failed },
            Some(left) => Decision::Wait(now.monotonic + left),
            None => Decision::Verify,
        };
    }
    if let Some(at) = sighting.retry_at.filter(|at| *at > now.monotonic) {
        return Decision::Wait(at);
    }
    // What was scored before had settled before.
    let scored = record.is_some_and(|r| r.fingerprint == seen.fingerprint);
    match sighting.word {
        Word::Writing => Decision::Await,
        Word::Closed => Decision::Transform,
        Word::Nothing if scored => Decision::Transform,
        Word::Nothing => settle(sighting, want.settle, now),
    }
}

/// No event tells, so its times must.
fn settle(sighting: &Sighting, settle: Duration, now: Now) -> Decision {
    let fingerprint = sighting.seen.fingerprint;
    // Nobody but the kernel sets a ctime: if it is old, the file has stood that long.
    let aged = fingerprint
        .ctime
        .is_some_and(|ctime| now.wall.saturating_sub(ctime) >= nanos(settle));
    let before = sighting.before.filter(|b| b.fingerprint == fingerprint);
    let since = before.map_or(now.monotonic, |b| b.since);
    let stood = before.is_some_and(|b| b.settled || now.monotonic >= since + settle);
    match aged || stood {
        true => Decision::Transform,
        false => Decision::Wait(since + settle),
    }
}

fn fits(record: &Record, want: &Want) -> bool {
    let Recipe {
        shape, output_format, ..
    } = &want.recipe;
    let same_shape = record.recipe.shape == *shape && record.recipe.output_format == *output_format;
    let scored_before = want.keep_scored && record.problem.is_none();
    same_shape && (scored_before || record.recipe.made_by == want.recipe.made_by)
}

/// Why what stands under an input's name can't be one.
pub fn refusal(kind: Kind) -> Option<Code> {
    match kind {
        Kind::File => None,
        Kind::Link => Some(Code::Link),
        Kind::Folder | Kind::Other => Some(Code::NotAFile),
    }
}

/// Was the fingerprint taken, at `wall`, so soon after the last change that a further change would leave it the same?
/// Then how long until that is over. (Git calls such an index entry racily clean.)
pub fn racy_until(fingerprint: Fingerprint, wall: i64) -> Option<Duration> {
    // Kernels stamp files with a clock that ticks every 1 to 10 ms; file systems that keep whole seconds, or two, show
    // it by their zeros.
    const TICK: i64 = 20_000_000;
    const SECONDS: i64 = 2_000_000_000;
    let newest = fingerprint.ctime.unwrap_or(fingerprint.mtime);
    let granularity = if newest % 1_000_000_000 == 0 { SECONDS } else { TICK };
    let age = wall.saturating_sub(newest);
    // A time far in the future is somebody's wrong clock, not a recent change.
    let racy = age < granularity && age > -granularity;
    racy.then(|| Duration::from_nanos((granularity - age) as u64))
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::Verdict;

    const SECOND: i64 = 1_000_000_000;
    const NOW: Now = Now {
        wall: 1_000 * SECOND + 7,
        monotonic: Duration::from_secs(100),
    };

    fn file(size: u64, age: Duration) -> Seen {
        let time = NOW.wall - nanos(age);
        Seen {
            kind: Kind::File,
            fingerprint: Fingerprint {
                size,
                mtime: time,
                ctime: Some(time),
            },
        }
    }

    fn recipe(made_by: &str) -> Recipe {
        Recipe {
            made_by: made_by.into(),
            shape: "s".into(),
            output_format: 1,
        }
    }

    fn want() -> Want {
        Want {
            recipe: recipe("m1"),
            keep_scored: false,
            settle: Duration::from_secs(2),
        }
    }

    fn record(seen: Seen) -> Record {
        Record {
            fingerprint: seen.fingerprint,
            racy: false,
            input_hash: None,
            recipe: recipe("m1"),
            published: 50,
            problem: None,
            verdict: Verdict::Publish,
            first_seen: 0,
            phase: None,
        }
    }

    fn sighting<'a>(seen: Seen, record: Option<&'a Record>) -> Sighting<'a> {
        Sighting {
            seen,
            word: Word::Nothing,
            before: None,
            record,
            published: record.map(|r| r.published),
            retry_at: None,
        }
    }

    #[test]
    fn what_makes_a_file_stale() {
        let seen = file(10, Duration::from_secs(60));
        let done = record(seen);
        let current = Decision::Current { failed: false };
        let table: Vec<(&str, Record, Option<u64>, Decision)> = vec![
            ("all as recorded", done.clone(), Some(50), current),
            ("output gone", done.clone(), None, Decision::Transform),
            ("output of another size", done.clone(), Some(49), Decision::Transform),
            (
                "another model",
                Record {
                    recipe: recipe("m0"),
                    ..done.clone()
                },
                Some(50),
                Decision::Transform,
            ),
            (
                "other settings",
                Record {
                    recipe: Recipe {
                        shape: "t".into(),
                        ..recipe("m1")
                    },
                    ..done.clone()
                },
                Some(50),
                Decision::Transform,
            ),
            (
                "an older output format",
                Record {
                    recipe: Recipe {
                        output_format: 0,
                        ..recipe("m1")
                    },
                    ..done.clone()
                },
                Some(50),
                Decision::Transform,
            ),
            (
                "another size",
                Record {
                    fingerprint: Fingerprint {
                        size: 11,
                        ..seen.fingerprint
                    },
                    ..done.clone()
                },
                Some(50),
                Decision::Transform,
            ),
            (
                "a newer mtime in the record: restored from a backup",
                Record {
                    fingerprint: Fingerprint {
                        mtime: NOW.wall,
                        ..seen.fingerprint
                    },
                    ..done.clone()
                },
                Some(50),
                Decision::Transform,
            ),
            (
                "another ctime alone",
                Record {
                    fingerprint: Fingerprint {
                        ctime: Some(1),
                        ..seen.fingerprint
                    },
                    ..done.clone()
                },
                Some(50),
                Decision::Transform,
            ),
            (
                "failed for good",
                Record {
                    problem: Some("empty_file".into()),
                    ..done.clone()
                },
                Some(50),
                Decision::Current { failed: true },
            ),
            (
                "failed for good, its report taken away",
                Record {
                    problem: Some("empty_file".into()),
                    ..done.clone()
                },
                None,
                Decision::Transform,
            ),
        ];
        for (case, record, published, expected) in table {
            let sighting = Sighting {
                published,
                ..sighting(seen, Some(&record))
            };
            assert_eq!(decide(&sighting, &want(), NOW), expected, "{case}");
        }
        assert_eq!(
            decide(&sighting(seen, None), &want(), NOW),
            Decision::Transform,
            "never scored"
        );
    }

    #[test]
    fn new_files_only_keeps_what_an_older_model_scored() {
        let seen = file(10, Duration::from_secs(60));
        let want = Want {
            keep_scored: true,
            ..want()
        };
        let old = Record {
            recipe: recipe("m0"),
            ..record(seen)
        };
        assert_eq!(
            decide(&sighting(seen, Some(&old)), &want, NOW),
            Decision::Current { failed: false }
        );
        let failed = Record {
            problem: Some("bad_row".into()),
            ..old.clone()
        };
        assert_eq!(decide(&sighting(seen, Some(&failed)), &want, NOW), Decision::Transform);
        let changed = Record {
            fingerprint: Fingerprint {
                size: 1,
                ..seen.fingerprint
            },
            ..old
        };
        assert_eq!(decide(&sighting(seen, Some(&changed)), &want, NOW), Decision::Transform);
    }

    #[test]
    fn what_settles_a_file() {
        let (fresh, old) = (file(10, Duration::from_millis(500)), file(10, Duration::from_secs(3)));
        let mount = |seen: Seen| Seen {
            fingerprint: Fingerprint {
                ctime: None,
                ..seen.fingerprint
            },
            ..seen
        };
        let before = |seen: Seen, seconds: u64| {
            Some(Before {
                fingerprint: seen.fingerprint,
                since: NOW.monotonic - Duration::from_secs(seconds),
                settled: false,
            })
        };
        let settled = |seen: Seen| before(seen, 0).map(|b| Before { settled: true, ..b });
        let at = |seconds: u64| Decision::Wait(NOW.monotonic + Duration::from_secs(seconds));
        let table = [
            ("closed", fresh, Word::Closed, None, Decision::Transform),
            ("open", old, Word::Writing, before(old, 50), Decision::Await),
            ("found fresh", fresh, Word::Nothing, None, at(2)),
            ("found old", old, Word::Nothing, None, Decision::Transform),
            ("seen a second ago", fresh, Word::Nothing, before(fresh, 1), at(1)),
            (
                "seen two seconds ago",
                fresh,
                Word::Nothing,
                before(fresh, 2),
                Decision::Transform,
            ),
            ("changed since", fresh, Word::Nothing, before(old, 9), at(2)),
            (
                "closed a moment ago, then looked at again",
                fresh,
                Word::Nothing,
                settled(fresh),
                Decision::Transform,
            ),
            ("closed, then changed", fresh, Word::Nothing, settled(old), at(2)),
            ("old on a mount", mount(old), Word::Nothing, None, at(2)),
            (
                "old on a mount, seen before",
                mount(old),
                Word::Nothing,
                before(mount(old), 2),
                Decision::Transform,
            ),
        ];
        for (case, seen, word, before, expected) in table {
            let sighting = Sighting {
                word,
                before,
                ..sighting(seen, None)
            };
            assert_eq!(decide(&sighting, &want(), NOW), expected, "{case}");
        }
    }

    #[test]
    fn what_was_scored_has_settled() {
        let fresh = file(10, Duration::from_millis(500));
        let done = record(fresh);
        let gone = Sighting {
            published: None,
            ..sighting(fresh, Some(&done))
        };
        assert_eq!(decide(&gone, &want(), NOW), Decision::Transform);
        let writing = Sighting {
            word: Word::Writing,
            ..gone
        };
        assert_eq!(decide(&writing, &want(), NOW), Decision::Await);
    }

    #[test]
    fn a_ctime_in_the_future_settles_by_the_monotonic_clock() {
        let seen = file(10, Duration::from_secs(0));
        let ctime = Some(NOW.wall + 3600 * SECOND);
        let seen = Seen {
            fingerprint: Fingerprint {
                ctime,
                ..seen.fingerprint
            },
            ..seen
        };
        let first = sighting(seen, None);
        assert_eq!(
            decide(&first, &want(), NOW),
            Decision::Wait(NOW.monotonic + Duration::from_secs(2))
        );
        let before = Some(Before {
            fingerprint: seen.fingerprint,
            since: NOW.monotonic,
            settled: false,
        });
        let later = Now {
            monotonic: NOW.monotonic + Duration::from_secs(2),
            ..NOW
        };
        assert_eq!(
            decide(&Sighting { before, ..first }, &want(), later),
            Decision::Transform
        );
    }

    #[test]
    fn a_racy_fingerprint_is_verified_later() {
        let seen = file(10, Duration::from_millis(5));
        let racy = Record {
            racy: true,
            ..record(seen)
        };
        let sighting = sighting(seen, Some(&racy));
        assert_eq!(
            decide(&sighting, &want(), NOW),
            Decision::Wait(NOW.monotonic + Duration::from_millis(15))
        );
        let later = Now {
            wall: NOW.wall + 15_000_000,
            ..NOW
        };
        assert_eq!(decide(&sighting, &want(), later), Decision::Verify);
    }

    #[test]
    fn whole_seconds_are_racy_for_two() {
        let whole = Fingerprint {
            size: 1,
            mtime: 5 * SECOND,
            ctime: None,
        };
        assert_eq!(
            racy_until(whole, 5 * SECOND + 7),
            Some(Duration::from_nanos(2_000_000_000 - 7))
        );
        assert_eq!(racy_until(whole, 7 * SECOND), None);
        assert_eq!(racy_until(whole, 0), None, "far in the future is a wrong clock");
    }

    #[test]
    fn a_fault_waits_for_its_time() {
        let seen = file(10, Duration::from_secs(60));
        let retry_at = |at| Sighting {
            retry_at: Some(Duration::from_secs(at)),
            ..sighting(seen, None)
        };
        assert_eq!(
            decide(&retry_at(130), &want(), NOW),
            Decision::Wait(Duration::from_secs(130))
        );
        assert_eq!(decide(&retry_at(100), &want(), NOW), Decision::Transform);
    }

    #[test]
    fn what_is_no_file_is_refused_once() {
        let seen = Seen {
            kind: Kind::Link,
            ..file(10, Duration::ZERO)
        };
        assert_eq!(
            decide(&sighting(seen, None), &want(), NOW),
            Decision::Refuse(Code::Link)
        );
        let refused = Record {
            problem: Some("link".into()),
            ..record(seen)
        };
        assert_eq!(
            decide(&sighting(seen, Some(&refused)), &want(), NOW),
            Decision::Current { failed: true }
        );
        let folder = Seen {
            kind: Kind::Folder,
            ..seen
        };
        assert_eq!(
            decide(&sighting(folder, Some(&refused)), &want(), NOW),
            Decision::Refuse(Code::NotAFile)
        );
    }
}
