//! Reads an artifact in a process of its own, with bounds. ONNX Runtime is another's code, in C++: what a hostile file makes
//! of it must not end or hang this process, nor fill the machine's memory.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::{Format, Model};
use crate::onnxruntime;
use crate::registry;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Bytes, beside several times the file's own.
const MEMORY: u64 = 4 << 30;
const COPIES: u64 = 8;
/// Seconds of CPU, beside one for so many bytes of the file.
const CPU: u64 = 10;
const BYTES_A_SECOND: u64 = 32 << 20;

/// Tells that what crashes from here on is the model's doing.
const LOADED: &str = "loaded";
const SCORES: &str = "scores";
const REFUSED: &str = "refused: ";

/// An error if `artifact` is no model that scores, or if the process that tried it has no answer.
pub fn check(config: &Config, artifact: &Path, format: Format) -> Result<()> {
    let program = std::env::current_exe().map_err(Error::io("find", "this program"))?;
    let mut command = Command::new(&program);
    command.args(["models", "try", "--format", &format.to_string()]);
    if let Some(file) = &config.file {
        command.arg("--config").arg(file);
    }
    if let Some(library) = config.models.onnxruntime.to_str().filter(|path| !path.is_empty()) {
        command.arg("--set").arg(format!("models.onnxruntime={library}"));
    }
    let output = command
        .arg("--")
        .arg(artifact)
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("run", &program))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let out_of_memory = stderr.contains("memory allocation of") || stderr.contains("bad_alloc");
    let refusal = stdout.lines().find_map(|line| line.strip_prefix(REFUSED));
    let (loaded, scores) = (stdout.contains(LOADED), stdout.lines().any(|line| line == SCORES));
    match (output.status.signal(), refusal) {
        (None, None) if scores => Ok(()),
        (None, Some(why)) => Err(Error::config(artifact, why)),
        (None, None) => Err(Error::config(
            artifact,
            format!("it could not be tried: {}", stderr.trim()),
        )),
        (Some(signal), _) if !loaded => Err(Error::config(
            "ONNX Runtime",
            format!("its library ends the program that loads it (signal {signal}): is it cut off? Install it again"),
        )),
        (Some(_), _) if out_of_memory => Err(hostile(artifact, "needs more memory than any model of its size")),
        (Some(OUT_OF_TIME), _) => Err(hostile(
            artifact,
            "takes longer to score a row than any model of its size",
        )),
        (Some(signal), _) => Err(hostile(artifact, &format!("ends ONNX Runtime (signal {signal})"))),
    }
}

/// SIGXCPU
const OUT_OF_TIME: i32 = 24;

fn hostile(artifact: &Path, what: &str) -> Error {
    let message = format!("the model {what}; it is damaged or hostile, and is not registered");
    Error::config(artifact, message)
}

/// What the process does: prints on stdout how far it came.
pub fn run_child(artifact: &Path, format: Format) -> Result<()> {
    match attempt(artifact, format) {
        Ok(()) => super::print_line(SCORES),
        Err(why) => super::print_line(format!("{REFUSED}{}", why.replace('\n', " "))),
    }
    Ok(())
}

/// Reads the model and scores rows with it.
fn attempt(artifact: &Path, format: Format) -> std::result::Result<(), String> {
    let bytes = registry::read_artifact(artifact).map_err(|e| e.to_string())?;
    if let Some(defect) = Model::foreign(format, &bytes) {
        return Err(defect.to_string());
    }
    let size = bytes.len() as u64;
    let time = CPU + size / BYTES_A_SECOND;
    limit(Resource::As, MEMORY + COPIES * size, 0)?;
    limit(Resource::Cpu, time, 1)?;
    limit(Resource::Core, 0, 0)?;
    onnxruntime::environment()?;
    super::print_line(LOADED);
    let model = Model::parse(format, &bytes).map_err(|defect| defect.to_string())?;
    registry::rehearse(&model)
}

/// `more`: by how much the limit that can't be caught is higher.
fn limit(resource: Resource, most: u64, more: u64) -> std::result::Result<(), String> {
    let least = |a: u64, b: Option<u64>| Some(b.map_or(a, |b| b.min(a)));
    let now = getrlimit(resource);
    let limit = Rlimit {
        current: least(most, now.maximum),
        maximum: least(most + more, now.maximum),
    };
    setrlimit(resource, limit).map_err(|e| format!("it can't be tried within bounds: {e}"))
}
