//! What a person at a terminal sees of a pass.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Files and bytes that are planned and done.
#[derive(Clone)]
pub struct Progress {
    bar: Option<ProgressBar>,
    /// Input bytes that were scored; counted where they are.
    pub bytes: Arc<AtomicU64>,
    files: u64,
    planned: u64,
}

impl Progress {
    pub fn hidden() -> Progress {
        Progress {
            bar: None,
            bytes: Arc::default(),
            files: 0,
            planned: 0,
        }
    }

    /// Draws on stderr, which is a terminal.
    pub fn on_terminal() -> Progress {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(style("{spinner} {msg}"));
        bar.set_message("looking; files that just came must stand still for a moment");
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress {
            bar: Some(bar),
            ..Progress::hidden()
        }
    }

    pub fn bar(&self) -> Option<ProgressBar> {
        self.bar.clone()
    }

    pub fn visible(&self) -> bool {
        self.bar.is_some()
    }

    pub fn plan(&mut self, bytes: u64) {
        self.planned += 1;
        if let Some(bar) = &self.bar {
            if self.planned == 1 {
                bar.set_style(style(
                    "{spinner} {msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
                ));
                bar.reset_elapsed();
                bar.reset_eta();
            }
            bar.inc_length(bytes);
        }
        self.draw();
    }

    pub fn file_done(&mut self) {
        self.files += 1;
        self.draw();
    }

    pub fn draw(&self) {
        if let Some(bar) = &self.bar {
            bar.set_position(self.bytes.load(Ordering::Relaxed));
            bar.set_message(format!("{}/{} files", self.files, self.planned));
        }
    }

    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("a valid template")
        .progress_chars("=> ")
}
