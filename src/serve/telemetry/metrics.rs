//! All that is counted, and how Prometheus reads it.

use super::arms;
use super::counters::{self, Counters, STATUSES, Totals};
use super::histogram::BOUNDS;
use super::shadows;
use super::windows::{self, Watched};
use crate::registry::Halt;
use crate::serve::capture::Captured;
use crate::serve::keys;
use crate::serve::refusal::{Cause, Refusal};
use crate::serve::served::Served;
use crate::service::exposition::{Kind, Page};
use crate::service::{clock, lock};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// So many versions are counted apart; of more, those that were forgotten first go.
const MODELS: usize = 64;
/// So many keys are, too; others are counted together.
const KEYS: usize = 1000;
const OTHER_KEYS: &str = "other";

/// Why requests are refused: a [`Cause`], or of who isn't let in the [`keys::Reason`].
const REASONS: usize = Cause::CODES.len() + keys::Reason::ALL.len();

type ByReason = [u64; REASONS];

/// Its place among the reasons.
pub fn reason(refusal: &Refusal) -> usize {
    match &refusal.detail.denial {
        Some(denial) => Cause::CODES.len() + denial.reason as usize,
        None => refusal.cause.place(),
    }
}

fn reasons() -> impl Iterator<Item = &'static str> {
    let denials = keys::Reason::ALL.into_iter().map(keys::Reason::name);
    Cause::CODES.into_iter().chain(denials)
}

/// Atomics, but for what is refused to a key. Labels are few: routes as they are matched, never paths; versions that were proven;
/// the statuses that there are; keys by the names that the keys file has.
#[derive(Default)]
pub struct Metrics {
    /// Nanoseconds since 1970.
    started: i64,
    /// Requests that no version answered: health, refused before a model was looked for, nowhere.
    no_model: Counters,
    /// Oldest first. Locked when a version is asked for the first time, and when this is read.
    models: Mutex<Vec<Arc<Counters>>>,
    /// Refused before a key was known, or without.
    refused: [AtomicU64; REASONS],
    /// Refused to who has a key, by its name.
    refused_keys: Mutex<BTreeMap<String, ByReason>>,
    /// Connections that are open.
    connections: AtomicUsize,
    /// Lines that the access log left out: see `serve.access_log`.
    pub log_lost: AtomicU64,
}

/// What others know, at the time of asking.
pub struct Standing {
    pub is_ready: bool,
    pub models: Vec<ModelInfo>,
    pub in_flight: usize,
    pub max_in_flight: usize,
    pub max_connections: usize,
    pub body_bytes: u64,
    pub max_body_bytes: u64,
    /// `None`: it doesn't capture.
    pub capture: Option<Captured>,
    /// Of each version in memory.
    pub watched: Vec<Watched>,
    /// A/B tests.
    pub tests: Vec<arms::Standing>,
    /// Why experiments are halted.
    pub halted: Vec<Halt>,
    /// Versions on trial. Without a capture they score nothing.
    pub shadows: Vec<shadows::Standing>,
}

/// A version that answers.
pub struct ModelInfo {
    pub group: String,
    pub version: u32,
    /// Of the artifact.
    pub sha256: String,
    /// Seconds since 1970; `None`: it isn't approved.
    pub approved: Option<f64>,
}

/// An open connection; it is counted until it is dropped.
pub struct Connection<'a>(&'a Metrics);

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub fn new() -> Metrics {
        Metrics {
            started: clock::wall_clock(),
            ..Metrics::default()
        }
    }

    pub fn connection(&self) -> Connection<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connection(self)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Seconds since 1970.
    pub fn started(&self) -> f64 {
        self.started as f64 / 1e9
    }

    /// Of a version; of none.
    pub fn of<'a>(&'a self, by: Option<&'a Served>) -> &'a Counters {
        match by {
            None => &self.no_model,
            Some(served) => served.counters.get_or_init(|| {
                let identity = &served.lineup.champion.identity;
                self.register(&identity.group, identity.version)
            }),
        }
    }

    /// A version that was in memory before goes on counting.
    fn register(&self, group: &str, version: u32) -> Arc<Counters> {
        let mut models = lock(&self.models);
        let label = version.to_string();
        if let Some(known) = models.iter().find(|c| c.group == group && c.version == label) {
            return known.clone();
        }
        if models.len() >= MODELS
            && let Some(forgotten) = models.iter().position(|counters| Arc::strong_count(counters) == 1)
        {
            models.remove(forgotten);
        }
        let counters = Arc::new(Counters::of(group, version));
        models.push(counters.clone());
        counters
    }

    /// `key`: by its name; `at`: the [`reason`].
    pub fn refuse(&self, key: Option<&str>, at: usize) {
        let Some(key) = key else {
            self.refused[at].fetch_add(1, Ordering::Relaxed);
            return;
        };
        let mut keys = lock(&self.refused_keys);
        let name = match keys.contains_key(key) || keys.len() < KEYS {
            true => key,
            false => OTHER_KEYS,
        };
        if let Some(causes) = keys.get_mut(name) {
            causes[at] += 1;
        } else {
            keys.entry(name.into()).or_default()[at] += 1;
        }
    }

    /// What was refused: key (empty: none), reason, how often.
    pub fn refusals(&self) -> Vec<(String, &'static str, u64)> {
        let without: ByReason = std::array::from_fn(|i| self.refused[i].load(Ordering::Relaxed));
        let keys = lock(&self.refused_keys).clone();
        let all = std::iter::once((String::new(), without)).chain(keys);
        let named = all.flat_map(|(key, causes)| {
            reasons()
                .zip(causes)
                .map(move |(code, count)| (key.clone(), code, count))
        });
        named.filter(|(.., count)| *count > 0).collect()
    }

    /// Of each version that was asked, in the order in which they were first; that of no version comes first.
    pub fn for_each(&self, mut look: impl FnMut(&Counters)) {
        look(&self.no_model);
        lock(&self.models).iter().for_each(|counters| look(counters));
    }

    /// The page for Prometheus.
    pub fn text(&self, standing: &Standing) -> String {
        let mut page = Page::default();
        self.requests(&mut page);
        let mut family = page.family(
            "transform_rows_total",
            Kind::Counter,
            "Rows that were asked for, by what became of them.",
        );
        self.for_each(|counters| {
            let rows = counters.rows();
            for (outcome, rows) in [
                ("predicted", rows.predicted),
                ("bad", rows.bad),
                ("refused", rows.refused),
            ] {
                if !counters.group.is_empty() {
                    let labels = [
                        ("group", &*counters.group),
                        ("version", &*counters.version),
                        ("outcome", outcome),
                    ];
                    family.sample(&labels, rows);
                }
            }
        });
        let help = "Requests that were refused, by the name of their key and the reason.";
        let mut family = page.family("transform_refused_total", Kind::Counter, help);
        for (key, reason, count) in self.refusals() {
            family.sample(&[("key", &*key), ("reason", reason)], count);
        }
        models(&mut page, standing);
        limits(&mut page, standing, self.connections());
        let lost = self.log_lost.load(Ordering::Relaxed);
        let help = "Lines that the access log left out, for there were too many at once.";
        page.single("transform_access_log_lost_total", Kind::Counter, help, lost);
        if let Some(captured) = &standing.capture {
            capture(&mut page, captured);
        }
        windows::write(&mut page, &standing.watched);
        if !standing.tests.is_empty() {
            arms::write(&mut page, &standing.tests);
        }
        arms::write_halted(&mut page, &standing.halted);
        if standing.capture.is_some() && !standing.shadows.is_empty() {
            shadows::write(&mut page, &standing.shadows);
        }
        process(&mut page, self.started());
        page.into_text()
    }

    fn requests(&self, page: &mut Page) {
        let help = "Requests, by route, the version that answered (empty: none did) and HTTP status; 499: the client went away.";
        let mut family = page.family("transform_requests_total", Kind::Counter, help);
        self.for_each(|counters| {
            for (route, by_route) in counters.routes() {
                for (status, count) in STATUSES.iter().zip(by_route.statuses()) {
                    if count > 0 {
                        let status = status.to_string();
                        family.sample(&labels(counters, route, Some(&status)), count);
                    }
                }
            }
        });
        let help = "From the end of a request's head to its answer, of those that were answered with 2xx.";
        let mut family = page.family("transform_request_seconds", Kind::Histogram, help);
        self.for_each(|counters| {
            for (route, by_route) in counters.routes() {
                let counts = by_route.seconds.counts();
                if counts.iter().any(|count| *count > 0) {
                    family.histogram(&labels(counters, route, None), &BOUNDS, &counts, by_route.seconds.sum());
                }
            }
        });
    }

    /// By route, of all versions; by [`counters::place`].
    pub fn totals(&self) -> Vec<Totals> {
        let mut totals = vec![Totals::default(); counters::ROUTES];
        self.for_each(|counters| {
            for (total, (_, route)) in totals.iter_mut().zip(counters.routes()) {
                total.add(route);
            }
        });
        totals
    }
}

fn labels<'a>(counters: &'a Counters, route: &'a str, status: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let mut labels = vec![
        ("route", route),
        ("group", &counters.group),
        ("version", &counters.version),
    ];
    labels.extend(status.map(|status| ("status", status)));
    labels
}

fn models(page: &mut Page, standing: &Standing) {
    page.single(
        "transform_ready",
        Kind::Gauge,
        "1 while a proven model answers and the server isn't about to stop, else 0.",
        u8::from(standing.is_ready),
    );
    let help = "The versions that answer; always 1. sha256: of the artifact.";
    let mut family = page.family("transform_model_info", Kind::Gauge, help);
    for model in &standing.models {
        let version = model.version.to_string();
        family.sample(
            &[
                ("group", &model.group),
                ("version", &version),
                ("sha256", &model.sha256),
            ],
            1,
        );
    }
    let help = "When the version that answers was approved.";
    let mut family = page.family("transform_model_approved_timestamp_seconds", Kind::Gauge, help);
    for model in &standing.models {
        if let Some(approved) = model.approved {
            let version = model.version.to_string();
            family.sample(&[("group", &model.group), ("version", &version)], approved);
        }
    }
}

fn limits(page: &mut Page, standing: &Standing, connections: usize) {
    let mut gauge = |name, help, value: u64| page.single(name, Kind::Gauge, help, value);
    let busy = "serve.max_in_flight: beyond it the answer is 503.";
    gauge(
        "transform_in_flight",
        "Requests that are being scored.",
        standing.in_flight as u64,
    );
    gauge("transform_in_flight_limit", busy, standing.max_in_flight as u64);
    let full = "serve.memory: beyond it the answer is 503.";
    gauge("transform_body_bytes", "Bodies in flight.", standing.body_bytes);
    gauge("transform_body_limit_bytes", full, standing.max_body_bytes);
    let most = "serve.max_connections: beyond it they wait.";
    gauge(
        "transform_connections",
        "Connections that are open.",
        connections as u64,
    );
    gauge("transform_connections_limit", most, standing.max_connections as u64);
}

fn capture(page: &mut Page, captured: &Captured) {
    let help = "Predictions that were captured.";
    page.single("transform_captured_total", Kind::Counter, help, captured.events);
    let help = "Predictions that were to be captured and weren't: the disk was too slow (queue), too full (disk), or failed (write).";
    let mut family = page.family("transform_capture_lost_total", Kind::Counter, help);
    for (reason, lost) in captured.lost {
        family.sample(&[("reason", reason)], lost);
    }
    let mut gauge = |name, help, value: u64| page.single(name, Kind::Gauge, help, value);
    let most = "capture.max_size: beyond it the oldest files go.";
    gauge("transform_capture_bytes", "All captured files.", captured.bytes);
    gauge("transform_capture_limit_bytes", most, captured.max_bytes);
}

/// What every Prometheus client has.
fn process(page: &mut Page, started: f64) {
    let help = "Version of the server; always 1.";
    let mut family = page.family("transform_build_info", Kind::Gauge, help);
    family.sample(&[("version", crate::release::VERSION)], 1);
    let help = "When the process started, in seconds since 1970.";
    page.single("process_start_time_seconds", Kind::Gauge, help, started);
    if let Some(bytes) = resident() {
        page.single("process_resident_memory_bytes", Kind::Gauge, "Resident memory.", bytes);
    }
}

/// Bytes in memory.
pub fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim();
    let number: u64 = kibibytes.strip_suffix(" kB")?.parse().ok()?;
    Some(number << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const CODES: usize = Cause::CODES.len();

    fn standing() -> Standing {
        Standing {
            is_ready: true,
            models: vec![ModelInfo {
                group: "lines".into(),
                version: 2,
                sha256: "ab".into(),
                approved: Some(1.5),
            }],
            in_flight: 1,
            max_in_flight: 256,
            max_connections: 1024,
            body_bytes: 0,
            max_body_bytes: 1 << 20,
            capture: None,
            watched: Vec::new(),
            tests: Vec::new(),
            halted: vec![Halt::new("spring", "lines", "spring/1")],
            shadows: Vec::new(),
        }
    }

    #[test]
    fn reasons_are_in_the_order_of_their_places() {
        for (place, reason) in keys::Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
        assert_eq!(reasons().count(), REASONS);
    }

    #[test]
    fn requests_are_counted_by_route_version_and_status() {
        let metrics = Metrics::new();
        let lines = metrics.register("lines", 2);
        lines.add(0, 200, Duration::from_micros(15));
        lines.add_rows(counters::Rows {
            predicted: 3,
            bad: 1,
            refused: 0,
        });
        metrics.of(None).add(counters::place(None), 404, Duration::ZERO);
        metrics.refuse(None, Cause::NoSuchRoute.place());
        metrics.refuse(Some("a\"b"), CODES + keys::Reason::Rate as usize);
        let text = metrics.text(&standing());
        let route = counters::name(0);
        for line in [
            &format!("transform_requests_total{{route=\"{route}\",group=\"lines\",version=\"2\",status=\"200\"}} 1\n"),
            "transform_requests_total{route=\"other\",group=\"\",version=\"\",status=\"404\"} 1\n",
            &format!(
                "transform_request_seconds_bucket{{route=\"{route}\",group=\"lines\",version=\"2\",le=\"0.00002\"}} 1\n"
            ),
            "transform_rows_total{group=\"lines\",version=\"2\",outcome=\"bad\"} 1\n",
            "transform_refused_total{key=\"\",reason=\"no_such_route\"} 1\n",
            "transform_refused_total{key=\"a\\\"b\",reason=\"rate\"} 1\n",
            "transform_model_info{group=\"lines\",version=\"2\",sha256=\"ab\"} 1\n",
            "transform_model_approved_timestamp_seconds{group=\"lines\",version=\"2\"} 1.5\n",
            "transform_ready 1\n",
            "transform_experiment_halted{group=\"lines\",experiment=\"spring\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        // What is refused says nothing of latency.
        assert!(
            !text.contains("transform_request_seconds_count{route=\"other\""),
            "{text}"
        );
    }

    #[test]
    fn labels_are_bounded_and_versions_in_use_stay() {
        let metrics = Metrics::new();
        let used = metrics.register("lines", 1);
        for version in 2..1000 {
            metrics.register("lines", version);
        }
        assert!(Arc::ptr_eq(&used, &metrics.register("lines", 1)));
        assert_eq!(lock(&metrics.models).len(), MODELS);
        for key in 0..2000 {
            metrics.refuse(Some(&key.to_string()), CODES + keys::Reason::Rate as usize);
        }
        let refusals = metrics.refusals();
        assert_eq!(refusals.len(), KEYS + 1);
        assert!(refusals.contains(&(OTHER_KEYS.into(), "rate", 1000)));
    }
}
