//! The process: models are proven, then it listens; until it is to stop.

use super::connections::Connections;
use super::endpoint::Endpoint;
use super::guard::Guard;
use super::listener::{Listeners, listen};
use super::live;
use super::models::{Models, Watch};
use super::route::Stage;
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::monitor::Policy;
use crate::service::clock::monotonic;
use crate::service::signals::{self, Handlers};
use crate::service::{ServiceManager, StepTimer, Stop};
use crate::transform::pool;
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// How often the decisions on models and the keys are looked at, and quotas are kept.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often windows of rows are looked at: see [`Models::judge`].
const JUDGE_EVERY: Duration = Duration::from_secs(1);

/// How often the worker's status is looked at, for the page.
const OBSERVE_EVERY: Duration = Duration::from_secs(5);

/// Answers until SIGTERM or SIGINT.
///
/// # Errors
/// It can't begin: the configuration, the address, threads.
pub fn run(load: impl Fn() -> Result<Config> + Send, stage: Stage) -> Result<u8> {
    let (stopping, stop) = watch::channel(false);
    let (reload, reloads) = sync_channel(1);
    let handlers = Handlers {
        stop: Stop::default(),
        on_stop: Box::new(move || {
            let _ = stopping.send(true);
        }),
        // One is enough for all that come before it is heard.
        on_reload: Box::new(move || {
            let _ = reload.try_send(());
        }),
        step: Arc::<StepTimer>::default(),
        if_stuck: Box::new(|| exit::CONVERGED),
    };
    signals::run("server", handlers, move || serve(&load()?, stage, stop, reloads))??;
    tracing::info!("stopped");
    Ok(exit::CONVERGED)
}

fn serve(config: &Config, stage: Stage, stop: watch::Receiver<bool>, reloads: Receiver<()>) -> Result<()> {
    let settings = &config.serve;
    let guard = Arc::new(Guard::open(settings, &state_folder(config, stage))?);
    guard.log();
    let Listeners { sockets, outlive } = listen(settings)?;
    let models = Models::new(
        config.models.path.clone(),
        config.models.group.clone(),
        stage,
        config.shape.clone(),
        config.monitor.is_on(),
    );
    let models = match config.models.is_named {
        true => models,
        false => models.unnamed(),
    };
    let models = models.halting(config.state.path.clone());
    let models = Arc::new(models.capturing(config.capture.is_some()));
    say_policy(&config.monitor);
    let mut watch = Watch::new(models.clone());
    watch.look();
    let threads = config.worker.threads;
    let endpoint = Arc::new(Endpoint::new(
        models.clone(),
        guard.clone(),
        stage,
        config,
        pool(threads)?,
    )?);
    let runtime = runtime(threads)?;
    let watched = guard.clone();
    beside("watch", move || follow(&mut watch, &watched, &reloads))?;
    if config.monitor.is_on() {
        let policy = config.monitor.clone();
        beside("monitor", move || {
            loop {
                models.judge(&policy, monotonic(), Timestamp::now());
                std::thread::sleep(JUDGE_EVERY);
            }
        })?;
    }
    let observed = endpoint.clone();
    beside("telemetry", move || {
        loop {
            observed.telemetry.tick();
            observed.worker_status.look();
            std::thread::sleep(OBSERVE_EVERY);
        }
    })?;
    let answering = endpoint.clone();
    runtime.block_on(async {
        let listeners = adopt(sockets)?;
        let mut manager = ServiceManager::default();
        manager.status(standing(&endpoint));
        manager.ready();
        tokio::spawn(notify(manager, answering.clone(), stop.clone()));
        Connections::new(answering, stop).serve(listeners, outlive).await;
        Ok(())
    })?;
    guard.keep();
    endpoint.telemetry.flush();
    endpoint.finish();
    Ok(())
}

fn say_policy(policy: &Policy) {
    if policy.is_on() {
        tracing::info!("rows are judged in {}", live::policy(policy));
    }
}

/// Starts a thread that ends with the process: whatever it is at, it only reads.
fn beside(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = std::thread::Builder::new().name(name.into()).spawn(work);
    started.map(drop).map_err(Error::io("start the thread", name))
}

/// Looks at decisions and keys, each second and when it is asked to.
fn follow(watch: &mut Watch, guard: &Guard, reloads: &Receiver<()>) {
    loop {
        let asked = match reloads.recv_timeout(LOOK_EVERY) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        watch.look();
        // At once, and not with the next second's look.
        if watch.halt() {
            watch.look();
        }
        guard.keep();
        if asked {
            tracing::info!("keys and decisions on models are read again, as asked by SIGHUP");
        }
    }
}

/// What a server keeps. Each stage is a process of its own.
pub fn state_folder(config: &Config, stage: Stage) -> PathBuf {
    config.state.path.join("serve").join(stage.to_string())
}

/// As many threads as cores; with one, nothing is handed over.
fn runtime(threads: usize) -> Result<Runtime> {
    let mut runtime = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let built = runtime
        .worker_threads(threads)
        .thread_name("serve")
        .enable_all()
        .build();
    built.map_err(Error::io("start", "the threads that answer"))
}

fn adopt(listeners: Vec<std::net::TcpListener>) -> Result<Vec<TcpListener>> {
    let adopted = listeners.into_iter().map(|listener| {
        let address = listener.local_addr().map_err(Error::io("listen on", "a socket"))?;
        tracing::info!(%address, "listening");
        TcpListener::from_std(listener).map_err(Error::io("listen on", address.to_string()))
    });
    adopted.collect()
}

/// Tells the service manager that the threads that answer are alive, and how it stands.
async fn notify(mut manager: ServiceManager, endpoint: Arc<Endpoint>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(LOOK_EVERY) => {
                manager.heartbeat();
                manager.status(standing(&endpoint));
            }
        }
    }
    endpoint.stop();
    manager.stopping();
}

/// In one line, for people.
fn standing(endpoint: &Endpoint) -> String {
    match endpoint.models.ready() {
        Ok(served) => format!("answers by {}", served.lineup),
        Err(refusal) => format!("not ready: {}", refusal.message),
    }
}
