mod names;

use super::*;
use crate::model::{Column, Format, Marker};
use proptest::prelude::*;

/// A member that knows its version by its place: 1, 2...
struct Given {
    format: Format,
    json: String,
    /// What is said of its signature when it is registered.
    declare: fn(&mut Signature),
}

fn line(features: &str, coefficients: &str, intercept: f64) -> Given {
    Given {
        format: Format::Linear,
        json: format!(r#"{{"features":[{features}],"coefficients":[{coefficients}],"intercept":{intercept}}}"#),
        declare: |_| (),
    }
}

/// `inputs`, `terms`, and the output of a pipeline with an intercept of 0.
fn pipeline(inputs: &str, terms: &str, output: &str) -> Given {
    Given {
        format: Format::Pipeline,
        json: format!(r#"{{"inputs":[{inputs}],"terms":[{terms}],"intercept":0,"output":{output}}}"#),
        declare: |_| (),
    }
}

/// The log-odds of the second class are 2 x + 1 times the sign.
fn classifier(classes: &str, threshold: f64, sign: f64) -> Given {
    pipeline(
        r#"{"name":"x","missing":"refuse"}"#,
        &format!(
            r#"{{"name":"x","factors":[{{"input":"x"}}],"mean":-0.5,"scale":1,"coefficient":{}}}"#,
            2.0 * sign
        ),
        &format!(r#"{{"classes":[{classes}],"threshold":{threshold}}}"#),
    )
}

impl Given {
    fn declared(self, declare: fn(&mut Signature)) -> Given {
        Given { declare, ..self }
    }

    fn read(&self) -> Model {
        let mut model = Model::parse(self.format, self.json.as_bytes()).unwrap();
        (self.declare)(&mut model.signature);
        model
    }
}

fn ensemble_by(combine: Combine, weights: &[f64], threshold: Option<f64>, given: &[Given]) -> Result<Model, String> {
    let models: Vec<Model> = given.iter().map(Given::read).collect();
    let part = |(place, (given, model)): (usize, (&Given, &Model))| Part {
        version: place as u32 + 1,
        format: given.format,
        file: format!("member-{}.json", place + 1),
        sha256: String::new(),
        signature: model.signature().clone(),
    };
    let parts = given.iter().zip(&models).enumerate().map(part).collect();
    let artifact = Plan::new(combine, weights.to_vec(), threshold, parts).serialise();
    let plan = Plan::parse(&artifact).map_err(|defect| defect.to_string())?;
    assert_eq!(plan.serialise(), artifact);
    let mut model = Model::ensemble(&plan, models).map_err(|defect| defect.to_string())?;
    let signature = model.signature().clone();
    model.adopt(&signature).unwrap();
    Ok(model)
}

fn ensemble(given: &[Given]) -> Result<Model, String> {
    ensemble_by(Combine::Mean, &[], None, given)
}

/// `[output][row]`
fn predict(model: &Model, columns: &[&[f64]]) -> Vec<f64> {
    let mut out = vec![0.0; columns[0].len() * model.signature().outputs.len()];
    model.predict(columns, &[], &mut out).unwrap();
    out
}

#[test]
fn numbers_have_a_weighted_mean_and_a_median() {
    let members = || {
        [
            line("\"x\"", "1", 0.0),
            line("\"x\",\"y\"", "0,10", 0.0),
            line("\"y\",\"x\"", "0,0", 100.0),
        ]
    };
    let columns: &[&[f64]] = &[&[1.0, 4.0], &[2.0, f64::NAN]];
    // Members give 1, 20, 100 and 4, NaN, NaN.
    let found = |combine, weights: &[f64]| predict(&ensemble_by(combine, weights, None, &members()).unwrap(), columns);
    let mean = found(Combine::Mean, &[5.0, 3.0, 2.0]);
    assert!((mean[0] - 26.5).abs() < 1e-12 && mean[1].is_nan(), "{mean:?}");
    assert_eq!(found(Combine::Mean, &[50.0, 30.0, 20.0])[0], mean[0]);
    let median = found(Combine::Median, &[]);
    assert!(median[0] == 20.0 && median[1].is_nan(), "{median:?}");
    let two = [line("\"x\"", "1", 0.0), line("\"x\"", "0", f64::MAX)];
    let two = ensemble_by(Combine::Median, &[], None, &two).unwrap();
    assert_eq!(predict(&two, &[&[f64::MAX, 0.0]]), [f64::MAX, f64::MAX / 2.0]);
    let outputs = &two.signature().outputs;
    assert_eq!((outputs.len(), outputs[0].kind), (1, Type::Float64));
}

#[test]
fn classes_are_found_by_their_names_and_labelled_by_the_mean() {
    let of = |given: &[Given], threshold| ensemble_by(Combine::Mean, &[3.0, 1.0], threshold, given);
    let swapped = [
        classifier(r#""no","yes""#, 0.5, 1.0),
        classifier(r#""yes","no""#, 0.5, 1.0),
    ];
    let why = of(&swapped, None).unwrap_err();
    assert_eq!(
        why,
        "the threshold of version 2 is for the other class than version 1's second one; say --threshold"
    );
    let model = of(&swapped, Some(0.6)).unwrap();
    let names: Vec<&str> = model.signature().outputs.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["prediction", "probability_no", "probability_yes"]);
    assert_eq!(model.threshold(), Some(0.6));
    let p = |x: f64| 1.0 / (1.0 + (-(2.0 * x + 1.0)).exp());
    let xs = [-3.0, -0.1, 0.5, f64::NAN];
    let found = predict(&model, &[&xs]);
    for (row, x) in xs.iter().take(3).enumerate() {
        // The second one's "no" is its second class.
        let yes = 0.75 * p(*x) + 0.25 * (1.0 - p(*x));
        assert!((found[8 + row] - yes).abs() < 1e-12, "{x}: {found:?}");
        assert!((found[4 + row] + found[8 + row] - 1.0).abs() < 1e-12);
        assert_eq!(found[row], f64::from(yes >= 0.6), "{x}");
    }
    assert!(found[3].is_nan() && found[7].is_nan());
    let same = of(
        &[
            classifier(r#""no","yes""#, 0.25, 1.0),
            classifier(r#""no","yes""#, 0.25, 1.0),
        ],
        None,
    );
    assert_eq!(same.unwrap().threshold(), Some(0.25));
}

#[test]
fn the_first_class_of_the_greatest_mean_is_the_label() {
    let model = |threshold| Ensemble {
        members: Vec::new(),
        combine: Combine::Mean,
        classes: true,
        threshold,
        sample: Vec::new(),
        known: Vec::new(),
        known_integers: Vec::new(),
    };
    let label = |p: &[f64]| model(None).label(p);
    assert_eq!(
        (label(&[0.5, 0.5]), label(&[0.2, 0.5, 0.5]), label(&[0.4, 0.6])),
        (0.0, 1.0, 1.0)
    );
    assert!(label(&[0.2, f64::NAN, 0.5]).is_nan());
    assert_eq!(
        (model(Some(0.5)).label(&[0.5, 0.5]), model(Some(0.3)).label(&[0.8, 0.2])),
        (1.0, 0.0)
    );
}

const CITY: &str = r#"{"name":"city","categories":["Lima","Oslo","Rome"],"missing":"ignore","unknown":"ignore"}"#;
const CITY_SORTED_OTHERWISE: &str =
    r#"{"name":"city","categories":["Rome","Lima","Oslo"],"missing":"refuse","unknown":"ignore"}"#;

/// An indicator of Oslo, times a coefficient.
fn oslo(city: &str, coefficient: f64) -> Given {
    let term = format!(
        r#"{{"name":"o","factors":[{{"input":"city","category":"Oslo"}}],"mean":0,"scale":1,"coefficient":{coefficient}}}"#
    );
    pipeline(city, &term, "\"number\"")
}

#[test]
fn each_member_gets_the_codes_of_its_own_table() {
    let model = ensemble(&[oslo(CITY, 2.0), oslo(CITY_SORTED_OTHERWISE, 4.0)]).unwrap();
    let [city] = &model.signature().inputs[..] else {
        panic!("{model:?}")
    };
    assert!(city.open && !city.optional);
    // Lima, Oslo, Rome, one that nobody knows.
    assert_eq!(predict(&model, &[&[0.0, 1.0, 2.0, -1.0]]), [0.0, 3.0, 0.0, 0.0]);
}

#[test]
fn inputs_are_united_by_name_and_narrowed_to_what_all_take() {
    let mut whole = line("\"n\",\"x\"", "1,1", 0.0);
    whole.declare = |signature| signature.inputs[0].kind = Type::Int64;
    let filled = pipeline(
        r#"{"name":"x","missing":{"fill":7}},{"name":"z","missing":{"fill":7}}"#,
        r#"{"name":"x","factors":[{"input":"z"}],"mean":0,"scale":1,"coefficient":1}"#,
        "\"number\"",
    );
    let single = line("\"z\",\"n\"", "1,1", 0.0).declared(|signature| {
        signature.inputs[0].kind = Type::Float32;
        signature.inputs[0].optional = true;
        signature.inputs[1].boolean = true;
    });
    let given = [whole, filled, single];
    let models: Vec<Model> = given.iter().map(Given::read).collect();
    let parts = given.iter().zip(&models).map(|(given, model)| Part {
        version: 0,
        format: given.format,
        file: String::new(),
        sha256: String::new(),
        signature: model.signature().clone(),
    });
    let plan = Plan::new(Combine::Mean, Vec::new(), None, parts.collect());
    let (signature, wirings) = plan.signature().unwrap();
    let found: Vec<_> = signature
        .inputs
        .iter()
        .map(|c| (c.name.as_str(), c.kind, c.optional, c.boolean))
        .collect();
    assert_eq!(
        found,
        [
            ("n", Type::Int64, false, false),
            ("x", Type::Float64, false, false),
            ("z", Type::Float64, true, false),
        ]
    );
    let inputs: Vec<&[usize]> = wirings.iter().map(|wiring| &wiring.inputs[..]).collect();
    assert_eq!(inputs, [&[0, 1][..], &[1, 2], &[2, 0]]);
}

/// As XGBoost with missing=-999 beside a model to which that is a number.
#[test]
fn a_number_that_means_missing_to_one_member_alone_is_a_number_to_the_others() {
    let filled = |declare| {
        pipeline(
            r#"{"name":"x","missing":{"fill":7}}"#,
            r#"{"name":"x","factors":[{"input":"x"}],"mean":0,"scale":1,"coefficient":1}"#,
            "\"number\"",
        )
        .declared(declare)
    };
    let double = filled(|s| s.inputs[0].missing = vec![Marker::Number(-999.0), Marker::Number(-1.0)]);
    let single = filled(|s| {
        s.inputs[0].missing = vec![Marker::Number(-999.0)];
        s.inputs[0].kind = Type::Float32;
    });
    let model = ensemble_by(Combine::Mean, &[1.0, 3.0], None, &[double, single]).unwrap();
    let [x] = &model.signature().inputs[..] else {
        panic!("{model:?}")
    };
    assert_eq!(
        (x.kind, &x.missing[..], x.optional),
        (Type::Float64, &[Marker::Number(-999.0)][..], true)
    );
    // What the reader makes of -999; -1; a double that is -999 as a single; another number.
    let near = -999.0 + 1e-9;
    let found = predict(&model, &[&[f64::NAN, -1.0, near, 3.0]]);
    assert_eq!(found, [7.0, 0.25 * 7.0 - 0.75, 0.25 * near + 0.75 * 7.0, 3.0]);
    let line = line("\"x\"", "1", 0.0);
    let marked = filled(|s| s.inputs[0].missing = vec![Marker::Number(-999.0)]);
    let model = ensemble(&[line, marked]).unwrap();
    assert_eq!(predict(&model, &[&[-999.0, 1.0]]), [-496.0, 1.0]);
}

#[test]
fn what_members_do_not_agree_on_is_named() {
    let number = || line("\"city\"", "1", 0.0);
    let marked = || number().declared(|s| s.inputs[0].missing = vec![Marker::Number(-999.0)]);
    let other_cities = CITY.replace("Rome", "Bern");
    let yes_no = || classifier(r#""no","yes""#, 0.5, 1.0);
    let labels = || yes_no().declared(|s| s.outputs.truncate(1));
    for (given, words) in [
        (
            [oslo(CITY, 1.0), number()],
            "versions 1 and 2 don't take the same column \"city\": a category (\"Lima\", \"Oslo\", \"Rome\") in one, a float64",
        ),
        (
            [oslo(CITY, 1.0), oslo(&other_cities, 1.0)],
            "its categories are \"Lima\", \"Oslo\", \"Rome\" in one, \"Lima\", \"Oslo\", \"Bern\" in the other",
        ),
        (
            [number(), number().declared(|s| s.inputs[0].kind = Type::String)],
            "a float64 in one, a string in the other",
        ),
        (
            [number(), number().declared(|s| s.inputs[0].kind = Type::Boolean)],
            "a float64 in one, a boolean in the other",
        ),
        (
            [number(), marked()],
            "other numbers mean a missing value of \"city\" to version 2, which takes none",
        ),
        (
            [
                number(),
                number().declared(|s| s.inputs[0].missing = vec![Marker::Text("?".into())]),
            ],
            "other words mean a missing value",
        ),
        (
            [
                marked(),
                marked().declared(|s| {
                    s.inputs[0].missing = vec![Marker::Number(-999.0)];
                    s.inputs[0].kind = Type::Float32;
                }),
            ],
            "to version 2, which takes none",
        ),
        (
            [number(), yes_no()],
            "versions 1 and 2 can't be combined: one gives numbers, the other classes",
        ),
        (
            [yes_no(), number()],
            "versions 1 and 2 can't be combined: one gives classes, the other numbers",
        ),
        (
            [yes_no(), classifier(r#""no","perhaps""#, 0.5, 1.0)],
            "versions 1 and 2 don't have the same classes: \"no\", \"yes\", and \"no\", \"perhaps\"; --class-names",
        ),
        ([yes_no(), labels()], "version 2 gives labels without the probabilities"),
        (
            [yes_no(), classifier(r#""no","yes""#, 0.25, 1.0)],
            "from other probabilities on: 0.5, and 0.25 by version 2; say --threshold",
        ),
        (
            [
                number(),
                number().declared(|s| s.outputs[0].name = "prediction_0".into()),
            ],
            "versions 1 and 2 don't give the same numbers: prediction, and prediction_0",
        ),
    ] {
        let why = ensemble(&given).unwrap_err();
        assert!(why.contains(words), "{words}: {why}");
    }
    let of = |combine, weights: &[f64], threshold, given: &[Given]| {
        ensemble_by(combine, weights, threshold, given).unwrap_err()
    };
    let two = || [number(), number()];
    use Combine::{Mean, Median};
    for (why, words) in [
        (of(Median, &[], None, &[yes_no(), yes_no()]), "a median is of numbers"),
        (of(Median, &[1.0, 1.0], None, &two()), "a median has no weights"),
        (of(Mean, &[1.0], None, &two()), "1 weights for 2 members"),
        (of(Mean, &[1.0, 0.0], None, &two()), "a positive number, not 0"),
        (of(Mean, &[1.0, -1.0], None, &two()), "a positive number, not -1"),
        (of(Mean, &[f64::MAX, f64::MAX], None, &two()), "sum is too large"),
        (of(Mean, &[], Some(0.5), &two()), "a threshold is for two classes"),
        (
            of(Mean, &[], Some(1.5), &two()),
            "a threshold is a probability, not 1.5",
        ),
        (of(Mean, &[], None, &[number()]), "2 to 64 members, not 1"),
    ] {
        assert!(why.contains(words), "{words}: {why}");
    }
}

#[test]
fn a_plan_that_is_not_whole_is_refused() {
    let given = [line("\"x\"", "1", 0.0), line("\"x\"", "2", 0.0)];
    let part = |place: usize| Part {
        version: 3 + place as u32,
        format: Format::Linear,
        file: Plan::file(place, "linear.json"),
        sha256: "0".into(),
        signature: given[place].read().signature().clone(),
    };
    let whole = Plan::new(Combine::Mean, vec![1.0, 2.0], None, vec![part(0), part(1)]).serialise();
    let whole = String::from_utf8(whole).unwrap();
    for (from, to, words) in [
        (
            "\"format_version\": 1",
            "\"format_version\": 2, \"more\": 1",
            "format_version 2 is not known",
        ),
        ("\"combine\"", "\"combined\"", "unknown field `combined`"),
        ("\"mean\"", "\"mode\"", "unknown variant `mode`"),
        (
            "member-2.json",
            "member-1.json",
            "the file of member 2 can't be \"member-1.json\"",
        ),
        (
            "member-1.json",
            "member-1.json/../../x",
            "the file of member 1 can't be",
        ),
        ("member-1.json", "../member-1.json", "the file of member 1 can't be"),
        ("member-1.json", "model.toml", "the file of member 1 can't be"),
        ("\"linear\"", "\"ensemble\"", "version 3 is itself an ensemble"),
        ("2.0", "1e999", "number out of range"),
    ] {
        assert!(whole.contains(from), "{from}");
        let why = Plan::parse(whole.replacen(from, to, 1).as_bytes())
            .unwrap_err()
            .to_string();
        assert!(why.contains(words), "{from} -> {to}: {why}");
    }
    assert!(Plan::parse(b"").is_err() && Plan::parse(&[b'['; 100_000]).is_err());
    let why = Model::parse(Format::Ensemble, whole.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(why.contains("models ensemble 3 5 7"), "{why}");
}

proptest! {
    /// A row's prediction doesn't depend on the rows beside it, and all members alike give what one gives.
    #[test]
    fn rows_are_scored_apart(xs in prop::collection::vec(-1e6..1e6f64, 1..40), slope in -10.0..10.0f64) {
        let given = || [line("\"x\"", &slope.to_string(), 1.0), line("\"x\"", &slope.to_string(), 1.0)];
        let one = given()[0].read();
        for combine in [Combine::Mean, Combine::Median] {
            let both = ensemble_by(combine, &[], None, &given()).unwrap();
            let together = predict(&both, &[&xs]);
            prop_assert_eq!(&together, &predict(&one, &[&xs]));
            for (x, y) in xs.iter().zip(&together) {
                prop_assert_eq!(predict(&both, &[&[*x]]), [*y]);
            }
        }
    }

    #[test]
    fn a_damaged_plan_never_panics(at in 0..400usize, byte: u8) {
        let given = [line("\"x\"", "1", 0.0), line("\"x\"", "2", 0.0)];
        let parts = given.iter().enumerate().map(|(place, given)| Part {
            version: 1,
            format: Format::Linear,
            file: Plan::file(place, "linear.json"),
            sha256: String::new(),
            signature: given.read().signature().clone(),
        });
        let mut bytes = Plan::new(Combine::Mean, vec![1.0, 2.0], None, parts.collect()).serialise();
        bytes[at] = byte;
        if let Ok(plan) = Plan::parse(&bytes) {
            let _ = plan.signature();
        }
    }
}
