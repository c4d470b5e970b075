//! What is the same input as before.

use super::*;
use crate::ledger::HalfHash;

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

/// Each nightly backup by hard links, each `chmod -R`, scored and published every file again, to the same bytes.
#[test]
fn contents_decide_where_only_times_differ() {
    let hash = Some(HalfHash::from(blake3::hash(b"x")));
    let old = file(10, Duration::from_secs(60));
    let touched = |ctime: i64| {
        let mut seen = old;
        seen.fingerprint.ctime = Some(ctime);
        seen
    };
    let (aged, fresh) = (touched(NOW.wall - 9 * SECOND), touched(NOW.wall - SECOND));
    let racy = touched(NOW.wall - 5_000_000);
    let mut larger = aged;
    larger.fingerprint.size = 11;
    let at = |seconds| Decision::Wait(NOW.monotonic + Duration::from_secs(seconds));
    type Change<'a> = &'a dyn Fn(&mut Record);
    let as_is: Change = &|_| {};
    let fail: Change = &|r| (r.problem, r.verdict) = (Some("bad_row".into()), Verdict::Fail);
    type Case<'a> = (&'a str, Seen, Word, Change<'a>, Option<u64>, Decision);
    let table: [Case; 12] = [
        ("another ctime", aged, Word::Nothing, as_is, Some(50), Decision::Verify),
        ("and not settled", fresh, Word::Nothing, as_is, Some(50), at(2)),
        ("uploaded again", fresh, Word::Closed, as_is, Some(50), Decision::Verify),
        ("a moment ago", racy, Word::Closed, as_is, Some(50), Decision::Verify),
        (
            "open",
            fresh,
            Word::Writing,
            as_is,
            Some(50),
            Decision::Await(NOW.monotonic + want().writing),
        ),
        (
            "another size",
            larger,
            Word::Nothing,
            as_is,
            Some(50),
            Decision::Transform,
        ),
        ("its output gone", aged, Word::Nothing, as_is, None, Decision::Verify),
        (
            "another model",
            aged,
            Word::Nothing,
            &|r| r.recipe.made_by = "m0".into(),
            Some(50),
            Decision::Transform,
        ),
        (
            "never read whole",
            aged,
            Word::Nothing,
            &|r| r.input_hash = None,
            Some(50),
            Decision::Transform,
        ),
        ("failed", aged, Word::Nothing, fail, Some(50), Decision::Verify),
        (
            "failed, to be tried again",
            aged,
            Word::Nothing,
            fail,
            None,
            Decision::Transform,
        ),
        (
            "held",
            aged,
            Word::Nothing,
            &|r| r.verdict = Verdict::Hold,
            Some(50),
            Decision::Verify,
        ),
    ];
    for (case, seen, word, change, published, expected) in table {
        let mut record = Record {
            input_hash: hash,
            ..record(old)
        };
        change(&mut record);
        let sighting = Sighting {
            published,
            word,
            ..sighting(seen, Some(&record))
        };
        assert_eq!(decide(&sighting, &want(), NOW), expected, "{case}");
    }
    let large = file(2 << 30, Duration::from_secs(60));
    let done = Record {
        input_hash: hash,
        ..record(large)
    };
    let mut touched = large;
    touched.fingerprint.mtime = NOW.wall - 5_000_000;
    touched.fingerprint.ctime = Some(NOW.wall - 5_000_000);
    let closed = Sighting {
        word: Word::Closed,
        ..sighting(touched, Some(&done))
    };
    let over = NOW.monotonic + Duration::from_millis(15);
    assert_eq!(decide(&closed, &want(), NOW), Decision::Outwait(over), "read once");
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

/// A 2 GB file that was dropped was read twice, the second time 20 ms later.
#[test]
fn a_large_input_is_read_once_no_change_can_hide() {
    let seen = file(2 << 30, Duration::from_millis(5));
    let closed = Sighting {
        word: Word::Closed,
        ..sighting(seen, None)
    };
    let over = NOW.monotonic + Duration::from_millis(15);
    assert_eq!(decide(&closed, &want(), NOW), Decision::Outwait(over));
    let later = Now {
        wall: NOW.wall + 15_000_000,
        monotonic: over,
    };
    let outwaited = Sighting {
        before: Some(Before {
            fingerprint: seen.fingerprint,
            since: NOW.monotonic,
            settled: true,
        }),
        ..sighting(seen, None)
    };
    assert_eq!(decide(&outwaited, &want(), later), Decision::Transform);
    let small = Sighting {
        seen: file(2 << 10, Duration::from_millis(5)),
        ..closed
    };
    assert_eq!(decide(&small, &want(), NOW), Decision::Transform);
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
        verdict: Verdict::Fail,
        ..record(seen)
    };
    assert_eq!(
        decide(&sighting(seen, Some(&refused)), &want(), NOW),
        Decision::Current(Verdict::Fail)
    );
    let mut touched = seen;
    touched.fingerprint.ctime = Some(1);
    assert_eq!(
        decide(&sighting(touched, Some(&refused)), &want(), NOW),
        Decision::Current(Verdict::Fail),
        "a backup by hard links reported it again"
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
