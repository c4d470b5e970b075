use super::*;

fn publisher(root: &Path) -> Publisher {
    publisher_with(root, None, OutputFormat::Same)
}

fn publisher_with(root: &Path, mode: Option<Mode>, format: OutputFormat) -> Publisher {
    Publisher::open(&Options {
        output: &root.join("output"),
        failed: &root.join("failed"),
        shadow: &root.join("shadow"),
        staging: root.join("staging"),
        mode,
        format,
        done_marker: mode.is_some(),
        instance: "test",
    })
    .unwrap()
}

/// A thread that was given up at a reload may still write a draft; the names began anew, and both wrote one file.
#[test]
fn a_reload_does_not_give_a_drafts_name_to_another() {
    let root = tempfile::tempdir().unwrap();
    let input = Name::new(*b"a.csv");
    let drafts = [0, 1].map(|_| {
        let mut draft = publisher(root.path()).draft_output(&input).unwrap();
        draft.write_all(b"x").unwrap();
        draft
    });
    assert_ne!(drafts[0].temp, drafts[1].temp);
    let output = Dir::open(&root.path().join("output")).unwrap();
    assert!(
        output.create_new_file(drafts[0].temp.as_bytes()).is_err(),
        "it is there"
    );
}

/// Leftovers are removed by the worker that made them; those of a killed `check` stay, and must not stop the next one.
#[test]
fn a_draft_that_was_left_keeps_no_other_from_being_made() {
    let root = tempfile::tempdir().unwrap();
    let input = Name::new(*b"a.csv");
    let publisher = publisher(root.path());
    let mut draft = publisher.draft_output(&input).unwrap();
    let left = root.path().join("output").join(&draft.temp);
    let output = Dir::open(&root.path().join("output")).unwrap();
    output.create_new_file(draft.temp.as_bytes()).unwrap();
    draft.write_all(b"whole").unwrap();
    drop(draft);
    assert!(left.exists(), "it is another's");
}

/// The folders of one input's results. What stands in them is told as sorted names with their text.
struct Folder {
    root: tempfile::TempDir,
    publisher: Publisher,
    input: Name,
}

#[derive(Clone, Copy)]
enum Kind {
    Output,
    Report,
    Held(Earlier),
}

impl Folder {
    /// With done markers where a mode is given.
    fn new(mode: Option<Mode>) -> Folder {
        let root = tempfile::tempdir().unwrap();
        let publisher = publisher_with(root.path(), mode, OutputFormat::Same);
        let input = Name::new(*b"in/a.csv");
        Folder { root, publisher, input }
    }

    /// The same folder for a worker whose settings have another format.
    fn with_format(mut self, mode: Option<Mode>, format: OutputFormat) -> Folder {
        self.publisher = publisher_with(self.root.path(), mode, format);
        self
    }

    /// Returns the size of what was published.
    fn publish(&self, kind: Kind, text: &str, rejects: &str) -> u64 {
        self.publish_after(&[], kind, text, rejects)
    }

    /// The same where outputs in these formats may stand.
    fn publish_after(&self, former: &[OutputFormat], kind: Kind, text: &str, rejects: &str) -> u64 {
        let write = |mut draft: Draft, text: &str| {
            draft.write_all(text.as_bytes()).unwrap();
            draft
        };
        let failed = || self.publisher.draft_failed(&self.input).unwrap();
        let mut item = Item {
            name: self.input.clone(),
            result: match kind {
                Kind::Output => Product::Output(write(self.publisher.draft_output(&self.input).unwrap(), text)),
                Kind::Report => Product::Report(write(failed(), text)),
                Kind::Held(earlier) => Product::Held {
                    report: write(failed(), text),
                    earlier,
                },
            },
            rejects: failed(),
            former: former
                .iter()
                .map(|format| results::output(&self.input, *format))
                .collect(),
        };
        if !rejects.is_empty() {
            item.rejects = write(item.rejects, rejects);
        }
        self.publisher.publish(vec![item]).unwrap().remove(0).unwrap()
    }

    fn stands(&self) -> Vec<String> {
        let mut stands = Vec::new();
        for folder in ["output", "failed", "staging"] {
            let dir = Dir::open(&self.root.path().join(folder)).unwrap();
            walk(&dir, &mut Vec::new(), &mut |dir, _, file| {
                let text = std::fs::read_to_string(dir.join(file)).unwrap();
                stands.push(format!("{}={text}", String::from_utf8_lossy(file)));
                Ok(())
            })
            .unwrap();
        }
        stands.sort();
        stands
    }

    /// Sizes of the output, the report and the held report.
    fn sizes(&self) -> [Option<u64>; 3] {
        let open = |folder| Dir::open(&self.root.path().join(folder)).unwrap();
        [
            results::output_size(&open("output"), &results::bare_output(&self.input), false).unwrap(),
            results::report_size(&open("failed"), &self.input).unwrap(),
            results::held_size(&open("failed"), &self.input).unwrap(),
        ]
    }
}

const MODES: [Option<Mode>; 3] = [None, Some(Mode::Rename), Some(Mode::Direct)];

#[test]
fn a_held_result_leaves_the_earlier_output_or_takes_it_away() {
    for mode in MODES {
        let folder = Folder::new(mode);
        let marker: &[&str] = if mode.is_some() { &["a.csv.out.done="] } else { &[] };
        folder.publish(Kind::Output, "1", "bad");
        assert_eq!(folder.publish(Kind::Held(Earlier::Stays), "why", "other"), 3);
        let mut expected = [&["a.csv.held.json=why", "a.csv.out=1", "a.csv.rejects.csv=bad"], marker].concat();
        expected.sort();
        assert_eq!(folder.stands(), expected);
        assert_eq!(folder.sizes(), [Some(1), None, Some(3)]);
        folder.publish(Kind::Held(Earlier::Goes), "changed", "other");
        assert_eq!(folder.stands(), ["a.csv.held.json=changed", "a.csv.rejects.csv=other"]);
        assert_eq!(folder.sizes(), [None, None, Some(7)]);
    }
}

#[test]
fn of_output_report_and_held_report_the_last_one_stands() {
    let kinds = [
        (Kind::Output, "a.csv.out=x"),
        (Kind::Report, "a.csv.error.json=x"),
        (Kind::Held(Earlier::Goes), "a.csv.held.json=x"),
    ];
    for mode in MODES {
        for (first, _) in kinds {
            for (second, stands) in kinds {
                let folder = Folder::new(mode);
                folder.publish(first, "before", "bad");
                folder.publish(second, "x", "");
                let mut left = folder.stands();
                left.retain(|file| file != "a.csv.out.done=");
                assert_eq!(left, [stands]);
                let marked = mode.is_some() && matches!(second, Kind::Output);
                assert_eq!(folder.stands().len(), 1 + usize::from(marked));
            }
        }
    }
}

#[test]
fn reports_on_an_input_that_is_gone_go_and_its_output_stays() {
    let folder = Folder::new(None);
    folder.publish(Kind::Output, "1", "bad");
    folder.publish(Kind::Held(Earlier::Stays), "why", "");
    assert_eq!(
        folder.publisher.reported().unwrap(),
        std::slice::from_ref(&folder.input)
    );
    folder.publisher.withdraw_reports(&folder.input).unwrap();
    assert_eq!(folder.stands(), ["a.csv.out=1"]);
}

#[test]
fn of_outputs_in_several_formats_the_last_one_stands() {
    use OutputFormat::{JsonLines, Same};
    for mode in MODES {
        let marked = |stands: &[&str], marker: &str| {
            let marker = mode.map(|_| format!("{marker}.done="));
            let mut stands: Vec<String> = stands.iter().map(ToString::to_string).chain(marker).collect();
            stands.sort();
            stands
        };
        let folder = Folder::new(mode);
        folder.publish(Kind::Output, "1", "");
        let folder = folder.with_format(mode, JsonLines);
        folder.publish_after(&[Same], Kind::Output, "22", "");
        assert_eq!(folder.stands(), marked(&["a.csv.out.jsonl=22"], "a.csv.out.jsonl"));
        let folder = folder.with_format(mode, Same);
        folder.publish_after(&[JsonLines], Kind::Held(Earlier::Stays), "why", "");
        let held = marked(&["a.csv.held.json=why", "a.csv.out.jsonl=22"], "a.csv.out.jsonl");
        assert_eq!(folder.stands(), held);
        folder.publish_after(&[JsonLines], Kind::Held(Earlier::Goes), "why", "");
        assert_eq!(folder.stands(), ["a.csv.held.json=why"]);
    }
}

#[test]
fn what_fails_in_another_format_has_no_output_in_either() {
    for mode in MODES {
        let folder = Folder::new(mode);
        folder.publish(Kind::Output, "1", "");
        let folder = folder.with_format(mode, OutputFormat::Parquet);
        folder.publish_after(&[OutputFormat::Same], Kind::Report, "why", "");
        assert_eq!(folder.stands(), ["a.csv.error.json=why"]);
    }
}

/// It stood beside the new one for ever.
#[test]
fn a_worker_that_is_killed_before_it_withdraws_the_former_output_does_so_later() {
    let folder = Folder::new(None);
    folder.publish(Kind::Output, "1", "");
    let folder = folder.with_format(None, OutputFormat::JsonLines);
    // Killed: what it would have withdrawn stands.
    folder.publish_after(&[], Kind::Output, "22", "");
    assert_eq!(folder.stands(), ["a.csv.out.jsonl=22", "a.csv.out=1"]);
    folder.publish_after(&[OutputFormat::Same], Kind::Output, "22", "");
    assert_eq!(folder.stands(), ["a.csv.out.jsonl=22"]);
}
