//! Asks the kernel whether somebody has a file open for writing: it gives a read lease only where nobody has.

use std::fs::File;
use std::os::fd::AsRawFd;

/// As Linux has it for every processor that Rust runs on; libc lacks it.
const F_SETSIG: i32 = 10;

/// What the kernel says of a file's writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    None,
    Some,
    /// Only a file's owner may ask, or who has CAP_LEASE, and only file systems that give leases answer.
    Unknown,
}

/// Has anybody `file` open for writing, or mapped so? It must be open for reading alone, and on a local disk: NFS refuses a
/// lease for reasons of its own.
///
/// Whoever opens the file for writing while the lease stands, for some microseconds, waits until it is given back; with
/// O_NONBLOCK, EWOULDBLOCK is the answer.
pub fn writers(file: &File) -> Writers {
    // Of such an open the kernel tells by a signal; by one that ends no process, for SIGIO would.
    let lease = fcntl(file, F_SETSIG, libc::SIGURG).and_then(|()| set_lease(file, libc::F_RDLCK));
    match lease.map_err(|e| e.raw_os_error()) {
        Ok(()) => {
            let _ = set_lease(file, libc::F_UNLCK);
            Writers::None
        }
        Err(Some(libc::EAGAIN)) => Writers::Some,
        Err(_) => Writers::Unknown,
    }
}

/// May this process ask of files that others own?
pub fn may_ask_of_all() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::LEASE))
}

fn set_lease(file: &File, lease: i32) -> std::io::Result<()> {
    fcntl(file, libc::F_SETLEASE, lease)
}

fn fcntl(file: &File, command: i32, argument: i32) -> std::io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and these commands take a number and no pointer.
    #[expect(unsafe_code)]
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
    match answer {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_file_that_is_open_for_writing_is_told_from_one_that_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = File::open(file.path()).unwrap();
        assert!(matches!(writers(&read), Writers::Some | Writers::Unknown));
        let path = file.into_temp_path();
        assert!(matches!(writers(&read), Writers::None | Writers::Unknown));
        let append = File::options().append(true).open(&path).unwrap();
        assert!(matches!(writers(&read), Writers::Some | Writers::Unknown));
        drop(append);
        let other_reader = File::open(&path).unwrap();
        assert!(matches!(writers(&read), Writers::None | Writers::Unknown));
        drop(other_reader);
    }

    /// Its signal would end the process by default, and its writer would be refused.
    #[test]
    fn writers_that_open_a_file_while_it_is_asked_about_come_through_and_nobody_is_ended() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let (free, taken, unknown) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        let seen = |count: &AtomicU32| count.load(Ordering::Relaxed);
        let done = || seen(&unknown) > 0 || seen(&free) > 100 && seen(&taken) > 100;
        let mut written = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done() {
                    let count = match writers(&File::open(&path).unwrap()) {
                        Writers::None => &free,
                        Writers::Some => &taken,
                        Writers::Unknown => &unknown,
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
            while !done() {
                let mut file = File::options().append(true).open(&path).unwrap();
                file.write_all(b"1").unwrap();
                written += 1;
            }
        });
        assert_eq!(path.metadata().unwrap().len(), written);
    }
}
