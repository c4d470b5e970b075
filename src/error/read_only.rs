//! Why nothing can be written to a folder: its disk is read-only, or systemd's sandbox has it so for this service alone.

use std::fs;
use std::path::{Path, PathBuf};

/// Is it the sandbox that keeps this service from writing at `path`, and not the disk?
pub fn is_of_sandbox(path: &Path) -> bool {
    let service = std::env::var_os("INVOCATION_ID").is_some();
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    service && is_bound(&mounts(), &nearest(path))
}

/// What exists of a path, absolute.
fn nearest(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let real = absolute.ancestors().find_map(|folder| folder.canonicalize().ok());
    real.unwrap_or(absolute)
}

/// Is the mount that holds `path` read-only here, while its file system is not? `mounts`: `/proc/self/mountinfo`.
fn is_bound(mounts: &str, path: &Path) -> bool {
    let mut holder = None;
    for line in mounts.lines() {
        // 36 35 98:0 /root /point ro,noatime master:1 - ext4 /dev/sda1 rw,errors=remount-ro
        let Some((mount, system)) = line.split_once(" - ") else {
            continue;
        };
        let mut mount = mount.split(' ').skip(4);
        let (Some(point), Some(here), Some(system)) = (mount.next(), mount.next(), system.split(' ').nth(2)) else {
            continue;
        };
        let point = PathBuf::from(unescaped(point));
        let depth = point.components().count();
        // Of several at one place, the last one covers the others.
        if path.starts_with(&point) && holder.is_none_or(|(deepest, _)| depth >= deepest) {
            holder = Some((depth, is_read_only(here) && !is_read_only(system)));
        }
    }
    holder.is_some_and(|(_, bound)| bound)
}

fn is_read_only(options: &str) -> bool {
    options.split(',').any(|option| option == "ro")
}

/// The kernel writes blanks and backslashes as octal numbers.
fn unescaped(point: &str) -> String {
    [(r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", r"\")]
        .iter()
        .fold(point.into(), |point: String, (escape, text)| {
            point.replace(escape, text)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_told_from_a_disk_that_is_read_only() {
        let mounts = "\
            1 0 8:1 / / ro,relatime shared:1 - ext4 /dev/sda1 rw\n\
            2 1 8:1 /var/lib/transform /var/lib/transform rw - ext4 /dev/sda1 rw\n\
            3 2 8:1 /i /var/lib/transform/spool/input ro - ext4 /dev/sda1 rw\n\
            4 1 8:2 / /mnt/old\\040disk ro - ext4 /dev/sdb1 ro,errors=remount-ro\n\
            5 1 8:3 / /data rw - ext4 /dev/sdc1 rw\n\
            6 1 8:3 / /data ro - ext4 /dev/sdc1 rw\n\
            no mount\n";
        for (path, bound) in [
            ("/srv/output", true),
            ("/var/lib/transform/spool/output", false),
            ("/var/lib/transform/spool/input/a", true),
            ("/var/lib/transformer", true),
            ("/mnt/old disk/output", false),
            ("/data", true),
        ] {
            assert_eq!(is_bound(mounts, Path::new(path)), bound, "{path}");
        }
        assert!(!is_bound("", Path::new("/srv")));
    }
}
