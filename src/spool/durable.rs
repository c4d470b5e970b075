//! Files that outlast a power cut: written, synced, renamed, and their folder synced. For files of their own, named by their
//! paths; results are drafts, which [`publish`](super::publish) syncs in groups.

#![allow(
    clippy::disallowed_methods,
    reason = "nothing here is a result: those go through spool::publish"
)]

use super::folder::Dir;
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Writes a file that must not be there yet, and that nobody is to change.
pub fn create_frozen(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = create(path, bytes)?;
    // Some mounts keep no modes.
    let _ = file.set_permissions(fs::Permissions::from_mode(0o444));
    file.sync_all().map_err(Error::io("write", path))
}

/// Makes a file that isn't there yet, as a whole: `write` writes it under the name that it is given.
pub fn make(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let temp = temp(path);
    let _ = fs::remove_file(&temp);
    write(&temp)?;
    let synced = File::open(&temp).and_then(|file| file.sync_all());
    synced.map_err(Error::io("write", &temp))?;
    fs::rename(&temp, path).map_err(Error::io("create", path))?;
    sync_folder(folder(path))
}

/// Replaces a file as a whole, and keeps its mode; in place where a mount can't rename.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temp = temp(path);
    let _ = fs::remove_file(&temp);
    let file = create(&temp, bytes)?;
    if let Ok(there) = path.metadata() {
        // Some mounts keep no modes.
        let _ = file.set_permissions(there.permissions());
    }
    put(file, &temp, path, bytes)
}

/// The same of a file that not everybody may read: it keeps its owner, too, as far as this user may give files away; one that
/// isn't there yet gets this mode, and its folder's owner. So what root writes can be read by whom it is for.
pub fn replace_or_make(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let temp = temp(path);
    let _ = fs::remove_file(&temp);
    let made = File::options().write(true).create_new(true).mode(0o600).open(&temp);
    let mut file = made.map_err(Error::io("create", &temp))?;
    file.write_all(bytes).map_err(Error::io("write", &temp))?;
    let (of, mode) = match path.metadata() {
        Ok(there) => (Some(there.clone()), there.permissions().mode()),
        Err(_) => (folder(path).metadata().ok(), mode),
    };
    if let Some(of) = of {
        let given = fchown(&file, Some(of.uid()), Some(of.gid()));
        let _ = given.or_else(|_| fchown(&file, None, Some(of.gid())));
    }
    // Some mounts keep no modes.
    let _ = file.set_permissions(fs::Permissions::from_mode(mode & 0o777));
    put(file, &temp, path, bytes)
}

/// Gives a draft its name, or writes it in place where a mount can't rename.
fn put(draft: File, temp: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    draft.sync_all().map_err(Error::io("write", temp))?;
    if fs::rename(temp, path).is_err() {
        let mut file = File::create(path).map_err(Error::io("create", path))?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(Error::io("write", path))?;
        let _ = fs::remove_file(temp);
    }
    sync_folder(folder(path))
}

/// Makes a folder where there is none, with these rights.
pub fn make_folder(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let made = fs::DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(Error::io("make folder", path))
}

/// Replaces, as a whole, a file that is soon written anew: what a power cut takes of it is no loss, so nothing is synced.
pub fn refresh(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let temp = temp(path);
    let _ = fs::remove_file(&temp);
    let written = create(&temp, bytes).and_then(|file| {
        // Some mounts keep no modes.
        let _ = file.set_permissions(fs::Permissions::from_mode(mode));
        fs::rename(&temp, path).map_err(Error::io("create", path))
    });
    if written.is_err() {
        let _ = fs::remove_file(&temp); // of a full disk
    }
    written
}

/// Writes what somebody asked for: a file is replaced as a whole; a pipe, a terminal, a link, and a file in a folder that is
/// closed are written to.
pub fn hand_out(path: &Path, bytes: &[u8]) -> Result<()> {
    let in_place = || fs::write(path, bytes).map_err(Error::io("write", path));
    if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
        return in_place();
    }
    let written = match replace(path, bytes) {
        Err(error) if error.code() == "permission_denied" => in_place(),
        replaced => replaced,
    };
    written.map_err(|error| match error {
        Error::Io { source, .. } => Error::io("write", path)(source).of_a_persons_file(),
        other => other,
    })
}

/// Makes a file in a folder, and takes it away again.
pub fn rehearse(folder: &Path) -> Result<()> {
    let path = folder.join(".transform-check");
    let _ = fs::remove_file(&path);
    create(&path, b"")?;
    fs::remove_file(&path).map_err(Error::io("remove", &path))
}

/// Makes the names in a folder durable. Not every mount can.
pub fn sync_folder(path: &Path) -> Result<()> {
    let dir = Dir::open(path)?;
    dir.sync(dir.is_mount()?)
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn create(path: &Path, bytes: &[u8]) -> Result<File> {
    let mut file = File::create_new(path).map_err(Error::io("create", path))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    Ok(file)
}

/// Never taken for an input, a version or a decision.
fn temp(path: &Path) -> PathBuf {
    let mut name = path.file_name().expect("a file has a name").to_os_string();
    name.push(".tmp");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_out_replaces_a_file_and_goes_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (page, link) = (folder.path().join("page.html"), folder.path().join("link"));
        hand_out(&page, b"one").unwrap();
        fs::set_permissions(&page, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("page.html", &link).unwrap();
        for (path, text) in [(&page, "two"), (&link, "three")] {
            hand_out(path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&page).unwrap(), text);
        }
        assert!(link.is_symlink());
        assert_eq!(page.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        rehearse(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert_eq!(super::folder(Path::new("page.html")), Path::new("."));
    }

    #[test]
    fn a_file_that_few_may_read_keeps_its_mode_or_begins_with_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let mode = || path.metadata().unwrap().mode() & 0o777;
        replace_or_make(&path, b"one", 0o640).unwrap();
        assert_eq!(mode(), 0o640);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        replace_or_make(&path, b"two", 0o640).unwrap();
        assert_eq!((mode(), fs::read_to_string(&path).unwrap().as_str()), (0o600, "two"));
        // Root gives it to whom it was, or its folder is.
        if fchown(File::open(&path).unwrap(), Some(4242), Some(4343)).is_ok() {
            replace_or_make(&path, b"three", 0o640).unwrap();
            let owner = |path: &Path| path.metadata().map(|m| (m.uid(), m.gid())).unwrap();
            assert_eq!(owner(&path), (4242, 4343));
            fchown(File::open(folder.path()).unwrap(), Some(4242), Some(4343)).unwrap();
            fs::remove_file(&path).unwrap();
            replace_or_make(&path, b"four", 0o640).unwrap();
            assert_eq!((owner(&path), mode()), ((4242, 4343), 0o640));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_whatever_a_killed_writer_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("approval.toml");
        create_frozen(&folder.path().join("approval.toml.tmp"), b"half").unwrap();
        for text in ["one", "two, which is longer"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(create_frozen(&path, b"three").is_err(), "it is there");
    }
}
