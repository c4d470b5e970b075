//! What a new approval leaves alone.

use super::*;

/// An output format that was raised replaced an older version's results by the newest one's.
#[test]
fn new_files_only_keeps_what_an_older_model_wrote_in_an_older_format() {
    let seen = file(10, Duration::from_secs(60));
    let mut want = Want {
        keep_scored: true,
        ..want()
    };
    want.recipe.output_format = 2;
    for (made_by, output_format, expected) in [
        ("m0", 1, Decision::Current(Verdict::Publish)),
        ("m0", 0, Decision::Transform),
        ("m1", 1, Decision::Transform),
        ("m1", 2, Decision::Current(Verdict::Publish)),
    ] {
        let record = Record {
            recipe: Recipe {
                output_format,
                ..recipe(made_by)
            },
            ..record(seen)
        };
        assert_eq!(
            decide(&sighting(seen, Some(&record)), &want, NOW),
            expected,
            "{made_by}, {output_format}"
        );
    }
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
        Decision::Current(Verdict::Publish)
    );
    let failed = Record {
        problem: Some("bad_row".into()),
        verdict: Verdict::Fail,
        ..old.clone()
    };
    assert_eq!(decide(&sighting(seen, Some(&failed)), &want, NOW), Decision::Transform);
    let held = Record {
        verdict: Verdict::Hold,
        ..old.clone()
    };
    assert_eq!(
        decide(&sighting(seen, Some(&held)), &want, NOW),
        Decision::Current(Verdict::Hold),
        "it waits for a person"
    );
    let changed = Record {
        fingerprint: Fingerprint {
            size: 1,
            ..seen.fingerprint
        },
        ..old
    };
    assert_eq!(decide(&sighting(seen, Some(&changed)), &want, NOW), Decision::Transform);
}
