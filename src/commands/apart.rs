//! Reads an artifact in a process of its own, with bounds. ONNX Runtime is another's code, in C++: what a hostile file makes
//! of it must not end or hang this process, nor fill the machine's memory.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::{Format, Model};
use crate::onnxruntime;
use crate::registry;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Bytes, beside several times the file's own.
const MEMORY: u64 = 4 << 30;
const COPIES: u64 = 8;
/// Seconds of CPU, beside one for so many bytes of the file.
const CPU: u64 = 10;
const BYTES_A_SECOND: u64 = 32 << 20;

/// An error if `artifact` is no model that scores, or if the process that tried it has no answer.
pub fn read(config: &Config, artifact: &Path, format: Format) -> Result<()> {
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
    let stderr = String::from_utf8_lossy(&output.stderr);
    let out_of_memory = stderr.contains("memory allocation of") || stderr.contains("bad_alloc");
    match output.status.signal() {
        None if output.status.success() => Ok(()),
        // It came to an answer, so it is safe to hear it here.
        None => attempt(artifact, &registry::read_artifact(artifact)?, format),
        Some(_) if out_of_memory => Err(refused(artifact, "needs more memory than any model of its size")),
        Some(9 | 24) => Err(refused(
            artifact,
            "takes longer to score a row than any model of its size",
        )),
        Some(signal) if !String::from_utf8_lossy(&output.stdout).contains(LOADED) => Err(Error::config(
            "ONNX Runtime",
            format!("its library ends the program that loads it (signal {signal}): is it cut off? Install it again"),
        )),
        Some(signal) => Err(refused(artifact, &format!("crashes ONNX Runtime (signal {signal})"))),
    }
}

fn refused(artifact: &Path, what: &str) -> Error {
    Error::config(
        artifact,
        format!("the model {what}; it is damaged or hostile, and is not registered"),
    )
}

/// What the process does.
pub fn read_here(artifact: &Path, format: Format) -> Result<()> {
    let bytes = registry::read_artifact(artifact)?;
    let limit = |resource, most| {
        let most = Some(most);
        setrlimit(
            resource,
            Rlimit {
                current: most,
                maximum: most,
            },
        )
        .map_err(Error::io("set limits for", artifact))
    };
    let size = bytes.len() as u64;
    limit(Resource::As, MEMORY + COPIES * size)?;
    limit(Resource::Cpu, CPU + size / BYTES_A_SECOND)?;
    limit(Resource::Core, 0)?;
    onnxruntime::environment().map_err(|message| Error::config(artifact, message))?;
    super::say(LOADED);
    attempt(artifact, &bytes, format)
}

/// Tells that what crashes from here on is the model's doing.
const LOADED: &str = "loaded";

/// Reads the model and scores rows with it.
fn attempt(artifact: &Path, bytes: &[u8], format: Format) -> Result<()> {
    let model = Model::parse(format, bytes).map_err(|defect| Error::config(artifact, defect.to_string()))?;
    registry::rehearse(&model).map_err(|message| Error::config(artifact, message))
}
