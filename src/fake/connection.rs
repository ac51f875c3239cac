//! A connection in memory.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::fake::FakeBuildkite;

/// The client's end of a connection to the fake that goes through no socket; see
/// [`FakeBuildkite::connect`](crate::FakeBuildkite::connect).
///
/// It implements tokio's `AsyncRead` and `AsyncWrite`, the one place where this crate's interface names traits of an
/// async runtime: a stream that no HTTP client can take would be of no use.
///
/// ```
/// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let fake = fake_buildkite::FakeBuildkite::start();
/// let mut connection = fake.connect();
/// let request = b"GET / HTTP/1.1\r\nhost: fake.test\r\nconnection: close\r\n\r\n";
/// connection.write_all(request).await.unwrap();
/// let mut answer = String::new();
/// connection.read_to_string(&mut answer).await.unwrap();
/// assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
/// # }
/// ```
pub struct Connection(DuplexStream);

impl FakeBuildkite {
    /// A connection to the fake in memory, for HTTP clients that take a stream: no port, no descriptor, and exact under
    /// a paused clock on every system. It is served as one over a socket is.
    ///
    /// URLs in answers begin with the `Host` that the client names; `http://fake.test` does well. So does the address
    /// of an artifact's bytes, which over a socket is at another host: a connection in memory leads nowhere else.
    ///
    /// ```
    /// use http_body_util::{BodyExt as _, Empty};
    /// use hyper::body::Bytes;
    /// use hyper_util::rt::TokioIo;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let stream = TokioIo::new(fake.connect());
    /// let (mut client, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    /// tokio::spawn(connection);
    /// let request = hyper::Request::get("/v2/organizations/acme")
    ///     .header("host", "fake.test")
    ///     .header("authorization", format!("Bearer {}", fake.token()))
    ///     .body(Empty::<Bytes>::new());
    /// let answer = client.send_request(request.unwrap()).await.unwrap();
    /// let body = answer.into_body().collect().await.unwrap().to_bytes();
    /// assert!(body.starts_with(b"{\"id\":"));
    /// # }
    /// ```
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection(self.server.connect())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}
