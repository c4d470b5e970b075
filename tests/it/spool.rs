//! A spool in a temporary folder, and what people do with it.

use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use transform::format::OutputFormat;

/// Input, output, failed, models and state folders, with a configuration.
pub struct Spool {
    dir: TempDir,
    settings: Vec<String>,
}

/// What a command gave.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Ran {
        assert!(
            self.stdout.contains(words) || self.stderr.contains(words),
            "no {words:?} in {self:?}"
        );
        self
    }
}

impl Spool {
    /// With version 1 approved: `prediction = 2 x + 1`. Files settle at once.
    pub fn new() -> Spool {
        let spool = Spool::without_model();
        spool.approve_line(2.0, 1.0);
        spool
    }

    pub fn without_model() -> Spool {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["input", "output", "failed", "models"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        Spool {
            dir,
            settings: Vec::new(),
        }
        .set("input.settle=0s")
    }

    pub fn set(mut self, setting: &str) -> Spool {
        self.settings.push(setting.into());
        self.write_config();
        self
    }

    /// Writes the configuration file; later settings win.
    pub fn write_config(&self) {
        // Relative, as in the shipped configuration.
        let at = |folder: &str| format!("{folder:?}");
        let mut keys: Vec<(String, String)> = vec![
            ("input.path".into(), at("input")),
            ("output.path".into(), at("output")),
            ("failed.path".into(), at("failed")),
            ("models.path".into(), at("models")),
            ("models.group".into(), "\"lines\"".into()),
            ("state.path".into(), at("state")),
            ("status.path".into(), at("status")),
        ];
        for setting in &self.settings {
            let (key, value) = setting.split_once('=').unwrap();
            let bare = value.parse::<u64>().is_ok() || ["true", "false"].contains(&value) || value.starts_with('[');
            let value = if bare { value.to_string() } else { format!("{value:?}") };
            keys.retain(|(k, _)| k != key);
            keys.push((key.into(), value));
        }
        keys.sort();
        let mut text = String::new();
        let mut last = "";
        for (key, value) in &keys {
            let (section, key) = key.split_once('.').unwrap();
            if section != last {
                text += &format!("[{section}]\n");
                last = section;
            }
            text += &format!("{key} = {value}\n");
        }
        fs::write(self.path("transform.toml"), text).unwrap();
    }

    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(below)
    }

    // What a producer does.

    /// Writes an input in one go.
    pub fn drop_file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("input").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Renames an input in, over the one that is there.
    pub fn deliver(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path("delivery");
        fs::write(&path, text).unwrap();
        fs::rename(path, self.path("input").join(name)).unwrap();
    }

    // What a consumer sees.

    pub fn output(&self, name: &str) -> Option<String> {
        self.output_bytes(name).map(|b| String::from_utf8(b).unwrap())
    }

    pub fn output_bytes(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path("output").join(Spool::output_name(name))).ok()
    }

    /// Of an input, in its own format.
    pub fn output_name(input: &str) -> String {
        input.to_string() + OutputFormat::Same.suffix(input.as_bytes())
    }

    pub fn report(&self, name: &str) -> Option<Value> {
        let text = fs::read(self.path("failed").join(format!("{name}.error.json"))).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    pub fn rejects(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path("failed").join(format!("{name}.rejects.csv"))).ok()
    }

    /// All names in a folder, sorted, but that of its worker's mark.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().to_string_lossy().into())
            .filter(|name| name != ".transform-owner")
            .collect();
        names.sort();
        names
    }

    // What an operator and a data scientist do.

    /// A command that runs in an empty environment.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_transform"));
        command
            .env_clear()
            .current_dir(self.dir.path())
            .arg("--config")
            .arg(self.path("transform.toml"))
            .args(args);
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        let out = self.command(args).stdin(Stdio::null()).output().unwrap();
        Ran {
            code: out.status.code().unwrap_or(-1),
            stdout: String::from_utf8(out.stdout).unwrap(),
            stderr: String::from_utf8(out.stderr).unwrap(),
        }
    }

    pub fn once(&self) -> Ran {
        self.run(&["--once"])
    }

    /// The same, where old failures count, too.
    pub fn strict(&self) -> Ran {
        self.run(&["--once", "--strict"])
    }

    pub fn filter(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let out = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran {
            code: out.status.code().unwrap_or(-1),
            stdout: String::from_utf8(out.stdout).unwrap(),
            stderr: String::from_utf8(out.stderr).unwrap(),
        }
    }

    /// Registers `prediction = slope x + intercept`, pending. Returns its version.
    pub fn register_line(&self, slope: f64, intercept: f64) -> u32 {
        let model = format!(r#"{{"features":["x"],"coefficients":[{slope}],"intercept":{intercept}}}"#);
        self.register(&model)
    }

    pub fn register(&self, artifact: &str) -> u32 {
        let path = self.path("artifact.json");
        fs::write(&path, artifact).unwrap();
        let ran = self.register_file(path, "linear", &[]).exits(0);
        let version = ran.stdout.split(['/', ',']).nth(1).unwrap();
        version.parse().unwrap()
    }

    pub fn register_file(&self, artifact: impl AsRef<Path>, format: &str, flags: &[&str]) -> Ran {
        let artifact = artifact.as_ref().to_str().unwrap();
        self.run(&[&["models", "register", artifact, "--format", format], flags].concat())
    }

    /// Trains on `examples.csv` by `p.toml`.
    pub fn train(&self, examples: &str, pipeline: &str) -> Ran {
        fs::write(self.path("examples.csv"), examples).unwrap();
        fs::write(self.path("p.toml"), pipeline).unwrap();
        self.run(&["train", "p.toml"])
    }

    /// Trains by the pipeline file that is there, and flags.
    pub fn train_with(&self, flags: &[&str]) -> Ran {
        let pipeline = self.path("p.toml");
        self.run(&[&["train", pipeline.to_str().unwrap()], flags].concat())
    }

    pub fn approve_line(&self, slope: f64, intercept: f64) -> u32 {
        let version = self.register_line(slope, intercept);
        self.approve(version);
        version
    }

    pub fn approve(&self, version: u32) {
        self.run(&["models", "approve", &version.to_string()]).exits(0);
    }

    pub fn reject(&self, version: u32) {
        self.run(&["models", "reject", &version.to_string()]).exits(0);
    }

    /// Starts the daemon and waits until it is ready.
    pub fn daemon(&self) -> Daemon {
        let daemon = self.start();
        daemon.logs("ready");
        daemon
    }

    pub fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    /// Starts what works until it is told to stop.
    pub fn start_with(&self, args: &[&str]) -> Daemon {
        self.start_in(args, &[])
    }

    /// `env`: variables of its environment, and their values.
    pub fn start_in(&self, args: &[&str], env: &[(&str, &str)]) -> Daemon {
        let mut command = self.command(args);
        command.envs(env.iter().copied()).stdin(Stdio::null());
        self.spawn(command)
    }

    pub fn spawn(&self, mut command: Command) -> Daemon {
        let log = self.path(format!("daemon-{}.log", self.names(".").len()));
        let stderr = fs::File::create(&log).unwrap();
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        Daemon { child, log }
    }
}

/// A running worker or server; killed when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// The most bytes that it had resident.
    pub fn most_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.expect("it runs").parse::<u64>().unwrap() << 10
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log has these words.
    #[track_caller]
    pub fn logs(&self, words: &str) {
        wait_until(&format!("the log says {words:?}"), || {
            let log = self.log();
            assert!(!log.contains("panicked"), "{log}");
            log.contains(words)
        });
    }

    /// Ends it with SIGTERM and returns its exit code.
    pub fn stop(mut self) -> i32 {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Ends it with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the daemon's log:\n{}", self.log());
        }
    }
}

/// Waits until `holds`; fails after a time that no healthy machine needs.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The output of rows of `x` by `slope x + intercept`, for values that have exact results.
pub fn line(slope: f64, intercept: f64, xs: &[f64]) -> String {
    let rows: String = xs.iter().map(|x| format!("{:?}\n", slope * x + intercept)).collect();
    format!("prediction\n{rows}")
}

/// An input with one column `x`.
pub fn xs(values: &[f64]) -> String {
    let rows: String = values.iter().map(|x| format!("{x:?}\n")).collect();
    format!("x\n{rows}")
}

pub fn name_of(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}
