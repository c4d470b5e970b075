use super::*;
use crate::transform::Verdict;

mod contents;
mod former;
mod new_files;

const SECOND: i64 = 1_000_000_000;
const NOW: Now = Now {
    wall: 1_000 * SECOND + 7,
    monotonic: Duration::from_secs(100),
};

const WENT_ONCE: Taken = Taken {
    times: 1,
    at: NOW.wall / 1000,
    remade: 0,
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
        followed: false,
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
        phases: Vec::new(),
        recipe: recipe("m1"),
        keep_scored: false,
        settle: Duration::from_secs(2),
        writing: Duration::from_secs(60),
        taken: OnTaken::Remake,
        once: false,
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
        taken: Taken::default(),
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
        changes: 0,
        no_room: false,
        lost: false,
    }
}

#[test]
fn what_makes_a_file_stale() {
    let seen = file(10, Duration::from_secs(60));
    let done = record(seen);
    let current = Decision::Current(Verdict::Publish);
    let fail = |r: &mut Record| (r.problem, r.verdict) = (Some("empty_file".into()), Verdict::Fail);
    let hold = |r: &mut Record| r.verdict = Verdict::Hold;
    type Change<'a> = &'a dyn Fn(&mut Record);
    let table: [(&str, Change, Option<u64>, Decision); 17] = [
        ("all as recorded", &|_| {}, Some(50), current),
        ("output gone", &|_| {}, None, Decision::Remake(WENT_ONCE)),
        (
            "output changed in place",
            &|_| {},
            Some(49),
            Decision::Remake(WENT_ONCE),
        ),
        (
            "output changed in place for the third time",
            &|r| r.taken.times = 2,
            Some(49),
            Decision::Leave(Taken { times: 3, ..WENT_ONCE }),
        ),
        (
            "output changed in place since",
            &|r| r.taken.times = 3,
            Some(49),
            Decision::Left,
        ),
        (
            "output due elsewhere",
            &|r| r.taken = Taken::DUE,
            None,
            Decision::Transform,
        ),
        (
            "another model",
            &|r| r.recipe.made_by = "m0".into(),
            Some(50),
            Decision::Transform,
        ),
        (
            "other settings",
            &|r| r.recipe.shape = "t".into(),
            Some(50),
            Decision::Transform,
        ),
        (
            "an older output format",
            &|r| r.recipe.output_format = 0,
            Some(50),
            Decision::Transform,
        ),
        (
            "another size",
            &|r| r.fingerprint.size = 11,
            Some(50),
            Decision::Transform,
        ),
        (
            "a newer mtime in the record: restored from a backup",
            &|r| r.fingerprint.mtime = NOW.wall,
            Some(50),
            Decision::Transform,
        ),
        (
            "another ctime alone",
            &|r| r.fingerprint.ctime = Some(1),
            Some(50),
            Decision::Transform,
        ),
        ("failed for good", &fail, Some(50), Decision::Current(Verdict::Fail)),
        (
            "failed for good, its report taken away",
            &fail,
            None,
            Decision::Transform,
        ),
        ("held", &hold, Some(50), Decision::Current(Verdict::Hold)),
        ("held, its report taken away", &hold, None, Decision::Transform),
        ("held, and an output stands", &hold, Some(49), Decision::Transform),
    ];
    for (case, change, published, expected) in table {
        let mut record = done.clone();
        change(&mut record);
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
fn where_consumers_take_outputs_away_one_that_was_changed_is_mended_and_one_that_is_due_made() {
    let seen = file(10, Duration::from_secs(60));
    let want = Want {
        taken: OnTaken::Leave,
        ..want()
    };
    let [went, due] = [Taken::default(), Taken::DUE].map(|taken| Record { taken, ..record(seen) });
    for (case, record, published, expected) in [
        ("went", &went, None, Decision::Left),
        ("changed", &went, Some(0), Decision::Remake(WENT_ONCE)),
        ("due", &due, None, Decision::Transform),
        ("due, and changed", &due, Some(0), Decision::Transform),
        (
            "due, and it stands",
            &due,
            Some(50),
            Decision::Current(Verdict::Publish),
        ),
    ] {
        let sighting = Sighting {
            published,
            ..sighting(seen, Some(record))
        };
        assert_eq!(decide(&sighting, &want, NOW), expected, "{case}");
    }
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
    let open = |seconds: u64| Decision::Await(NOW.monotonic + Duration::from_secs(seconds));
    let table = [
        ("closed", fresh, Word::Closed, None, Decision::Transform),
        ("open", fresh, Word::Writing, None, open(60)),
        ("open for long", fresh, Word::Writing, before(fresh, 59), open(1)),
        (
            "never closed by an event's word",
            fresh,
            Word::Writing,
            before(fresh, 60),
            Decision::Transform,
        ),
        ("open and old", old, Word::Writing, before(old, 50), open(10)),
        (
            "cut by its path a minute ago",
            file(10, Duration::from_secs(60)),
            Word::Writing,
            None,
            Decision::Transform,
        ),
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
    assert_eq!(decide(&gone, &want(), NOW), Decision::Remake(WENT_ONCE));
    let writing = Sighting {
        word: Word::Writing,
        ..gone
    };
    let minute = NOW.monotonic + want().writing;
    assert_eq!(decide(&writing, &want(), NOW), Decision::Await(minute));
}

/// Where nobody said that it was closed, the kernel is asked.
#[test]
fn what_settles_by_its_age_alone_may_still_be_open() {
    let old = file(10, Duration::from_secs(60));
    let (done, changed) = (record(old), record(file(11, Duration::from_secs(90))));
    let by_age = |word, record| {
        settled_by_age(&Sighting {
            word,
            ..sighting(old, record)
        })
    };
    assert!(by_age(Word::Nothing, None) && by_age(Word::Nothing, Some(&changed)));
    assert!(!by_age(Word::Closed, None) && !by_age(Word::Nothing, Some(&done)));
    assert!(by_age(Word::Writing, Some(&done)));
    let link = Seen { followed: true, ..old };
    let linked = Sighting {
        word: Word::Closed,
        ..sighting(link, None)
    };
    assert!(settled_by_age(&linked), "an event says who made the link");
    assert_eq!(until_closed(Duration::ZERO), LATER);
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
fn the_one_shot_leaves_what_goes_on_changing() {
    let once = Want { once: true, ..want() };
    let seen = file(10, Duration::from_secs(60));
    let changed = |changes| Sighting {
        changes,
        ..sighting(seen, None)
    };
    assert_eq!(decide(&changed(1), &once, NOW), Decision::Transform);
    assert!(matches!(decide(&changed(2), &once, NOW), Decision::Wait(_)));
    assert_eq!(
        decide(&changed(99), &want(), NOW),
        Decision::Transform,
        "the daemon goes on"
    );
}

#[test]
fn what_has_no_room_waits_for_it() {
    let seen = file(10, Duration::from_secs(60));
    let no_room = Sighting {
        no_room: true,
        ..sighting(seen, None)
    };
    assert!(matches!(decide(&no_room, &want(), NOW), Decision::Wait(_)));
}

#[test]
fn a_full_disk_stops_all_but_where_one_input_fills_it() {
    for (code, own, charged) in [
        ("disk_full", 0, Charge::All),
        ("disk_full", 4096, Charge::All),
        ("disk_full", 1 << 20, Charge::Input),
        ("read_only", 1 << 40, Charge::All),
        ("sandbox", 1 << 40, Charge::All),
        ("mount", 0, Charge::All),
        ("ledger", 0, Charge::All),
        ("permission_denied", 0, Charge::Input),
        ("io_error", 0, Charge::Input),
    ] {
        assert_eq!(charge(code, own), charged, "{code} {own}");
    }
}

#[test]
fn waits_double_up_to_the_longest() {
    let most = Duration::from_secs(300);
    let waits = [1, 2, 3, 9, 10, 100].map(|tries| backoff(tries, most).as_secs());
    assert_eq!(waits, [1, 2, 4, 256, 300, 300]);
}

/// It was the time of the first commit: a file that waited for its writer, a disk or a mount came late into a window.
#[test]
fn an_input_is_first_seen_before_it_settles() {
    let seen = file(10, Duration::ZERO);
    let since = NOW.monotonic - Duration::from_secs(60);
    let before = Some(Before {
        fingerprint: seen.fingerprint,
        since,
        settled: true,
    });
    let waited = Sighting {
        before,
        ..sighting(seen, None)
    };
    assert_eq!(waited.since(NOW), since);
    assert_eq!(NOW.time_of(since), (NOW.wall - 60 * SECOND) / 1000);
    let changed = Sighting {
        before,
        ..sighting(file(11, Duration::ZERO), None)
    };
    assert_eq!(changed.since(NOW), NOW.monotonic, "another input");
}
