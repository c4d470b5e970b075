#![expect(clippy::disallowed_methods, reason = "the tests play a vandal, and who mends")]

use super::*;
use crate::monitor::baseline::Column;
use crate::registry::sample;
use std::fs;

fn registry() -> (tempfile::TempDir, Registry) {
    let models = tempfile::tempdir().unwrap();
    let registry = Registry::new(models.path(), "lines");
    sample::register(&registry);
    (models, registry)
}

fn of_x(cells: &[f64]) -> Baseline {
    Baseline::new(cells.len(), vec![Column::of_numbers("x", cells)])
}

#[test]
fn the_newest_decision_counts_and_all_are_kept() {
    let (_models, registry) = registry();
    assert_eq!(registry.baseline(1).unwrap(), None);
    let manifest = fs::read(registry.folder(1).join("model.toml")).unwrap();
    for cells in [&[1.0, 2.0][..], &[3.0], &[1.0, 2.0]] {
        let sha256 = registry.give_baseline(1, &of_x(cells), sample::vote()).unwrap();
        let found = registry.baseline(1).unwrap().unwrap();
        assert_eq!((&*found.baseline, found.sha256.to_string()), (&of_x(cells), sha256));
    }
    let given = registry.baselines_given(1).unwrap();
    assert_eq!((given.len(), given[0].by.as_str()), (3, "ada@lab"));
    assert_eq!(given[0].sha256, given[2].sha256);
    // Never in the version.
    assert_eq!(fs::read(registry.folder(1).join("model.toml")).unwrap(), manifest);
    registry.approve(1, sample::vote()).unwrap();
}

/// Corrupt is not absent: the one before never takes its place.
#[test]
fn a_damaged_baseline_is_an_error_by_its_name() {
    let (_models, registry) = registry();
    registry.give_baseline(1, &of_x(&[7.0]), sample::vote()).unwrap();
    registry.give_baseline(1, &of_x(&[1.0]), sample::vote()).unwrap();
    let path = registry.baseline(1).unwrap().unwrap().path;
    let why = || registry.baseline(1).unwrap_err().to_string();
    fs::write(&path, of_x(&[2.0]).json()).unwrap();
    assert!(
        why().contains(path.to_str().unwrap()) && why().contains("SHA-256"),
        "{}",
        why()
    );
    fs::remove_file(&path).unwrap();
    assert!(why().contains("missing"), "{}", why());
    // A decision of a later program, and one that is none.
    let decisions = registry.folder(1).join(DECISIONS);
    for (text, expected) in [
        ("format_version = 2\n", "format_version 2"),
        ("format_version = 1\n[[decision]]\n", "sha256"),
    ] {
        fs::write(&decisions, text).unwrap();
        assert!(why().contains(expected) && why().contains("baseline.toml"), "{}", why());
    }
    // No file of another folder is read.
    fs::write(
        &decisions,
        "format_version = 1\n[[decision]]\nsha256 = \"../../../etc/x\"\nby = \"\"\nat = \"\"\n",
    )
    .unwrap();
    assert!(why().contains("lines/1/baseline-ec.json"), "{}", why());
    fs::remove_file(&decisions).unwrap();
    assert_eq!(registry.baseline(1).unwrap(), None);
}

#[test]
fn a_baseline_of_another_model_is_not_taken() {
    let (_models, registry) = registry();
    let other = Baseline::new(1, vec![Column::of_numbers("z", &[1.0])]);
    let why = registry
        .give_baseline(1, &other, sample::vote())
        .unwrap_err()
        .to_string();
    assert!(
        why.contains("input 1 of the model is \"x\", but the baseline's is \"z\""),
        "{why}"
    );
    assert_eq!(registry.baselines_given(1).unwrap(), []);
    assert!(registry.give_baseline(2, &of_x(&[1.0]), sample::vote()).is_err());
}
