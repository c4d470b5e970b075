//! What all requests share, and the order in which each is checked.

use super::answer::{Answer, JSON, TEXT};
use super::body::{self, Hold, Memory};
use super::capture::Capture;
use super::guard::Guard;
use super::live::Live;
use super::models::Models;
use super::page::{self, WorkerStatus};
use super::protocol::{self, Ask, By, open_inference, tensorflow};
use super::refusal::{Cause, Refusal};
use super::request::Request;
use super::route::{NoRoute, Protocol, Route, Stage};
use super::shadow::Answered;
use super::shadows::ShadowThread;
use super::telemetry::metrics::{ModelInfo, Standing};
use super::telemetry::windows::Watched;
use super::telemetry::{Exchange, Telemetry};
use super::vertex::Vertex;
use crate::config::{Config, Serve};
use crate::error::Result as Outcome;
use crate::problem::internal;
use crate::service::clock::monotonic;
use crate::service::exposition;
use hyper::body::Incoming;
use hyper::header::CONTENT_ENCODING;
use hyper::http::request::Parts;
use std::future::poll_fn;
use std::mem::take;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;

/// Bodies up to this size are scored on the connection's thread: some 1,000 rows, a millisecond of it at most. Handing them over
/// would take longer than they do.
const INLINE: usize = 64 << 10;

/// How long a process that is to stop waits for those who work behind the answers.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// All routes, for programs; a test holds it against them.
const OPEN_API: &str = include_str!("../../config/openapi.json");

pub struct Endpoint {
    pub models: Arc<Models>,
    pub guard: Arc<Guard>,
    stage: Stage,
    vertex: Vertex,
    settings: Serve,
    memory: Arc<Memory>,
    in_flight: Arc<AtomicUsize>,
    /// For large bodies.
    pool: rayon::ThreadPool,
    /// Where predictions are kept, if they are.
    capture: Option<Arc<Capture>>,
    /// Who scores for those on trial, where predictions are kept.
    shadows: Option<ShadowThread>,
    stopping: AtomicBool,
    pub telemetry: Telemetry,
    /// The worker beside this server, for the page.
    pub worker_status: WorkerStatus,
    /// The configuration's file, if there is one.
    configuration: Option<PathBuf>,
}

impl Endpoint {
    /// # Errors
    /// A thread can't be started.
    pub fn new(
        models: Arc<Models>,
        guard: Arc<Guard>,
        stage: Stage,
        config: &Config,
        pool: rayon::ThreadPool,
    ) -> Outcome<Endpoint> {
        let settings = config.serve.clone();
        let capture = config.capture.as_ref();
        let capture = capture.map(|settings| Capture::start(settings, stage)).transpose()?;
        let capture = capture.map(Arc::new);
        Ok(Endpoint {
            shadows: capture.clone().map(ShadowThread::start).transpose()?,
            capture,
            models,
            guard,
            stage,
            vertex: Vertex::of_environment(),
            memory: Memory::new(settings.memory),
            telemetry: Telemetry::new(settings.access_log)?,
            worker_status: WorkerStatus::new(&config.status),
            configuration: config.file.clone(),
            settings,
            in_flight: Arc::default(),
            pool,
            stopping: AtomicBool::new(false),
        })
    }

    pub fn settings(&self) -> &Serve {
        &self.settings
    }

    /// From now on it is alive, but not ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Answers a request. `peer`: who connected; `id`: what the answer shall call it.
    pub async fn answer(self: &Arc<Self>, head: Parts, body: Incoming, peer: IpAddr, id: &str) -> Answer {
        let client = self.guard.client(&head.headers, peer);
        let mut exchange = self.telemetry.begin(head.method.clone(), client, id);
        let (protocol, result) = match self.route(head.method.as_str(), head.uri.path()) {
            Ok(route) => {
                exchange.route(&route);
                let protocol = route.protocol();
                let answer = caught(self.respond(route, head, body, client, &mut exchange)).await;
                (protocol, answer)
            }
            Err((none, protocol)) => (protocol, Err(no_route(none, self.stage))),
        };
        exchange.end(&result, protocol);
        let answer = result.unwrap_or_else(|refusal| refusal.answer(protocol, id));
        match protocol {
            // What the clients of AWS call a request.
            Protocol::SageMakerRuntime => answer.with("x-amzn-requestid", id),
            _ => answer,
        }
    }

    fn route(&self, method: &str, path: &str) -> Result<Route, (NoRoute, Protocol)> {
        let chosen = self.vertex.route(method, path, self.models.group());
        chosen.unwrap_or_else(|| Route::parse(self.stage, method, path))
    }

    async fn respond(
        self: &Arc<Self>,
        route: Route,
        head: Parts,
        body: Incoming,
        client: IpAddr,
        exchange: &mut Exchange<'_>,
    ) -> Result<Answer, Refusal> {
        if route.is_health() {
            return self.health(&route);
        }
        let configured = || route.predicts().then_some(self.models.group());
        let group = route.group().or_else(configured);
        let admitted = self.guard.admit(&head.headers, client, &route, group)?;
        exchange.key = admitted.key;
        if !route.predicts() {
            return self.describe(route).await.and_then(|answer| self.kept(answer));
        }
        let answer = self.predict(route, head, body).await;
        Ok(answer?.limited(&admitted.remaining))
    }

    async fn predict(self: &Arc<Self>, route: Route, head: Parts, body: Incoming) -> Result<Answer, Refusal> {
        let limits = body::Limits {
            max_body: self.settings.max_body,
            timeout: self.settings.timeout,
        };
        let hold = self.memory.hold();
        let sent = body::read(&head.headers, body, &limits, &hold).await?;
        let permit = Permit::of(&self.in_flight, self.settings.max_in_flight)?;
        let encoded = head.headers.contains_key(CONTENT_ENCODING);
        let request = Request {
            query: head.uri.query().unwrap_or_default().into(),
            route,
            headers: head.headers,
            body: sent,
        };
        let (group, version) = request.target()?;
        // What few bytes become may take long.
        let compressed = encoded || request.is_packed();
        if request.body.len() <= INLINE && !compressed && self.models.is_loaded(group, version) {
            return self.score(request, hold);
        }
        self.on_pool(move |endpoint| {
            let mut request = request;
            let _permit = permit;
            let body = take(&mut request.body);
            let body = body::decoded(&request.headers, body, endpoint.settings.max_body, &hold)?;
            request.body = body::unpacked(request.packing(), body, endpoint.settings.max_body, &hold)?;
            endpoint.score(request, hold)
        })
        .await
    }

    /// Has it answered on the pool, unless its client is gone when its turn comes.
    async fn on_pool(
        self: &Arc<Self>,
        work: impl FnOnce(&Endpoint) -> Result<Answer, Refusal> + Send + 'static,
    ) -> Result<Answer, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let endpoint = self.clone();
        self.pool.spawn_fifo(move || {
            if sender.is_closed() {
                return;
            }
            // A panic here would end the process.
            let answer = catch_unwind(AssertUnwindSafe(|| work(&endpoint)));
            let _ = sender.send(answer.unwrap_or_else(|_| Err(internal().into())));
        });
        receiver.await.unwrap_or_else(|_| Err(internal().into()))
    }

    /// A large answer counts as a body does, until its client has read it.
    fn kept(&self, answer: Answer) -> Result<Answer, Refusal> {
        held(answer, self.memory.hold())
    }

    /// Answers a request whose body is there, and keeps both. `hold`: for the body, and from now on for the answer.
    fn score(&self, mut request: Request, hold: Hold) -> Result<Answer, Refusal> {
        let by = By::Asked(&self.models);
        let mut answer = protocol::answer(&Ask::new(
            &request,
            by,
            self.settings.bad_rows,
            &hold,
            self.settings.max_body,
        ))?;
        let predictions = answer.scored.as_mut().and_then(|scored| scored.predictions.take());
        if let (Some(capture), Some(thread)) = (&self.capture, &self.shadows)
            && let Some(stamp) = capture.offer(&mut request, &answer)
            && let Some(scored) = &answer.scored
            && !scored.by.is_mixed()
            && let Some(shadows) = self.models.shadows(&scored.by.served)
        {
            thread.offer(request, shadows, stamp, Answered::of(scored, predictions));
        }
        held(answer, hold)
    }

    /// Keeps what was asked and answered, and what those on trial make of it, as far as there is time.
    pub fn finish(&self) {
        let begun = monotonic();
        if let Some(shadows) = &self.shadows {
            shadows.finish(FINISH_WITHIN / 2);
        }
        if let Some(capture) = &self.capture {
            capture.finish(FINISH_WITHIN.saturating_sub(monotonic() - begun));
        }
    }

    /// What is asked beside predictions.
    async fn describe(self: &Arc<Self>, route: Route) -> Result<Answer, Refusal> {
        match route {
            Route::Version => Ok(Answer::ok(TEXT, crate::release::VERSION)),
            Route::Metrics => {
                let text = self.telemetry.metrics.text(&self.standing());
                Ok(Answer::ok(exposition::CONTENT_TYPE, text).with("cache-control", "no-store"))
            }
            Route::Page => Ok(page::answer(self.sources())),
            Route::OpenApi => Ok(Answer::ok(JSON, OPEN_API)),
            Route::ExecutionParameters => Ok(protocol::execution_parameters(
                &self.settings,
                self.pool.current_num_threads(),
            )),
            Route::ServerMetadata => Ok(open_inference::server()),
            // Files are read for it.
            Route::ModelReady(target) => self.aside(move |models| open_inference::ready(models, &target)).await,
            Route::ModelMetadata(target) => self.aside(move |models| open_inference::model(models, &target)).await,
            Route::ModelStatus(target) => self.aside(move |models| tensorflow::status(models, &target)).await,
            // What predicts, and health, is answered before.
            _ => Err(internal().into()),
        }
    }

    /// How it stands, for metrics and people.
    pub fn standing(&self) -> Standing {
        let models: Vec<_> = self.models.all().into_values().flatten().collect();
        // One that answers by itself may have been asked for by its number before.
        let others = self.models.others().into_iter();
        let others = others.filter(|other| {
            !models
                .iter()
                .any(|served| served.lineup.to_string() == other.lineup.to_string())
        });
        let watched = models.iter().cloned().chain(others).map(|served| Watched {
            model: served.lineup.to_string(),
            windows: served.live.as_ref().map(Live::windows),
        });
        let shadows: Vec<_> = models.iter().filter_map(|served| self.models.shadows(served)).collect();
        let infos = models.iter().map(|served| {
            let identity = &served.lineup.champion.identity;
            ModelInfo {
                group: identity.group.clone(),
                version: identity.version,
                sha256: identity.artifact.clone(),
                approved: served.approved().map(|at| at.as_millisecond() as f64 / 1000.0),
            }
        });
        let tests = self.models.arms();
        Standing {
            is_ready: !self.is_stopping() && self.models.ready().is_ok(),
            models: infos.collect(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            max_in_flight: self.settings.max_in_flight,
            max_connections: self.settings.max_connections,
            body_bytes: self.memory.taken(),
            max_body_bytes: self.settings.memory,
            capture: self.capture.as_ref().map(|capture| capture.captured()),
            watched: watched.collect(),
            tests: tests.iter().map(|arms| arms.standing()).collect(),
            halted: self.models.halted(),
            shadows: shadows
                .iter()
                .flat_map(|shadows| shadows.iter())
                .map(|shadow| shadow.standing())
                .collect(),
        }
    }

    fn sources(&self) -> page::Sources<'_> {
        page::Sources {
            telemetry: &self.telemetry,
            models: &self.models,
            guard: &self.guard,
            worker_status: &self.worker_status,
            settings: &self.settings,
            stage: self.stage,
            configuration: self.configuration.as_deref(),
            is_stopping: self.is_stopping(),
            standing: self.standing(),
        }
    }

    /// Of what is read for it, as many at a time as of predictions.
    async fn aside(
        self: &Arc<Self>,
        answer: impl FnOnce(&Models) -> Result<Answer, Refusal> + Send + 'static,
    ) -> Result<Answer, Refusal> {
        let permit = Permit::of(&self.in_flight, self.settings.max_in_flight)?;
        self.on_pool(move |endpoint| {
            let _permit = permit;
            answer(&endpoint.models)
        })
        .await
    }

    fn health(&self, route: &Route) -> Result<Answer, Refusal> {
        if matches!(route, Route::Ready(_)) {
            if self.is_stopping() {
                return Err(Refusal::new(Cause::NotReady, "the server is about to stop").after(1));
            }
            self.models.ready()?;
        }
        Ok(match route.protocol() {
            Protocol::OpenInference => Answer::ok(JSON, "{}"),
            Protocol::Invocations => Answer::ok(JSON, "\n"),
            _ => Answer::ok(TEXT, "alive\n"),
        })
    }
}

/// An answer for which memory is held, if it is a large one.
fn held(mut answer: Answer, hold: Hold) -> Result<Answer, Refusal> {
    if answer.body.len() > INLINE {
        hold.settle(answer.body.len() as u64)?;
        answer.body = hold.over(answer.body);
    }
    Ok(answer)
}

/// A panic is this program's defect, and is answered as such: its connection goes on.
async fn caught<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(internal().into())))
    })
    .await
}

/// One of the requests that are scored at a time; given back when it is dropped.
struct Permit(Arc<AtomicUsize>);

impl Permit {
    fn of(in_flight: &Arc<AtomicUsize>, most: usize) -> Result<Permit, Refusal> {
        let permit = Permit(in_flight.clone());
        match in_flight.fetch_add(1, Ordering::Relaxed) {
            before if before < most => Ok(permit),
            _ => Err(Refusal::new(Cause::Busy, "too many requests are in flight; try again").after(1)),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn no_route(none: NoRoute, stage: Stage) -> Refusal {
    match none {
        NoRoute::Unknown => Refusal::new(Cause::NoSuchRoute, "there is no such route; /openapi.json lists them"),
        NoRoute::Method(methods) => {
            let message = format!("this route takes {methods}");
            Refusal::new(Cause::Method(methods), message)
        }
        NoRoute::Stage(other) => {
            let message = format!("this process answers for {stage}, not for {other}");
            Refusal::new(Cause::NoSuchRoute, message).hint(format!(
                "transform serve --stage {other} does, at an address of its own"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_request_is_answered_and_ends_nothing_else() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let result: Result<(), Refusal> = runtime.block_on(caught(async { panic!("a defect") }));
        assert_eq!(result.unwrap_err().cause, Cause::Internal);
        assert!(runtime.block_on(caught(async { Ok(()) })).is_ok());
    }
}
