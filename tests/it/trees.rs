//! XGBoost and LightGBM models through the binary: registered, named, approved, scored.

use crate::spool::Spool;
use std::fs;
use std::path::{Path, PathBuf};
use transform::model::{Format, Model};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/models")
        .join(name)
}

#[test]
fn a_name_with_a_comma_stands_in_quotes() {
    let spool = Spool::without_model();
    let artifact = fixture("xgboost-3.2.0/classifier.ubj");
    spool
        .register_file(&artifact, "xgboost", &["--class-names", "low,\"mid, so to say\",high"])
        .exits(0);
    spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("category (low, \"mid, so to say\", high)");
}

#[test]
fn a_classifier_gives_labels_and_probabilities() {
    let spool = Spool::without_model().set("input.max_bad_rows=50%");
    let artifact = fixture("xgboost-3.2.0/classifier.ubj");
    spool
        .register_file(&artifact, "xgboost", &["--class-names", "low,\"mid, so to say\""])
        .exits(64)
        .says("2 class names for 3 classes: [\"low\", \"mid, so to say\"]");
    spool
        .register_file(&artifact, "xgboost", &["--class-names", "low,mid,high", "--approve"])
        .exits(0);
    spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("xgboost.ubj")
        .says("x: float32, may be missing")
        .says("city: category (Bern, Graz, \"Kyiv, UA\", Lima,")
        .says("prediction: category (low, mid, high)")
        .says("probability_mid: float32");
    let rows = fs::read_to_string(fixture("rows.csv")).unwrap();
    spool.drop_file("rows.csv", &rows);
    spool.once().exits(0).says("120 rows, 2 bad");
    let labels = spool.output("rows.csv").unwrap();
    let labels: Vec<&str> = labels.lines().collect();
    assert_eq!(labels[0], "prediction");
    assert_eq!(labels[4], "\"\"");
    assert!(labels[1..].iter().all(|l| ["low", "mid", "high", "\"\""].contains(l)));
    assert!(spool.rejects("rows.csv").unwrap().contains("5,city,unknown category,"));

    let spool = spool.set("output.probabilities=true");
    spool.once().exits(0);
    let output = spool.output("rows.csv").unwrap();
    let mut lines = output.lines();
    assert_eq!(
        lines.next(),
        Some("prediction,probability_low,probability_mid,probability_high")
    );
    for (line, label) in lines.zip(&labels[1..]) {
        let cells: Vec<&str> = line.split(',').collect();
        if *label == "\"\"" {
            assert_eq!(line, ",,,");
            continue;
        }
        assert_eq!(cells[0], *label);
        let sum: f64 = cells[1..].iter().map(|p| p.parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{line}");
    }
}

#[test]
fn features_are_named_at_registration_or_taken_by_position() {
    let spool = Spool::without_model();
    let artifact = fixture("xgboost-3.2.0/squarederror.json");
    spool
        .register_file(&artifact, "xgboost", &["--feature-names", "a,b"])
        .exits(64)
        .says("2 feature names for 6 features");
    spool
        .register_file(&artifact, "xgboost", &["--feature-names", "a,b,c,d,e,a"])
        .exits(64)
        .says("twice");
    spool
        .register_file(&artifact, "xgboost", &["--feature-names", "a,b,c,d,e,g", "--approve"])
        .exits(0);
    spool.drop_file("named.csv", "g,e,d,c,b,a\n1,2,3,4,5,7\n");
    spool.drop_file("bare.csv", "7,5,4,3,2,1\n");
    spool.once().exits(0);
    let named = spool.output("named.csv").unwrap();
    assert_eq!(named.lines().nth(1), spool.output("bare.csv").unwrap().lines().next());
    // An artifact's own names are not to be changed.
    let own = fixture("xgboost-3.2.0/partition.json");
    spool
        .register_file(&own, "xgboost", &["--feature-names", "a,b,c,d,e,f"])
        .exits(64)
        .says("own name of feature \"a\" is \"x\"");
}

#[test]
fn a_record_of_categories_is_no_header() {
    let spool = Spool::without_model();
    spool
        .register_file(fixture("xgboost-3.2.0/partition.json"), "xgboost", &["--approve"])
        .exits(0);
    spool.drop_file("bare.csv", "1.5,0.2,,3,Oslo,10\n1.5,0.2,,3,\"Kyiv, UA\",20\n");
    spool.once().exits(0).says("2 rows");
    assert_eq!(spool.output("bare.csv").unwrap().lines().count(), 2);
}

/// Predictions don't depend on how rows come together in batches: the first rows alone, and at the end of many.
#[test]
fn a_row_is_scored_by_itself() {
    let spool = Spool::without_model();
    spool
        .register_file(fixture("lightgbm-4.7.0/pandas.txt"), "lightgbm", &["--approve"])
        .exits(0);
    let rows = fs::read_to_string(fixture("rows.csv")).unwrap();
    let (header, body) = rows.split_once('\n').unwrap();
    spool.drop_file("few.csv", format!("{header}\n{}\n", body.lines().next().unwrap()));
    spool.drop_file("many.csv", format!("{header}\n{}", body.repeat(500)));
    spool.once().exits(0);
    let many = spool.output("many.csv").unwrap();
    let many: Vec<&str> = many.lines().skip(1).collect();
    assert_eq!(many.len(), 500 * 120);
    assert!(many.chunks(120).all(|chunk| chunk == &many[..120]));
    assert_eq!(spool.output("few.csv").unwrap().lines().nth(1), Some(many[0]));
}

/// A version's manifest can't be bent to another model's columns.
#[test]
fn a_manifest_that_is_not_its_artifacts_is_damage() {
    let spool = Spool::new();
    spool
        .register_file(fixture("lightgbm-4.7.0/binary.txt"), "lightgbm", &["--approve"])
        .exits(0);
    let manifest = spool.path("models/lines/2/model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    for (from, to) in [
        ("type = \"float64\"", "type = \"float32\""),
        ("optional = true", "optional = false"),
        ("artifact = \"lightgbm.txt\"", "artifact = \"../1/linear.json\""),
        ("categories = [0, 1]", "categories = [0, 2]"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        fs::remove_file(&manifest).unwrap();
        fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        spool.drop_file("x.csv", "x\n1\n");
        spool.once().exits(3).says("model.toml");
    }
}

#[test]
fn damaged_models_are_errors() {
    for (name, format) in [
        ("xgboost-3.2.0/partition.json", Format::Xgboost),
        ("xgboost-3.2.0/partition.ubj", Format::Xgboost),
        ("lightgbm-4.7.0/pandas.txt", Format::Lightgbm),
    ] {
        let whole = fs::read(fixture(name)).unwrap();
        assert!(Model::parse(format, &whole).is_ok());
        for end in (0..whole.len() - 100).step_by(97) {
            assert!(
                Model::parse(format, &whole[..end]).is_err(),
                "{name} cut to {end} bytes"
            );
        }
        // Whatever a byte is changed to, there is an answer.
        for at in (0..whole.len()).step_by(13) {
            let mut bent = whole.clone();
            bent[at] = bent[at].wrapping_add(1 + (at % 200) as u8);
            if let Ok(model) = Model::parse(format, &bent) {
                let columns = vec![&[0.5, f64::NAN][..]; model.signature().inputs.len()];
                let mut out = vec![0.0; 2 * model.signature().outputs.len()];
                model.predict(&columns, &[], &mut out).unwrap();
            }
        }
    }
}

#[test]
fn what_a_model_claims_takes_no_memory() {
    for (artifact, words) in [
        (&b"{L\x7f\xff\xff\xff\xff\xff\xff\xff"[..], "length"),
        (b"{i\x07learner[$Z#L\x00\x00\x00\x7f\xff\xff\xff\xff", "numbers"),
        (b"{i\x07learner[#L\x00\x00\x00\x7f\xff\xff\xff\xff", "length"),
        (
            &[b"{i\x07learner".as_slice(), &b"[".repeat(100_000)].concat(),
            "invalid type",
        ),
        (&[b"{i\x01x".as_slice(), &b"[".repeat(100_000)].concat(), "deeper"),
    ] {
        let defect = Model::parse(Format::Xgboost, artifact).unwrap_err().to_string();
        assert!(defect.contains(words), "{defect}");
    }
    let text = fs::read_to_string(fixture("xgboost-3.2.0/squarederror.json")).unwrap();
    for (from, to, words) in [
        (r#""num_feature":"6""#, r#""num_feature":"4000000000""#, "num_feature"),
        (r#""num_class":"0""#, r#""num_class":"2000000000""#, "num_class"),
        (r#""split_indices":["#, r#""split_indices":[77,"#, "lengths"),
        (r#""left_children":[1"#, r#""left_children":[0"#, "two splits"),
        (r#""left_children":[1"#, r#""left_children":[2000000"#, "leads to"),
        (
            r#""objective":{"name":"reg:squarederror""#,
            r#""objective":{"name":"reg:own""#,
            "reg:own",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let defect = Model::parse(Format::Xgboost, text.replace(from, to).as_bytes())
            .unwrap_err()
            .to_string();
        assert!(defect.contains(words), "{to}: {defect}");
    }
    let text = fs::read_to_string(fixture("lightgbm-4.7.0/codes.txt")).unwrap();
    for (from, to, words) in [
        ("num_leaves=", "num_leaves=99999999999", "leaf values"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0", "targets"),
        ("cat_boundaries=0 1", "cat_boundaries=0 4000000000", "categories"),
        ("objective=regression", "objective=own", "own"),
    ] {
        assert!(text.contains(from), "{from}");
        let defect = Model::parse(Format::Lightgbm, text.replacen(from, to, 1).as_bytes())
            .unwrap_err()
            .to_string();
        assert!(defect.contains(words), "{to}: {defect}");
    }
}
