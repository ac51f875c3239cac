//! Somebody who is told of finished builds, and counts those of one fake and not of its forks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

pub(crate) struct Receiver {
    address: SocketAddr,
    thread: JoinHandle<u64>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let thread = thread::spawn(move || {
            let mut count = 0;
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                match receive(&stream) {
                    Some(is_counted) => count += u64::from(is_counted),
                    None => break,
                }
            }
            count
        });
        Self { address, thread }
    }

    /// Where to send what happens in the fake with this origin.
    pub(crate) fn url(&self, origin: &str) -> String {
        format!("http://{}/{}", self.address, origin.replace("http://", ""))
    }

    /// How many came.
    pub(crate) fn stop(self) -> u64 {
        drop(TcpStream::connect(self.address));
        self.thread.join().expect("no panic")
    }
}

/// Whether what came is from the fake that was meant, and no fork of it. Nothing, if nothing came.
fn receive(stream: &TcpStream) -> Option<bool> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).expect("a live socket") == 0 {
        return None;
    }
    let (_, origin) = line.split_once(" /").expect("a request");
    let origin = format!("http://{}/", origin.split(' ').next().expect("a path"));
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a live socket");
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let body = String::from_utf8(body).expect("text");
    // Whoever sent it may have given up.
    let _ = (&*stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    Some(body.contains(&origin))
}
