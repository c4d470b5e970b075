//! Signals: to stop, and to read the configuration again.

use super::{StepTimer, Stop};
use crate::error::{Error, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// After a signal to stop, how long the work has to put things down before the process ends all the same.
const STOP_WITHIN: Duration = Duration::from_secs(9);
/// A step that takes longer is warned of: most likely a mount hangs.
const LONG_STEP: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// As much as a process's first thread has.
const STACK: usize = 8 << 20;

/// What a process does on a signal.
pub struct Handlers {
    /// Requested by SIGTERM and SIGINT.
    pub stop: Stop,
    /// Wakes whoever waits, after `stop` was requested.
    pub on_stop: Box<dyn Fn() + Send>,
    /// SIGHUP: the configuration is to be read again.
    pub on_reload: Box<dyn Fn() + Send>,
    /// What the work is at.
    pub step: Arc<StepTimer>,
    /// The work didn't stop in time: it may hang on a mount. The process ends with the exit code that this returns.
    pub if_stuck: Box<dyn FnOnce() -> u8 + Send>,
}

/// Works on a thread of its own (called `name`), and takes signals on this one. This one must be the process's first: the
/// kernel gives it every signal that it can take, and a thread that waits for a mount takes none.
///
/// # Errors
/// If signals can't be taken, or the thread can't be started. A panic of the work goes on here.
pub fn run<T: Send>(name: &str, handlers: Handlers, work: impl FnOnce() -> T + Send) -> Result<T> {
    let (runtime, mut signals) = Signals::take()?;
    let (done, ended) = oneshot::channel::<()>();
    let working = move || {
        let _done = done; // when dropped, also by a panic, the listening ends
        work()
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.into()).stack_size(STACK);
        let started = thread.spawn_scoped(scope, working);
        let working = started.map_err(Error::io("start", format!("the {name}'s thread")))?;
        runtime.block_on(signals.listen(handlers, ended));
        Ok(working.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// From here on signals no longer end the process by themselves.
    fn take() -> Result<(Runtime, Signals)> {
        let failed = |e| Error::io("listen for", "signals")(e);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let guard = runtime.enter();
        let signals = Signals {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            hangup: signal(SignalKind::hangup()).map_err(failed)?,
        };
        drop(guard);
        Ok((runtime, signals))
    }

    /// Until the work has ended.
    async fn listen(&mut self, handlers: Handlers, mut ended: oneshot::Receiver<()>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut warned = false;
        loop {
            tokio::select! {
                _ = &mut ended => return,
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hangup.recv() => (handlers.on_reload)(),
                _ = looks.tick() => warned = warn_of_long_step(&handlers.step, warned),
            }
        }
        handlers.stop.request();
        (handlers.on_stop)();
        if tokio::time::timeout(STOP_WITHIN, ended).await.is_err() {
            std::process::exit((handlers.if_stuck)().into());
        }
    }
}

/// Warns once of a step that takes long, and says once that it is over. `warned`: so far.
fn warn_of_long_step(step: &StepTimer, warned: bool) -> bool {
    let long = step.elapsed() > LONG_STEP;
    match (warned, long) {
        (false, true) => tracing::warn!("a folder doesn't answer, or slowly; waiting for it. Does its mount hang?"),
        (true, false) => tracing::info!("it answers again"),
        _ => {}
    }
    long
}
