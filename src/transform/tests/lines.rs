//! JSON Lines in and out, by the whole engine.

use super::*;
use crate::format::{Compression, FileFormat, OutputFormat, RowFormat};
use crate::score::Spelling;

/// What came of an input: its summary or problem, its output, its rejects.
struct Done {
    summary: Result<Summary, Problem>,
    out: String,
    rejects: String,
}

fn scorer(columns: Columns, output: OutputFormat) -> Scorer {
    let mut scorer = Scorer::new(lineup(), shape(columns, Limit::Share(Share::ALL)));
    scorer.shape.output = output;
    scorer
}

fn run(text: &[u8], format: RowFormat, scorer: &Scorer) -> Done {
    let run = Run {
        size: Some(text.len() as u64),
        format: FileFormat {
            rows: format,
            compression: Compression::None,
        },
        ..Run::default()
    };
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    let summary = transform(text, scorer, &mut out, &mut rejects, &run).map_err(|failure| match failure {
        Failure::Problem(problem) => *problem,
        failure => panic!("{failure:?}"),
    });
    Done {
        summary,
        out: String::from_utf8(out).unwrap(),
        rejects: String::from_utf8_lossy(&rejects).into_owned(),
    }
}

fn lines(text: &str) -> Done {
    run(
        text.as_bytes(),
        RowFormat::JsonLines,
        &scorer(Columns::Prediction, OutputFormat::Same),
    )
}

fn problem(done: Done) -> Problem {
    done.summary.expect_err("it is scored")
}

#[test]
fn each_line_becomes_its_object_with_the_prediction_behind_it() {
    let done = lines(
        "\u{feff}{\"x\": 1, \"y\":2}\r\n{\"y\":\"4\",\"id\":[1,{\"a\":\"}\"}],\"x\":1e0 }\n{\"x\":null,\"y\":1}\n{}\n\n \
         [1,2]\n{\"x\":1,\"y\":2,}\n\"a\"\n{\"x\":1,\"y\":{}}\n{\"x\":1,\"y\":2,\"x\":1}\n{\"x\":1e308,\"y\":1e308}\n\n",
    );
    let summary = done.summary.unwrap();
    assert_eq!((summary.rows, summary.bad_rows, summary.not_finite), (11, 8, 1));
    assert_eq!(
        done.out,
        "{\"x\": 1, \"y\":2,\"prediction\":4.5}\n\
         {\"y\":\"4\",\"id\":[1,{\"a\":\"}\"}],\"x\":1e0,\"prediction\":6.5}\n\
         {\"x\":null,\"y\":1,\"prediction\":null}\n\
         {\"prediction\":null}\n\
         {\"prediction\":null,\"input\":\"\"}\n\
         {\"prediction\":null,\"input\":\" [1,2]\"}\n\
         {\"prediction\":null,\"input\":\"{\\\"x\\\":1,\\\"y\\\":2,}\"}\n\
         {\"prediction\":null,\"input\":\"\\\"a\\\"\"}\n\
         {\"x\":1,\"y\":{},\"prediction\":null}\n\
         {\"x\":1,\"y\":2,\"x\":1,\"prediction\":null}\n\
         {\"x\":1e308,\"y\":1e308,\"prediction\":null}\n"
    );
    assert_eq!(
        done.rejects,
        "line,row_group,row,column,reason,text\n\
         3,,3,x,missing value,\"{\"\"x\"\":null,\"\"y\"\":1}\"\n\
         4,,4,x,missing value,{}\n\
         5,,5,,\"an empty line, where an object is expected\",\n\
         6,,6,,\"the line is an array, where an object is expected\",\" [1,2]\"\n\
         7,,7,,not JSON: column 14: nothing stands behind the last comma,\"{\"\"x\"\":1,\"\"y\"\":2,}\"\n\
         8,,8,,\"the line is a text, where an object is expected\",\"\"\"a\"\"\"\n\
         9,,9,y,\"an object, where a number, text, boolean or null is expected\",\"{\"\"x\"\":1,\"\"y\"\":{}}\"\n\
         10,,10,,\"the key \"\"x\"\" stands twice\",\"{\"\"x\"\":1,\"\"y\"\":2,\"\"x\"\":1}\"\n"
    );
}

#[test]
fn named_members_alone_are_kept_and_null_where_there_is_none() {
    let named = || Columns::Named(vec!["id".into(), "input".into()]);
    let text = b"{\"x\":1,\"y\":2,\"id\":\"a\\u0022\",\"input\":[1, 2]}\n{\"id\": 1.50, \"x\":1,\"y\":\"z\"}\noops\n{\"id\":1,\"id\":2,\"x\":1,\"y\":2}\n";
    let mut scorer = scorer(named(), OutputFormat::Same);
    scorer.shape.model_version = true;
    let done = run(text, RowFormat::JsonLines, &scorer);
    assert_eq!(
        done.out,
        "{\"id\":\"a\\u0022\",\"input\":[1, 2],\"prediction\":4.5,\"model_version\":0}\n\
         {\"id\":1.50,\"input\":null,\"prediction\":null,\"model_version\":0}\n\
         {\"id\":null,\"prediction\":null,\"model_version\":0,\"input\":\"oops\"}\n\
         {\"id\":null,\"input\":null,\"prediction\":null,\"model_version\":0}\n"
            .replace(
                "\"model_version\":0",
                &format!("\"model_version\":{}", scorer.lineup.champion.identity.version)
            )
    );
    let done = run(text, RowFormat::JsonLines, &self::scorer(named(), OutputFormat::Csv));
    assert_eq!(
        done.out,
        "id,input,prediction\n\"a\"\"\",\"[1, 2]\",4.5\n1.50,,\n,,\n,,\n"
    );
}

#[test]
fn any_text_becomes_any_other() {
    let csv = "id,\"a,b\",x,y\n007,\"q\"\"\n\",1,2\nb,c,oops,2\nb,c\n";
    let out = |text: &str, format, columns, output| {
        let done = run(text.as_bytes(), format, &scorer(columns, output));
        done.summary.unwrap();
        done.out
    };
    use OutputFormat::{Csv, JsonLines};
    assert_eq!(
        out(csv, RowFormat::Csv, Columns::All, JsonLines),
        "{\"id\":\"007\",\"a,b\":\"q\\\"\\n\",\"x\":\"1\",\"y\":\"2\",\"prediction\":4.5}\n\
         {\"id\":\"b\",\"a,b\":\"c\",\"x\":\"oops\",\"y\":\"2\",\"prediction\":null}\n\
         {\"id\":null,\"a,b\":null,\"x\":null,\"y\":null,\"prediction\":null,\"input\":\"b,c\"}\n"
    );
    assert_eq!(
        out(csv, RowFormat::Csv, Columns::Prediction, JsonLines),
        "{\"prediction\":4.5}\n{\"prediction\":null}\n{\"prediction\":null,\"input\":\"b,c\"}\n"
    );
    // Without a header, the columns are the model's.
    assert_eq!(
        out("1,2\n", RowFormat::Csv, Columns::All, JsonLines),
        "{\"x\":\"1\",\"y\":\"2\",\"prediction\":4.5}\n"
    );
    let tsv = csv.replace("\"a,b\"", "a;b").replace(",", "\t");
    assert_eq!(
        out(&tsv, RowFormat::Tsv, Columns::All, OutputFormat::Same),
        "id\ta;b\tx\ty\tprediction\n007\t\"q\"\"\n\"\t1\t2\t4.5\nb\tc\toops\t2\t\n\t\t\t\t\n"
    );
    assert_eq!(
        out(&tsv, RowFormat::Tsv, Columns::Named(vec!["a;b".into()]), Csv),
        "a;b,prediction\n\"q\"\"\n\",4.5\nc,\n,\n"
    );
    let json = "{\"x\":1,\"y\":2}\n[]\n";
    assert_eq!(
        out(json, RowFormat::JsonLines, Columns::Prediction, Csv),
        "prediction\n4.5\n\"\"\n"
    );
    let refused = problem(run(json.as_bytes(), RowFormat::JsonLines, &scorer(Columns::All, Csv)));
    assert_eq!(refused.code, problem::Code::ColumnsUnclear);
}

/// Neither may become another text, or one in the place of the other.
#[test]
fn bytes_that_are_no_text_are_refused_where_json_is_written() {
    let scorer = scorer(Columns::All, OutputFormat::JsonLines);
    let found = problem(run(b"id,x,y\na,1,2\nb\xFF,1,2\n", RowFormat::Csv, &scorer));
    assert_eq!((found.code, found.line), (problem::Code::BadEncoding, Some(3)));
}

#[test]
fn a_member_with_the_name_of_an_output_fails_the_file_on_its_line() {
    let text = "{\"x\":1,\"y\":2}\noops\n{\"x\":1,\"y\":2,\"predict\\u0069on\":3}\n{\"x\":1}\n";
    let done = lines(text);
    assert_eq!(done.rejects.lines().count(), 2);
    let found = problem(done);
    assert_eq!((found.code, found.line), (problem::Code::DuplicateColumn, Some(3)));
    assert!(found.hint.contains("output.prefix"), "{}", found.hint);
    let mut prefixed = scorer(Columns::Prediction, OutputFormat::Same);
    prefixed.shape.prefix = "m_".into();
    let done = run(text.as_bytes(), RowFormat::JsonLines, &prefixed);
    assert!(
        done.out.contains("\"predict\\u0069on\":3,\"m_prediction\":4.5}"),
        "{}",
        done.out
    );
    // Named members don't have it, unless it is one of them.
    let named = |name: &str| scorer(Columns::Named(vec![name.into()]), OutputFormat::Same);
    run(text.as_bytes(), RowFormat::JsonLines, &named("x")).summary.unwrap();
    let found = problem(run(text.as_bytes(), RowFormat::JsonLines, &named("prediction")));
    assert_eq!(found.code, problem::Code::DuplicateColumn);
    let csv = "prediction,x,y\n0,1,2\n";
    let found = problem(run(
        csv.as_bytes(),
        RowFormat::Csv,
        &scorer(Columns::All, OutputFormat::Same),
    ));
    assert_eq!(found.code, problem::Code::DuplicateColumn);
    prefixed.shape.columns = Columns::All;
    let done = run(csv.as_bytes(), RowFormat::Csv, &prefixed);
    assert_eq!(done.out, "prediction,x,y,m_prediction\n0,1,2,4.5\n");
}

#[test]
fn a_column_that_no_object_has_is_named() {
    let found = problem(lines("{\"x\":1,\"Y\":2}\n{\"x\":1}\n"));
    assert_eq!(
        (found.code, found.column.as_deref()),
        (problem::Code::NoSuchColumn, Some("y"))
    );
    assert!(found.hint.contains("\"Y\""), "{}", found.hint);
    let found = problem(lines("{\"x\":1}\n"));
    assert!(found.hint.contains("null where its value is missing"), "{}", found.hint);
    // Of none it is known what it has.
    let done = lines("[1,2]\n");
    assert_eq!(done.summary.unwrap().bad_rows, 1);
    let empty = lines("");
    assert_eq!((empty.summary.unwrap().rows, &empty.out[..]), (0, ""));
}

/// A tree model takes missing values.
#[test]
fn a_missing_key_is_a_missing_value() {
    let trees = br#"{"learner":{"attributes":{},"feature_names":["age","height_10","w"],"feature_types":[],
        "gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},
        "iteration_indptr":[0,1],"tree_info":[0],"trees":[{"base_weights":[0,1,2],"categories":[],"categories_nodes":[],
        "categories_segments":[],"categories_sizes":[],"default_left":[1,0,0],"id":0,"left_children":[1,-1,-1],
        "loss_changes":[0,0,0],"parents":[2147483647,0,0],"right_children":[2,-1,-1],"split_conditions":[5,1,2],
        "split_indices":[0,0,0],"split_type":[0,0,0],"sum_hessian":[1,1,1],
        "tree_param":{"num_deleted":"0","num_feature":"3","num_nodes":"3","size_leaf_vector":"1"}}]}},
        "learner_model_param":{"base_score":"0","boost_from_average":"1","num_class":"0","num_feature":"3","num_target":"1"},
        "objective":{"name":"reg:squarederror","reg_loss_param":{"scale_pos_weight":"1"}}},"version":[3,0,0]}"#;
    let model = Model::parse(Format::Xgboost, trees).unwrap();
    let scorer = Scorer::new(
        Lineup::alone(Arc::new(model)),
        shape(Columns::Named(Vec::new()), Limit::Count(0)),
    );
    let score = |text: &str| run(text.as_bytes(), RowFormat::JsonLines, &scorer);
    let done = score("{\"age\":7}\n{\"w\":1}\n{\"w\":1,\"age\":null,\"x\":0}\n{\"age\":\"NA\"}\n");
    assert_eq!(
        done.out,
        "{\"prediction\":2.0}\n{\"prediction\":1.0}\n{\"prediction\":1.0}\n{\"prediction\":1.0}\n"
    );
    let lacking = done.summary.unwrap().lacking;
    let counts: Vec<(&str, u64)> = lacking.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(counts, [("age", 1), ("height_10", 4), ("w", 2)]);
    // Another column of numbered ones is no misspelling, but a name in other letters is one; and rows with none of the features are
    // others than the model's.
    score("{\"age\":7,\"height_11\":1}\n").summary.unwrap();
    for text in [
        "{\"Age\":7,\"w\":1}\n",
        "{\"age\":7,\"heigth_10\":1}\n",
        "{\"id\":1,\"z\":2}\n",
        "{}\n",
    ] {
        assert_eq!(problem(score(text)).code, problem::Code::NoSuchColumn, "{text}");
    }
}

/// Sums of these are exact in any order.
fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "1",
        "-2.5",
        "0",
        "1e2",
        "null",
        "true",
        "\"3\"",
        "\" 4 \"",
        "\"NA\"",
        "\"oops\"",
        "\"\"",
        "[1]",
        "{\"x\":1}",
        "\"\\u0035\"",
        "NaN",
        "-Infinity",
        "01",
        "1.",
        "\"\\ud800\"",
        "tru",
    ])
    .prop_map(String::from)
}

fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["x", "y", "id", "z", "\\u0078", " y", "k1", "k2", "prediction"]);
    let members = prop::collection::vec((key, value()), 0..5).prop_map(|members| {
        let members: Vec<String> = members
            .iter()
            .map(|(key, value)| format!("\"{key}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    });
    let good = ("-?(0|[1-9][0-9]{0,2})(\\.(5|25))?", "[0-9]{1,2}").prop_filter_map("no number", |(x, y)| {
        let y = y.parse::<u8>().ok()?;
        serde_json::from_str::<serde_json::Value>(&x).ok()?;
        Some(format!("{{\"x\": {x}, \"y\": {y}}}"))
    });
    let other = prop::sample::select(vec![
        "",
        " ",
        "[1,2]",
        "{",
        "{}x",
        "null",
        "{\"x\":1,\"y\":2}\r",
        "\u{feff}{\"x\":1,\"y\":2}",
        "\u{0}",
    ]);
    prop_oneof![4 => good, 4 => members, 1 => other.prop_map(String::from)]
}

proptest! {
    /// Wherever an input is cut into parts, and wherever they are scored.
    #[test]
    fn any_parts_of_lines_give_the_same(
        rows in prop::collection::vec(line(), 1..40),
        chosen in prop::collection::vec(any::<bool>(), 60),
        limit in 0usize..4,
        columns in 0usize..3,
        csv in any::<bool>(),
    ) {
        let text = format!("{{\"x\":1,\"y\":2}}\n{}\n{{}}\n", rows.join("\n"));
        let columns = [Columns::Prediction, Columns::Named(vec!["id".into()]), Columns::Named(vec!["y".into(), "k2".into()])][columns].clone();
        let share = |percent| Limit::Share(Share::parse(percent).unwrap());
        let limit = [Limit::Count(3), share("10"), share("50"), share("100")][limit];
        let mut scorer = Scorer::new(lineup(), shape(columns, limit)).counting(Some(counter().into()));
        scorer.shape.output = if csv { OutputFormat::Csv } else { OutputFormat::Same };
        let format = FileFormat { rows: RowFormat::JsonLines, compression: Compression::None };
        let run = Run { size: Some(text.len() as u64), format, ..Run::default() };
        let text = text.as_bytes();
        let whole = joined(text, &scorer, &run, &[], false);
        let ends: Vec<usize> = text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1).collect();
        let some: Vec<usize> = ends.iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(end, _)| *end).collect();
        for (ends, sent) in [(&ends, false), (&ends, true), (&some, false), (&some, true)] {
            prop_assert_eq!(&joined(text, &scorer, &run, ends, sent), &whole);
        }
        let (mut out, mut rejects) = (Vec::new(), Vec::new());
        let done = transform(text, &scorer, &mut out, &mut rejects, &run);
        prop_assert_eq!(done.is_ok(), whole.0.is_ok());
        prop_assert_eq!(&rejects, &whole.2);
        if done.is_ok() {
            prop_assert_eq!(&out, &whole.1);
            // Line n of the output is line n of the input.
            let feeds = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count();
            if !csv {
                prop_assert_eq!(feeds(&out), feeds(text));
                for line in out.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
                    prop_assert!(crate::format::json::Document::check(line).is_ok(), "{}", line.escape_ascii());
                }
            }
        }
    }

    /// The same rows as a CSV and as JSON Lines.
    #[test]
    fn rows_are_scored_as_they_are_as_a_csv(
        rows in prop::collection::vec(prop::array::uniform2(prop_oneof![
            4 => "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,17})?(e-?[0-9]{1,2})?",
            1 => prop::sample::select(vec!["", "NA", "true", "x", " 1", "1_0", "inf", "1e400"]).prop_map(String::from),
        ]), 1..30),
        quoted in prop::collection::vec(any::<bool>(), 60),
        swapped in any::<bool>(),
    ) {
        let (mut csv, mut json) = (String::from("x,y\n"), String::new());
        let mut quoted = quoted.into_iter().cycle();
        for [x, y] in &rows {
            csv += &format!("{x},{y}\n");
            let mut value = |text: &String| match serde_json::from_str::<serde_json::Number>(text) {
                Ok(_) if !quoted.next().unwrap() => text.clone(),
                _ if text.is_empty() => "null".into(),
                _ => serde_json::to_string(text).unwrap(),
            };
            let (x, y) = (value(x), value(y));
            json += &match swapped {
                false => format!("{{\"x\":{x},\"y\":{y}}}\n"),
                true => format!("{{\"y\" : {y} , \"x\" : {x}}}\n"),
            };
        }
        let scorer = scorer(Columns::Prediction, OutputFormat::Csv);
        let of_csv = run(csv.as_bytes(), RowFormat::Csv, &scorer);
        let of_json = run(json.as_bytes(), RowFormat::JsonLines, &scorer);
        prop_assert_eq!(of_json.out, of_csv.out);
        let (of_json, of_csv) = (of_json.summary.unwrap(), of_csv.summary.unwrap());
        prop_assert_eq!((of_json.rows, of_json.bad_rows, of_json.not_finite), (of_csv.rows, of_csv.bad_rows, of_csv.not_finite));
    }
}

/// As pandas, polars, DuckDB, jq, Python and Spark write the same rows.
#[test]
fn other_programs_lines_are_the_same_rows() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/formats");
    for name in ["pandas", "polars", "duckdb", "jq", "python", "spark-like"] {
        let text = std::fs::read(format!("{folder}/{name}.jsonl")).unwrap();
        let columns = Columns::Named(vec!["id".into(), "note".into()]);
        let done = run(&text, RowFormat::JsonLines, &scorer(columns, OutputFormat::Csv));
        assert_eq!(
            done.out,
            "id,note,prediction\na,\"quote \"\" and \\ and \u{e4}\",1.7\nb/2,,2.9999998\n007,\"two\nlines, \u{1f600}\",\n\
             d,,2e+22\ne,tab\tand \u{2028},10.75\n",
            "{name}"
        );
        assert!(
            done.rejects
                .lines()
                .nth(1)
                .unwrap()
                .starts_with("3,,3,y,missing value,"),
            "{}",
            done.rejects
        );
    }
}

/// Numbers were none where texts have decimal commas.
#[test]
fn numbers_have_points_however_texts_are_spelled() {
    let mut scorer = scorer(Columns::Prediction, OutputFormat::Csv);
    scorer.shape.spelling = Spelling::new(&[], true);
    scorer.shape.dialect = Dialect::plain(b';');
    let scorer = Scorer::new(scorer.lineup.clone(), scorer.shape.clone());
    let text = b"{\"x\":1.5,\"y\":2}\n{\"x\":\"1,5\",\"y\":\"2\"}\n{\"x\":15e-1,\"y\":2.0}\n{\"x\":1.50000000000000000,\"y\":2}\n";
    assert_eq!(
        run(text, RowFormat::JsonLines, &scorer).out,
        "prediction\n5.5\n5.5\n5.5\n5.5\n"
    );
}
