//! What the service manager is told (sd_notify).

use super::clock::wall_clock;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// At most one heartbeat in this time.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// When the process was known to be alive last, for whoever asks on another thread.
#[derive(Debug)]
pub struct Heartbeat(AtomicI64);

impl Heartbeat {
    /// In microseconds since 1970.
    pub fn last(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Heartbeat {
    fn default() -> Heartbeat {
        Heartbeat(AtomicI64::new(wall_clock() / 1000))
    }
}

/// The service of systemd that this process is, such as `transform` or `transform@sales`; `None` for one of a user's own, or
/// where that can't be told, as in a container.
pub fn unit() -> Option<String> {
    // Whom nobody waits for is no service of the kind, but may have been started by one, as cron does it.
    std::env::var_os("NOTIFY_SOCKET")?;
    unit_of(&std::fs::read_to_string("/proc/self/cgroup").ok()?)
}

/// `cgroups`: `/proc/self/cgroup`.
pub fn unit_of(cgroups: &str) -> Option<String> {
    let path = cgroups.lines().find_map(|line| {
        line.strip_prefix("0::")
            .or(line.split_once(":name=systemd:").map(|l| l.1))
    })?;
    let mut units = path.rsplit('/').filter_map(|part| part.strip_suffix(".service"));
    let unit = units.next()?;
    units.all(|outer| !outer.starts_with("user@")).then(|| unit.into())
}

/// The service manager that started this process. Where there is none, nothing happens.
#[derive(Debug, Default)]
pub struct ServiceManager {
    heartbeat: Option<Instant>,
    last: Arc<Heartbeat>,
    status: String,
}

impl ServiceManager {
    /// Started up, or the configuration was read again.
    pub fn ready(&self) {
        self.notify(&[NotifyState::Ready]);
    }

    /// The configuration is being read again; [`ready`](Self::ready) ends it.
    pub fn reloading(&self) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.notify(&[NotifyState::Reloading, now]);
        }
    }

    /// systemd shows the last words of a service also when it has ended: they aren't that all is well.
    pub fn stopping(&self) {
        self.notify(&[NotifyState::Stopping, NotifyState::Status("stopped")]);
    }

    /// How things stand, for people. Sent if it is news.
    pub fn status(&mut self, status: String) {
        if status != self.status {
            self.notify(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// The process is alive. May be called as often as one likes, and must be within each
    /// [`heartbeat_interval`](Self::heartbeat_interval).
    pub fn heartbeat(&mut self) {
        if self.heartbeat.is_none_or(|at| at.elapsed() >= HEARTBEAT) {
            self.heartbeat = Some(Instant::now());
            self.last.0.store(wall_clock() / 1000, Ordering::Relaxed);
            self.notify(&[NotifyState::Watchdog]);
        }
    }

    /// The last heartbeat.
    pub fn last_heartbeat(&self) -> Arc<Heartbeat> {
        self.last.clone()
    }

    /// A third of the time after which the manager takes the process for dead, and no less than a second; `None`: it doesn't
    /// watch.
    pub fn heartbeat_interval(&self) -> Option<Duration> {
        sd_notify::watchdog_enabled().map(|period| HEARTBEAT.max(period / 3))
    }

    fn notify(&self, state: &[NotifyState]) {
        let _ = sd_notify::notify(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_its_control_group() {
        for (cgroups, unit) in [
            ("0::/system.slice/transform.service\n", Some("transform")),
            (
                "0::/system.slice/system-transform.slice/transform@sales.service\n",
                Some("transform@sales"),
            ),
            (
                "12:pids:/x.service\n1:name=systemd:/system.slice/transform.service\n",
                Some("transform"),
            ),
            (
                "0::/machine.slice/box/system.slice/transform.service/payload\n",
                Some("transform"),
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/t.service\n",
                None,
            ),
            ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(unit_of(cgroups).as_deref(), unit, "{cgroups}");
        }
    }
}
