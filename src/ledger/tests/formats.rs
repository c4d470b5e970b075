use super::*;
use crate::format::OutputFormat::{self, JsonLines, Parquet, Same};

fn formats(bare: bool, asked: &[OutputFormat]) -> Formats {
    Formats {
        asked: asked.to_vec(),
        bare,
    }
}

#[test]
fn remembers_in_which_formats_outputs_were_asked_for() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let mut note = |format| ledger.note_output_format(format).unwrap();
    assert_eq!(note(JsonLines), formats(false, &[JsonLines]));
    assert_eq!(note(Parquet), formats(false, &[JsonLines, Parquet]));
    assert_eq!(note(JsonLines), formats(false, &[JsonLines, Parquet]));
}

/// Before there were formats, all outputs had one name.
#[test]
fn an_older_ledger_with_results_has_outputs_as_they_were_then() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    ledger.commit(&[scored("a.tsv", "1", 7)]).unwrap();
    let mut noted = || ledger.note_output_format(Same).unwrap();
    assert_eq!(noted(), formats(true, &[Same]));
    assert_eq!(noted(), formats(true, &[Same]));
    let outputs = noted().outputs(&name("a.tsv"));
    assert_eq!(outputs, [name("a.tsv.out"), name("a.tsv.out.tsv")]);
}

#[test]
fn an_outputs_name_is_known_unless_it_is_in_doubt() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    for (version, shape, expected) in [
        (0, "", "a.tsv.out"),
        (1, "", "a.tsv.out"),
        (2, "", "a.tsv.out.tsv"),
        (2, "format = jsonl\n", "a.tsv.out.jsonl"),
    ] {
        let (mut record, done) = scored("a.tsv", "1", 7);
        record.recipe.shape = shape.into();
        record.recipe.output_format = version;
        ledger.commit(&[(record, done)]).unwrap();
        let expected = name(expected);
        let record = ledger.record(&name("a.tsv")).unwrap().unwrap();
        assert_eq!(record.recipe.output(&name("a.tsv")), Some(expected.clone()));
        assert_eq!(ledger.published(&name(""), 9).unwrap()[0].output, expected);
        assert_eq!(ledger.scored(0).unwrap()[0].output, expected);
        assert_eq!(ledger.without_sha256(None).unwrap()[0].2, Some(expected));
    }
    ledger.make_stale().unwrap();
    let record = ledger.record(&name("a.tsv")).unwrap().unwrap();
    assert_eq!(record.recipe.output(&name("a.tsv")), None);
}
