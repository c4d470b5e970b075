//! The process: reloaded, stopped, and started again behind a socket that outlives it.

use super::{Client, Server};
use crate::spool::{Daemon, Spool, wait_until};
use rustix::process::Signal;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

const ROW: &[u8] = br#"{"x": [[1]]}"#;

/// Starts a server as a service manager does: the socket is this process's, and is passed.
fn serve_on(socket: &TcpListener, spool: &Spool) -> Daemon {
    let serve = spool.command(&["serve"]);
    let passed = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\"";
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", passed, "sh"])
        .arg(serve.get_program())
        .args(serve.get_args())
        .current_dir(spool.path("."))
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())));
    spool.spawn(command)
}

fn connect(address: SocketAddr) -> Client {
    let stream = TcpStream::connect(address).unwrap();
    Client {
        stream,
        behind: Vec::new(),
    }
}

/// Asks again and again until `done`, and counts the answers. An answer that closes its connection has the next request come by another.
fn ask_on(address: SocketAddr, keep: bool, done: &AtomicBool, answers: &AtomicUsize) {
    let headers: &[(&str, &str)] = if keep { &[] } else { &[("Connection", "close")] };
    let mut client = connect(address);
    while !done.load(Ordering::Relaxed) {
        let answer = client.ask("POST", "/stream", headers, ROW).is(200);
        assert_eq!(answer.text(), "3.0");
        if answer.header("connection") == Some("close") {
            client = connect(address);
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_restart_behind_its_socket_drops_no_request() {
    let spool = Spool::served();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (done, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = [true, true, false, false]
            .map(|keep| {
                scope.spawn({
                    let (done, answers) = (&done, &answers);
                    move || ask_on(address, keep, done, answers)
                })
            })
            .into();
        for _ in 0..3 {
            let server = serve_on(&socket, &spool);
            server.logs("server starts version=");
            let before = answers.load(Ordering::Relaxed);
            wait_until("it answers", || {
                let all_ask = clients.iter().all(|client| !client.is_finished());
                !all_ask || answers.load(Ordering::Relaxed) > before + 500
            });
            assert_eq!(server.stop(), 0);
        }
        let _last = serve_on(&socket, &spool);
        done.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("each request is answered");
        }
    });
}

/// Accepting whoever comes would go on until the process is cut.
#[test]
fn a_stop_ends_however_many_come() {
    let spool = Spool::served();
    let server = spool.serve();
    let (address, done) = (server.address, AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _ = TcpStream::connect(address);
                }
            });
        }
        server.daemon.signal(Signal::TERM);
        server.daemon.logs("stopped");
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(server.stop(), 0);
}

/// A client that is connected, has asked, and isn't accepted yet; the server is told to stop.
fn ask_while_it_stops(address: SocketAddr, daemon: &Daemon) -> Client {
    daemon.signal(Signal::STOP);
    let mut client = connect(address);
    client.send("POST", "/stream", &[], ROW);
    daemon.signal(Signal::TERM);
    daemon.signal(Signal::CONT);
    client
}

#[test]
fn whoever_waits_to_be_accepted_when_it_stops_is_answered() {
    let spool = Spool::served();
    let Server { daemon, address } = spool.serve();
    let mut client = ask_while_it_stops(address, &daemon);
    client.answer("POST").expect("an answer").is(200);
    assert_eq!(daemon.stop(), 0);

    // Where the socket outlives it, by the next one if not by this.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let first = serve_on(&socket, &spool);
    first.logs("listening address=");
    let mut client = ask_while_it_stops(address, &first);
    assert_eq!(first.stop(), 0);
    let _second = serve_on(&socket, &spool);
    client.answer("POST").expect("an answer").is(200);
}

#[test]
fn a_reload_reads_keys_and_decisions_at_once() {
    let spool = Spool::guarded();
    let ada = spool.add_key(&["ada"]);
    let server = spool.serve();
    let reload = || {
        let words = "read again, as asked by SIGHUP";
        let before = server.daemon.log().matches(words).count();
        server.daemon.signal(Signal::HUP);
        wait_until("it says so", || server.daemon.log().matches(words).count() > before);
    };
    let ask = |key: &str| server.connect().ask("POST", "/stream", &[("x-api-key", key)], ROW);
    for round in 1..=5_u32 {
        let bob = spool.add_key(&[&format!("bob{round}")]);
        let version = spool.approve_line(f64::from(round), 0.0);
        reload();
        let answer = ask(&bob).is(200);
        assert_eq!(answer.text(), format!("{round}.0"));
        assert_eq!(answer.header("transform-model"), Some(&*format!("lines/{version}")));
    }
    spool.run(&["keys", "revoke", "ada"]).exits(0);
    reload();
    ask(&ada).is(403);
}

#[test]
fn a_server_whose_address_is_taken_says_how_to_find_by_whom() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let spool = Spool::served().set(&format!("serve.listen={address}"));
    let ran = spool.run(&["serve"]).exits(75);
    for words in [
        &format!("can't listen on {address}"),
        "hint: another program listens there: 'ss -ltnp' names it",
    ] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}
