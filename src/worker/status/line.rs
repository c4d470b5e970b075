//! How things stand, in one line for the service manager.

use super::snapshot::Status;

/// The same numbers as `transform status` shows.
pub fn line(status: &Status) -> String {
    let mut parts = Vec::new();
    if let Some(outage) = status.outage() {
        parts.push(format!("waiting: {}", outage.hinted()));
    }
    match (status.model_trouble(), &status.worker.model) {
        (Some(trouble), Some(model)) => parts.push(format!("NOT OK: {trouble}; works on by {model} until it ends")),
        (Some(trouble), None) => parts.push(format!("waiting: {trouble}")),
        (None, _) => parts.extend(status.model.as_ref().map(|model| format!("model {model}"))),
    }
    if let Some(trouble) = status.state_trouble() {
        parts.push(format!("NOT OK: {trouble}"));
    }
    if let Some(trouble) = status.input_trouble() {
        parts.push(format!("NOT OK: {trouble}"));
    }
    if let Some(error) = &status.worker.report_error {
        parts.push(format!("NOT OK: {error}"));
    }
    if status.counted.is_some() {
        let mut counts = format!(
            "done {}, pending {}, failed {}",
            status.done, status.pending, status.failed
        );
        for (count, what) in [
            (status.held, "held"),
            (status.left, "left"),
            (status.retrying, "tried again"),
        ] {
            if count > 0 {
                counts += &format!(", {what} {count}");
            }
        }
        parts.push(counts);
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn what_is_wrong_comes_first_and_numbers_last() {
        let mut status = Status::new(Timestamp::UNIX_EPOCH, "in".into(), 1);
        assert_eq!(line(&status), "");
        status.model = Some("lines/1".into());
        status.counted = Some(Timestamp::UNIX_EPOCH);
        (status.done, status.pending, status.failed) = (3, 2, 1);
        assert_eq!(line(&status), "model lines/1; done 3, pending 2, failed 1");
        status.worker.model = Some("lines/1".into());
        status.set_model_error("damaged_model", "m: changed".into());
        status.held = 4;
        assert_eq!(
            line(&status),
            "NOT OK: m: changed (hint: register the model again, or reject the version: transform models reject N); works on by \
             lines/1 until it ends; done 3, pending 2, failed 1, held 4"
        );
    }

    /// It was there twice: once without the way out, once as if of the inputs.
    #[test]
    fn a_state_folder_that_is_closed_is_said_once() {
        let mut status = Status::new(Timestamp::UNIX_EPOCH, "in".into(), 1);
        (status.state_error, status.input_error) = (Some("can't open state".into()), Some("can't open state".into()));
        status.state_error_code = Some("permission_denied".into());
        assert_eq!(
            line(&status),
            "NOT OK: can't open state (hint: the user that runs transform needs the right to do this; see TROUBLESHOOTING.md)"
        );
    }
}
