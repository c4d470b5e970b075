//! `transform serve`, asked over HTTP.

mod arms;
mod attacks;
mod capture;
mod connections;
mod file_types;
mod gateway;
mod guard;
mod hostile;
mod mlflow;
mod models;
mod open_inference;
mod parity;
mod process;
mod sagemaker;
mod score;
mod shadows;
mod telemetry;
mod tensorflow;
mod windows;

use crate::spool::{Daemon, Spool};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A running server; killed when dropped.
pub struct Server {
    pub daemon: Daemon,
    pub address: SocketAddr,
}

impl Spool {
    /// A spool whose server asks for no key, at an address that the system gives.
    pub fn served() -> Spool {
        Spool::new().open_to_all()
    }

    pub fn open_to_all(self) -> Spool {
        self.set("serve.listen=127.0.0.1:0").set("serve.auth=none")
    }

    /// A spool whose server asks for keys.
    pub fn guarded() -> Spool {
        Spool::new().set("serve.listen=127.0.0.1:0").set("serve.keys=keys.toml")
    }

    /// Makes a key, and returns it.
    pub fn add_key(&self, args: &[&str]) -> String {
        let ran = self.run(&[&["keys", "add"], args].concat()).exits(0);
        ran.stdout.trim().into()
    }

    /// `1 + 2 a + 10 b`
    pub fn plane() -> Spool {
        let spool = Spool::without_model().open_to_all();
        spool.approve(spool.register(r#"{"features":["a","b"],"coefficients":[2,10],"intercept":1}"#));
        spool
    }

    /// Classes "no", `a "yes"` and "never".
    pub fn classes() -> Spool {
        let spool = Spool::without_model().open_to_all();
        let artifact = format!(
            "{}/tests/fixtures/models/xgboost-3.2.0/classifier.ubj",
            env!("CARGO_MANIFEST_DIR")
        );
        let flags = ["--class-names", "no,a \"yes\",never", "--approve"];
        spool.register_file(artifact, "xgboost", &flags).exits(0);
        spool
    }

    /// Starts a server and waits until it listens.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, args: &[&str]) -> Server {
        Server::started(self.start_with(&[&["serve"], args].concat()))
    }

    /// `env`: variables of its environment, and their values.
    pub fn serve_in(&self, env: &[(&str, &str)]) -> Server {
        Server::started(self.start_in(&["serve"], env))
    }
}

impl Server {
    /// Waits until it listens.
    fn started(daemon: Daemon) -> Server {
        daemon.logs("listening address=");
        let log = daemon.log();
        let behind = log.split("listening address=").nth(1).unwrap();
        let address = behind.split_whitespace().next().unwrap().parse().unwrap();
        Server { daemon, address }
    }
}

/// What a server answered.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answered {
    #[track_caller]
    pub fn is(self, status: u16) -> Answered {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.text());
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

impl Server {
    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        // No healthy machine needs it.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Client {
            stream,
            behind: Vec::new(),
        }
    }

    pub fn get(&self, path: &str) -> Answered {
        self.connect().ask("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answered {
        self.connect().ask("POST", path, &[], body.as_ref())
    }

    pub fn post_as(&self, path: &str, content_type: &str, body: impl AsRef<[u8]>) -> Answered {
        let headers = [("Content-Type", content_type)];
        self.connect().ask("POST", path, &headers, body.as_ref())
    }

    pub fn stop(self) -> i32 {
        self.daemon.stop()
    }
}

/// A connection.
pub struct Client {
    pub stream: TcpStream,
    /// What was read behind an answer.
    behind: Vec<u8>,
}

impl Client {
    /// Asks, and reads the answer.
    #[track_caller]
    pub fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answered {
        self.send(method, path, headers, body);
        self.answer(method).expect("an answer")
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        // The server may have answered and closed already.
        let _ = self.stream.write_all(&[text.as_bytes(), body].concat());
    }

    /// The next answer; `None`: the connection was closed.
    pub fn answer(&mut self, method: &str) -> Option<Answered> {
        let end = loop {
            if let Some(at) = self.behind.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            self.more()?;
        };
        let head = String::from_utf8(self.behind.drain(..end).collect()).unwrap();
        let mut answered = Answered {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: Vec::new(),
        };
        let length: usize = match answered.header("content-length") {
            Some(length) if method != "HEAD" => length.parse().unwrap(),
            _ => 0,
        };
        while self.behind.len() < length {
            self.more()?;
        }
        answered.body = self.behind.drain(..length).collect();
        Some(answered)
    }

    fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 64 << 10];
        let read = self.stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        self.behind.extend_from_slice(&buffer[..read]);
        Some(())
    }
}
