mod properties;

use super::agreement::{agree, signature};
use super::{Document, Elements, Form, Reader};
use crate::model::{Column, Signature, Type};
use crate::score::batch::Reason;
use crate::score::{Binding, Names, Spelling};

fn malformed(bytes: &[u8]) -> String {
    Document::check(bytes).unwrap_err().to_string()
}

#[test]
fn what_is_no_json_is_refused_by_name_and_place() {
    for (text, what) in [
        (
            "",
            "line 1, column 1: the text is empty, where a JSON value is expected",
        ),
        (
            " \r\n\t ",
            "line 2, column 3: the text is empty, where a JSON value is expected",
        ),
        (
            "{\"x\": [1,\n 2,]}",
            "line 2, column 4: nothing stands behind the last comma",
        ),
        ("{\"x\": 1,}", "line 1, column 9: nothing stands behind the last comma"),
        ("[1, ", "line 1, column 5: expected a value, found the end of the text"),
        (
            "[1 2]",
            "line 1, column 4: expected a comma or ']' behind the value, found `2`",
        ),
        (
            "{\"é\": 1]",
            "line 1, column 8: expected a comma or '}' behind the value, found `]`",
        ),
        ("{x: 1}", "line 1, column 2: expected a key in double quotes, found `x`"),
        (
            "{'x': 1}",
            "line 1, column 2: expected a key in double quotes, found a single quote: texts stand in double quotes",
        ),
        (
            "{\"x\" 1}",
            "line 1, column 6: expected a colon behind the key, found `1`",
        ),
        (
            "[1] x",
            "line 1, column 5: expected the end behind the value, found `x`",
        ),
        (
            "[None]",
            "line 1, column 2: expected a value, found None: in JSON it is null",
        ),
        (
            "[True]",
            "line 1, column 2: expected a value, found True: in JSON it is true",
        ),
        (
            "[nan]",
            "line 1, column 2: expected a value, found nan: it is written NaN, or null",
        ),
        (
            "[-inf]",
            "line 1, column 3: expected a digit, found inf: it is written Infinity",
        ),
        ("[-]", "line 1, column 3: expected a digit, found `]`"),
        ("[1.]", "line 1, column 4: expected a digit, found `]`"),
        ("[1e+]", "line 1, column 5: expected a digit, found `]`"),
        ("[.5]", "line 1, column 2: expected a value, found `.`"),
        ("[+5]", "line 1, column 2: expected a value, found `+`"),
        (
            "[-007]",
            "line 1, column 3: a number can't begin with 0 and another digit; a code belongs in double quotes",
        ),
        (
            "[\"a\tb\"]",
            "line 1, column 4: a control character in a text must be escaped, as \\n or \\u000a",
        ),
        (
            "[\"a\\x\"]",
            "line 1, column 4: no such escape: a backslash in a text is written as two",
        ),
        (
            "[\"\\u00g0\"]",
            "line 1, column 3: four hexadecimal digits must follow \\u",
        ),
        (
            "[\"\\ud800\"]",
            "line 1, column 3: half of a surrogate pair alone is no character",
        ),
        (
            "[\"\\udc00\\ud800\"]",
            "line 1, column 3: half of a surrogate pair alone is no character",
        ),
        (
            "[1, \"abc]",
            "line 1, column 5: the text that begins here has no closing quote",
        ),
        ("\u{feff}x", "line 1, column 1: expected a value, found `x`"),
        (
            "\u{feff}\u{feff}1",
            "line 1, column 1: expected a value, found `\\u{feff}`",
        ),
    ] {
        assert_eq!(malformed(text.as_bytes()), what, "{text}");
        agree(text.as_bytes());
    }
    let not_utf8 = b"[\"\xC3\xA9\",\n \"\xE9\"]";
    assert_eq!(malformed(not_utf8), "line 2, column 3: the byte 0xE9 is not UTF-8");
    agree(not_utf8);
}

#[test]
fn arrays_and_objects_are_nested_at_most_64_deep() {
    let nested = |depth: usize, open: &str, close: &str| [open.repeat(depth), "1".into(), close.repeat(depth)].concat();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deepest = nested(64, open, close);
        assert!(Document::check(deepest.as_bytes()).is_ok());
        agree(deepest.as_bytes());
        for depth in [65, 100_000] {
            let why = malformed(nested(depth, open, close).as_bytes());
            assert!(
                why.ends_with("arrays and objects are nested more than 64 deep"),
                "{why}"
            );
        }
    }
    assert!(Document::check("[".repeat(1 << 20).as_bytes()).is_err());
}

/// Numbers of a megabyte, texts of some, wide rows and long ones take time in proportion to their length.
#[test]
fn what_is_huge_is_read() {
    let digits = "7".repeat(1 << 20);
    let text = "\u{e9}\\n".repeat(1 << 20);
    let document = format!("[[{digits}, \"{text}\"], [0.{digits}, \"{text}]\"]]");
    let document = Document::check(document.as_bytes()).unwrap();
    let signature = Signature {
        inputs: [0, 8].map(|i| signature().inputs[i].clone()).to_vec(),
        outputs: Vec::new(),
    };
    let names = ["number", "text"].map(String::from);
    let binding = Binding::by_name(&names, &signature, &Spelling::USUAL).unwrap();
    let form = Form::Arrays {
        rows: document.root().elements(),
        width: 2,
        within: &[],
    };
    let mut reader = Reader::new(form, &binding);
    assert!(reader.fill());
    assert_eq!(reader.batch.column(0), [f64::INFINITY, 0.7777777777777778]);
    assert_eq!(reader.batch.cells(0)[0].chars().count(), 2 << 20);
    assert!(!reader.fill());
}

/// Each of their rows has another order of the same keys, and nine in ten are no features.
#[test]
fn rows_of_many_keys_in_any_order_are_read_in_time() {
    let mut document = String::from("[");
    for row in 0..200 {
        let member = |i: usize| format!("\"k{}\":{i}", (i + 37 * row) % 10_000);
        let members: Vec<String> = (0..10_000).map(member).collect();
        document += &format!("{{{}}},", members.join(","));
    }
    document.pop();
    document += "]";
    let document = Document::check(document.as_bytes()).unwrap();
    let column = |i: usize| Column::plain(format!("k{i}"), Type::Float64);
    let signature = Signature {
        inputs: (0..1000).map(column).collect(),
        outputs: Vec::new(),
    };
    let names = Names::of(&signature);
    let binding = Binding::by_name(names.all(), &signature, &Spelling::USUAL).unwrap();
    let rows = document.root().elements();
    let mut reader = Reader::new(Form::Objects { rows, names: &names }, &binding);
    let mut read = 0;
    while reader.fill() {
        assert!(reader.batch.flaws().is_empty());
        for row in 0..reader.batch.rows() {
            let expected = (20_000 - 37 * (read + row) + 5) % 10_000;
            assert_eq!(reader.batch.column(5)[row], expected as f64);
        }
        read += reader.batch.rows();
    }
    assert_eq!(read, 200);
}

/// What is said of the rows of a document, by their numbers.
fn words(form: Form, binding: &Binding) -> Vec<(usize, String)> {
    let mut reader = Reader::new(form, binding);
    let (mut words, mut before) = (Vec::new(), 0);
    while reader.fill() {
        for flaw in reader.batch.bad() {
            let why = match flaw.reason {
                Reason::Malformed => reader.malformed(flaw.row),
                _ => reader.batch.reason(flaw, |_| "cell"),
            };
            words.push((before + flaw.row as usize, why));
        }
        before += reader.batch.rows();
    }
    words
}

#[test]
fn a_malformed_row_says_why() {
    let signature = Signature {
        inputs: signature().inputs[..2].to_vec(),
        outputs: Vec::new(),
    };
    let names = Names::of(&signature);
    let binding = Binding::by_name(names.all(), &signature, &Spelling::USUAL).unwrap();
    let check = |text: &str, form: &dyn for<'a> Fn(Elements<'a>) -> Form<'a>, expected: &[(usize, &str)]| {
        let document = Document::check(text.as_bytes()).unwrap();
        let found = words(form(document.root().elements()), &binding);
        let found: Vec<(usize, &str)> = found.iter().map(|(row, why)| (*row, why.as_str())).collect();
        assert_eq!(found, expected);
    };
    check(
        "[[1,2], [1], [1,2,3], 4, [1,[2]], {\"a\":[1,2]}, [], [\"x\", null], [null, 1]]",
        &|rows| Form::Arrays {
            rows,
            width: 2,
            within: &[],
        },
        &[
            (1, "the row has 1 value, where 2 are expected"),
            (2, "the row has 3 values, where 2 are expected"),
            (3, "the row is a number, where an array of values is expected"),
            (
                4,
                "value 2 is an array, where a number, text, boolean or null is expected",
            ),
            (5, "the row is an object, where an array of values is expected"),
            (6, "the row has 0 values, where 2 are expected"),
            (7, "cell: not a number"),
            (8, "cell: missing value"),
        ],
    );
    check(
        "[{\"features\":[1,2],\"x\":{}}, {\"feature\":[1,2]}, [1,2], {\"features\":[1,2],\"features\":[1,2]}, {\"features\":3}]",
        &|rows| Form::Arrays {
            rows,
            width: 2,
            within: &["features"],
        },
        &[
            (1, "the row has no key \"features\""),
            (2, "the row is an array, where an object is expected"),
            (3, "the key \"features\" stands twice in the row"),
            (4, "the row is a number, where an array of values is expected"),
        ],
    );
    check(
        "[1, 2, [3], 4, 5]",
        &|values| Form::Flat { values, width: 2 },
        &[
            (
                1,
                "value 1 is an array, where a number, text, boolean or null is expected",
            ),
            (2, "the row has 1 value, where 2 are expected"),
        ],
    );
    check(
        "[[1, [2], [3, 4], 5], [1, [null], 3]]",
        &|mut columns| {
            Form::Columns(vec![
                columns.next().unwrap().elements(),
                columns.next().unwrap().elements(),
            ])
        },
        &[
            (
                2,
                "value 1 is an array, where a number, text, boolean or null is expected",
            ),
            (3, "column 2 has no value for the row, and another has"),
        ],
    );
    let document = "[{\"number\":1,\"single value\":2,\"other\":[1]}, {\"numbre\":1,\"single value\":2}, \
                    {\"single value\":2,\"number\":1,\"number\":1}, {}, {\"single value\":{},\"number\":1}, 3, \
                    {\"numb\\u0065r\": true, \" single value \": null}]";
    let document = Document::check(document.as_bytes()).unwrap();
    let rows = document.root().elements();
    let found = words(Form::Objects { rows, names: &names }, &binding);
    let found: Vec<(usize, &str)> = found.iter().map(|(row, why)| (*row, why.as_str())).collect();
    assert_eq!(
        found,
        [
            (1, "no key \"number\", which the model takes; is it \"numbre\"?"),
            (2, "the key \"number\" stands twice"),
            (3, "no key \"number\", which the model takes"),
            (
                4,
                "\"single value\" is an object, where a number, text, boolean or null is expected"
            ),
            (5, "the row is a number, where an object is expected"),
            (6, "cell: not a number"),
        ]
    );
}

#[test]
fn lines_hold_a_value_each() {
    let document = Document::check_lines(b"\xEF\xBB\xBF[1, 2]\r\n\n {\"x\": [3]} \n4").unwrap();
    let raw: Vec<&str> = document.lines().map(|line| line.raw()).collect();
    assert_eq!(raw, ["[1, 2]", "{\"x\": [3]}", "4"]);
    for (text, what) in [
        (
            "1\n[2,\n3]",
            "line 2, column 4: expected a value, found the end of the line",
        ),
        (
            "1\n2 3",
            "line 2, column 3: a line holds one value: expected its end, found `3`",
        ),
        (
            "\n \n",
            "line 3, column 1: the text is empty, where a JSON value is expected",
        ),
    ] {
        assert_eq!(Document::check_lines(text.as_bytes()).unwrap_err().to_string(), what);
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_where_it_is_asked_for() {
    let document = Document::check(b"{\"a\": 1, \"b\": 2,\n \"\\u0061\": 3}").unwrap();
    let root = document.root();
    assert_eq!(root.member("b").unwrap().and_then(|b| b.number()), Some("2"));
    assert!(root.member("c").unwrap().is_none());
    let twice = root.members_named(["b", "a"]).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "line 2, column 12: the key \"a\" stands twice in its object"
    );
    assert_eq!(document.root().members().count(), 3);
}
