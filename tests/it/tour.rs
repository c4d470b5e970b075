//! README's tour, pasted as a block: it shows what README says that it shows, and leaves nothing behind.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

/// In front of what is pasted: where README sleeps a second, and a machine may be slower, this waits until nothing is pending; and the
/// server takes any port.
const PREAMBLE: &str = r#"
until_() { for i in {1..2000}; do if eval "$1"; then return; fi; command sleep 0.02; done; echo "waited in vain: $1"; exit 1; }
sleep() { until_ "transform status --json | grep -q '\"pending\": 0'"; }
cat() { until_ "[ -e '$1' ]"; command cat "$1"; }
curl() {
  until_ 'grep -q address= serve.log'
  address=$(sed -n 's/.*address=\([0-9.:]*\).*/\1/p' serve.log | head -n 1)
  exec 3<> "/dev/tcp/${address/://}"
  printf 'POST /stream HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "$address" "$2" ${#4} "$4" >&3
  tail -n 1 <&3
}
export TRANSFORM_SERVE__LISTEN=127.0.0.1:0
trap 'kill $(jobs -p) 2> /dev/null' EXIT
"#;

/// The blocks of a language, below a heading.
fn blocks<'a>(page: &'a str, heading: &str, language: &str) -> Vec<&'a str> {
    let section = page.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    let blocks = section.split(&fence[..]).skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// Lines that are other ones each time: with a time, a process, a folder.
fn is_fixed(line: &str) -> bool {
    !["(pid ", "/home/", "WHEN (UTC)", "ignored", "last done"]
        .iter()
        .any(|word| line.contains(word))
        && !line.contains("2026-")
        && !line.trim().is_empty()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_tour_works_when_it_is_pasted_as_a_block_and_leaves_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("README.md")).unwrap();
    let commands = blocks(&page, "## Tour", "sh");
    let shown = blocks(&page, "## Tour", "text");
    let shown: Vec<&str> = shown.into_iter().flat_map(str::lines).collect();

    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        let to = dir.path().join(to);
        fs::create_dir_all(&to).unwrap();
        let copied = Command::new("cp").arg("-r").arg(root.join(from)).arg(to).status();
        assert!(copied.unwrap().success(), "{from}");
    };
    copy("config", "");
    copy("spool/input", "spool");
    copy("spool/models", "spool");
    let release = dir.path().join("target/release");
    fs::create_dir_all(&release).unwrap();
    symlink(env!("CARGO_BIN_EXE_transform"), release.join("transform")).unwrap();
    let before = names(dir.path());

    let mut shell = Command::new("bash")
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pasted = PREAMBLE.to_string() + &commands.concat();
    shell.stdin.take().unwrap().write_all(pasted.as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{errors}");
    let mut lines = said.lines();
    for line in shown.into_iter().filter(|line| is_fixed(line)) {
        assert!(
            lines.any(|found| found == line),
            "{line:?} isn't there, or not at its place:\n{said}\n{errors}"
        );
    }
    assert_eq!(names(dir.path()), before);
    assert_eq!(names(&dir.path().join("spool")), ["input", "models"]);
    assert_eq!(names(&dir.path().join("spool/models/diabetes")), ["1"]);
}
