//! The script that hands events to a command of the operator's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder of alerts with three events and a draft, and a command.
struct Desk {
    dir: TempDir,
}

const EVENTS: [&str; 3] = [
    "20261127T010203.000000Z-opened-psi-x-1.json",
    "20261127T010203.000001Z-held-it_s bad.csv-2.json",
    "20261127T010204.000000Z-closed-psi-x-3.json",
];

impl Desk {
    fn new(command: &str) -> Desk {
        let desk = Desk {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(desk.path("alerts")).unwrap();
        for (n, name) in EVENTS.iter().enumerate() {
            fs::write(desk.path("alerts").join(name), n.to_string()).unwrap();
        }
        fs::write(desk.path("alerts/.draft.json.tmp"), "").unwrap();
        fs::write(desk.path("command"), format!("#!/bin/sh\n{command}\n")).unwrap();
        fs::set_permissions(desk.path("command"), fs::Permissions::from_mode(0o755)).unwrap();
        desk
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn run(&self) -> i32 {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/transform-alert");
        let mut run = Command::new(script);
        run.arg(self.path("alerts")).arg(self.path("command")).arg("1");
        let status = run.env("LOG", self.path("log")).status().unwrap();
        status.code().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".json")).collect();
        names.sort();
        names
    }
}

#[test]
fn each_event_is_handed_on_once_the_oldest_first() {
    let desk = Desk::new(r#"echo "$(cat) ${1##*/}" >> "$LOG""#);
    assert_eq!(desk.run(), 0);
    let lines: Vec<String> = (0..3).map(|n| format!("{n} {}", EVENTS[n])).collect();
    assert_eq!(desk.log().lines().collect::<Vec<_>>(), lines);
    assert_eq!((desk.names("alerts").len(), desk.names("alerts/sent").len()), (0, 3));
    assert_eq!(desk.run(), 0);
    assert_eq!(desk.log().lines().count(), 3);
}

#[test]
fn an_event_whose_command_fails_stays_and_the_others_go_on() {
    let desk = Desk::new(r#"case $1 in *held*) exit 7;; esac"#);
    assert_eq!(desk.run(), 1);
    assert_eq!(desk.names("alerts"), [EVENTS[1]]);
    assert_eq!(desk.names("alerts/sent").len(), 2);
    fs::write(desk.path("command"), "#!/bin/sh\n").unwrap();
    assert_eq!(desk.run(), 0);
    assert_eq!(desk.names("alerts/sent"), EVENTS);
}

#[test]
fn a_command_that_hangs_is_ended() {
    let desk = Desk::new(r#"case $1 in *held*) exec sleep 600;; esac"#);
    assert_eq!(desk.run(), 1);
    assert_eq!(desk.names("alerts"), [EVENTS[1]]);
}

#[test]
fn without_a_command_nothing_is_moved() {
    let desk = Desk::new("");
    fs::remove_file(desk.path("command")).unwrap();
    assert_eq!(desk.run(), 1);
    assert_eq!(desk.names("alerts").len(), 3);
}
