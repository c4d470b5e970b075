//! `/stream` and `/batch`.

use crate::spool::Spool;
use serde_json::json;

#[test]
fn the_requests_of_the_system_before_are_answered() {
    let spool = Spool::without_model().open_to_all();
    let version =
        spool.register(r#"{"features":["x"],"coefficients":[937.1906894491832],"intercept":152.9193581630174}"#);
    spool.approve(version);
    let server = spool.serve();
    let close = |x: f64| (x - 434.0765649977).abs() < 1e-9;
    let stream = server.post("/stream", r#"{"x": [[0.3]]}"#).is(200);
    assert!(close(stream.json().as_f64().unwrap()), "{}", stream.text());
    assert_eq!(stream.header("transform-model"), Some("lines/1"));
    let batch = server.post("/production/batch", r#"{"x": [[0.3], [0.3]]}"#).is(200);
    let rows: Vec<Vec<f64>> = serde_json::from_slice(&batch.body).unwrap();
    assert!(
        rows.len() == 2 && rows.iter().all(|row| row.len() == 1 && close(row[0])),
        "{rows:?}"
    );
    // As curl sends it that isn't told a type.
    let curl = server.post_as("/stream", "application/x-www-form-urlencoded", r#"{"x": [[0.3]]}"#);
    assert_eq!(curl.is(200).body, stream.body);
}

#[test]
fn several_features_come_by_their_names_or_as_rows() {
    let spool = Spool::plane();
    let server = spool.serve();
    for body in [
        r#"{"a": [1, 2], "b": [3, 4]}"#,
        r#"{"b": [[3], [4]], "other": ["x", "y"], "a": [[1], [2]]}"#,
        r#"{"x": [[1, 3], [2, 4]]}"#,
    ] {
        assert_eq!(
            server.post("/batch", body).is(200).json(),
            json!([[33.0], [45.0]]),
            "{body}"
        );
    }
    assert_eq!(server.post("/stream", r#"{"x": [1, 3]}"#).is(200).json(), json!(33.0));
}

/// Of a model with a feature of the name `x`, rows of all features were taken for its values, and the others missed.
#[test]
fn rows_of_all_features_may_come_as_x_though_a_feature_has_that_name() {
    let spool = Spool::without_model().open_to_all();
    spool.approve(spool.register(r#"{"features":["x","b"],"coefficients":[2,10],"intercept":1}"#));
    let server = spool.serve();
    for body in [
        r#"{"x": [[1, 3], [2, 4]]}"#,
        r#"{"x": [1, 2], "b": [3, 4]}"#,
        r#"{"b": [[3], [4]], "x": [[1], [2]]}"#,
    ] {
        let answer = server.post("/batch", body).is(200);
        assert_eq!(answer.json(), json!([[33.0], [45.0]]), "{body}");
    }
    for (body, words) in [
        (r#"{"x": [1, 3]}"#, "no column \"b\""),
        (r#"{"x": [[1], [2]]}"#, "the row has 1 value, where 2 are expected"),
    ] {
        let message = server.post("/batch", body).is(400).text();
        assert!(message.contains(&words.replace('"', "\\\"")), "{body}: {message}");
    }
}

#[test]
fn what_cannot_be_scored_is_refused_by_name() {
    let spool = Spool::served();
    let server = spool.serve();
    for (path, body, words) in [
        (
            "/stream",
            r#"{"y": [[1]]}"#,
            "no column \"x\", which the model takes; there is: y",
        ),
        ("/stream", r#"{"X": [[1]]}"#, "is it \"X\"?"),
        ("/stream", r#"{"x": [[1], [2]]}"#, "2 rows, and /stream takes one"),
        ("/stream", r#"{"x": []}"#, "0 rows, and /stream takes one"),
        (
            "/batch",
            r#"{"x": [[1], ["oops"], [null]]}"#,
            "2 of 3 rows can't be scored; row 2, x: not a number; row 3, x: missing value",
        ),
        (
            "/batch",
            r#"{"x": [[1, 2]]}"#,
            "row 1: the row has 2 values, where 1 are expected",
        ),
        ("/batch", "{\"x\":\n [[1}", "line 2, column 5"),
        ("/batch", "", "no JSON"),
        ("/batch", "[[1]]", "the body is an array, where an object"),
        ("/batch", r#"{"x": 1}"#, "\"x\" is a number, where an array is expected"),
        ("/batch", r#"{"x": [[1]], "x": [[2]]}"#, "twice"),
    ] {
        let message = server.post(path, body).is(400).json()["message"]
            .as_str()
            .unwrap()
            .to_string();
        assert!(message.contains(words), "{body}: {message}");
    }
}

#[test]
fn a_bad_row_is_null_where_that_is_wished() {
    let spool = Spool::served().set("serve.bad_rows=null");
    let server = spool.serve();
    let answer = server.post("/batch", r#"{"x": [[1], ["oops"], [2]]}"#).is(200);
    assert_eq!(answer.json(), json!([[3.0], [null], [5.0]]));
    assert_eq!(answer.header("transform-bad-rows"), Some("1"));
    assert_eq!(server.post("/stream", r#"{"x": [[""]]}"#).is(200).text(), "null");
}

#[test]
fn a_name_is_found_whatever_its_form_of_unicode() {
    let spool = Spool::without_model().open_to_all();
    spool.approve(spool.register("{\"features\":[\"K\u{f6}ln\",\"b\"],\"coefficients\":[2,10],\"intercept\":1}"));
    let server = spool.serve();
    let body = "{\" Ko\u{308}ln\": [1], \"b\": [3]}";
    assert_eq!(server.post("/batch", body).is(200).json(), json!([[33.0]]));
}

/// A column `x` that the model doesn't take was taken for its rows, beside the columns that it does take.
#[test]
fn x_beside_features_is_a_column_that_nobody_takes() {
    let spool = Spool::without_model().open_to_all();
    spool.approve(spool.register(r#"{"features":["a","b"],"coefficients":[2,10],"intercept":1}"#));
    let server = spool.serve();
    for x in ["[9, 8]", "[[9, 8]]", "[9]", "[]"] {
        let body = format!(r#"{{"x": {x}, "a": [1], "b": [3]}}"#);
        assert_eq!(server.post("/batch", body).is(200).json(), json!([[33.0]]), "{x}");
    }
    server.post("/batch", r#"{"x": [[9, 8]], "a": [1]}"#).is(400);
}
