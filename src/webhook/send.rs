//! One request to a receiver, over a connection of its own. It waits as long as the receiver takes; who calls it sets
//! the bound.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Parcel, Target};

/// How much of an answer's body is kept: 16 KiB.
/// Chosen: it is for reading, and no receiver of Buildkite's needs to say more than its status.
const ANSWER: usize = 16 * 1024;

/// What a receiver said.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Sends it and waits for the whole answer, or as much of it as is kept.
///
/// # Errors
///
/// If no answer came, with the second half of a sentence that begins with the receiver. It names no port: those differ
/// from run to run.
pub(crate) async fn send(parcel: Parcel) -> Result<Answer, String> {
    let stream = connect(&parcel.target)
        .await
        .map_err(|error| format!("could not be reached: {}", error.kind()))?;
    // It fails only on a socket that is already gone.
    let _ = stream.set_nodelay(true);
    let broken = |_: hyper::Error| "closed the connection without an answer".to_owned();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let exchange = async {
        let response = sender.send_request(request(parcel)?).await;
        let (head, body) = response.map_err(broken)?.into_parts();
        Ok(Answer {
            status: head.status.as_u16(),
            body: beginning(body).await,
        })
    };
    // Both move together: the connection carries what the exchange waits for.
    let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
    let mut is_open = true;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(answer) = exchange.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            if !is_open || connection.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            is_open = false;
        }
    })
    .await
}

/// Names are looked up only for hosts that a test has named: `localhost` is this machine.
async fn connect(target: &Target) -> io::Result<TcpStream> {
    if target.is_localhost() {
        let at = |address: IpAddr| SocketAddr::new(address, target.port);
        let first = TcpStream::connect(at(Ipv4Addr::LOCALHOST.into())).await;
        return match first {
            Ok(stream) => Ok(stream),
            Err(error) => TcpStream::connect(at(Ipv6Addr::LOCALHOST.into()))
                .await
                .map_err(|_| error),
        };
    }
    match target.host.parse::<IpAddr>() {
        Ok(address) => TcpStream::connect(SocketAddr::new(address, target.port)).await,
        Err(_) => TcpStream::connect((target.host.as_str(), target.port)).await,
    }
}

fn request(parcel: Parcel) -> Result<hyper::Request<Full<Bytes>>, String> {
    let Parcel {
        target,
        headers,
        body,
    } = parcel;
    let mut request = hyper::Request::post(target.path).header("host", target.authority);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request
        .header("connection", "close")
        .body(Full::new(body))
        .map_err(|error| format!("cannot be sent this: {error}"))
}

/// The beginning of a body, or what came of it before it broke off.
async fn beginning(mut body: Incoming) -> Bytes {
    let mut kept = BytesMut::new();
    while kept.len() < ANSWER {
        let Some(Ok(frame)) = body.frame().await else {
            break;
        };
        if let Ok(data) = frame.into_data() {
            let room = ANSWER - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    kept.freeze()
}
