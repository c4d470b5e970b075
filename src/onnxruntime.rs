//! Finds ONNX Runtime's shared library, and loads it when the first ONNX model needs it. Nothing else needs it.

use ort::environment::Environment;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

static CONFIGURED: OnceLock<PathBuf> = OnceLock::new();
static LOADED: Mutex<Option<Environment>> = Mutex::new(None);

/// Says where the library is, in place of looking for it (`models.onnxruntime`).
pub fn configure(library: &Path) {
    // A second configuration in one process is the first one, reloaded; what is loaded stays loaded.
    let _ = CONFIGURED.set(library.into());
}

/// The library, loaded. An error says where it was looked for, and how to get it.
pub fn environment() -> Result<Environment, String> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let mut tried = Vec::new();
    for library in candidates() {
        match ort::init_from(&library) {
            Ok(builder) => {
                let environment = builder
                    .with_name("transform")
                    .with_telemetry(false)
                    .build()
                    .map_err(|e| format!("ONNX Runtime ({}) can't be used: {e}", library.display()))?;
                tracing::debug!(library = %library.display(), "loaded ONNX Runtime");
                return Ok(loaded.insert(environment).clone());
            }
            Err(e) => tried.push(format!("{}: {e:?}", library.display())),
        }
    }
    Err(format!(
        "ONNX models need ONNX Runtime's library, which is not here; get it with: pip install onnxruntime, or set \
         models.onnxruntime to its libonnxruntime.so (tried {})",
        tried.join("; ")
    ))
}

/// The configured library alone; else `ORT_DYLIB_PATH`, the system's paths, and what pip has installed.
fn candidates() -> Vec<PathBuf> {
    if let Some(configured) = CONFIGURED.get().filter(|path| !path.as_os_str().is_empty()) {
        return vec![configured.clone()];
    }
    let named = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    if let Some(path) = named {
        return vec![path.into()];
    }
    let mut all = vec![PathBuf::from("libonnxruntime.so")];
    all.extend(installed_by_pip());
    all
}

/// The newest of each place where pip puts packages: the active environment, the user's own, the system's.
fn installed_by_pip() -> Vec<PathBuf> {
    let home = env::var_os("HOME").map(PathBuf::from);
    let prefixes = [
        env::var_os("VIRTUAL_ENV").map(PathBuf::from),
        home.map(|home| home.join(".local")),
        Some("/usr/local".into()),
        Some("/usr".into()),
    ];
    let python = |entry: &Path| {
        let name = entry.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        name.starts_with("python3")
    };
    let mut all = Vec::new();
    for prefix in prefixes.into_iter().flatten() {
        for python in entries(&prefix.join("lib")).into_iter().filter(|e| python(e)) {
            for packages in ["site-packages", "dist-packages"] {
                let folder = python.join(packages).join("onnxruntime/capi");
                let library = |entry: &PathBuf| {
                    let name = entry.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                    name.starts_with("libonnxruntime.so")
                };
                all.extend(entries(&folder).into_iter().rfind(library));
            }
        }
    }
    all
}

/// What is in a folder, by name; nothing if it can't be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
