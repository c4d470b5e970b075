use super::*;
use crate::format::OutputFormat::{self, JsonLines, Parquet, Same};
use crate::ledger::Formats;
use crate::spool::Name;

/// Version 1 of the output format was before there were formats; 0: it is in doubt.
fn made(verdict: Verdict, format: OutputFormat, version: u32) -> Record {
    let shape = match format {
        Same => "columns = all\n".into(),
        format => format!("columns = all\nformat = {}\n", format.name()),
    };
    Record {
        verdict,
        recipe: Recipe {
            made_by: if version == 0 { "" } else { "m1" }.into(),
            shape: shape.into(),
            output_format: version,
        },
        ..record(file(10, Duration::from_secs(60)))
    }
}

/// The former outputs where JSON Lines are wanted.
fn former_of(input: &str, record: Option<&Record>, used: &[OutputFormat], bare: bool, recovering: bool) -> Vec<String> {
    let used = Formats {
        asked: used.to_vec(),
        bare,
    };
    let former = former(&Name::new(input.as_bytes()), record, JsonLines, &used, recovering);
    former.iter().map(ToString::to_string).collect()
}

#[test]
fn an_output_under_the_name_of_another_format_is_known() {
    use Verdict::{Fail, Hold, Publish};
    for (case, input, record, expected) in [
        ("as it is wanted", "a.csv", made(Publish, JsonLines, 2), vec![]),
        ("another format", "a.csv", made(Publish, Same, 2), vec!["a.csv.out"]),
        (
            "another format",
            "a.csv",
            made(Publish, Parquet, 2),
            vec!["a.csv.out.parquet"],
        ),
        ("the same name", "a.jsonl", made(Publish, Same, 2), vec![]),
        ("before formats", "a.tsv", made(Publish, Same, 1), vec!["a.tsv.out"]),
        ("its output was withdrawn", "a.csv", made(Fail, Same, 2), vec![]),
    ] {
        // The record tells, whatever was ever asked for.
        for used in [&[JsonLines][..], &OutputFormat::ALL] {
            assert_eq!(former_of(input, Some(&record), used, true, false), expected, "{case}");
        }
    }
    for (case, input, record, expected) in [
        (
            "an earlier one may stand",
            "a.csv",
            made(Hold, JsonLines, 2),
            vec!["a.csv.out", "a.csv.out.parquet"],
        ),
        (
            "in doubt",
            "a.tsv",
            made(Publish, Same, 0),
            vec!["a.tsv.out", "a.tsv.out.csv", "a.tsv.out.parquet", "a.tsv.out.tsv"],
        ),
        (
            "in doubt",
            "a.csv",
            made(Fail, Same, 0),
            vec!["a.csv.out", "a.csv.out.parquet"],
        ),
    ] {
        let former = |used: &[OutputFormat], bare| former_of(input, Some(&record), used, bare, false);
        assert_eq!(former(&OutputFormat::ALL, true), expected, "{case}");
        // Where no other format was ever asked for, nothing is looked for.
        assert!(former(&[JsonLines], false).is_empty(), "{case}");
    }
}

#[test]
fn of_a_new_input_former_outputs_are_known_only_of_a_killed_worker() {
    let used = [Same, JsonLines];
    assert_eq!(former_of("a.csv", None, &used, true, true), ["a.csv.out"]);
    assert!(former_of("a.csv", None, &used, true, false).is_empty());
    assert!(former_of("a.csv", None, &[JsonLines], false, true).is_empty());
}

#[test]
fn another_format_makes_an_output_stale() {
    let seen = file(10, Duration::from_secs(60));
    let record = Record {
        fingerprint: seen.fingerprint,
        ..made(Verdict::Publish, Same, 2)
    };
    let want = |format| Want {
        recipe: made(Verdict::Publish, format, 2).recipe,
        keep_scored: true,
        ..want()
    };
    let decide = |format| decide(&sighting(seen, Some(&record)), &want(format), NOW);
    assert_eq!(decide(Same), Decision::Current(Verdict::Publish));
    assert_eq!(decide(JsonLines), Decision::Transform);
}
