//! Machines of other and of changed names over one output folder.

use crate::owner::{both, mark, second, set_mark};
use crate::spool::{Spool, line, wait_until, xs};
use std::fs;
use std::process::Command;

/// Marks the folder, and lets the worker remember it, as if it had run under another host name.
fn rename_host(spool: &Spool, to: &str) {
    let host = mark(spool).unwrap()["host"].as_str().unwrap().to_string();
    set_mark(spool, "host", to);
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    let update = "UPDATE meta SET value = replace(value, ?1, ?2) WHERE key GLOB 'mark *'";
    let quoted = |host: &str| format!("\"host\":\"{host}\"");
    assert_eq!(ledger.execute(update, [quoted(&host), quoted(to)]).unwrap(), 2);
}

/// Another host's state folder can't be looked at. A container keeps its state under a new host name.
#[test]
fn another_host_is_believed_and_a_new_name_of_the_own_is_none() {
    let spool = both();
    spool.once().exits(0);
    rename_host(&spool, "elsewhere");
    second(&spool, &["--once"]).exits(64).says("on elsewhere");
    let check = spool.run(&["check"]).exits(0);
    check.says("output's worker: this one, under its former name");
    let ran = spool.once().exits(0).says("WARN").says("took over");
    ran.says("nothing to do");
    assert_ne!(mark(&spool).unwrap()["host"], "elsewhere");
    let ran = spool.once().exits(0);
    assert!(!ran.stderr.contains("WARN"), "{ran:?}");
}

/// Two machines of one image took the folder from each other, run by run and without a word; what the other one had made, of
/// the same size, stood for ever.
#[test]
fn a_twin_on_another_host_is_refused_and_what_it_made_is_doubted() {
    let spool = both();
    spool.drop_file("other.csv", xs(&[4.0]));
    spool.once().exits(0);
    let (mine, others) = (line(2.0, 1.0, &[1.0]), line(2.0, 1.0, &[2.0]));
    set_mark(&spool, "host", "elsewhere");
    fs::write(spool.path("output/daily.csv.out"), &others).unwrap();
    let ran = spool.run(&["--once", "--quiet"]).exits(64).says("elsewhere");
    ran.says("a copy of this one's state folder").says("--take-output");
    assert_eq!(mark(&spool).unwrap()["host"], "elsewhere");
    spool.run(&["check", "--take-output"]).exits(0);
    let ran = spool.once().exits(0).says("scored 1 file").says("1 up to date");
    assert!(!ran.stderr.contains("WARN"), "{ran:?}");
    assert_eq!(spool.output("daily.csv").unwrap(), mine);

    // The twin was the first to take a new name for its own.
    rename_host(&spool, "elsewhere");
    fs::write(spool.path("output/daily.csv.out"), &others).unwrap();
    spool.once().exits(0).says("took over").says("scored 1 file");
    assert_eq!(spool.output("daily.csv").unwrap(), mine);
}

/// Starts the worker on a host of that name; `None`: this machine doesn't allow it. `then`: what that host's shell does meanwhile.
fn on_host(spool: &Spool, host: &str, then: &str, args: &[&str]) -> Option<Command> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-r", "-u", "sh", "-ec", script]);
        command
    };
    let probe = unshare("hostname probe").output();
    if !probe.is_ok_and(|out| out.status.success()) {
        return None;
    }
    let worker = spool.command(args);
    let mut command = unshare(&format!("hostname {host}; {then} exec \"$0\" \"$@\""));
    command.arg(worker.get_program()).args(worker.get_args());
    command.current_dir(spool.path(""));
    Some(command)
}

/// As above, on true hosts: each was satisfied, for a state that was copied has the same instance.
#[test]
fn of_two_machines_of_one_image_only_the_first_one_publishes() {
    let spool = both();
    let once = |host: &str| {
        let out = on_host(&spool, host, "", &["--once", "--quiet"])?.output().unwrap();
        Some((out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap()))
    };
    let Some(ran) = once("image") else { return };
    assert_eq!(ran, (0, String::new()));
    let copy = Command::new("cp")
        .args(["-a", "state", "twin"])
        .current_dir(spool.path(""))
        .status();
    assert!(copy.unwrap().success());
    let swap = || {
        fs::rename(spool.path("state"), spool.path("swap")).unwrap();
        fs::rename(spool.path("twin"), spool.path("state")).unwrap();
        fs::rename(spool.path("swap"), spool.path("twin")).unwrap();
    };
    for _ in 0..2 {
        assert_eq!(once("a").unwrap(), (0, String::new()));
        swap();
        let (code, stderr) = once("b").unwrap();
        assert_eq!(code, 64, "{stderr}");
        assert!(stderr.contains("a worker on a with a copy"), "{stderr}");
        swap();
    }
}

/// A network or a cloud named the host while the worker ran: it refused its own folder until it was started again.
#[test]
fn a_host_that_is_named_anew_keeps_its_folder() {
    let spool = both().set("input.rescan_interval=20ms");
    let rename = "(until [ -e rename ]; do sleep 0.01; done; hostname two; touch renamed) &";
    let Some(mut command) = on_host(&spool, "one", rename, &[]) else {
        return;
    };
    let log = fs::File::create(spool.path("log")).unwrap();
    let mut worker = command.stderr(log).spawn().unwrap();
    wait_until("the output", || spool.output("daily.csv").is_some());
    fs::write(spool.path("rename"), "").unwrap();
    wait_until("its name", || spool.path("renamed").exists());
    // Each is found by a listing that began after it.
    for name in ["1.csv", "2.csv", "3.csv"] {
        spool.deliver(name, xs(&[3.0]));
        wait_until(name, || spool.output(name).is_some());
    }
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(worker.id() as i32).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert!(worker.wait().unwrap().success());
    let log = fs::read_to_string(spool.path("log")).unwrap();
    assert!(!log.contains("output_owned"), "{log}");
    assert_eq!(mark(&spool).unwrap()["host"], "one");
}
