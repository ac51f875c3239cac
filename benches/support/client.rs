//! A client of HTTP/1.1 that does as little as possible, also in debug: one connection that is kept, one buffer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue};

/// An answer, taken apart.
pub(crate) struct Captured {
    /// All but what the server writes for itself: `content-length` and `connection`.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// # Panics
    /// If nobody listens there.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("an open port");
        stream.set_nodelay(true).expect("a socket");
        let buffer = vec![0; 64 << 10];
        Self { stream, buffer }
    }

    /// Sends a request and reads its answer; how many bytes that was.
    pub(crate) fn ask(&mut self, request: &[u8]) -> usize {
        self.send(request);
        self.receive()
    }

    pub(crate) fn send(&mut self, request: &[u8]) {
        self.stream.write_all(request).expect("it is read");
    }

    /// Reads one answer with a JSON body; how many bytes it had.
    ///
    /// It ends with the first read that ends as such a body does, because JSON has no line break but its last byte here,
    /// and no header ends in a bracket. Looking for the end of the head and for its `content-length` would, in debug, cost
    /// more than the exchange.
    pub(crate) fn receive(&mut self) -> usize {
        let mut filled = 0;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(2 * filled, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]);
            let read = read.expect("an answer");
            assert!(read > 0, "the connection ended");
            filled += read;
            if self.buffer[filled - 1] == b'\n' && matches!(self.buffer[filled - 2], b'}' | b']') {
                return filled;
            }
        }
    }

    /// An answer with everything in it.
    ///
    /// # Panics
    /// If it is not 200, or its body not as long as it says.
    pub(crate) fn capture(&mut self, request: &[u8]) -> Captured {
        let filled = self.ask(request);
        Captured::read(&self.buffer[..filled])
    }
}

impl Captured {
    /// Takes an answer apart.
    ///
    /// # Panics
    /// If it is not 200, or its body not as long as it says.
    pub(crate) fn read(answer: &[u8]) -> Self {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.expect("a head");
        let head = std::str::from_utf8(&answer[..end]).expect("plain headers");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let mut headers = HeaderMap::new();
        for line in head.lines().skip(1) {
            let (name, value) = line.split_once(": ").expect("a header");
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let body = Bytes::copy_from_slice(&answer[end + 4..]);
        headers.remove(CONNECTION);
        let length = headers.remove(CONTENT_LENGTH).expect("a length");
        assert_eq!(length, body.len().to_string());
        Self { headers, body }
    }
}

/// A request without a body, as bytes.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: fake.test\r\nauthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}
