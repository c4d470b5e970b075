//! Connections: accepted, read, and put down when the process is to stop.
//!
//! hyper's HTTP/1 alone: sniffing for a version would wait without a limit. A cap on connections, a limit on how long a head may
//! take, no delay of small answers.

use super::answer::Answer;
use super::endpoint::Endpoint;
use super::id;
use super::patience::Patient;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

/// For a request's head, and how long a connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Of a request's head.
const HEAD_BYTES: usize = 32 << 10;
const HEADERS: usize = 100;
/// When the process is to stop, idle connections are kept for so long: what their clients have on its way is answered.
const IDLE_STOPS_AFTER: Duration = Duration::from_secs(2);
/// Then what isn't answered is cut.
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// While the last connections end.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Where more than three quarters of all connections are taken, one that asks nothing for so long at its begin makes room.
const CROWDED_ASKS_WITHIN: Duration = Duration::from_secs(3);
/// Where the system gives no more connections for now.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

pub struct Connections {
    endpoint: Arc<Endpoint>,
    http: http1::Builder,
    permits: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

impl Connections {
    /// `stop` turns true when the process is to stop.
    pub fn new(endpoint: Arc<Endpoint>, stop: watch::Receiver<bool>) -> Connections {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            // A client may say that it sends no more, as `nc -N` does, and is answered all the same.
            .half_close(true)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES.max(8192))
            .max_header_size(HEAD_BYTES);
        Connections {
            permits: Arc::new(Semaphore::new(endpoint.settings().max_connections)),
            endpoint,
            http,
            stop,
        }
    }

    /// Serves until the process is to stop and the last connection is put down, or cut.
    ///
    /// `outlive`: the sockets don't end with this process, and who waits there has another one to answer.
    pub async fn serve(self, listeners: Vec<TcpListener>, outlive: bool) {
        let permits = self.permits.clone();
        let all = self.endpoint.settings().max_connections as u32;
        let mut stop = self.stop.clone();
        let connections = Arc::new(self);
        let accepting: Vec<_> = listeners
            .into_iter()
            .map(|listener| tokio::spawn(connections.clone().accept(listener, outlive)))
            .collect();
        let _ = stop.wait_for(|stop| *stop).await;
        let deadline = Instant::now() + STOP_WITHIN;
        if outlive {
            // Whoever comes is answered without waiting for the next process, as long as idle connections keep this one anyway.
            let idle = (all as usize).saturating_sub(accepting.len());
            let until = Instant::now() + IDLE_STOPS_AFTER;
            while Instant::now() < until && permits.available_permits() < idle {
                sleep(LOOK_AGAIN).await;
            }
            accepting.iter().for_each(JoinHandle::abort);
        }
        for task in accepting {
            let _ = task.await;
        }
        // All permits are back: all connections are put down.
        let _ = timeout_at(deadline, permits.acquire_many(all)).await;
    }

    /// Until the process is to stop, or, where the listener outlives it, for ever.
    async fn accept(self: Arc<Self>, listener: TcpListener, outlives: bool) {
        let mut stop = self.stop.clone();
        loop {
            let (accepted, permit) = tokio::select! {
                // However many come: who is accepted last isn't answered before the process is cut.
                biased;
                _ = stop.wait_for(|stop| *stop && !outlives) => break,
                accepted = self.next(&listener) => accepted,
            };
            match accepted {
                Ok((stream, peer)) => drop(tokio::spawn(self.clone().connection(stream, peer, permit))),
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection; trying again");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
        self.accept_last(listener);
    }

    async fn next(&self, listener: &TcpListener) -> (io::Result<(TcpStream, SocketAddr)>, OwnedSemaphorePermit) {
        let permit = self.permits.clone().acquire_owned().await;
        let permit = permit.expect("nobody closes it");
        (listener.accept().await, permit)
    }

    /// Whoever waits to be accepted is, before the socket closes and resets them.
    fn accept_last(self: Arc<Self>, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok(permit) = self.permits.clone().try_acquire_owned()
            && let Ok((stream, peer)) = listener.accept()
            && stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            tokio::spawn(self.clone().connection(stream, peer, permit));
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        // An answer is one write; waiting for the client's acknowledgement would cost 40 ms.
        let _ = stream.set_nodelay(true);
        let _open = self.endpoint.telemetry.metrics.connection();
        let asked = AtomicBool::new(false);
        let answers = service_fn(|request| {
            asked.store(true, Ordering::Relaxed);
            self.answer(request, peer)
        });
        let is_crowded = self.permits.available_permits() < self.endpoint.settings().max_connections / 4;
        let silent = async {
            match is_crowded {
                true => sleep(CROWDED_ASKS_WITHIN).await,
                false => pending().await,
            }
            if asked.load(Ordering::Relaxed) {
                pending().await
            }
        };
        let stream = Patient::new(stream, self.endpoint.settings().timeout);
        let mut connection = std::pin::pin!(self.http.serve_connection(TokioIo::new(stream), answers));
        let mut stop = self.stop.clone();
        let idle = async {
            let _ = stop.wait_for(|stop| *stop).await;
            sleep(IDLE_STOPS_AFTER).await;
        };
        let ended = tokio::select! {
            // A request that came just in time is read before the connection is closed.
            biased;
            ended = connection.as_mut() => ended,
            () = silent => Ok(()),
            () = idle => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // What else goes wrong on a connection, such as a client that went away, is the client's to see.
        if let Err(error) = ended
            && error.is_parse()
        {
            self.endpoint
                .telemetry
                .refused_unread(if error.is_parse_too_large() { 431 } else { 400 });
        }
        drop(permit);
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let id = id::of(&head.headers);
        let answer = self.endpoint.answer(head, body, peer.ip(), &id).await;
        let mut response = response(answer, id);
        if self.endpoint.is_stopping() {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

const MODEL: HeaderName = HeaderName::from_static("transform-model");
const REQUEST_ID: HeaderName = HeaderName::from_static("transform-request-id");
const BAD_ROWS: HeaderName = HeaderName::from_static("transform-bad-rows");

fn response(answer: Answer, id: String) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    *headers = answer.headers;
    if !answer.content_type.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(scored) = answer.scored {
        headers.insert(MODEL, scored.by.name());
        if scored.bad_rows > 0 {
            headers.insert(BAD_ROWS, scored.bad_rows.into());
        }
    }
    response
}
