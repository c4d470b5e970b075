use super::*;
use serde::Deserialize;

/// As sections to come will be: tables of tables.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Nested {
    monitor: Monitor,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Monitor {
    psi: f64,
    #[serde(default)]
    column: BTreeMap<String, Bars>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Bars {
    psi: Option<f64>,
    drift: Option<bool>,
}

fn flag(key: &str, text: &str) -> Assignment {
    Assignment {
        key: dotted(key),
        content: Content::Text(text.into()),
        origin: Origin::named("--set"),
    }
}

#[test]
fn tables_of_tables_are_laid_over_one_another_key_by_key() {
    let mut layers = Layers::defaults("[monitor]\npsi = 0.2\n");
    let file = "[monitor]\n[monitor.column.\"a.b\"]\npsi = 0.3\n[monitor.column.c]\ndrift = true\n";
    layers.merge(Path::new("m.toml"), file).unwrap();
    layers.assign(flag("monitor.column.\"a.b\".psi", "0.5"));
    layers.assign(flag("monitor.column.c.psi", "1"));
    let read: Nested = layers.read().unwrap();
    let bars = |psi, drift| Bars { psi: Some(psi), drift };
    assert_eq!(read.monitor.psi, 0.2);
    assert_eq!(read.monitor.column["a.b"], bars(0.5, None));
    assert_eq!(read.monitor.column["c"], bars(1.0, Some(true)));
}

/// As in a file.
#[test]
fn a_flags_text_may_stand_in_quotes() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Red,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Texts {
        mark: String,
        word: Word,
        list: Vec<String>,
    }
    let read = |mark: &str, word: &str, list: &str| {
        let mut layers = Layers::defaults("mark = \"\"\nword = \"\"\nlist = []\n");
        for (key, text) in [("mark", mark), ("word", word), ("list", list)] {
            layers.assign(flag(key, text));
        }
        layers.read::<Texts>().unwrap()
    };
    let texts = |mark: &str, list: &[&str]| Texts {
        mark: mark.into(),
        word: Word::Red,
        list: list.iter().map(|item| item.to_string()).collect(),
    };
    for ((mark, word, list), expected) in [
        ((",", "red", "a,b"), texts(",", &["a", "b"])),
        (("\",\"", "\"red\"", "\"a\", 'b'"), texts(",", &["a", "b"])),
        (("'\\'", "'red'", "\"a,b\""), texts("\\", &["a,b"])),
        (("\"\\t\"", "red", "[\"a,b\"]"), texts("\t", &["a,b"])),
        (("\"", "red", "\"\""), texts("\"", &[""])),
        (("5", "red", "5"), texts("5", &["5"])),
    ] {
        assert_eq!(read(mark, word, list), expected, "{mark} {word} {list}");
    }
}

#[test]
fn a_fault_deep_below_is_named_with_its_line() {
    for (file, expected) in [
        (
            "[monitor.column.\"a.b\"]\npsi = \"x\"\n",
            "m.toml:2: monitor.column.\"a.b\".psi = \"x\" should be a number",
        ),
        (
            "[monitor]\npsi = 1\n[monitor.column.c]\n\ndrfit = true\n",
            "m.toml:5: unknown key monitor.column.c.drfit; the nearest is monitor.column.c.drift",
        ),
        (
            "[monitor]\ncolumn = 3\n",
            "m.toml:2: monitor.column = 3 should be a table",
        ),
    ] {
        let mut layers = Layers::defaults("[monitor]\npsi = 0.2\n");
        layers.merge(Path::new("m.toml"), file).unwrap();
        assert_eq!(layers.read::<Nested>().unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_name_with_points_or_equals_signs_is_one_step_of_a_key() {
    let mut layers = Layers::defaults("[monitor]\npsi = 0.2\n");
    let file = "[monitor.column.\"a.b\"]\npsi = 1\n[monitor.column.a]\nb = 2\n";
    layers.merge(Path::new("m.toml"), file).unwrap();
    let error = layers.invalid(&["monitor", "column", "a.b", "psi"], "too large");
    assert_eq!(error.to_string(), "m.toml:2: too large");
    for (text, key, value) in [
        ("a.b=1", "a.b", "1"),
        ("a.b=c=d", "a.b", "c=d"),
        ("a.\"b=c\"=1", "a.\"b=c\"", "1"),
        ("a.'b=\"'.d=1", "a.'b=\"'.d", "1"),
        (r#"a."b\"=c".d="x=y""#, r#"a."b\"=c".d"#, "\"x=y\""),
        ("a.b\"=1", "a.b\"", "1"),
    ] {
        assert_eq!(assignment(text), Some((key, value)), "{text}");
    }
    assert_eq!(assignment("a.b"), None);
    let (key, value) = assignment("monitor.column.\"b=c\".psi=1").unwrap();
    let mut layers = Layers::defaults("[monitor]\npsi = 0.2\n");
    layers.assign(flag(key, value));
    assert_eq!(layers.read::<Nested>().unwrap().monitor.column["b=c"].psi, Some(1.0));
}
