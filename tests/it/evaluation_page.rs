//! What stands on the page of an evaluation beside its metrics, and in its JSON, through the binary.

use crate::onnx;
use crate::spool::Spool;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A spool with examples of `y = 3 a + 2 [city = Oslo]` and a little noise; `n` is noise, `region` no feature. In the last quarter of
/// the rows, which is evaluated, `a` is larger than ever.
fn spool() -> Spool {
    let spool = Spool::without_model();
    let mut text = "id,a,n,city,region,y\n".to_string();
    for i in 0..400 {
        let a = f64::from(i * 37 % 101) / 10.0 + if i < 300 { 0.0 } else { 40.0 };
        let (n, noise) = (i * 71 % 97, f64::from(i * 53 % 17) / 10.0 - 0.8);
        let city = ["Oslo", "Lima", "<b>Rome"][i as usize % 3];
        let region = ["south", "north", "north", "north"][i as usize % 4];
        // Badly predicted.
        let noise = if region == "south" { 20.0 * noise } else { noise };
        let y = 3.0 * a + if city == "Oslo" { 2.0 } else { 0.0 } + noise;
        text += &format!("x{i},{a},{n},{city},{region},{y}\n");
    }
    fs::write(spool.path("examples.csv"), text).unwrap();
    let pipeline = "[data]\nfile = \"examples.csv\"\ntarget = \"y\"\nfeatures = [\"a\", \"n\", \"city\"]\n[split]\nlast = 100\n\
                    [train]\ntrainer = \"least-squares\"\nalpha = 0.1\n[gate]\nmse = \"< 1e6\"\n[search]\n[search.over]\n\
                    \"train.alpha\" = [0.1, 1000.0]\n";
    fs::write(spool.path("p.toml"), pipeline).unwrap();
    spool
}

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The number of a version is known when its page is made, and a page that is handed out is the same one.
#[test]
fn the_page_of_training_names_its_version_and_shows_what_was_found() {
    let spool = spool();
    let (pipeline, out) = (spool.path("p.toml"), spool.path("out.html"));
    let train = ["train", pipeline.to_str().unwrap(), "--html", out.to_str().unwrap()];
    for version in 1..=2 {
        spool.run(&train).exits(0);
        let folder = spool.path(format!("models/lines/{version}"));
        let page = fs::read_to_string(folder.join("evaluation.html")).unwrap();
        let manifest = fs::read_to_string(folder.join("model.toml")).unwrap();
        let artifact = manifest
            .lines()
            .find_map(|line| line.strip_prefix("sha256 = \""))
            .unwrap();
        for words in [
            &format!("<h1>lines/{version}</h1>"),
            artifact.trim_end_matches('"'),
            "<dd>passed</dd>",
            "pending, when this page was made",
            "Permutation importance",
            "<h2>By group</h2>",
            "&lt;b&gt;Rome",
            // Of a column that the model doesn't take.
            ">region</th>",
            "<span class=\"warns\">worse</span>",
            // All values are beyond those of training.
            "<span class=\"warns block\">outside 1.00</span>",
            "<tr class=\"chosen\"><th>chosen</th><td class=\"number\">0.1000</td>",
        ] {
            assert!(page.contains(words), "{words}");
        }
        // An identifier has no groups.
        assert!(!page.contains(">id</th>"));
        assert_eq!(fs::read_to_string(&out).unwrap(), page);
    }
    let examples = spool.path("examples.csv");
    let evaluate = [
        "evaluate",
        examples.to_str().unwrap(),
        "--version",
        "1",
        "--html",
        out.to_str().unwrap(),
    ];
    spool.run(&evaluate).exits(0);
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("<h1>lines/1</h1>") && page.contains("<dd>passed, when it was registered</dd>"));
    spool.run(&[&train[..], &["--dry-run"]].concat()).exits(0);
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("<h1>lines, candidate</h1>") && page.contains("not registered"));
}

#[test]
fn importance_and_slices_are_the_same_on_any_number_of_threads() {
    let spool = spool();
    let pipeline = spool.path("p.toml");
    let with = |threads: &str| {
        let mut command = spool.command(&["train", pipeline.to_str().unwrap(), "--json", "--dry-run"]);
        let ran = command.env("RAYON_NUM_THREADS", threads).output().unwrap();
        serde_json::from_slice::<Value>(&ran.stdout).unwrap()
    };
    let (one, four) = (with("1"), with("4"));
    assert_eq!(
        (&one["importance"], &one["slices"]),
        (&four["importance"], &four["slices"])
    );
    let importance = &one["importance"];
    assert_eq!(
        (&importance["metric"], &importance["rows"]),
        (&"r2".into(), &100.into())
    );
    let mean = |i: usize| importance["inputs"][i]["mean"].as_f64().unwrap();
    assert!(mean(0) > 10.0 * mean(1).abs(), "{importance}");
    let slices = &one["slices"]["columns"];
    assert_eq!(
        (&slices[0]["column"], &slices[1]["column"]),
        (&"city".into(), &"region".into())
    );
    assert_eq!(slices[1]["groups"][1]["name"], "south");
    assert_eq!(slices[1]["groups"][1]["worse"], true);
}

/// Trees keep what their splits gained; the rows that they were trained on are known by the baseline.
#[test]
fn any_registered_version_has_its_importance_and_its_gain() {
    let spool = Spool::without_model();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models");
    let rows = fs::read_to_string(models.join("rows.csv")).unwrap();
    let predictions = fs::read_to_string(models.join("lightgbm-4.7.0/pandas.csv")).unwrap();
    let predictions = predictions.lines().map(|line| line.replace("prediction", "truth"));
    let labelled: String = rows
        .lines()
        .zip(predictions)
        .map(|(row, y)| format!("{row},{y}\n"))
        .collect();
    fs::write(spool.path("rows.csv"), labelled).unwrap();
    let rows = spool.path("rows.csv");
    let rows = rows.to_str().unwrap();
    spool
        .register_file(
            models.join("lightgbm-4.7.0/pandas.txt"),
            "lightgbm",
            &["--baseline", rows],
        )
        .exits(0);
    let page = spool.path("e.html");
    let evaluate = [
        "evaluate",
        rows,
        "--target",
        "truth",
        "--version",
        "1",
        "--html",
        page.to_str().unwrap(),
    ];
    let evaluated = spool.run(&[&evaluate[..], &["--json"]].concat()).exits(0).json();
    let inputs = evaluated["importance"]["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 6);
    let expected = &json(models.join("gain.json"))["files"]["lightgbm-4.7.0/pandas.txt"];
    // The largest drop first, so the splits are another order of those in the file.
    let means: Vec<f64> = inputs.iter().map(|input| input["mean"].as_f64().unwrap()).collect();
    assert!(
        means.is_sorted_by(|a, b| a >= b) && means.iter().all(|mean| *mean >= 0.0),
        "{means:?}"
    );
    let sorted = |mut splits: Vec<u64>| {
        splits.sort_unstable();
        splits
    };
    let splits = inputs.iter().map(|input| input["splits"].as_u64().unwrap()).collect();
    let expected = (0..6).map(|i| expected[i][2].as_u64().unwrap()).collect();
    assert_eq!(sorted(splits), sorted(expected));
    let page = fs::read_to_string(&page).unwrap();
    for words in [
        "which LightGBM calls gain",
        "<dd>pending</dd>",
        "missing, training rows",
        ">city</th>",
    ] {
        assert!(page.contains(words), "{words}");
    }
    // Nothing differs from the very same rows.
    assert!(!page.contains("warns block"));
    spool.approve(1);
    spool.run(&evaluate).exits(0);
    let page = fs::read_to_string(spool.path("e.html")).unwrap();
    assert!(page.contains("<dd>approved by "));
}

/// Texts are permuted as they stand; a column of them is parted into groups.
#[test]
fn importance_of_an_onnx_model_is_of_texts_too() {
    let Some(library) = onnx::library() else { return };
    let spool = Spool::without_model().set(&format!("models.onnxruntime={}", library.to_str().unwrap()));
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/onnx-skl2onnx-1.20.0");
    let [rows, predictions] =
        ["columns.in.csv", "columns.csv"].map(|name| fs::read_to_string(models.join(name)).unwrap());
    let truth = predictions.lines().map(|line| match line.split(',').next().unwrap() {
        "prediction" => "truth",
        "0" => "no",
        "1" => "yes",
        label => panic!("{label}"),
    });
    let labelled: String = rows.lines().zip(truth).map(|(row, y)| format!("{row},{y}\n")).collect();
    fs::write(spool.path("rows.csv"), labelled).unwrap();
    spool
        .register_file(models.join("columns.onnx"), "onnx", &["--class-names", "no,yes"])
        .exits(0);
    let rows = spool.path("rows.csv");
    let args = [
        "evaluate",
        rows.to_str().unwrap(),
        "--target",
        "truth",
        "--version",
        "1",
        "--json",
    ];
    let evaluated = spool.run(&args).exits(0).json();
    let importance = &evaluated["importance"];
    assert_eq!(importance["value"], 1.0);
    let inputs = importance["inputs"].as_array().unwrap();
    let city = inputs.iter().find(|input| input["name"] == "city").unwrap();
    assert!(city["mean"].as_f64().unwrap() > 0.01, "{importance}");
    assert!(city.get("gain").is_none());
    let columns = evaluated["slices"]["columns"].as_array().unwrap();
    assert!(columns.iter().any(|column| column["column"] == "city"));
}
