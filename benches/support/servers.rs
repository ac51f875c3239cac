//! The server to compare with: hyper as it is.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::client::Captured;

type Body = dyn Fn() -> Bytes + Send + Sync;

/// What a server of this kind says to every request.
#[derive(Clone)]
pub(crate) struct Answer {
    headers: HeaderMap,
    body: Arc<Body>,
}

impl Answer {
    /// The same bytes, from memory.
    pub(crate) fn fixed(like: &Captured) -> Self {
        let body = like.body.clone();
        Self::made(like, move || body.clone())
    }

    /// The same headers, and a body that is made for each request.
    pub(crate) fn made(like: &Captured, body: impl Fn() -> Bytes + Send + Sync + 'static) -> Self {
        Self {
            headers: like.headers.clone(),
            body: Arc::new(body),
        }
    }
}

/// hyper on a thread of its own with a runtime of its own. Dropping it closes the port before it returns.
pub(crate) struct Bare {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bare {
    pub(crate) fn start(answer: Answer) -> io::Result<Self> {
        let listener = listener()?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, answer) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }
}

/// A port of its own, ready for tokio.
pub(crate) fn listener() -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The accept loop, with a task per connection.
pub(crate) async fn serve(listener: std::net::TcpListener, answer: Answer) {
    let listener = TcpListener::from_std(listener).expect("in a runtime");
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |_| {
                let mut response = Response::new(Full::new((answer.body)()));
                response.headers_mut().clone_from(&answer.headers);
                async move { Ok::<_, Infallible>(response) }
            });
            // The `date` is among the headers already.
            let mut http = http1::Builder::new();
            http.auto_date_header(false);
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
