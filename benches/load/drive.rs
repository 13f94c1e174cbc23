//! The load: one thread, many connections, each with one request in flight. It never sleeps: waking it up would be work
//! of the server's core, and more of it the slower the server is.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Requests, in a cycle.
pub(crate) enum Requests<'k> {
    /// A text with a gap for values of one length, in this order.
    Gap { text: Vec<u8>, at: usize, values: &'k [fill::Key], order: Vec<usize>, next: usize },
    /// Whole texts.
    Whole { texts: Vec<Vec<u8>>, next: usize },
}

use super::fill;

impl Requests<'_> {
    fn next(&mut self) -> &[u8] {
        match self {
            Self::Gap { text, at, values, order, next } => {
                let value = &values[order[*next]];
                *next = (*next + 1) % order.len();
                text[*at..*at + value.len()].copy_from_slice(value);
                text
            }
            Self::Whole { texts, next } => {
                let at = *next;
                *next = (at + 1) % texts.len();
                &texts[at]
            }
        }
    }
}

/// Connections to one server.
pub(crate) struct Connections {
    streams: Vec<TcpStream>,
    buffer: Vec<u8>,
    /// Text that every response must contain: a measurement of refusals would be useless.
    good: &'static [u8],
}

impl Connections {
    pub(crate) fn open(port: u16, count: usize, good: &'static [u8]) -> Self {
        let open = |_| {
            let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
            stream.set_nodelay(true).expect("TCP has the option");
            stream.set_nonblocking(true).expect("sockets have the option");
            stream
        };
        Self { streams: (0..count).map(open).collect(), buffer: vec![0; 64 << 10], good }
    }

    /// Sends at least `count` requests.
    pub(crate) fn send(&mut self, requests: &mut Requests<'_>, count: usize) {
        self.run(requests, |sent| sent < count);
    }

    /// Sends for some time; returns the number of responses, and the exact duration.
    pub(crate) fn send_for(&mut self, requests: &mut Requests<'_>, time: Duration) -> (usize, Duration) {
        let start = Instant::now();
        let count = self.run(requests, |_| start.elapsed() < time);
        (count, start.elapsed())
    }

    fn run(&mut self, requests: &mut Requests<'_>, go_on: impl Fn(usize) -> bool) -> usize {
        for stream in &mut self.streams {
            stream.write_all(requests.next()).expect("a request fits into the socket's buffer");
        }
        let (mut count, mut rounds) = (0, 0_usize);
        // Reading the clock costs time too.
        while rounds % 64 != 0 || go_on(count) {
            rounds += 1;
            for stream in &mut self.streams {
                let Some(answer) = read(stream, &mut self.buffer) else { continue };
                check(self.good, answer);
                count += 1;
                stream.write_all(requests.next()).expect("a request fits into the socket's buffer");
            }
        }
        for stream in &mut self.streams {
            while read(stream, &mut self.buffer).is_none() {}
        }
        count
    }

    /// Duration of each of `count` requests, one after the other on one connection.
    pub(crate) fn latencies_us(&mut self, requests: &mut Requests<'_>, count: usize) -> Vec<f64> {
        let stream = &mut self.streams[0];
        let mut one = || {
            let start = Instant::now();
            stream.write_all(requests.next()).expect("a request fits into the socket's buffer");
            loop {
                if let Some(answer) = read(stream, &mut self.buffer) {
                    check(self.good, answer);
                    return start.elapsed().as_secs_f64() * 1e6;
                }
            }
        };
        (0..count).map(|_| one()).collect()
    }
}

/// Sends one request and returns the whole response.
pub(crate) fn sample(port: u16, requests: &mut Requests<'_>) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.write_all(requests.next()).expect("the server reads");
    let mut buffer = vec![0; 64 << 10];
    let answer = read(&mut stream, &mut buffer).expect("a blocking read waits").to_vec();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    answer
}

fn check(good: &[u8], answer: &[u8]) {
    let fits = answer.starts_with(b"HTTP/1.1 20") && (good.is_empty() || find(answer, good).is_some());
    assert!(fits, "{}", String::from_utf8_lossy(answer));
}

/// The response on a connection, or none if it has not begun.
fn read<'b>(stream: &mut TcpStream, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => panic!("the server closed the connection"),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock && filled == 0 => return None,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => panic!("the server does not answer: {error}"),
        }
        if let Some(head) = find(&buffer[..filled], b"\r\n\r\n")
            && filled >= head + 4 + body_length(&buffer[..head + 2])
        {
            return Some(&buffer[..filled]);
        }
    }
}

fn body_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let Some(at) = find(head, NAME) else { return 0 };
    let digits = head[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    // The search texts begin with a byte that is rare in responses.
    let first = needle[0];
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| *byte == first) {
        if haystack[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}
