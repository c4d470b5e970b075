//! Finds ONNX Runtime's shared library, and loads it when the first ONNX model needs it. Nothing else needs it.

use ort::environment::Environment;
use std::collections::HashSet;
use std::env;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static CONFIGURED: Mutex<Option<PathBuf>> = Mutex::new(None);
static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

struct Loaded {
    environment: Environment,
    /// Where the next process looks for the library first.
    path: Option<PathBuf>,
}

/// Says where the library is, in place of looking for it (`models.onnxruntime`).
pub fn configure(library: &Path) {
    // A reload may say another; what is loaded already stays loaded.
    let library = Some(library.to_path_buf()).filter(|path| !path.as_os_str().is_empty());
    *CONFIGURED.lock().unwrap_or_else(PoisonError::into_inner) = library;
}

/// The library, loaded. An error says where it was looked for, and how to get it.
pub fn environment() -> Result<Environment, String> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = &*loaded {
        return Ok(loaded.environment.clone());
    }
    let mut tried = Vec::new();
    for library in candidates() {
        // What is no ONNX Runtime can make the binding panic.
        let init = catch_unwind(|| ort::init_from(&library));
        match init {
            Err(_) => tried.push(format!("{}: it is no ONNX Runtime", library.display())),
            Ok(Ok(builder)) => {
                let environment = builder
                    .with_name("transform")
                    .with_telemetry(false)
                    .build()
                    .map_err(|e| format!("ONNX Runtime ({}) can't be used: {e}", library.display()))?;
                environment.set_log_level(ort::logging::LogLevel::Fatal);
                tracing::debug!(library = %library.display(), "loaded ONNX Runtime");
                let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
                let path = location(&library, &maps);
                return Ok(loaded.insert(Loaded { environment, path }).environment.clone());
            }
            Ok(Err(e)) => tried.push(format!("{}: {}", library.display(), causes(&e))),
        }
    }
    let inactive = in_other_environments().first().map_or(String::new(), |library| {
        format!(
            "; one is in a Python environment that is not active: to use it, set models.onnxruntime = {library:?}, or the \
             variable ORT_DYLIB_PATH to that"
        )
    });
    Err(format!(
        "ONNX models need ONNX Runtime's library, which is not here; get it with: pip install onnxruntime, or set \
         models.onnxruntime to its libonnxruntime.so{inactive} (tried {})",
        tried.join("; ")
    ))
}

/// Why the next process won't have the library that this one has loaded: it went.
pub fn missing() -> Option<String> {
    let loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let path = loaded.as_ref()?.path.as_ref()?;
    (!path.exists()).then(|| {
        format!(
            "ONNX models need ONNX Runtime's library, and {} went since it was loaded; put it back, or get it with: pip install \
             onnxruntime, or set models.onnxruntime to its libonnxruntime.so",
            path.display()
        )
    })
}

/// Where a library was found. `maps`: `/proc/self/maps`, for one that is looked for by its name alone; `None`: that doesn't tell.
fn location(library: &Path, maps: &str) -> Option<PathBuf> {
    if library.components().count() > 1 {
        return std::path::absolute(library).ok();
    }
    // 7f00-7f01 r--p 00000000 08:01 42 /usr/lib/libonnxruntime.so.1.17.0
    let files = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let file = files.into_iter().find(|file| begins(file, "libonnxruntime.so"))?;
    // A link to it, by the name that was looked for.
    Some(file.parent()?.join(library))
}

/// All that is said of an error, the cause's cause too.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

/// The configured library alone; else `ORT_DYLIB_PATH`, the system's paths, and what pip has installed.
fn candidates() -> Vec<PathBuf> {
    if let Some(configured) = &*CONFIGURED.lock().unwrap_or_else(PoisonError::into_inner) {
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

/// The newest of each place where pip puts packages: the active environment, those of the Pythons on the path, the user's.
fn installed_by_pip() -> Vec<PathBuf> {
    let home = env::var_os("HOME").map(PathBuf::from);
    let environment = |key: &str| env::var_os(key).map(PathBuf::from);
    let mut prefixes: Vec<PathBuf> = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .into_iter()
        .filter_map(environment)
        .collect();
    let path = env::var_os("PATH").unwrap_or_default();
    let programs = env::split_paths(&path).filter(|folder| folder.join("python3").exists());
    prefixes.extend(programs.filter_map(|folder| Some(folder.parent()?.to_path_buf())));
    if let Some(home) = home {
        prefixes.push(home.join(".local"));
        prefixes.extend(entries(&home.join(".pyenv/versions")));
    }
    prefixes.extend(["/usr/local", "/usr"].map(PathBuf::from));
    below(prefixes)
}

/// Where people make environments: what is in one of them is for who activates it, so it is only named.
fn in_other_environments() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::current_dir().into_iter().collect();
    if let Some(home) = env::var_os("HOME").map(PathBuf::from) {
        folders.extend([home.join(".virtualenvs"), home]);
    }
    folders.push("/opt".into());
    let prefixes = folders.iter().flat_map(|folder| entries(folder));
    below(prefixes.filter(|prefix| prefix.join("pyvenv.cfg").exists()).collect())
}

/// What pip has installed below these, the newest of each place.
fn below(prefixes: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for prefix in prefixes {
        for python in entries(&prefix.join("lib"))
            .into_iter()
            .filter(|e| begins(e, "python3"))
        {
            for packages in ["site-packages", "dist-packages"] {
                let files = entries(&python.join(packages).join("onnxruntime/capi"));
                all.extend(files.into_iter().rfind(|file| begins(file, "libonnxruntime.so")));
            }
        }
    }
    let mut seen = HashSet::new();
    all.retain(|library| seen.insert(library.clone()));
    all
}

fn begins(path: &Path, word: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(word))
}

/// What is in a folder, by name; nothing if it can't be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_library_was_found_is_known_by_its_name_too() {
        let maps = "7f00-7f01 r--p 00000000 08:01 41                  /usr/lib/libc.so.6\n\
            7f02-7f03 rw-p 00000000 00:00 0\n\
            7f04-7f05 r-xp 00000000 08:01 42                  /opt/a b/libonnxruntime.so.1.17.0\n";
        let found = |library: &str, maps| location(Path::new(library), maps);
        let by_name = found("libonnxruntime.so", maps);
        assert_eq!(by_name.as_deref(), Some(Path::new("/opt/a b/libonnxruntime.so")));
        assert_eq!(found("libonnxruntime.so", ""), None);
        let by_path = found("/srv/libonnxruntime.so.2", maps);
        assert_eq!(by_path.as_deref(), Some(Path::new("/srv/libonnxruntime.so.2")));
    }
}
