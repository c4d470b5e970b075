//! Parts of inputs on other machines, without any: Ray is a module of this repository that runs tasks here.

mod inputs;
mod nodes;
mod part;

use crate::spool::Spool;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A spool with a cluster. `nodes`: as `tests/fixtures/engine/ray.py` takes them. `None`: there is no python3; in CI that is an error.
pub fn cluster(spool: Spool, nodes: &str) -> Option<Spool> {
    let found = Command::new("sh").args(["-c", "command -v python3"]).output().unwrap();
    let python = String::from_utf8(found.stdout).unwrap();
    if python.trim().is_empty() {
        assert!(env::var_os("CI").is_none(), "CI needs python3, for the bridge to Ray");
        eprintln!("skipped: there is no python3");
        return None;
    }
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/engine");
    let script = format!(
        "#!/bin/sh\nexport PYTHONPATH={} RAY_NODES='{nodes}' PYTHONDONTWRITEBYTECODE=1\nexec {} \"$@\"\n",
        modules.display(),
        python.trim()
    );
    let path = spool.path("python");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let python = path.to_str().unwrap().to_string();
    fs::create_dir(spool.path("parts")).unwrap();
    let parts = spool.path("parts").to_str().unwrap().to_string();
    let spool = spool.set("engine.kind=ray").set(&format!("engine.python={python}"));
    Some(spool.set(&format!("engine.parts={parts}")).set("engine.part_size=1MiB"))
}
